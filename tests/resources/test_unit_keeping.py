"""What a unit is, who is on it, what it says, and what follows for whether it can be had."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.resources.domain import unit
from services.resources.domain.mobilisation import Mandate
from services.resources.domain.unit_make import (
    AttachUnit,
    ClassifyUnit,
    DetachUnit,
    EquipUnit,
    UnitAttached,
    UnitClassified,
    UnitDetached,
    UnitEquipped,
)
from services.resources.domain.unit_roster import (
    OUT_TOO_LONG,
    AssignCrew,
    EndRest,
    EndShift,
    KeepTime,
    Member,
    Qualification,
    RelieveCrew,
    RestUnit,
    Roster,
    ScheduleShift,
    StartShift,
    UnitCrewAssigned,
    UnitCrewRelieved,
    UnitQualificationLapsed,
    UnitRestEnded,
    UnitRestStarted,
    UnitShiftEnded,
    UnitShiftScheduled,
    UnitShiftStarted,
)
from services.resources.domain.unit_roster_rules import TIME_IS_UP
from services.resources.domain.unit_rules import decide, evolve
from services.resources.domain.unit_status import (
    SetUnitStatus,
    Source,
    UnitRecalled,
    UnitStatusSet,
    Why,
    primary,
    secondary,
)
from services.resources.domain.vocabulary import Rest, Standing, UnitVocabulary
from services.runtime import reference
from services.runtime.rejection import Invalid, NotFound, Rejection
from services.runtime.settings import REPOSITORY
from tests.resources.test_unit_domain import (
    ELSEWHERE,
    NOW,
    ZHAO,
    confirmed,
    given,
    register,
    registered,
    release,
    released,
    reserve,
    reserved,
)

VOCABULARY = reference.load(REPOSITORY / "reference", "units", UnitVocabulary)
HOUR = timedelta(hours=1)
BY: dict[str, Any] = {"by": ZHAO, "unit_id": "boat-1", "occurred_at": NOW}
AT: dict[str, Any] = {"unit_id": "boat-1", "adcode": "431281102", "occurred_at": NOW}

classify = ClassifyUnit(
    **BY, type="boat_1", attributes=("shallow_draught",), minimum_staffing=2, vocabulary="1"
)
classified = UnitClassified(
    **AT, type="boat_1", attributes=("shallow_draught",), minimum_staffing=2, vocabulary="1"
)
attach = AttachUnit(**BY, force_id="blue-sky", force_class="social")
attached = UnitAttached(**AT, force_id="blue-sky", force_class="social")
zhou = Member("zhou", "周某", "", (Qualification("boat_master", "1", NOW + 2 * HOUR),))
wu = Member("wu", "吴某", "", (Qualification("swift_water"),))
zhou_assigned = UnitCrewAssigned(**AT, member=zhou)
wu_assigned = UnitCrewAssigned(**AT, member=wu)
schedule = ScheduleShift(
    **BY, shift_id="night", starts_at=NOW + HOUR, ends_at=NOW + 9 * HOUR, member_ids=("wu", "zhou")
)
scheduled = UnitShiftScheduled(
    **AT, shift_id="night", starts_at=NOW + HOUR, ends_at=NOW + 9 * HOUR, member_ids=("wu", "zhou")
)
begun = UnitShiftStarted(**AT, shift_id="night", member_ids=("wu", "zhou"))
rest = RestUnit(**BY, until=NOW + 8 * HOUR, reason="轮换")
rests = UnitRestStarted(**AT, until=NOW + 8 * HOUR, reason="轮换", out_since=None)
meal = SetUnitStatus(
    **BY,
    word="用餐",
    codes=("Meal",),
    standing=Standing.CONDITIONAL,
    reassignable=False,
    source=Source.CREW,
    vocabulary="1",
)
eats = UnitStatusSet(
    **AT,
    word="用餐",
    codes=("Meal",),
    standing=Standing.CONDITIONAL,
    reassignable=False,
    source=Source.CREW,
    set_by="dispatcher.zhao",
    vocabulary="1",
    late=False,
)
repairs = replace(eats, word="检修", codes=("OutofService",), standing=Standing.NOT_AVAILABLE)
recalled = UnitRecalled(**AT, word="", reason="堤坝将溃", recalled_by="dispatcher.zhao")
crew = (registered, zhou_assigned, wu_assigned)


def state_of(*events: unit.Event) -> unit.Unit:
    state: unit.State = None
    for event in events:
        state = evolve(state, event)
    assert state is not None
    return state


def test_a_registration_may_say_at_once_what_the_unit_is() -> None:
    whole = replace(
        register,
        type="boat_1",
        attributes=("shallow_draught",),
        minimum_staffing=2,
        vocabulary="1",
        force_id="blue-sky",
        force_class="social",
    )

    given().when(whole).then(registered, classified, attached)
    given(registered, classified, attached).when(whole).then()
    given(registered, classified, attached).when(register).then()
    given(registered, classified).when(whole).then_refused("UNIT_EXISTS")


def test_a_unit_is_classified_attached_and_equipped() -> None:
    jackets = EquipUnit(**BY, item="救生衣", quantity=8, note="")
    carries = UnitEquipped(**AT, item="救生衣", quantity=8, note="")
    leave = DetachUnit(**BY, reason="到期")

    given(registered).when(classify).then(classified)
    given(registered, classified).when(classify).then()
    given(registered).when(attach).then(attached)
    given(registered, attached).when(attach).then()
    given(registered, attached).when(leave).then(
        UnitDetached(**AT, force_id="blue-sky", reason="到期")
    )
    given(registered).when(leave).then()
    given(registered).when(jackets).then(carries)
    given(registered, carries).when(jackets).then()
    given(registered).when(replace(jackets, quantity=0)).then()
    assert state_of(registered, carries, replace(carries, quantity=0)).make.equipment == ()


@pytest.mark.parametrize("command", [classify, attach, schedule, rest, meal])
def test_nobody_keeps_a_unit_of_another_region(command: Any) -> None:
    given(registered).when(replace(command, by=ELSEWHERE)).then_refused("OUTSIDE_JURISDICTION")
    with pytest.raises(NotFound):
        given().when(command).outcome()


def test_a_paper_that_has_expired_does_not_count() -> None:
    keep = KeepTime(unit_id="boat-1", now=NOW + 2 * HOUR)
    lapsed = UnitQualificationLapsed(
        **{**AT, "occurred_at": NOW + 2 * HOUR}, member_id="zhou", name="周某", code="boat_master"
    )

    on_duty = state_of(*crew, scheduled, begun)
    assert on_duty.roster.qualified == ("boat_master", "swift_water")
    assert lapsed in decide(keep, on_duty)
    after = state_of(*crew, scheduled, begun, lapsed)
    assert after.roster.qualified == ("swift_water",)
    assert lapsed not in decide(keep, after)
    renewed = UnitCrewAssigned(
        **AT, member=replace(zhou, qualifications=(Qualification("boat_master", "2"),))
    )
    assert "boat_master" in evolve_one(after, renewed).roster.qualified


def test_a_paper_that_is_shown_after_its_time_never_counts() -> None:
    late = AssignCrew(**{**BY, "occurred_at": NOW + 3 * HOUR}, member=zhou)

    events = decide(late, state_of(registered))

    assert [type(event) for event in events] == [UnitCrewAssigned, UnitQualificationLapsed]


def evolve_one(state: unit.Unit, event: unit.Event) -> unit.Unit:
    after = evolve(state, event)
    assert after is not None
    return after


def test_who_is_relieved_leaves_every_shift() -> None:
    relieve = RelieveCrew(**BY, member_id="zhou", reason="受伤")
    gone = UnitCrewRelieved(**AT, member_id="zhou", name="周某", reason="受伤")

    given(*crew).when(relieve).then(gone)
    given(registered).when(relieve).then()
    assert state_of(*crew, scheduled, begun, gone).roster.on_duty == {"wu"}


def test_a_shift_is_of_the_crew_and_nobody_is_on_two() -> None:
    again = replace(schedule, shift_id="other", starts_at=NOW + 8 * HOUR, ends_at=NOW + 12 * HOUR)
    after = replace(again, starts_at=NOW + 9 * HOUR)

    given(*crew).when(schedule).then(scheduled)
    given(*crew, scheduled).when(schedule).then()
    given(*crew, scheduled, begun).when(schedule).then()
    given(registered).when(schedule).then_refused("NO_SUCH_MEMBER")
    given(*crew, scheduled).when(again).then_refused("SHIFT_OVERLAPS")
    assert len(decide(after, state_of(*crew, scheduled))) == 1
    given(*crew, scheduled).when(replace(schedule, member_ids=("wu",))).then_refused("SHIFT_EXISTS")
    no_time = replace(schedule, ends_at=schedule.starts_at)
    given(*crew).when(no_time).then_refused("SHIFT_ENDS_TOO_EARLY")


def test_shifts_begin_and_end_when_their_time_has_come_however_late_that_is_noticed() -> None:
    starts = replace(begun, occurred_at=NOW + HOUR)
    ends = UnitShiftEnded(
        **{**AT, "occurred_at": NOW + 9 * HOUR}, shift_id="night", reason=TIME_IS_UP
    )
    no_papers = replace(zhou, qualifications=())
    plain = (registered, UnitCrewAssigned(**AT, member=no_papers), wu_assigned, scheduled)

    given(*plain).when(KeepTime(unit_id="boat-1", now=NOW)).then()
    given(*plain).when(KeepTime(unit_id="boat-1", now=NOW + HOUR)).then(starts)
    given(*plain).when(KeepTime(unit_id="boat-1", now=NOW + 20 * HOUR)).then(starts, ends)
    assert state_of(*plain).roster.next_turn() == NOW + HOUR
    assert state_of(*plain, starts).roster.next_turn() == NOW + 9 * HOUR
    assert state_of(*plain, starts, ends).roster.next_turn() is None


def test_people_may_begin_and_end_a_shift_themselves() -> None:
    start = StartShift(**BY, shift_id="night")
    end = EndShift(**BY, shift_id="night", reason="换班")

    given(*crew, scheduled).when(start).then(begun)
    given(*crew, scheduled, begun).when(start).then()
    given(*crew, scheduled).when(end).then(UnitShiftEnded(**AT, shift_id="night", reason="换班"))
    given(*crew).when(start).then_refused("NO_SUCH_SHIFT")
    begins_at_once = replace(schedule, starts_at=NOW)
    assert UnitShiftStarted(**AT, shift_id="night", member_ids=("wu", "zhou")) in decide(
        begins_at_once, state_of(*crew)
    )


def test_a_unit_rests_and_is_not_sent_meanwhile() -> None:
    given(registered).when(rest).then(rests)
    given(registered, rests).when(rest).then()
    given(registered).when(replace(rest, until=NOW)).then_refused("REST_ENDS_TOO_EARLY")
    with pytest.raises(Rejection) as refusal:
        given(registered, rests).when(reserve).outcome()
    assert refusal.value.reason == "UNIT_RESTING"
    assert refusal.value.context["rest_until"] == (NOW + 8 * HOUR).isoformat()
    in_time = replace(reserve, occurred_at=NOW + 8 * HOUR)
    assert len(decide(in_time, state_of(registered, rests))) == 1
    given(registered, rests).when(EndRest(**BY, reason="水涨")).then(
        UnitRestEnded(**AT, reason="水涨")
    )


def test_who_is_at_work_does_not_rest() -> None:
    given(registered, reserved, confirmed).when(rest).then_refused("UNIT_HELD")


def test_a_reason_calls_a_unit_back_from_its_rest_or_its_word() -> None:
    overriding = replace(reserve, override_reason="堤坝将溃")

    given(registered, rests).when(overriding).then(recalled, reserved)
    given(registered, repairs).when(reserve).then_refused("UNIT_NOT_AVAILABLE")
    given(registered, repairs).when(overriding).then(replace(recalled, word="检修"), reserved)
    given(registered, eats).when(reserve).then(reserved)
    back = state_of(registered, rests, repairs, recalled)
    assert back.roster.resting is None
    assert back.said is not None
    assert back.said.standing is Standing.AVAILABLE


def test_a_unit_that_was_out_too_long_rests_when_it_is_released() -> None:
    home = replace(release, occurred_at=NOW + 13 * HOUR, rest=Rest(12, 8))
    back = replace(released, occurred_at=NOW + 13 * HOUR)
    owed = UnitRestStarted(
        **{**AT, "occurred_at": NOW + 13 * HOUR},
        until=NOW + 21 * HOUR,
        reason=OUT_TOO_LONG,
        out_since=NOW,
    )

    given(registered, reserved, confirmed).when(home).then(back, owed)
    given(registered, reserved, confirmed).when(replace(home, rest=Rest(14, 8))).then(back)
    given(registered, reserved).when(home).then(back)


def test_the_newest_word_counts_whenever_it_comes() -> None:
    earlier = replace(meal, word="待命", occurred_at=NOW - HOUR)

    [late] = decide(earlier, state_of(registered, eats))

    assert isinstance(late, UnitStatusSet)
    assert late.late
    said = state_of(registered, eats, late).said
    assert said is not None
    assert said.word == "用餐"
    given(registered).when(meal).then(eats)
    given(registered, eats).when(meal).then()


def test_a_recall_is_not_undone_by_an_older_word() -> None:
    older = replace(repairs, occurred_at=NOW - HOUR)

    said = state_of(registered, recalled, older).said

    assert said is not None
    assert said.standing is Standing.AVAILABLE


def test_each_thing_that_keeps_a_unit_is_named_and_the_worst_counts() -> None:
    said = state_of(registered, eats).said
    roster = state_of(*crew, rests).roster
    free: dict[str, Any] = {"in_service": True, "is_held": False, "minimum_staffing": 0}

    assert primary(**free, said=None, roster=Roster()) == (Standing.AVAILABLE, ())
    assert primary(**free, said=said, roster=roster) == (
        Standing.CONDITIONAL,
        (Why.RESTING, Why.UNDERSTAFFED, Why.STATUS),
    )
    held = {**free, "is_held": True}
    assert primary(**held, said=said, roster=Roster())[0] is Standing.NOT_AVAILABLE
    back = state_of(registered, replace(eats, reassignable=True, standing=Standing.AVAILABLE)).said
    assert primary(**held, said=back, roster=Roster()) == (Standing.CONDITIONAL, (Why.HELD,))
    out = {**held, "in_service": False}
    assert primary(**out, said=back, roster=Roster())[0] is Standing.NOT_AVAILABLE


def test_there_is_always_a_secondary_status() -> None:
    said = state_of(registered, eats).said

    assert secondary(None, in_service=True) == ("InService",)
    assert secondary(None, in_service=False) == ("OutofService",)
    assert secondary(said, in_service=True) == ("Meal",)
    assert secondary(said, in_service=False) == ("OutofService", "Meal")


MANDATE = Mandate(
    force_id="blue-sky", force_name="蓝天", basis="direct", lacks=(), approvers="县级 政府负责人"
)


def test_a_unit_of_a_force_is_ordered_on_somebodys_authority() -> None:
    owned = (registered, attached)

    given(*owned).when(replace(reserve, mandate=MANDATE)).then(replace(reserved, mandate="direct"))
    given(registered).when(replace(reserve, mandate=MANDATE)).then(reserved)
    with pytest.raises(Rejection) as refusal:
        given(*owned).when(replace(reserve, mandate=replace(MANDATE, basis=""))).outcome()
    assert refusal.value.reason == "MOBILISATION_APPROVAL_REQUIRED"
    assert refusal.value.context["may_approve"] == "县级 政府负责人"
    given(*owned).when(
        replace(reserve, mandate=replace(MANDATE, lacks=("insurance",)))
    ).then_refused("FORCE_NOT_ELIGIBLE")


def test_a_mandate_of_another_force_counts_for_nothing() -> None:
    given(registered, attached).when(reserve).then_refused("UNIT_CHANGED_FORCE")
    given(registered, attached).when(
        replace(reserve, mandate=replace(MANDATE, force_id="other"))
    ).then_refused("UNIT_CHANGED_FORCE")


def test_who_holds_it_may_ask_again_whatever_became_of_the_mandate() -> None:
    given(registered, attached, replace(reserved, mandate="direct")).when(
        replace(reserve, mandate=replace(MANDATE, basis=""))
    ).then()


def test_every_word_of_every_kind_has_codes_that_eido_knows() -> None:
    for kind in ["", *VOCABULARY.kinds]:
        for word in VOCABULARY.words(kind).values():
            assert word.codes
            VOCABULARY.check_codes(word.codes)
    for known in VOCABULARY.kinds.values():
        for type_ in known.types.values():
            VOCABULARY.check_attributes(type_.attributes, "attributes")


def test_an_unknown_word_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Invalid) as refusal:
        VOCABULARY.word("boat", "飞行")
    assert "靠岸" in refusal.value.context["allowed"]
    assert "转运" not in refusal.value.context["allowed"]
    assert VOCABULARY.word("medical", "转运").codes == ("Transporting",)
    with pytest.raises(Invalid):
        VOCABULARY.type("boat", "engine_1")
    with pytest.raises(Invalid):
        VOCABULARY.check_qualifications(["juggler"], "qualifications")


def test_codes_without_a_word_are_judged_as_their_words_are() -> None:
    assert VOCABULARY.of_codes(["Meal"]).standing is Standing.CONDITIONAL
    assert VOCABULARY.of_codes(["OffDuty", "Meal"]).standing is Standing.NOT_AVAILABLE
    assert VOCABULARY.of_codes(["InService", "Post"]).standing is Standing.AVAILABLE
