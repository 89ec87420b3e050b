"""What stands of figures that disagree, and what is done with them: one rule at a time."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest

from services.command.domain.casualties import Casualties
from services.command.domain.incident import facts, figures
from services.command.domain.incident.decider import Event
from services.command.domain.incident.facts import Facts, Metric, SourceKind
from services.runtime.actor import Actor
from tests.command import incidents as known
from tests.command.figured import (
    EARLIER,
    LATER,
    POLICE,
    correct,
    corrected,
    declare,
    declared,
    incident,
    record,
    recorded,
    withdraw,
    withdrawn,
)
from tests.spec import spec


def decide(command: figures.Command, state: Facts) -> list[figures.Event]:
    return figures.decide(command, "431281102", state, frozenset({"r1"}))


given = spec(decide, figures.evolve, Facts())
rival = replace(recorded, fact_id="g1", value=5, source=POLICE, occurred_at=EARLIER)
anjiang = replace(recorded, fact_id="t1", scope="431281102", value=2)
tuokou = replace(recorded, fact_id="t2", scope="431281103", value=2)

DONE: list[tuple[tuple[figures.Event, ...], figures.Command, figures.Event]] = [
    ((), record, recorded),
    ((recorded,), correct, corrected),
    ((recorded,), withdraw, withdrawn),
    ((recorded,), declare, declared),
    (
        (),
        replace(record, source_kind=SourceKind.REPORT, basis="r1"),
        replace(recorded, source_kind=SourceKind.REPORT, basis="r1"),
    ),
    (
        (recorded, declared),
        correct,
        replace(corrected, authority=figures.Authority.LAPSED),
    ),
    (
        (recorded, declared),
        replace(correct, authoritative=True),
        replace(corrected, authority=figures.Authority.DECLARED),
    ),
    (
        (recorded, declared),
        withdraw,
        replace(withdrawn, authority=figures.Authority.LAPSED),
    ),
    (
        (recorded, rival, replace(declared, fact_id="g1", value=5, source=POLICE)),
        declare,
        replace(declared, previous="g1"),
    ),
    (
        (recorded, anjiang, replace(declared, fact_id="t1", value=2)),
        declare,
        declared,  # of the township another figure is authoritative, of the whole none was
    ),
]
REPEATED: list[tuple[tuple[figures.Event, ...], figures.Command]] = [
    ((recorded,), record),
    ((recorded, corrected), correct),
    ((recorded, withdrawn), withdraw),
    ((recorded, declared), declare),
    ((recorded, corrected), record),
]
REFUSED: list[tuple[tuple[figures.Event, ...], figures.Command, str]] = [
    ((), correct, "NO_SUCH_FIGURE"),
    ((), withdraw, "NO_SUCH_FIGURE"),
    ((), declare, "NO_SUCH_FIGURE"),
    ((recorded,), replace(record, value=4), "FIGURE_EXISTS"),
    ((recorded,), replace(correct, fact_id="f1"), "FIGURE_EXISTS"),
    ((recorded, rival), replace(correct, fact_id="g1"), "FIGURE_EXISTS"),
    ((recorded, corrected), replace(correct, fact_id="f3"), "FIGURE_SUPERSEDED"),
    ((recorded, corrected), withdraw, "FIGURE_SUPERSEDED"),
    ((recorded, corrected), declare, "FIGURE_SUPERSEDED"),
    ((recorded, withdrawn), correct, "FIGURE_WITHDRAWN"),
    ((recorded, withdrawn), declare, "FIGURE_WITHDRAWN"),
    ((), replace(record, source_kind=SourceKind.REPORT, basis="r2"), "REPORT_NOT_ATTACHED"),
    ((), replace(record, source_kind=SourceKind.REPORT), "REPORT_NOT_ATTACHED"),
    ((recorded,), replace(correct, source_kind=SourceKind.REPORT), "REPORT_NOT_ATTACHED"),
]


@pytest.mark.parametrize(("history", "command", "event"), DONE)
def test_what_is_asked_is_done(
    history: tuple[figures.Event, ...], command: figures.Command, event: figures.Event
) -> None:
    given(*history).when(command).then(event)


@pytest.mark.parametrize(("history", "command"), REPEATED)
def test_what_is_done_is_not_done_again(
    history: tuple[figures.Event, ...], command: figures.Command
) -> None:
    given(*history).when(command).then()


@pytest.mark.parametrize(("history", "command", "reason"), REFUSED)
def test_what_breaks_a_rule_is_refused(
    history: tuple[figures.Event, ...], command: figures.Command, reason: str
) -> None:
    given(*history).when(command).then_refused(reason)


def test_a_figure_is_recorded_on_an_open_incident_of_the_callers_region_only() -> None:
    stranger: Actor = known.STRANGER
    known.given(known.opened, known.closed).when(record).then_refused("INCIDENT_CLOSED")
    known.given().when(record).then_refused("NO_SUCH_INCIDENT")
    known.given(known.opened).when(replace(record, by=stranger)).then_refused(
        "OUTSIDE_JURISDICTION"
    )


def stands(*events: figures.Event) -> facts.Fact:
    state = reduce(figures.evolve, events, Facts())
    return state.standing[Metric.DEAD]


def test_what_was_said_last_stands_whatever_was_recorded_last() -> None:
    later = replace(rival, occurred_at=LATER)

    assert stands(recorded, rival).fact_id == "f1"
    assert stands(later, recorded).fact_id == "g1"


def test_of_what_was_said_at_once_the_one_recorded_last_stands() -> None:
    assert stands(recorded, replace(rival, occurred_at=recorded.occurred_at)).fact_id == "g1"


def test_a_declaration_holds_against_newer_figures_until_another_one_or_a_correction() -> None:
    newer = replace(rival, occurred_at=LATER)
    declared_rival = replace(declared, fact_id="g1", previous="f1")
    lapsed = replace(
        corrected, authority=figures.Authority.LAPSED, occurred_at=recorded.occurred_at
    )
    kept = replace(lapsed, authority=figures.Authority.DECLARED)

    assert stands(recorded, newer, declared).fact_id == "f1"
    assert stands(recorded, newer, declared, declared_rival).fact_id == "g1"
    assert stands(recorded, newer, declared, lapsed).fact_id == "g1"
    assert stands(recorded, newer, declared, kept).fact_id == "f2"


def test_townships_add_up_where_nothing_is_said_of_the_whole_or_less() -> None:
    total = stands(anjiang, tuokou)

    assert (total.value, total.parts, total.source_kind) == (
        4,
        ("t1", "t2"),
        SourceKind.TOWNSHIPS,
    )
    assert stands(anjiang).fact_id == "t1"
    assert stands(recorded, anjiang, tuokou).value == 4
    assert stands(rival, anjiang, tuokou).fact_id == "g1"
    assert stands(recorded, declared, anjiang, tuokou).fact_id == "f1"


def test_figures_conflict_when_they_differ_or_the_parts_exceed_the_whole() -> None:
    def conflict(*events: figures.Event) -> bool:
        return facts.conflicting(reduce(figures.evolve, events, Facts()).live(Metric.DEAD))

    assert not conflict(recorded)
    assert not conflict(recorded, replace(rival, value=3))
    assert conflict(recorded, rival)
    assert not conflict(recorded, rival, replace(corrected, value=5))
    assert conflict(recorded, anjiang, tuokou)
    assert not conflict(anjiang, tuokou)


def test_what_a_report_says_of_casualties_is_a_figure_and_none_is_not() -> None:
    state = incident(known.opened, known.attached)

    assert [(f.fact_id, f.value, f.basis) for f in state.facts.live(Metric.TRAPPED)] == [
        ("r1.trapped", 2, "r1"),
        ("r2.trapped", 3, "r2"),
    ]
    assert state.facts.live(Metric.DEAD) == ()
    assert facts.casualties({Metric.TRAPPED: 3, Metric.PEOPLE_MOVED: 9}) == Casualties(trapped=3)


def test_what_a_report_said_can_be_corrected_and_goes_with_it() -> None:
    fixed = replace(
        corrected, corrects="r2.trapped", metric=Metric.TRAPPED, previous_value=3, scope=""
    )
    events: tuple[Event, ...] = (known.opened, known.attached, fixed, recorded)
    state = incident(*events)

    assert state.facts.standing[Metric.TRAPPED].fact_id == "f2"
    assert facts.said_by(state.facts, {"r2"}) == {"r2.trapped", "f2"}
    assert set(facts.without_reports(state.facts, {"r2"}).known) == {"r1.trapped", "f1"}
