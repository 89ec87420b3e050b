"""What dispatch knows of an incident, in whatever order it hears."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from itertools import permutations

from services.dispatch.domain.incident_ref import (
    INITIAL,
    Command,
    EndIncident,
    IncidentEnded,
    IncidentNoted,
    IncidentReplaced,
    IncidentResumed,
    NoteIncident,
    ReplaceIncident,
    ResumeIncident,
    decide,
    evolve,
)
from tests.dispatch.facts import DYKE, NOW
from tests.spec import spec

given = spec(decide, evolve, INITIAL)


def note(version: int = 0, *, is_open: bool = True) -> NoteIncident:
    return NoteIncident(
        incident_id="i1",
        place=DYKE,
        call_at=NOW,
        is_open=is_open,
        version=version,
        occurred_at=NOW,
    )


def end(version: int) -> EndIncident:
    return EndIncident(incident_id="i1", version=version, occurred_at=NOW)


def resume(version: int) -> ResumeIncident:
    return ResumeIncident(incident_id="i1", version=version, occurred_at=NOW)


def noted(version: int = 0) -> IncidentNoted:
    return IncidentNoted(
        incident_id="i1", place=DYKE, call_at=NOW, version=version, occurred_at=NOW
    )


def ended(version: int) -> IncidentEnded:
    return IncidentEnded(incident_id="i1", version=version, occurred_at=NOW)


def resumed(version: int) -> IncidentResumed:
    return IncidentResumed(incident_id="i1", version=version, occurred_at=NOW)


def test_an_incident_is_noted_once() -> None:
    given().when(note()).then(noted())
    given(noted()).when(note()).then()


def test_an_incident_found_closed_is_noted_and_ended() -> None:
    given().when(note(7, is_open=False)).then(noted(7), ended(7))


def test_old_news_changes_nothing() -> None:
    given(noted(7)).when(end(5)).then()
    given(noted(), ended(5)).when(resume(4)).then()
    given(noted(), ended(5)).when(end(5)).then()


def test_newer_news_counts_even_when_it_says_the_same() -> None:
    given(noted(), ended(3)).when(end(5)).then(ended(5))


def test_asking_brings_what_was_not_heard_yet() -> None:
    given(noted(), ended(3)).when(note(4)).then(resumed(4))
    given(noted(), ended(3)).when(note(3, is_open=False)).then()


def test_every_order_of_the_news_leads_to_the_same_knowledge() -> None:
    news: tuple[Command, ...] = (note(0), end(3), resume(4), end(6), resume(9))
    for order in permutations(news):
        state = INITIAL
        for command in order:
            state = reduce(evolve, decide(command, state), state)
        assert state.is_open
        assert state.noted
        assert state.version == 9


def merge(version: int, into: str = "i2") -> ReplaceIncident:
    return ReplaceIncident(incident_id="i1", into=into, version=version, occurred_at=NOW)


def replaced(version: int, into: str = "i2") -> IncidentReplaced:
    return IncidentReplaced(incident_id="i1", into=into, version=version, occurred_at=NOW)


def test_a_merge_is_recorded_once_and_for_good() -> None:
    given(noted()).when(merge(5)).then(replaced(5))
    given(noted(), replaced(5)).when(merge(5)).then()
    given(noted(), replaced(5)).when(merge(7, "i3")).then()
    assert evolve(evolve(INITIAL, replaced(5)), resumed(6)).is_open is False


def test_who_is_asked_tells_of_a_merge_as_well() -> None:
    asked = replace(note(5, is_open=False), into="i2")
    given().when(asked).then(noted(5), replaced(5))
    given(noted()).when(asked).then(replaced(5))
    given(noted(), replaced(5)).when(asked).then()


def test_in_whatever_order_a_merge_is_heard_the_incident_is_replaced() -> None:
    news: list[Command] = [note(0), end(3), resume(4), merge(5)]
    for order in permutations(news):
        state = reduce(
            lambda known, command: reduce(evolve, decide(command, known), known), order, INITIAL
        )
        assert (state.noted, state.is_open, state.into) == (True, False, "i2")
