"""What dispatch knows of an incident, in whatever order it hears."""

from __future__ import annotations

from functools import reduce
from itertools import permutations

from services.dispatch.domain.incident_ref import (
    INITIAL,
    Command,
    EndIncident,
    IncidentEnded,
    IncidentNoted,
    IncidentResumed,
    NoteIncident,
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
