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
from types import MappingProxyType

from services.dispatch.domain.recommendation import coverage, gate
from services.dispatch.domain.recommendation.coverage import Gap
from services.dispatch.domain.recommendation.gate import Appraisal
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


def recommend(asked: Inputs, known: Mapping[str, Appraisal] = MappingProxyType({})) -> Result:
    """Return picks, next best, refusals, shortfalls and what the picks leave uncovered.

    ``known`` are candidates, by id, that were appraised before for the same question: only time is
    saved by them.
    """
    ranked, filled = _filled(asked, known)
    judged = [(one, _judge(one, filled, asked)) for one in ranked]
    picks = [said for one, said in judged if _sent(one, filled)]
    return Result(
        engine_version=VERSION,
        picks=tuple(sorted(picks, key=lambda one: one.want)),
        others=tuple(said for one, said in judged if not _sent(one, filled)),
        shortfalls=_shortfalls(asked, filled, judged),
        gaps=coverage.gaps(asked, frozenset(one.unit_id for one in picks)),
    )


def choose(asked: Inputs) -> tuple[list[Appraisal], dict[str, Appraisal]]:
    """Return the units that `recommend` picks, and all that it looked at, by id."""
    ranked, filled = _filled(asked, {})
    looked = {one.unit.unit_id: one for one in ranked}
    return [one for unit_id in filled if _sent(one := looked[unit_id], filled)], looked


def _sent(one: Appraisal, filled: Mapping[str, int]) -> bool:
    return one.why is None and one.unit.unit_id in filled


def _filled(
    asked: Inputs, known: Mapping[str, Appraisal]
) -> tuple[list[Appraisal], dict[str, int]]:
    looked = [known.get(unit.unit_id) or gate.appraise(unit, asked) for unit in asked.candidates]
    ranked = sorted(looked, key=lambda one: rank(one, asked))
    mine = [one for one in ranked if one.why is Verdict.ALREADY_ASSIGNED]
    free = [one for one in ranked if one.why is None]
    return ranked, fill(asked, mine, free)


def rank(one: Appraisal, asked: Inputs) -> tuple[bool, float, int, str]:
    """Return the order of arrival: routed times before estimates, and of equals the lower id."""
    return (
        one.unit.routed_s is None,
        float("inf") if one.arrival_s is None else one.arrival_s,
        -gate.shared_digits(one.unit, asked),
        one.unit.unit_id,
    )


def fill(asked: Inputs, mine: Sequence[Appraisal], free: Sequence[Appraisal]) -> dict[str, int]:
    """Return the want that each chosen unit fills; the incident's own units count first.

    ``free`` is in the order of arrival.  A place takes the first unit that any exchange of wants
    can reach (an augmenting path), so the choice is as large as it can be, and as near.
    """
    filled: dict[str, int] = {}
    offers = {one.unit.unit_id: one.wants for one in (*mine, *free)}
    places = [number for number, want in enumerate(asked.wants) for _ in range(want.number)]
    for units in (mine, free):
        unit_ids = [one.unit.unit_id for one in units]
        places = [want for want in places if not _place(want, unit_ids, offers, filled)]
    return filled


def _place(
    want: int,
    unit_ids: Sequence[str],
    offers: Mapping[str, Sequence[int]],
    filled: dict[str, int],
) -> bool:
    """Fill one place of a want with the first unit that can be had for it; tell whether one was."""
    moves = _reachable(want, offers, filled)
    for unit_id in unit_ids:
        ends = [end for end in offers[unit_id] if end in moves]
        if unit_id in filled or not ends:
            continue
        end = min(ends, key=lambda end: (len(moves[end]), end))
        filled[unit_id] = end
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


def _judge(one: Appraisal, filled: Mapping[str, int], asked: Inputs) -> Judged:
    unit, suited, away = one.unit, one.wants, one.distance_m
    verdict = one.why or (_closest(unit, asked) if unit.unit_id in filled else Verdict.FARTHER)
    return Judged(
        unit_id=unit.unit_id,
        verdict=verdict,
        want=filled.get(unit.unit_id, suited[0] if suited else -1),
        distance_m=None if away is None else round(away, 1),
        arrival_s=one.arrival_s,
    )


def _closest(unit: Candidate, asked: Inputs) -> Verdict:
    if asked.place.latitude is None:
        return Verdict.CLOSEST_BY_AREA
    return Verdict.CLOSEST_BY_DISTANCE if unit.routed_s is None else Verdict.CLOSEST_BY_ETA


def _shortfalls(
    asked: Inputs, filled: Mapping[str, int], judged: Sequence[tuple[Appraisal, Judged]]
) -> tuple[Shortfall, ...]:
    have = Counter(filled.values())
    short = []
    for number, want in enumerate(asked.wants):
        if have[number] == want.number:
            continue
        counts = Counter(
            said.verdict
            for one, said in judged
            if number in one.wants and filled.get(said.unit_id) != number
        )
        for rest in asked.rest:
            if number in rest.wants:
                counts[rest.verdict] += rest.count
        why = tuple(Count(verdict=v, count=counts[v]) for v in Verdict if counts[v])
        short.append(Shortfall(want=number, missing=want.number - have[number], counts=why))
    return tuple(short)
