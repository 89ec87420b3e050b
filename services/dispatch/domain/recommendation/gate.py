"""Whether one unit can go, and when it would be there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.dispatch.domain.recommendation.inputs import Candidate, Inputs, Pace, Rules, Verdict
from services.dispatch.domain.run_card.content import Want
from services.runtime.place import metres


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraisal:
    """A unit held against what is asked.

    ``wants`` are those that it suits, ``why`` is what keeps it from being sent, None for nothing;
    ``distance_m`` and ``arrival_s`` are None where unknown.
    """

    unit: Candidate
    wants: tuple[int, ...]
    why: Verdict | None
    distance_m: float | None
    arrival_s: float | None


def appraise(unit: Candidate, asked: Inputs) -> Appraisal:
    """Look at one unit, once, for all that an engine asks of it."""
    wants = tuple(number for number, want in enumerate(asked.wants) if suits(unit, want))
    away = distance_m(unit, asked)
    return Appraisal(
        unit=unit,
        wants=wants,
        why=_why(unit, wants, asked, away),
        distance_m=away,
        arrival_s=None if away is None else _arrival_s(unit, asked, away),
    )


def suits(unit: Candidate, want: Want) -> bool:
    return (
        (not want.kinds or unit.kind in want.kinds)
        and (not want.types or unit.type in want.types)
        and set(want.capabilities).issubset(unit.capabilities)
        and set(want.attributes).issubset(unit.attributes)
    )


def standing(unit: Candidate, at: datetime) -> Verdict | None:
    """Return why a unit cannot go wherever it is wanted; None if nothing forbids."""
    if unit.out_of_service:
        return Verdict.OUT_OF_SERVICE
    if unit.holder and (unit.held_until is None or unit.held_until > at):
        return Verdict.HELD
    if unit.says_not_available:
        return Verdict.NOT_AVAILABLE
    if unit.rest_until is not None and unit.rest_until > at:
        return Verdict.IN_REST_PERIOD
    if unit.crew < unit.minimum_crew:
        return Verdict.NOT_STAFFED
    return None


def refused(unit: Candidate, asked: Inputs) -> Verdict | None:
    """Return the first reason that keeps a unit from being sent; None for one that can go."""
    return _refused(unit, asked, distance_m(unit, asked))


def distance_m(unit: Candidate, asked: Inputs) -> float | None:
    here, there = (unit.latitude, unit.longitude), (asked.place.latitude, asked.place.longitude)
    if here[0] is None or here[1] is None or there[0] is None or there[1] is None:
        return None
    return metres((here[0], here[1]), (there[0], there[1]))


def travel_s(away_m: float, pace: Pace, rules: Rules) -> float:
    return away_m * rules.road_factor * 3.6 / pace.speed_kmh


def needs_approval(unit: Candidate, asked: Inputs) -> bool:
    return unit.mobilisation_class in asked.approval_classes


def shared_digits(unit: Candidate, asked: Inputs) -> int:
    """Return how many digits of the place's code a unit's home shares, by whole regions."""
    for digits in (12, 9, 6, 4, 2):
        if (
            len(asked.place.adcode) >= digits
            and unit.adcode[:digits] == asked.place.adcode[:digits]
        ):
            return digits
    return 0


def _why(
    unit: Candidate, wants: tuple[int, ...], asked: Inputs, away: float | None
) -> Verdict | None:
    ours = asked.incident_id and unit.held_for == asked.incident_id
    if ours and standing(unit, asked.at) is Verdict.HELD:
        return Verdict.ALREADY_ASSIGNED
    return _refused(unit, asked, away) if wants else Verdict.LACKS_CAPABILITY


def _refused(unit: Candidate, asked: Inputs, away: float | None) -> Verdict | None:
    if (why := standing(unit, asked.at)) is not None:
        return why
    if asked.place.latitude is None:
        return None
    if unit.latitude is None:
        return Verdict.NO_POSITION
    oldest = asked.at - timedelta(seconds=asked.rules.position_max_age_s)
    if unit.positioned_at is not None and unit.positioned_at < oldest:
        return Verdict.POSITION_TOO_OLD
    if away is not None and away > asked.radius_m:
        return Verdict.OUTSIDE_RADIUS
    return None


def _arrival_s(unit: Candidate, asked: Inputs, away: float) -> float:
    """Return the seconds until a unit is at the place: approval, turnout, and travel."""
    pace, travel = asked.rules.pace_of(unit.kind), unit.routed_s
    if travel is None:
        travel = travel_s(away, pace, asked.rules)
    approval = asked.rules.approval_s if needs_approval(unit, asked) else 0.0
    return round(approval + pace.turnout_s + travel, 1)
