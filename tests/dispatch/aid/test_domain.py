"""Who may say what of mutual aid, and when; and that to accept is not to commit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.dispatch.domain.aid import commands
from services.dispatch.domain.aid.decider import decide
from services.dispatch.domain.aid.events import Direction, Ending, Event, Reply, UnitState
from services.dispatch.domain.aid.state import INITIAL, Aid, Standing, evolve
from services.runtime.rejection import Forbidden, Invalid, NotFound
from tests.dispatch.aid.facts import (
    ABOUT,
    ASKED,
    BOATS,
    HUITONG,
    OTHER,
    PARTNER,
    SAID,
    STRANGER,
    UNTIL,
    US,
    ZHONGFANG,
    accepted,
    acknowledged,
    answer,
    answer_overdue,
    arrived,
    boat,
    cancel,
    cancelled,
    commit,
    committed,
    completed,
    declined,
    expired,
    home,
    let_go,
    longer_answered,
    longer_asked,
    moved,
    offer,
    offered,
    released,
    report,
    request,
    requested,
    requisitioned,
    return_answered,
    return_asked,
    set_out,
    status_asked,
    term_ended,
    want_back,
    withdrawn,
)
from tests.dispatch.facts import DISPATCHER, minute
from tests.spec import spec

given = spec(decide, evolve, INITIAL)
SPOKEN = "会同县 李主任（电话）"


def standing(*history: Event) -> Aid:
    state = given(*history).state
    assert isinstance(state, Aid)
    return state


# Asking and offering.


def test_a_request_names_who_is_asked_for_what_until_when() -> None:
    given().when(request()).then(requested)


def test_one_aid_is_asked_for_once() -> None:
    given(requested).when(request()).then_refused("AID_EXISTS")


def test_nobody_asks_for_a_time_that_is_over() -> None:
    given().when(request(until=minute(0))).then_refused("AID_UNTIL_PAST")


@pytest.mark.parametrize("recipients", [(HUITONG, HUITONG), (US,)])
def test_each_authority_is_asked_once_and_nobody_asks_itself(recipients: tuple[object]) -> None:
    given().when(request(recipients=recipients)).then_refused("AID_RECIPIENTS_UNCLEAR")


def test_each_item_is_named_once() -> None:
    given().when(request(items=(BOATS, BOATS))).then_refused("AID_ITEMS_UNCLEAR")


def test_a_neighbour_does_not_ask_in_our_name() -> None:
    given().when(request(by=PARTNER, spoken_by=SPOKEN)).then_refused("OUTSIDE_JURISDICTION")


def test_we_record_what_a_neighbour_asks_by_telephone_and_who_said_it() -> None:
    theirs = request(direction=Direction.OUTGOING, requester=HUITONG, recipients=(US,))

    given().when(theirs).then_refused("SPOKEN_BY_REQUIRED")
    [event] = decide(replace(theirs, spoken_by=SPOKEN), None)
    assert (event.adcode, event.spoken_by) == ("431225", SPOKEN)  # type: ignore[union-attr]


def test_a_neighbour_that_speaks_for_itself_asks_us() -> None:
    theirs = request(by=PARTNER, direction=Direction.OUTGOING, requester=HUITONG, recipients=(US,))

    assert len(decide(theirs, None)) == 1


def test_an_offer_needs_no_request() -> None:
    given().when(offer()).then(offered)
    given().when(offer(by=OTHER)).then_refused("OUTSIDE_JURISDICTION")


# Replies.


def test_to_accept_is_not_to_commit() -> None:
    given(requested).when(answer(Reply.ACCEPT, 2)).then(accepted)

    assert standing(requested, accepted).standing is Standing.REQUESTED
    assert standing(requested, accepted).outstanding == ("431225", "431221")


def test_whoever_accepted_may_still_decline() -> None:
    given(requested, accepted).when(answer(Reply.DECLINE, 3, "本县亦有险情")).then(declined)


def test_a_refusal_says_why() -> None:
    given(requested).when(answer(Reply.DECLINE, 3)).then_refused("REASON_REQUIRED")


def test_received_says_nothing_new_to_whoever_has_heard_more() -> None:
    given(requested).when(answer(Reply.ACKNOWLEDGE, 1)).then(acknowledged)
    given(requested, accepted).when(answer(Reply.ACKNOWLEDGE, 4)).then()
    given(requested, accepted).when(answer(Reply.ACCEPT, 9)).then()


def test_an_older_reply_that_comes_later_is_kept_and_changes_nothing() -> None:
    early = replace(accepted, late=True, occurred_at=minute(2))
    given(requested, declined).when(answer(Reply.ACCEPT, 2)).then(early)

    helper = standing(requested, declined, early).helpers["431225"]
    assert (helper.reply, helper.replied_at) == (Reply.DECLINE, minute(3))


def test_whoever_committed_does_not_decline_but_withdraws() -> None:
    given(requested, committed).when(answer(Reply.DECLINE, 9, "x")).then_refused("AID_COMMITTED")
    given(requested, committed, withdrawn).when(answer(Reply.DECLINE, 13, "x")).then(
        replace(declined, reason="x", occurred_at=minute(13))
    )


def test_everybody_declined() -> None:
    other = replace(declined, helper="431221")

    assert standing(requested, declined).standing is Standing.REQUESTED
    assert standing(requested, declined, other).standing is Standing.DECLINED


def test_nobody_answers_for_another_helper() -> None:
    given(requested).when(answer(Reply.ACCEPT, 2, by=OTHER)).then_refused("OUTSIDE_JURISDICTION")
    spoken = answer(Reply.ACCEPT, 2, by=OTHER, spoken_by=SPOKEN)
    given(requested).when(spoken).then_refused("OUTSIDE_JURISDICTION")


def test_we_record_what_a_helper_said_and_who() -> None:
    given(requested).when(answer(Reply.ACCEPT, 2, by=DISPATCHER)).then_refused("SPOKEN_BY_REQUIRED")
    given(requested).when(answer(Reply.ACCEPT, 2, by=DISPATCHER, spoken_by=SPOKEN)).then(
        replace(accepted, spoken_by=SPOKEN)
    )


def test_to_whoever_is_no_party_there_is_no_such_aid() -> None:
    with pytest.raises(NotFound, match="no aid aid1"):
        decide(answer(Reply.ACCEPT, 2, by=STRANGER), standing(requested))


def test_who_was_not_asked_does_not_answer() -> None:
    given(requested).when(
        answer(Reply.ACCEPT, 2, by=DISPATCHER, helper="430527", spoken_by=SPOKEN)
    ).then_refused("AID_NOT_ADDRESSED")


# Ordering and committing.


def order(number: int = 1, item: str = "boats") -> commands.RequisitionAid:
    return commands.RequisitionAid(**ASKED, items={item: number}, occurred_at=minute(4))


def test_what_was_accepted_is_ordered_once() -> None:
    given(requested, accepted).when(order()).then(requisitioned)
    given(requested, accepted, requisitioned).when(order()).then()
    given(requested, accepted).when(order(item="pumps")).then_refused("AID_ITEM_UNKNOWN")
    given(requested, declined).when(order()).then_refused("AID_DECLINED")


def test_units_are_committed_by_name() -> None:
    given(requested, accepted).when(commit()).then(committed)
    assert standing(requested, committed).standing is Standing.PARTLY_COMMITTED


def test_a_unit_may_be_committed_by_whoever_never_replied_or_had_declined() -> None:
    given(requested).when(commit()).then(committed)
    given(requested, declined).when(commit()).then(committed)
    assert standing(requested, declined, committed).helpers["431225"].reply is Reply.ACCEPT


def test_what_is_committed_already_is_not_committed_twice() -> None:
    given(requested, committed).when(commit(at=7)).then()
    given(requested, committed).when(commit(boat(1), boat(2), at=7)).then(
        replace(committed, units=(boat(2),), occurred_at=minute(7))
    )
    given(requested, committed).when(commit(boat(1, name="另一艘"))).then_refused(
        "AID_UNIT_COMMITTED"
    )


def test_several_helpers_cover_a_request_together_and_too_much_is_flagged() -> None:
    theirs = replace(committed, helper="431221", units=(boat(1), boat(2)))
    both = standing(requested, committed, replace(theirs, units=(boat(1),)))

    assert both.standing is Standing.COMMITTED
    assert not both.over_committed
    given(requested, committed).when(commit(boat(1), boat(2), by=OTHER, helper="431221")).then(
        replace(theirs, over_committed=True)
    )
    assert standing(requested, committed, theirs).over_committed


def test_an_offer_is_ordered_before_it_is_committed() -> None:
    given(offered).when(commit()).then_refused("AID_NOT_REQUISITIONED")
    given(offered, requisitioned).when(commit()).then(committed)
    assert standing(offered).standing is Standing.OFFERED
    assert standing(offered, requisitioned).standing is Standing.REQUESTED


def test_units_are_for_something_that_was_asked_for_and_named_once() -> None:
    given(requested).when(commit(boat(1, item_id="pumps"))).then_refused("AID_ITEM_UNKNOWN")
    given(requested).when(commit(boat(1), boat(1))).then_refused("AID_UNITS_UNCLEAR")


# On the way.


def test_a_unit_sets_out_and_arrives() -> None:
    given(requested, committed).when(report(UnitState.EN_ROUTE, 10)).then(set_out)
    given(requested, committed, set_out).when(report(UnitState.ARRIVED, 50)).then(arrived)
    given(requested, committed).when(report(UnitState.ARRIVED, 50)).then(arrived)


def test_whoever_it_came_to_sees_it_arrive_and_nothing_else() -> None:
    given(requested, committed).when(report(UnitState.ARRIVED, 50, by=DISPATCHER)).then(arrived)
    given(requested, committed).when(report(UnitState.EN_ROUTE, 10, by=DISPATCHER)).then_refused(
        "SPOKEN_BY_REQUIRED"
    )


def test_news_that_are_overtaken_are_kept_and_change_nothing() -> None:
    given(requested, committed, arrived).when(report(UnitState.EN_ROUTE, 10)).then(
        replace(set_out, late=True)
    )
    given(requested, committed, released).when(report(UnitState.ARRIVED, 50)).then(
        replace(arrived, late=True)
    )
    given(requested, committed, released).when(report(UnitState.ARRIVED, 310)).then_refused(
        "AID_UNIT_RELEASED"
    )


def test_the_same_news_is_said_once() -> None:
    given(requested, committed, arrived).when(report(UnitState.ARRIVED, 50)).then()


def test_a_unit_that_does_not_come_says_why_before_it_is_here() -> None:
    given(requested, committed).when(report(UnitState.WITHDRAWN, 12)).then_refused(
        "REASON_REQUIRED"
    )
    given(requested, committed).when(report(UnitState.WITHDRAWN, 12, "发动机故障")).then(withdrawn)
    given(requested, committed, withdrawn).when(report(UnitState.WITHDRAWN, 14, "x")).then()
    given(requested, committed, arrived).when(report(UnitState.WITHDRAWN, 60, "x")).then_refused(
        "AID_UNIT_HERE"
    )
    given(requested, committed, withdrawn).when(report(UnitState.ARRIVED, 60)).then_refused(
        "AID_UNIT_WITHDRAWN"
    )
    given(requested, committed, withdrawn).when(commit(at=15)).then(
        replace(committed, occurred_at=minute(15))
    )


def test_nothing_is_said_of_a_unit_that_nobody_committed() -> None:
    given(requested).when(report(UnitState.ARRIVED, 50)).then_refused("AID_UNIT_NOT_COMMITTED")


def test_a_unit_is_let_go_before_it_is_home() -> None:
    given(requested, committed, arrived).when(report(UnitState.RETURNED, 360)).then_refused(
        "AID_UNIT_NOT_RELEASED"
    )
    given(requested, committed, arrived).when(let_go()).then(released)
    given(requested, committed, arrived, released).when(let_go()).then()
    given(requested, committed, arrived, released).when(report(UnitState.RETURNED, 360)).then(home)


def test_only_whoever_asked_lets_go() -> None:
    given(requested, committed).when(let_go(by=PARTNER)).then_refused("OUTSIDE_JURISDICTION")
    given(requested, committed).when(let_go("boat-9")).then_refused("AID_UNIT_NOT_COMMITTED")


def test_status_is_asked_of_what_is_lent_by_either_side() -> None:
    ask = commands.RequestStatus(
        by=DISPATCHER,
        aid_id="aid1",
        helper="431225",
        question=status_asked.question,
        occurred_at=status_asked.occurred_at,
    )
    given(requested, committed).when(ask).then(status_asked)
    given(requested).when(ask).then_refused("AID_NOTHING_LENT")


# Back, and longer.


def test_a_lender_wants_its_units_back_and_an_acceptance_releases_nothing() -> None:
    reply = commands.AnswerReturn(
        **ASKED, reply=Reply.ACCEPT, reason="", occurred_at=return_answered.occurred_at
    )
    here = (requested, committed, arrived)
    given(*here).when(want_back("boat-1")).then(return_asked)
    given(*here).when(want_back()).then(return_asked)
    given(*here, return_asked).when(want_back()).then()
    given(requested).when(want_back()).then_refused("AID_NOTHING_LENT")
    given(*here, return_asked).when(reply).then(return_answered)
    given(*here).when(reply).then_refused("AID_NOTHING_ASKED")
    state = standing(*here, return_asked, return_answered)
    assert state.units["431225-boat-1"].state is UnitState.ARRIVED
    assert state.helpers["431225"].return_asked == ()


def test_what_was_let_go_is_wanted_back_no_more() -> None:
    state = standing(requested, committed, arrived, return_asked, released)
    assert state.helpers["431225"].return_asked == ()


def test_a_longer_stay_is_asked_for_and_holds_when_it_is_accepted() -> None:
    ask = commands.RequestExtension(
        **ASKED, until=longer_asked.until, reason="洪峰推迟", occurred_at=minute(200)
    )
    reply = commands.AnswerExtension(
        **SAID, reply=Reply.ACCEPT, reason="", occurred_at=longer_answered.occurred_at
    )
    here = (requested, committed, arrived)
    given(*here).when(ask).then(longer_asked)
    given(*here, longer_asked).when(ask).then()
    given(requested).when(ask).then_refused("AID_NOTHING_LENT")
    given(*here).when(replace(ask, until=UNTIL)).then_refused("AID_UNTIL_NOT_LATER")
    given(*here).when(reply).then_refused("AID_NOTHING_ASKED")
    given(*here, longer_asked).when(reply).then(longer_answered)
    declines = replace(reply, reply=Reply.DECLINE, reason="本县起水")
    no = replace(longer_answered, reply=Reply.DECLINE, reason="本县起水")
    given(*here, longer_asked).when(declines).then(no)
    assert standing(*here, longer_asked, longer_answered).helpers["431225"].until > UNTIL
    kept = standing(*here, longer_asked, no).helpers["431225"]
    assert (kept.until, kept.extension_asked) == (UNTIL, None)


# The clock.


def ring(at: timedelta | float) -> commands.RingAid:
    due = UNTIL + at if isinstance(at, timedelta) else minute(at)
    return commands.RingAid(aid_id="aid1", due_at=due)


def test_a_request_that_nobody_covers_rings_once() -> None:
    given(requested).when(ring(14)).then()
    given(requested).when(ring(15)).then(answer_overdue)
    given(requested, answer_overdue).when(ring(16)).then()
    assert standing(requested, answer_overdue).is_overdue


def test_an_acceptance_does_not_silence_the_clock_and_a_refusal_does() -> None:
    given(requested, accepted).when(ring(15)).then(answer_overdue)
    given(requested, declined).when(ring(15)).then(replace(answer_overdue, helpers=("431221",)))
    everybody = (requested, declined, replace(declined, helper="431221"))
    given(*everybody).when(ring(15)).then()
    assert min(standing(*everybody).dues()) == UNTIL


def test_a_request_expires_with_nobody_committed() -> None:
    given(requested, answer_overdue).when(ring(timedelta(0))).then(expired)
    given(requested, answer_overdue, expired).when(ring(timedelta(1))).then()
    assert list(standing(requested, answer_overdue, expired).dues()) == []


def test_units_that_stay_too_long_ring_once_and_again_after_a_longer_time() -> None:
    here = (requested, committed, answer_overdue, arrived)
    given(*here).when(ring(timedelta(0))).then(term_ended)
    given(*here, term_ended).when(ring(timedelta(hours=1))).then()
    longer = standing(*here, term_ended, longer_asked, longer_answered)
    assert list(longer.dues()) == [UNTIL + timedelta(hours=12)]


def test_what_was_over_when_it_was_recorded_rings_no_clock() -> None:
    old = replace(requested, rings=False)
    given(old).when(ring(timedelta(days=1))).then()
    assert list(standing(old).dues()) == []


# The end.


def test_whoever_asked_calls_it_off_and_those_on_the_way_turn_back() -> None:
    given(requested).when(cancel()).then(cancelled)
    given(requested, committed).when(cancel()).then(
        replace(released, occurred_at=minute(20)), cancelled
    )
    given(requested, cancelled).when(cancel()).then()
    given(requested, cancelled).when(cancel(reason="x")).then_refused("AID_ENDED")


def test_nobody_calls_off_what_is_here() -> None:
    given(requested, committed, arrived).when(cancel()).then_refused("AID_UNITS_HERE")
    given(requested, committed, arrived, released).when(cancel(400)).then(completed)


@pytest.mark.parametrize(
    "command", [answer(Reply.ACCEPT, 30), commit(), order()], ids=lambda c: type(c).__name__
)
def test_what_has_ended_is_not_answered(command: commands.Command) -> None:
    given(requested, cancelled).when(command).then_refused("AID_ENDED")


def test_a_unit_comes_home_after_the_end() -> None:
    history = (requested, committed, arrived, released, completed)
    given(*history).when(report(UnitState.RETURNED, 360)).then(home)


def test_a_helper_does_not_call_it_off() -> None:
    given(requested).when(cancel(by=PARTNER)).then_refused("OUTSIDE_JURISDICTION")


def test_the_vocabularies_of_endings_are_one() -> None:
    assert {Standing(ending) for ending in Ending} == {
        Standing.CANCELLED,
        Standing.COMPLETED,
        Standing.EXPIRED,
    }


def test_refusals_are_of_their_kind() -> None:
    with pytest.raises(Forbidden):
        decide(let_go(by=PARTNER), standing(requested, committed))
    with pytest.raises(Invalid):
        decide(answer(Reply.DECLINE, 3), standing(requested))


def test_the_other_helper_was_asked_too() -> None:
    assert [helper.authority for helper in standing(requested).helpers.values()] == [
        HUITONG,
        ZHONGFANG,
    ]
    assert ABOUT["adcode"] == US.adcode


def follow(*sources: str, into: str = "i2") -> commands.MoveAid:
    return commands.MoveAid(
        aid_id="aid1", sources=frozenset(sources), incident_id=into, occurred_at=moved.occurred_at
    )


def test_what_is_asked_for_a_merged_incident_follows_it_once() -> None:
    given(requested, committed).when(follow("i1")).then(moved)
    given(offered).when(follow("i1")).then(moved)
    given(requested, moved).when(follow("i1")).then()
    later = replace(cancelled, incident_id="i2")
    given(requested, moved).when(cancel()).then(later)


def test_nothing_else_follows() -> None:
    ours_to_lend = replace(
        requested, direction=Direction.OUTGOING, requester=HUITONG, recipients=(US,)
    )
    given(requested).when(follow("i9")).then()
    given(requested, cancelled).when(follow("i1")).then()
    given(ours_to_lend).when(follow("i1")).then()
    given().when(follow("i1")).then_refused("NO_SUCH_AID")
