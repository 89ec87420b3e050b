"""Who may order which force, and what a social force must have before it is called up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.resources.domain import ended_incident
from services.resources.domain.force import (
    INITIAL,
    AppointForceLead,
    ApproveMobilisation,
    CallUpForce,
    CompensateForce,
    Force,
    ForceCalledUp,
    ForceCallUpMoved,
    ForceCallUpOutlasted,
    ForceCallUpResumed,
    ForceCompensated,
    ForceInsured,
    ForceLeadAppointed,
    ForceRecognised,
    ForceRecognitionWithdrawn,
    ForceRegistered,
    ForceStoodDown,
    InsureForce,
    MarkForceCallUp,
    MobilisationApproved,
    MobilisationWithdrawn,
    MoveForceCallUp,
    RecogniseForce,
    RegisterForce,
    StandDownForce,
    WithdrawMobilisation,
    WithdrawRecognition,
)
from services.resources.domain.force_mandate_rules import mandate
from services.resources.domain.force_rules import decide, evolve
from services.resources.domain.mobilisation import Mobilisation, level_of
from services.runtime import reference
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, Forbidden, Invalid, NotFound
from services.runtime.settings import REPOSITORY
from tests.spec import spec

given = spec(decide, evolve, INITIAL)
RULES = reference.load(REPOSITORY / "reference", "mobilisation", Mobilisation)
NOW = datetime(2026, 6, 18, 2, tzinfo=UTC)
DAY = timedelta(days=1)
MAYOR = Actor(subject="mayor.chen", roles=("leader",), jurisdiction="431281")
CHIEF = Actor(subject="commander.li", roles=("commander",), jurisdiction="431281")
ZHAO = Actor(subject="dispatcher.zhao", roles=("dispatcher",), jurisdiction="431281")
HEAD = Actor(subject="head.anjiang", roles=("commander",), jurisdiction="431281102")
NEIGHBOUR = Actor(subject="mayor.xu", roles=("leader",), jurisdiction="431202")

BY: dict[str, Any] = {"by": MAYOR, "force_id": "blue-sky", "occurred_at": NOW}
AT: dict[str, Any] = {"force_id": "blue-sky", "adcode": "431281", "occurred_at": NOW}

register = RegisterForce(
    **BY,
    name="蓝天",
    force_class="social",
    adcode="431281",
    responsible="贺",
    contact="1",
    rules=RULES,
)
registered = ForceRegistered(**AT, name="蓝天", force_class="social", responsible="贺", contact="1")
papers: dict[str, Any] = {
    "authority": "怀化市应急管理局",
    "level": 2,
    "branches": ("water_search",),
    "document": "1号",
    "valid_until": NOW + 30 * DAY,
}
recognised = ForceRecognised(**AT, **papers)
policy: dict[str, Any] = {
    "insurer": "某财险",
    "policy": "P1",
    "people": 30,
    "valid_until": NOW + 10 * DAY,
}
insured = ForceInsured(**AT, **policy)
approve = ApproveMobilisation(
    **BY,
    approval_id="ap1",
    incident_id="flood",
    unit_ids=("boat-1",),
    document="",
    note="",
    valid_until=None,
    rules=RULES,
)
approved = MobilisationApproved(
    **AT,
    approval_id="ap1",
    incident_id="flood",
    unit_ids=("boat-1",),
    approved_by="mayor.chen",
    document="",
    note="",
    valid_until=None,
    rules_version=RULES.version,
)
withdraw = WithdrawMobilisation(**BY, approval_id="ap1", reason="解除", rules=RULES)
withdrawn = MobilisationWithdrawn(
    **AT, approval_id="ap1", incident_id="flood", withdrawn_by="mayor.chen", reason="解除"
)
call_up = CallUpForce(
    **BY, call_up_id="c1", incident_id="flood", task="转移", override_reason="", rules=RULES
)
called_up = ForceCalledUp(
    **AT,
    call_up_id="c1",
    incident_id="flood",
    task="转移",
    called_by="mayor.chen",
    mandate="direct",
    lacked=(),
    override_reason="",
    rules_version=RULES.version,
)
pay = CompensateForce(
    **BY, call_up_id="c1", compensation_id="v1", amount_fen=100, payer="财政局", basis="误工"
)
paid = ForceCompensated(
    **AT,
    call_up_id="c1",
    incident_id="flood",
    compensation_id="v1",
    amount_fen=100,
    total_fen=100,
    payer="财政局",
    basis="误工",
)
whole = (registered, recognised, insured)
NEWS: dict[str, Any] = {"force_id": "blue-sky", "occurred_at": NOW}
C1: dict[str, Any] = {"call_up_id": "c1", "incident_id": "flood"}
move = MoveForceCallUp(**NEWS, call_up_id="c1", source="flood", incident_id="great")
moved = ForceCallUpMoved(**AT, call_up_id="c1", from_incident_id="flood", incident_id="great")
mark = MarkForceCallUp(**NEWS, **C1, over=True)
outlasted = ForceCallUpOutlasted(**AT, **C1, name=registered.name)
resumed = ForceCallUpResumed(**AT, **C1)


def state_of(*events: Any) -> Force:
    state = INITIAL
    for event in events:
        state = evolve(state, event)
    assert state is not None
    return state


def basis(*events: Any, person: Actor = ZHAO, unit_id: str = "boat-1") -> str:
    return mandate(RULES, state_of(*events), person, unit_id, "flood", NOW).basis


def test_a_force_is_registered_once() -> None:
    given().when(register).then(registered)
    given(registered).when(register).then()
    with pytest.raises(AlreadyExists):
        given(registered).when(replace(register, name="别的")).outcome()
    with pytest.raises(Invalid, match="comprehensive"):
        given().when(replace(register, force_class="pirates")).outcome()
    with pytest.raises(Forbidden):
        given().when(replace(register, by=NEIGHBOUR)).outcome()


def test_its_papers_and_its_lead_are_kept() -> None:
    given(registered).when(RecogniseForce(**BY, **papers)).then(recognised)
    given(*whole).when(RecogniseForce(**BY, **papers)).then()
    given(registered).when(InsureForce(**BY, **policy)).then(insured)
    given(*whole).when(InsureForce(**BY, **policy)).then()
    given(*whole).when(WithdrawRecognition(**BY, reason="复核")).then(
        ForceRecognitionWithdrawn(**AT, reason="复核")
    )
    given(registered).when(WithdrawRecognition(**BY, reason="复核")).then()
    given(registered).when(AppointForceLead(**BY, responsible="龙", contact="2")).then(
        ForceLeadAppointed(**AT, responsible="龙", contact="2", previous="贺")
    )
    over = InsureForce(**BY, **{**policy, "valid_until": NOW})
    given(registered).when(over).then_refused("ENDS_TOO_EARLY")


def test_what_is_required_and_has_run_out_is_lacking() -> None:
    assert state_of(registered).lacks(RULES, NOW) == ("recognition", "insurance")
    assert state_of(*whole).lacks(RULES, NOW) == ()
    assert state_of(*whole).lacks(RULES, NOW + 10 * DAY) == ("insurance",)
    brigade = replace(registered, force_class="comprehensive")
    assert state_of(brigade).lacks(RULES, NOW) == ()


def test_a_force_that_lacks_something_is_called_up_only_with_a_reason() -> None:
    given(*whole).when(call_up).then(called_up)
    given(registered).when(call_up).then_refused("FORCE_NOT_ELIGIBLE")
    given(registered).when(replace(call_up, override_reason="被困")).then(
        replace(called_up, lacked=("recognition", "insurance"), override_reason="被困")
    )
    given(*whole).when(replace(call_up, override_reason="被困")).then(called_up)
    given(*whole, called_up).when(call_up).then()
    with pytest.raises(AlreadyExists):
        given(*whole, called_up).when(replace(call_up, task="别的")).outcome()


def test_only_who_may_order_it_calls_it_up_unless_it_was_approved() -> None:
    by_zhao = replace(call_up, by=ZHAO)

    given(*whole).when(by_zhao).then_refused("MOBILISATION_APPROVAL_REQUIRED")
    given(*whole, replace(approved, unit_ids=())).when(by_zhao).then(
        replace(called_up, called_by="dispatcher.zhao", mandate="approval ap1")
    )
    given(*whole, approved).when(by_zhao).then_refused("MOBILISATION_APPROVAL_REQUIRED")


def test_an_approval_is_given_and_ended_by_those_who_may() -> None:
    given(registered).when(approve).then(approved)
    given(registered, approved).when(approve).then()
    given(registered).when(replace(approve, by=CHIEF)).then(
        replace(approved, approved_by="commander.li")
    )
    for person in (ZHAO, HEAD, NEIGHBOUR):
        given(registered).when(replace(approve, by=person)).then_refused("NOT_AN_APPROVER")
        given(registered, approved).when(replace(withdraw, by=person)).then_refused(
            "NOT_AN_APPROVER"
        )
    given(registered, approved).when(withdraw).then(withdrawn)
    given(registered, approved, withdrawn).when(withdraw).then()
    with pytest.raises(NotFound):
        given(registered).when(withdraw).outcome()
    with pytest.raises(AlreadyExists):
        given(registered, approved, withdrawn).when(approve).outcome()


def test_an_order_rests_on_the_office_an_approval_or_a_call_up() -> None:
    assert basis(*whole) == ""
    assert basis(*whole, person=MAYOR) == "direct"
    assert basis(*whole, approved) == "approval ap1"
    assert basis(*whole, approved, unit_id="boat-2") == ""
    assert basis(*whole, replace(approved, unit_ids=()), unit_id="boat-2") == "approval ap1"
    assert basis(*whole, approved, withdrawn) == ""
    assert basis(*whole, replace(approved, incident_id="fire")) == ""
    assert basis(*whole, replace(approved, valid_until=NOW)) == ""
    assert basis(*whole, called_up) == "call-up c1"
    over = ForceStoodDown(**AT, call_up_id="c1", incident_id="flood", reason="完")
    assert basis(*whole, called_up, over) == ""


def test_a_call_up_carries_what_it_was_overridden_to_lack_and_an_approval_does_not() -> None:
    overridden = replace(called_up, lacked=("insurance",), override_reason="被困")

    def lacks(*events: Any) -> tuple[str, ...]:
        return mandate(RULES, state_of(*events), ZHAO, "boat-1", "flood", NOW).lacks

    assert lacks(registered, approved) == ("recognition", "insurance")
    assert lacks(registered, overridden) == ()
    assert lacks(registered, called_up) == ("recognition", "insurance")


@pytest.mark.parametrize(
    ("class_", "adcode", "person", "may"),
    [
        ("comprehensive", "431281", ZHAO, True),
        ("comprehensive", "431281", HEAD, False),
        ("township", "431281102", HEAD, True),
        ("township", "431281103", HEAD, False),
        ("township", "431281102", CHIEF, True),
        ("mass", "431281102", ZHAO, False),
        ("social", "431281", MAYOR, True),
        ("social", "431281", CHIEF, False),
        ("military", "431281", MAYOR, False),
        ("comprehensive", "431281", NEIGHBOUR, False),
    ],
)
def test_who_may_order_which_class_directly(
    class_: str, adcode: str, person: Actor, *, may: bool
) -> None:
    assert RULES.may_order(class_, adcode, person) is may


def test_every_code_of_the_table_has_a_word() -> None:
    for class_, rules in RULES.classes.items():
        assert RULES.approvers(class_)
        assert set(rules.requires) <= {"recognition", "insurance"}
        for office in (*rules.order, *rules.approve):
            assert office.level in RULES.levels
            assert set(office.roles) <= set(RULES.roles)


@pytest.mark.parametrize(
    ("adcode", "level"),
    [
        ("000000", "nation"),
        ("430000", "province"),
        ("431200", "prefecture"),
        ("431281", "county"),
        ("431281102", "township"),
        ("431281102218", "village"),
    ],
)
def test_a_code_says_its_level(adcode: str, level: str) -> None:
    assert level_of(adcode) == level


def test_each_voucher_of_a_call_up_is_paid_once() -> None:
    second = replace(pay, compensation_id="v2", amount_fen=50)

    given(*whole, called_up).when(pay).then(paid)
    given(*whole, called_up, paid).when(pay).then()
    given(*whole, called_up, paid).when(second).then(
        replace(paid, compensation_id="v2", amount_fen=50, total_fen=150)
    )
    with pytest.raises(AlreadyExists):
        given(*whole, called_up, paid).when(replace(pay, amount_fen=1)).outcome()
    with pytest.raises(NotFound):
        given(*whole).when(pay).outcome()


def test_a_force_is_stood_down_once() -> None:
    stand_down = StandDownForce(**BY, call_up_id="c1", reason="完")
    over = ForceStoodDown(**AT, call_up_id="c1", incident_id="flood", reason="完")

    given(*whole, called_up).when(stand_down).then(over)
    given(*whole, called_up, over).when(stand_down).then()


@pytest.mark.parametrize("command", [approve, withdraw, call_up, pay])
def test_an_unknown_force_can_do_nothing(command: Any) -> None:
    with pytest.raises(NotFound, match="blue-sky"):
        given().when(command).outcome()


def test_a_call_up_follows_its_incident_with_every_unit_that_it_carries() -> None:
    given(*whole, called_up).when(move).then(moved)
    given(*whole, called_up, moved).when(move).then()
    given(*whole).when(move).then()
    given().when(move).then()
    assert basis(*whole, called_up, moved) == ""
    carried = mandate(RULES, state_of(*whole, called_up, moved), ZHAO, "boat-1", "great", NOW)
    assert carried.basis == "call-up c1"
    over = ForceStoodDown(**AT, **C1, reason="完")
    given(*whole, called_up, over).when(move).then()
    given(*whole, called_up, moved).when(call_up).then()
    given(*whole, called_up, moved).when(StandDownForce(**BY, call_up_id="c1", reason="完")).then(
        replace(over, incident_id="great")
    )
    given(*whole, called_up, moved).when(pay).then(replace(paid, incident_id="great"))


def test_a_force_outlasts_its_incident_until_a_person_stands_it_down() -> None:
    given(*whole, called_up).when(mark).then(outlasted)
    given(*whole, called_up, outlasted).when(mark).then()
    resume = replace(mark, over=False)
    given(*whole, called_up).when(resume).then()
    given(*whole, called_up, outlasted).when(resume).then(resumed)
    given(*whole, called_up, outlasted, resumed).when(mark).then(outlasted)
    given(*whole, called_up, moved).when(mark).then()
    state = state_of(*whole, called_up, outlasted, moved)
    assert state.call_ups["c1"].outlasted_at is None, "the incident that took over goes on"
    assert state_of(*whole, called_up, outlasted).call_ups["c1"].runs
    over = ForceStoodDown(**AT, **C1, reason="完")
    given(*whole, called_up, over).when(mark).then()


def test_no_force_is_called_up_for_an_incident_that_is_known_to_be_over() -> None:
    over = replace(call_up, heard=ended_incident.Heard(version=7, over=True))
    given(*whole).when(over).then_refused("INCIDENT_CLOSED")
    merged = replace(call_up, heard=ended_incident.Heard(version=7, over=True, into="great"))
    given(*whole).when(merged).then_refused("INCIDENT_MERGED")
    given(*whole, called_up).when(over).then()
