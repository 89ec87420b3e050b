"""Lots (批次): what came together and goes bad together; first expired, first out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone

UNMARKED = ""
"""The lot of what was taken in without one."""
CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
NEVER = date.max


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """So many of one lot.  Says all that is known of it, so that it goes where they go.

    ``expires_on`` is the last day on which it may be used.
    """

    lot_id: str
    quantity: int
    expires_on: date | None = None
    origin: str = ""

    def expired(self, day: date) -> bool:
        return self.expires_on is not None and self.expires_on < day


Portions = tuple[Portion, ...]
Lots = Mapping[str, Portion]


def day_of(moment: datetime) -> date:
    """Return the day that it is in China at an instant."""
    return moment.astimezone(CHINA).date()


def total(portions: Iterable[Portion]) -> int:
    return sum(portion.quantity for portion in portions)


def first_expired(portions: Iterable[Portion]) -> list[Portion]:
    """Return them in the order in which they are to be used up."""
    return sorted(portions, key=lambda one: (one.expires_on or NEVER, one.lot_id))


def draw(candidates: Iterable[Portion], quantity: int) -> Portions:
    """Take ``quantity`` off ``candidates``, in their order; less where they hold less."""
    drawn: list[Portion] = []
    for portion in candidates:
        part = min(quantity, portion.quantity)
        if part > 0:
            drawn.append(replace(portion, quantity=part))
            quantity -= part
    return tuple(drawn)


def plus(lots: Lots, portions: Iterable[Portion]) -> Lots:
    """Add to each lot.  Where two name different days for one lot, the earlier is believed."""
    sums = dict(lots)
    for portion in portions:
        there = sums.get(portion.lot_id)
        if there is None:
            sums[portion.lot_id] = portion
            continue
        days = [day for day in (there.expires_on, portion.expires_on) if day is not None]
        sums[portion.lot_id] = replace(
            there,
            quantity=there.quantity + portion.quantity,
            expires_on=min(days, default=None),
            origin=there.origin or portion.origin,
        )
    return sums


def minus(lots: Lots, portions: Iterable[Portion]) -> Lots:
    """Take off each lot; one that is used up is gone."""
    left = dict(lots)
    for portion in portions:
        there = left.get(portion.lot_id)
        if there is None:
            continue
        if there.quantity > portion.quantity:
            left[portion.lot_id] = replace(there, quantity=there.quantity - portion.quantity)
        else:
            del left[portion.lot_id]
    return left
