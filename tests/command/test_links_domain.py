"""What is merged, split and linked: every rule, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest

from services.command.domain.casualties import Casualties
from services.command.domain.incident import decider, decisions, lifecycle, links, merge, split
from services.command.domain.incident.decider import Merged, Open
from services.command.domain.incident.facts import Metric, said_by_report
from services.command.domain.incident.merge import Merges, Standing
from services.command.domain.incident.response import Level
from services.command.domain.incident.tasks import Outcome, TaskCompleted
from services.runtime.rejection import Rejection
from tests.command import incidents as known
from tests.command import linked as facts
from tests.command.incidents import ACTS, CALLED, LI, NOW, STRANGER, given, opened

ENTAILED = (facts.absorb, facts.conclude, facts.conclude_split)


def after(*events: decider.Event) -> decider.State:
    return reduce(decider.evolve, events, decider.INITIAL)


def open_after(*events: decider.Event) -> Open:
    state = after(*events)
    assert isinstance(state, Open)
    return state


# Merging: the incident that goes.


def test_a_merge_begins_on_the_incident_that_goes() -> None:
    given(opened).when(facts.begin).then(facts.begun)


def test_a_merge_that_was_begun_is_not_begun_again() -> None:
    given(opened, facts.begun).when(facts.begin).then()
    given(opened, facts.begun, facts.merged).when(facts.begin).then()
    given(opened, facts.begun, replace(facts.merged, into="i9")).when(facts.begin).then()


def test_nothing_is_merged_into_itself() -> None:
    given(opened).when(replace(facts.begin, into="i1")).then_refused("MERGE_INTO_ITSELF")


@pytest.mark.parametrize("events", [(facts.begun,), (facts.begun, facts.merged)])
@pytest.mark.parametrize("act", ACTS, ids=lambda act: type(act).__name__)
def test_what_was_merged_is_read_only_and_names_who_goes_on(
    act: decider.Act, events: tuple[decider.Event, ...]
) -> None:
    state = after(opened, *events)
    with pytest.raises(Rejection) as refused:
        known.decide(replace(act, by=LI), state)
    if refused.value.reason != "NO_SUCH_DECISION":  # what a decision lacks may still be added
        assert refused.value.reason == "INCIDENT_MERGED"
        assert refused.value.context["into_incident_id"] == "i0"


def test_what_a_decision_lacks_is_added_after_the_merge() -> None:
    dissent = decisions.RecordDissent(
        by=LI,
        incident_id="i1",
        decision_id="d1",
        dissent=decisions.Dissent(dissenter="镇长", text="应先评估"),
        occurred_at=NOW,
    )
    state = after(opened, known.recorded, facts.begun, facts.merged)

    [told] = known.decide(dissent, state)

    later = decider.evolve(state, told)
    assert isinstance(later, Merged)
    assert later.was.decisions.made["d1"].dissents


def test_another_merge_of_what_was_merged_is_refused() -> None:
    given(opened, facts.begun).when(replace(facts.begin, into="i9")).then_refused("INCIDENT_MERGED")


def test_a_closed_incident_is_not_merged() -> None:
    given(opened, known.closed).when(facts.begin).then_refused("INCIDENT_CLOSED")


def test_a_stranger_merges_nothing() -> None:
    given(opened).when(replace(facts.begin, by=STRANGER)).then_refused("OUTSIDE_JURISDICTION")


@pytest.mark.parametrize(
    ("level", "reason"),
    [
        (None, "RESPONSE_NOT_COVERED"),
        (Level.IV, "RESPONSE_NOT_COVERED"),
        (Level.III, ""),
        (Level.I, ""),
    ],
)
def test_no_response_is_lost_in_a_merge(level: Level | None, reason: str) -> None:
    asked = replace(facts.begin, replacing=Standing(level=level, commander=None))
    when = given(opened, known.activated, known.raised).when(asked)
    if reason:
        when.then_refused(reason)
    else:
        when.then(facts.begun)


def test_nobody_loses_their_commander_in_a_merge() -> None:
    given(opened, known.established).when(facts.begin).then_refused("COMMAND_NOT_COVERED")
    other = Standing(level=None, commander="mayor.zhang")
    given(opened, known.established).when(replace(facts.begin, replacing=other)).then(facts.begun)


def test_once_command_is_established_only_the_commander_merges_it_away() -> None:
    other = Standing(level=None, commander="mayor.zhang")
    asked = replace(facts.begin, replacing=other, by=known.CHEN)
    given(opened, known.established).when(asked).then_refused("ROLE_REQUIRED")


def test_a_grandparent_is_not_merged_into_what_lies_within_it() -> None:
    given(opened).when(replace(facts.begin, ancestors=("i4", "i1"))).then_refused("LINK_CYCLE")
    given(opened).when(replace(facts.begin, ancestors=("i1", "i4"))).then(facts.begun)


def test_the_conclusion_names_who_took_it_over_and_comes_once() -> None:
    given(opened, facts.begun).when(replace(facts.conclude, into="i9")).then(
        replace(facts.merged, into="i9")
    )
    given(opened, facts.begun, facts.merged).when(facts.conclude).then()
    given(opened).when(facts.conclude).then()


# Merging: the incident that takes over.


def test_who_replaces_takes_over_all_that_goes_on() -> None:
    given(opened).when(facts.absorb).then(facts.absorbed)

    state = open_after(opened, facts.absorbed)

    assert state.reports == {"r1", "r9"}
    assert state.reported_at == facts.EARLIER
    assert state.facts.standing[Metric.TRAPPED].value == 2  # said after what came
    assert {fact.value for fact in state.facts.live(Metric.TRAPPED)} == {2, 3}
    assert state.work.tasks["t1"].asked.incident_id == "i1"
    assert state.objectives.objectives["o1"].wanted.incident_id == "i1"
    assert state.needs.needs["n1"].asked.incident_id == "i1"
    assert state.links == links.Links(parent="i7", related=frozenset({"i8"}))
    assert state.merges.replaced == {"i2", "i5"}


def test_what_was_taken_over_once_is_not_taken_over_again() -> None:
    given(opened, facts.absorbed).when(facts.absorb).then()
    by_another = replace(facts.brought, incident_id="i5")
    given(opened, facts.absorbed).when(replace(facts.absorb, brought=by_another)).then()


def test_what_has_an_id_that_is_taken_gets_the_others_before_its_own() -> None:
    state = open_after(opened, facts.absorbed)
    task = replace(facts.assigned, incident_id="i3")
    another = replace(
        facts.brought,
        incident_id="i3",
        replaced=(),
        tasks={"t1": replace(facts.brought.tasks["t1"], asked=task)},
        needs={},
    )

    [told] = known.decide(replace(facts.absorb, brought=another), state)

    assert isinstance(told, merge.IncidentAbsorbed)
    renamed = told.tasks["t1"].asked
    assert (renamed.task_id, renamed.objective_id) == ("i3.t1", "i3.o1")
    assert told.facts == {}  # the same was said here too


def test_what_ended_stays_with_the_incident_that_went() -> None:
    done = TaskCompleted(
        incident_id="i1",
        adcode="431281102",
        task_id="t1",
        outcome=Outcome.DONE,
        note="",
        evidence=(),
        completed_by="commander.li",
        occurred_at=NOW,
    )
    asked = replace(facts.assigned, incident_id="i1")
    state = open_after(opened, asked, replace(asked, task_id="t2"), done)

    brought = merge.bring(
        "i1", state.reported_at, state.reports, state.merges, decider.holdings(state)
    )

    assert list(brought.tasks) == ["t2"]
    assert list(brought.facts) == ["r1.trapped"]


def test_who_was_closed_meanwhile_is_opened_again_and_takes_over() -> None:
    reopened = lifecycle.IncidentReopened(
        incident_id="i1", adcode="431281102", reason="INCIDENT_ABSORBED", occurred_at=NOW
    )
    given(opened, known.closed).when(facts.absorb).then(reopened, facts.absorbed)
    given(opened, facts.absorbed, known.closed).when(facts.absorb).then()


def test_who_was_merged_meanwhile_takes_nothing_over() -> None:
    given(opened, facts.begun).when(facts.absorb).then_refused("INCIDENT_MERGED")


def test_a_parent_that_is_taken_over_is_nobodys_parent() -> None:
    child = replace(facts.linked, other_id="i2")
    state = open_after(opened, child, replace(facts.absorbed, parent=""))
    assert state.links.parent == ""
    inherited = open_after(opened, child, facts.absorbed)
    assert inherited.links.parent == "i7"


def test_reports_that_left_come_back_with_the_incident_that_has_them() -> None:
    events = (opened, known.attached, facts.split_begun, facts.split_done)
    back = replace(facts.absorbed, source_id="i3", reports=("r2",))
    state = open_after(*events, back)
    assert state.reports == {"r1", "r2"}
    given(*events, back).when(known.attach).then()


# Rings.


def test_of_a_ring_the_smallest_comes_back_that_nobody_has() -> None:
    free = Merges()
    assert merge.ring_winner({"b": free, "a": free}) == ("a", ["b"])
    held = Merges(replaced=frozenset({"a"}))
    assert merge.ring_winner({"a": free, "b": held}) == ("b", [])
    assert merge.ring_winner({"a": free, "b": held, "c": free}) == ("b", ["c"])


def test_who_comes_back_has_all_that_the_others_had() -> None:
    command = merge.BreakRing(by=LI, incident_id="i1", brought=(facts.brought,), occurred_at=NOW)
    given(opened, facts.begun).when(command).then(facts.abandoned, facts.absorbed)
    given(opened, facts.begun, facts.abandoned, facts.absorbed).when(command).then()

    state = open_after(opened, facts.begun, facts.abandoned, facts.absorbed)
    assert state.reports == {"r1", "r9"}


# Splitting.


def test_a_split_takes_the_reports_away_at_once() -> None:
    given(opened, known.attached).when(facts.begin_split).then(facts.split_begun)

    state = open_after(opened, known.attached, facts.split_begun)

    assert state.reports == {"r1"}
    assert [fact.source for fact in state.facts.live(Metric.TRAPPED)] == ["r1"]


def test_the_new_incident_has_the_reports_and_its_own_opening() -> None:
    given().when(facts.open_split).then(
        lifecycle.IncidentOpened(
            incident_id="i3",
            title="岩垅滑坡",
            type_code="11D01",
            place=facts.ROCK,
            report_id="r2",
            casualties=known.attached.casualties,
            reported_at=CALLED,
            occurred_at=NOW,
        ),
        facts.split_off,
    )


def test_further_reports_are_attached_to_the_new_incident() -> None:
    third = split.Leaving(report_id="r3", casualties=Casualties(dead=1), reported_at=NOW)
    begun = replace(facts.split_begun, reports=(facts.leaving, third))
    events = known.decide(replace(facts.open_split, begun=begun), None)
    state = after(*events)
    assert isinstance(state, Open)
    assert state.reports == {"r2", "r3"}
    assert state.splits.source == "i1"
    assert state.facts.standing[Metric.DEAD].value == 1


def test_an_incident_that_was_split_off_is_opened_once() -> None:
    events = known.decide(facts.open_split, None)
    given(*events).when(facts.open_split).then()


def test_an_id_that_somebody_took_is_refused() -> None:
    given(opened).when(replace(facts.open_split, incident_id="i1")).then_refused("INCIDENT_EXISTS")


def test_tasks_go_with_a_split_as_far_as_they_have_come() -> None:
    asked = replace(facts.assigned, incident_id="i1", objective_id="")
    state = open_after(opened, known.attached, asked)

    [told] = known.decide(replace(facts.begin_split, tasks=("t1",)), state)

    assert isinstance(told, split.SplitBegun)
    left = decider.evolve(state, told)
    assert isinstance(left, Open)
    assert left.work.tasks == {}
    new = after(*known.decide(replace(facts.open_split, begun=told), None))
    assert isinstance(new, Open)
    assert new.work.tasks["t1"].asked == replace(asked, incident_id="i3")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tasks": ("t9",)}, "NO_SUCH_TASK"),
        ({"reports": (replace(facts.leaving, report_id="r9"),)}, "REPORT_NOT_IN_INCIDENT"),
        ({"reports": (facts.leaving, replace(facts.leaving, report_id="r1"))}, "SPLIT_LEAVES"),
    ],
)
def test_a_split_names_what_it_cannot_take(change: dict[str, object], reason: str) -> None:
    with pytest.raises(Rejection) as refused:
        known.decide(
            replace(facts.begin_split, **change),  # type: ignore[arg-type]
            after(opened, known.attached),
        )
    assert refused.value.reason.startswith(reason)


def test_a_report_that_left_is_not_attached_nor_split_again() -> None:
    gone = (opened, known.attached, replace(known.attached, report_id="r3"), facts.split_begun)
    given(*gone).when(known.attach).then_refused("REPORT_MOVED")
    again = replace(facts.begin_split, new_incident_id="i4")
    given(*gone, facts.split_done).when(again).then_refused("REPORT_MOVED")
    given(*gone).when(facts.begin_split).then()
    other = replace(facts.begin_split, reports=(replace(facts.leaving, report_id="r3"),))
    given(*gone).when(other).then_refused("INCIDENT_EXISTS")


def test_where_a_report_went_is_said_even_after_the_merge() -> None:
    gone = (opened, known.attached, facts.split_begun, facts.split_done, facts.begun, facts.merged)
    given(*gone).when(known.attach).then_refused("REPORT_MOVED")
    given(*gone).when(replace(known.attach, report_id="r9")).then_refused("INCIDENT_MERGED")


def test_an_incident_does_not_end_while_something_leaves_it() -> None:
    leaving = (opened, known.attached, facts.split_begun)
    given(*leaving).when(known.close).then_refused("SPLIT_UNDER_WAY")
    given(*leaving).when(facts.begin).then_refused("SPLIT_UNDER_WAY")
    given(*leaving).when(facts.conclude_split).then(facts.split_done)
    given(*leaving, facts.split_done).when(facts.conclude_split).then()
    given(*leaving, facts.split_done).when(facts.begin).then(facts.begun)


def test_a_split_that_got_another_id_says_where_its_reports_are() -> None:
    done = replace(facts.split_done, into="i9")
    given(opened, known.attached, facts.split_begun).when(
        replace(facts.conclude_split, into="i9")
    ).then(done)
    state = open_after(opened, known.attached, facts.split_begun, done)
    assert state.splits.gone == {"r2": "i9"}


# Linking.


def test_an_incident_lies_within_one_parent_at_most() -> None:
    given(opened).when(facts.link).then(facts.linked)
    given(opened, facts.linked).when(facts.link).then()
    given(opened, facts.linked).when(replace(facts.link, other_id="i8")).then_refused(
        "PARENT_LINKED"
    )
    given(opened, facts.linked, facts.unlinked).when(facts.link).then(facts.linked)


def test_nobody_lies_within_themselves() -> None:
    given(opened).when(replace(facts.link, other_id="i1")).then_refused("LINK_TO_ITSELF")
    given(opened).when(replace(facts.link, ancestors=("i8", "i1"))).then_refused("LINK_CYCLE")


def test_relations_are_many_and_know_no_circle() -> None:
    related = replace(facts.link, kind=links.Kind.RELATED, ancestors=("i1",))
    told = replace(facts.linked, kind=links.Kind.RELATED)
    given(opened).when(related).then(told)
    given(opened, told).when(related).then()
    both = given(opened, told, facts.linked)
    both.when(facts.unlink).then(facts.unlinked)
    both.when(replace(facts.unlink, kind=links.Kind.RELATED)).then(
        replace(facts.unlinked, kind=links.Kind.RELATED)
    )


def test_what_is_not_linked_needs_no_parting() -> None:
    given(opened).when(facts.unlink).then()
    given(opened, facts.linked).when(facts.unlink).then(facts.unlinked)


@pytest.mark.parametrize("act", [facts.link, facts.unlink, facts.begin_split])
def test_a_closed_incident_is_neither_linked_nor_split(act: decider.Act) -> None:
    given(opened, known.attached, known.closed).when(act).then_refused("INCIDENT_CLOSED")
    given().when(act).then_refused("NO_SUCH_INCIDENT")


@pytest.mark.parametrize("act", [*ENTAILED, facts.begin])
def test_nothing_is_merged_that_there_is_not(act: decider.Act) -> None:
    given().when(act).then_refused("NO_SUCH_INCIDENT")


def test_a_figure_that_a_leaving_report_said_is_said_in_the_new_incident() -> None:
    told = said_by_report("r2", known.attached.casualties, CALLED)
    state = after(*known.decide(facts.open_split, None))
    assert isinstance(state, Open)
    assert list(state.facts.known.values()) == told
