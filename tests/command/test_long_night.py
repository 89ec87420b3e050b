"""An incident of many figures: what stood when, and that no command has to look through them all.

The cost is counted in looks at figures, not in seconds, so that no machine is too slow for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.command.domain.incident import decider, facts, figures, grading
from services.command.domain.incident.facts import Fact, Facts, Metric, SourceKind
from tests.command.figured import record, recorded
from tests.command.incidents import NOW, WHOLE_RULES, decide, opened
from tests.command.incidents import record as decision

SCOPES = ("", "431281101", "431281102")
FIGURES = 300

said = st.builds(
    Fact,
    fact_id=st.uuids().map(str),
    metric=st.sampled_from([Metric.DEAD, Metric.TRAPPED]),
    value=st.integers(0, 5),
    source_kind=st.just(SourceKind.TOWNSHIP),
    source=st.just("安江镇"),
    occurred_at=st.integers(0, 4).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    scope=st.sampled_from(SCOPES),
)


@st.composite
def known(draw: st.DrawFn) -> Facts:
    """Facts of which some have ended, and at most one of a metric and scope is authoritative."""
    all_ = draw(st.lists(said, max_size=12))
    ended = draw(st.sets(st.sampled_from([one.fact_id for one in all_]))) if all_ else set()
    live = {(one.metric, one.scope): one.fact_id for one in all_ if one.fact_id not in ended}
    authoritative = draw(st.sets(st.sampled_from(sorted(live.values())))) if live else set()
    return Facts(
        known={one.fact_id: one for one in all_},
        ended=dict.fromkeys(ended, ""),
        authoritative=frozenset(authoritative),
    )


def as_defined(held: Facts) -> Iterator[tuple[datetime, Mapping[Metric, int]]]:
    """Yield what stood at each instant, each time from all that had been said by then."""
    live = [fact for fact in held.known.values() if fact.fact_id not in held.ended]
    before: Mapping[Metric, int] = {}
    for moment in sorted({fact.occurred_at for fact in live}):
        then = {fact.fact_id: fact for fact in live if fact.occurred_at <= moment}
        past = Facts(known=then, authoritative=held.authoritative & then.keys())
        values = {metric: fact.value for metric, fact in past.standing.items()}
        if values != before:
            yield moment, values
        before = values


@given(known())
def test_what_stood_when_is_what_had_been_said_by_then(held: Facts) -> None:
    assert list(held.over_time()) == list(as_defined(held))


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return what grows with each look at what stands of a metric."""
    seen: list[None] = []
    look = facts._standing_of  # what is counted

    def counted(chosen: Mapping[str, Fact], authoritative: frozenset[str]) -> Fact:
        seen.append(None)
        return look(chosen, authoritative)

    monkeypatch.setattr(facts, "_standing_of", counted)
    return seen


def long_night() -> decider.State:
    """Many figures none of which reaches a grade."""
    return decider.fold(
        [
            opened,
            *(
                replace(
                    recorded,
                    fact_id=f"m{number}",
                    metric=Metric.PEOPLE_MOVED,
                    value=number % 7,
                    occurred_at=NOW + timedelta(seconds=number),
                )
                for number in range(FIGURES)
            ),
        ],
        decider.INITIAL,
    )


def test_the_figure_that_changes_everything_is_not_waited_for(looks: list[None]) -> None:
    state = long_night()
    late = replace(record, value=35, occurred_at=NOW + timedelta(hours=1))

    first, proposed, *clocks = decider.decide(WHOLE_RULES, late, state)

    assert isinstance(first, figures.FigureRecorded)
    assert isinstance(proposed, grading.GradeProposed)
    assert len(clocks) > 3
    assert len(looks) < len(clocks) * FIGURES  # each clock looks at each figure once


def test_other_commands_look_at_the_figures_once(looks: list[None]) -> None:
    state = long_night()
    decide(decision, state)
    first = len(looks)
    decide(decision, state)

    assert first <= 2 * len(Metric)
    assert len(looks) == first
