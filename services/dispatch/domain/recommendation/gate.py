"""Whether one unit can go, and when it would be there."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.dispatch.domain.recommendation.inputs import Candidate, Inputs, Rules, Verdict
from services.dispatch.domain.run_card.content import Want
from services.runtime.place import metres


def suits(unit: Candidate, want: Want) -> bool:
    return (
        (not want.kinds or unit.kind in want.kinds)
        and (not want.types or unit.type in want.types)
        and all(capability in unit.capabilities for capability in want.capabilities)
        and all(attribute in unit.attributes for attribute in want.attributes)
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
    if (why := standing(unit, asked.at)) is not None:
        return why
    if asked.place.latitude is None:
        return None
    if unit.latitude is None:
        return Verdict.NO_POSITION
    oldest = asked.at - timedelta(seconds=asked.rules.position_max_age_s)
    if unit.positioned_at is not None and unit.positioned_at < oldest:
        return Verdict.POSITION_TOO_OLD
    if (away := distance_m(unit, asked)) is not None and away > asked.radius_m:
        return Verdict.OUTSIDE_RADIUS
    return None


def distance_m(unit: Candidate, asked: Inputs) -> float | None:
    here, there = (unit.latitude, unit.longitude), (asked.place.latitude, asked.place.longitude)
    if here[0] is None or here[1] is None or there[0] is None or there[1] is None:
        return None
    return metres((here[0], here[1]), (there[0], there[1]))


def arrival_s(unit: Candidate, asked: Inputs) -> float | None:
    """Return the seconds until a unit is at the place: approval, turnout, and travel."""
    away = distance_m(unit, asked)
    if away is None:
        return None
    travel = unit.routed_s
    if travel is None:
        travel = travel_s(away, unit.kind, asked.rules)
    approval = asked.rules.approval_s if needs_approval(unit, asked) else 0.0
    return round(approval + asked.rules.pace_of(unit.kind).turnout_s + travel, 1)


def travel_s(away_m: float, kind: str, rules: Rules) -> float:
    return away_m * rules.road_factor * 3.6 / rules.pace_of(kind).speed_kmh


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
