"""Which run cards answer an incident, the most specific first, and what makes them so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from services.dispatch.domain.run_card.content import Conditions, Content, Grade, ResponseLevel
from services.runtime.place import Place, metres


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A card's version in force.  ``exercise`` marks one that was made in a drill."""

    run_card_id: str
    version: int
    adcode: str
    content: Content
    exercise: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a card is matched against; ``called_at`` is the time on the wall where it happened."""

    type_code: str
    grade: Grade | None
    response_level: ResponseLevel | None
    place: Place
    called_at: datetime
    exercise: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """``specificity`` compares like a word: a pre-planned place first, then a period, and so on."""

    card: Published
    specificity: tuple[int, ...]
    reasons: tuple[str, ...]
    tied: bool = False


def match(cards: Iterable[Published], facts: Facts) -> list[Match]:
    """Return the cards that answer, the most specific first; of equals the lower id.

    A sample answers in exercises only, and a card that was made in a drill in that drill only.
    """
    found = [held for card in cards if (held := _holds(card, facts)) is not None]
    ordered = sorted(found, key=lambda held: held.card.run_card_id)
    ordered.sort(key=lambda held: held.specificity, reverse=True)
    return [
        Match(
            card=held.card,
            specificity=held.specificity,
            reasons=held.reasons,
            tied=number > 0 and ordered[number - 1].specificity == held.specificity,
        )
        for number, held in enumerate(ordered)
    ]


def _holds(card: Published, facts: Facts) -> Match | None:
    content, wanted = card.content, card.content.conditions
    if content.sample and not facts.exercise:
        return None
    if card.exercise and card.exercise != facts.exercise:
        return None
    if not facts.place.adcode.startswith(card.adcode):
        return None
    codes = [code for code in wanted.type_codes if facts.type_code.startswith(code)]
    regions = [code for code in wanted.adcodes if facts.place.adcode.startswith(code)]
    if not codes or bool(wanted.adcodes) != bool(regions):
        return None
    if not (_planned_here(wanted, facts.place) and _now(wanted, facts) and _grave(wanted, facts)):
        return None
    code, region = max(codes, key=len), max(regions, key=len, default="")
    said = [
        (
            _place_rank(wanted),
            f"planned for {wanted.risk_site_id or wanted.address or 'the point'}",
        ),
        (_count(wanted.starts_at, wanted.ends_at), "scheduled for this time"),
        (len(code), f"type {code}"),
        (len(region), f"inside {region}"),
        (_rank(wanted.minimum_grade), f"grade at least {wanted.minimum_grade}"),
        (_rank(wanted.minimum_response_level), f"level at least {wanted.minimum_response_level}"),
        (int(wanted.hours is not None), "hours of the day"),
        (int(bool(wanted.months)), "season"),
        (len(card.adcode), f"card of {card.adcode}"),
    ]
    return Match(
        card=card,
        specificity=tuple(weight for weight, _ in said),
        reasons=tuple(reason for weight, reason in said if weight),
    )


def _planned_here(wanted: Conditions, place: Place) -> bool:
    if wanted.address and wanted.address not in place.address:
        return False
    if wanted.latitude is None or wanted.longitude is None:
        return True
    if place.latitude is None or place.longitude is None:
        return False
    there = (place.latitude, place.longitude)
    return metres((wanted.latitude, wanted.longitude), there) <= wanted.within_m


def _now(wanted: Conditions, facts: Facts) -> bool:
    at = facts.called_at
    return not (
        (wanted.starts_at is not None and at < wanted.starts_at)
        or (wanted.ends_at is not None and at >= wanted.ends_at)
        or (wanted.hours is not None and not wanted.hours.hold(at.hour))
        or (wanted.months and at.month not in wanted.months)
    )


def _grave(wanted: Conditions, facts: Facts) -> bool:
    return _rank(facts.grade) >= _rank(wanted.minimum_grade) and _rank(
        facts.response_level
    ) >= _rank(wanted.minimum_response_level)


def _rank(value: Grade | ResponseLevel | None) -> int:
    return 0 if value is None else value.rank + 1


def _place_rank(wanted: Conditions) -> int:
    return _count(wanted.address, wanted.latitude)


def _count(*conditions: object) -> int:
    return sum(condition not in {None, ""} for condition in conditions)
