"""Which units to send: a pure function of its inputs, with a reason for each unit.

Every unit that can go is offered to every want it suits.  Wants are filled in their order, each
place by the unit that arrives first; where a unit that is picked already could as well fill
another want, wants swap, so that nothing is missing that the units at hand can give, and no unit
that was picked is given up for one that arrives later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.dispatch.domain.recommendation import coverage, gate
from services.dispatch.domain.recommendation.coverage import Gap
from services.dispatch.domain.recommendation.inputs import Candidate, Inputs, Verdict

VERSION = "1"
"""Raised with every change that may change a result: a replay says which engine made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """``want`` is what the unit fills or could fill, -1 for nothing; None where unknown."""

    unit_id: str
    verdict: Verdict
    want: int
    distance_m: float | None
    arrival_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    verdict: Verdict
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """``counts`` are the units that could fill the want but for this."""

    want: int
    missing: int
    counts: tuple[Count, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    engine_version: str
    picks: tuple[Judged, ...]
    others: tuple[Judged, ...]
    shortfalls: tuple[Shortfall, ...]
    gaps: tuple[Gap, ...]


def recommend(asked: Inputs) -> Result:
    """Return picks, next best, refusals, shortfalls and what the picks leave uncovered."""
    ranked, why, filled = _filled(asked)
    judged = [_judge(unit, why[unit.unit_id], filled, asked) for unit in ranked]
    sent = {one for one in filled if why[one] is None}
    picks = [one for one in judged if one.unit_id in sent]
    return Result(
        engine_version=VERSION,
        picks=tuple(sorted(picks, key=lambda one: one.want)),
        others=tuple(one for one in judged if one.unit_id not in sent),
        shortfalls=_shortfalls(asked, filled, judged),
        gaps=coverage.gaps(asked, frozenset(sent)),
    )


def picked(asked: Inputs) -> list[str]:
    """Return the units that `recommend` picks, without its reasons."""
    _, why, filled = _filled(asked)
    return [one for one in filled if why[one] is None]


def _filled(
    asked: Inputs,
) -> tuple[list[Candidate], dict[str, Verdict | None], dict[str, int]]:
    ranked = sorted(asked.candidates, key=lambda unit: rank(unit, asked))
    why = {unit.unit_id: _refused(unit, asked) for unit in ranked}
    mine = [unit for unit in ranked if why[unit.unit_id] is Verdict.ALREADY_ASSIGNED]
    free = [unit for unit in ranked if why[unit.unit_id] is None]
    return ranked, why, fill(asked, mine, free)


def rank(unit: Candidate, asked: Inputs) -> tuple[bool, float, int, str]:
    """Return the order of arrival: routed times before estimates, and of equals the lower id."""
    arrival = gate.arrival_s(unit, asked)
    return (
        unit.routed_s is None,
        float("inf") if arrival is None else arrival,
        -gate.shared_digits(unit, asked),
        unit.unit_id,
    )


def fill(asked: Inputs, mine: Sequence[Candidate], free: Sequence[Candidate]) -> dict[str, int]:
    """Return the want that each chosen unit fills; the incident's own units count first.

    ``free`` is in the order of arrival.  A place takes the first unit that any exchange of wants
    can reach (an augmenting path), so the choice is as large as it can be, and as near.
    """
    filled: dict[str, int] = {}
    offers = {
        unit.unit_id: [n for n, want in enumerate(asked.wants) if gate.suits(unit, want)]
        for unit in (*mine, *free)
    }
    places = [number for number, want in enumerate(asked.wants) for _ in range(want.number)]
    for units in (mine, free):
        places = [want for want in places if not _place(want, units, offers, filled)]
    return filled


def _place(
    want: int,
    units: Sequence[Candidate],
    offers: Mapping[str, Sequence[int]],
    filled: dict[str, int],
) -> bool:
    """Fill one place of a want with the first unit that can be had for it; tell whether one was."""
    moves = _reachable(want, offers, filled)
    for unit in units:
        ends = [end for end in offers[unit.unit_id] if end in moves]
        if unit.unit_id in filled or not ends:
            continue
        end = min(ends, key=lambda end: (len(moves[end]), end))
        filled[unit.unit_id] = end
        filled.update(moves[end])
        return True
    return False


def _reachable(
    want: int, offers: Mapping[str, Sequence[int]], filled: Mapping[str, int]
) -> dict[int, tuple[tuple[str, int], ...]]:
    """Return each want whose place could be passed on to ``want``, and which units move for it."""
    moves: dict[int, tuple[tuple[str, int], ...]] = {want: ()}
    queue = [want]
    for here in queue:
        for unit_id, there in filled.items():
            if there not in moves and here in offers[unit_id]:
                moves[there] = ((unit_id, here), *moves[here])
                queue.append(there)
    return moves


def _refused(unit: Candidate, asked: Inputs) -> Verdict | None:
    held = gate.standing(unit, asked.at) is Verdict.HELD
    if held and asked.incident_id and unit.held_for == asked.incident_id:
        return Verdict.ALREADY_ASSIGNED
    if not any(gate.suits(unit, want) for want in asked.wants):
        return Verdict.LACKS_CAPABILITY
    return gate.refused(unit, asked)


def _judge(
    unit: Candidate, why: Verdict | None, filled: Mapping[str, int], asked: Inputs
) -> Judged:
    suited = (n for n, want in enumerate(asked.wants) if gate.suits(unit, want))
    away = gate.distance_m(unit, asked)
    verdict = why or (_closest(unit, asked) if unit.unit_id in filled else Verdict.FARTHER)
    return Judged(
        unit_id=unit.unit_id,
        verdict=verdict,
        want=filled.get(unit.unit_id, next(suited, -1)),
        distance_m=None if away is None else round(away, 1),
        arrival_s=gate.arrival_s(unit, asked),
    )


def _closest(unit: Candidate, asked: Inputs) -> Verdict:
    if asked.place.latitude is None:
        return Verdict.CLOSEST_BY_AREA
    return Verdict.CLOSEST_BY_DISTANCE if unit.routed_s is None else Verdict.CLOSEST_BY_ETA


def _shortfalls(
    asked: Inputs, filled: Mapping[str, int], judged: Sequence[Judged]
) -> tuple[Shortfall, ...]:
    units = {unit.unit_id: unit for unit in asked.candidates}
    have = Counter(filled.values())
    short = []
    for number, want in enumerate(asked.wants):
        if have[number] == want.number:
            continue
        counts = Counter(
            one.verdict
            for one in judged
            if gate.suits(units[one.unit_id], want) and filled.get(one.unit_id) != number
        )
        for rest in asked.rest:
            if number in rest.wants:
                counts[rest.verdict] += rest.count
        said = tuple(Count(verdict=v, count=counts[v]) for v in Verdict if counts[v])
        short.append(Shortfall(want=number, missing=want.number - have[number], counts=said))
    return tuple(short)
