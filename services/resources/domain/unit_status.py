"""A unit's status on EIDO's two axes (NENA-STA-021 §3.9–3.10).

The secondary axis is what people and devices say; the newest of what they say counts, whenever it
comes.  The primary axis is nobody's to say: it is the worst of what the unit's service, each hold,
its rest, its staffing and its word make of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.resources.domain.unit_roster import Roster
from services.resources.domain.vocabulary import IN_SERVICE, OUT_OF_SERVICE, Standing
from services.runtime.actor import Actor


class Source(StrEnum):
    CREW = "crew"
    CONSOLE = "console"
    DEVICE = "device"


class Why(StrEnum):
    """Why a unit is not simply available."""

    OUT_OF_SERVICE = "OUT_OF_SERVICE"
    HELD = "HELD"
    RESTING = "RESTING"
    UNDERSTAFFED = "UNDERSTAFFED"
    STATUS = "STATUS"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUnitStatus:
    """``codes`` are EIDO's, ``vocabulary`` the version that gave the word its meaning."""

    by: Actor
    unit_id: str
    word: str
    codes: tuple[str, ...]
    standing: Standing
    reassignable: bool
    source: Source
    vocabulary: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitStatusSet:
    """``late`` where something newer had been said already: kept, and nothing follows from it."""

    unit_id: str
    adcode: str
    word: str
    codes: tuple[str, ...]
    standing: Standing
    reassignable: bool
    source: Source
    set_by: str
    vocabulary: str
    late: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRecalled:
    """Called back to work, from its rest or whatever its word was; ``word`` is empty for a rest."""

    unit_id: str
    adcode: str
    word: str
    reason: str
    recalled_by: str
    occurred_at: datetime


Event = UnitStatusSet | UnitRecalled


@dataclass(frozen=True, slots=True)
class Said:
    """The newest that was said of a unit."""

    word: str
    codes: tuple[str, ...]
    standing: Standing
    reassignable: bool
    source: Source
    set_by: str
    occurred_at: datetime


def decide(command: SetUnitStatus, said: Said | None, adcode: str) -> list[Event]:
    """Record what was said, however late it comes; the same twice is said once."""
    news = Said(
        word=command.word,
        codes=command.codes,
        standing=command.standing,
        reassignable=command.reassignable,
        source=command.source,
        set_by=command.by.subject,
        occurred_at=command.occurred_at,
    )
    if news == said:
        return []
    return [
        UnitStatusSet(
            unit_id=command.unit_id,
            adcode=adcode,
            word=command.word,
            codes=command.codes,
            standing=command.standing,
            reassignable=command.reassignable,
            source=command.source,
            set_by=command.by.subject,
            vocabulary=command.vocabulary,
            late=said is not None and said.occurred_at > command.occurred_at,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(said: Said | None, event: Event) -> Said | None:
    """Keep the newer of two facts; of two at one instant the one that came last."""
    if said is not None and said.occurred_at > event.occurred_at:
        return said
    match event:
        case UnitStatusSet():
            return Said(
                word=event.word,
                codes=event.codes,
                standing=event.standing,
                reassignable=event.reassignable,
                source=event.source,
                set_by=event.set_by,
                occurred_at=event.occurred_at,
            )
        case UnitRecalled():
            return Said(
                word="",
                codes=(IN_SERVICE,),
                standing=Standing.AVAILABLE,
                reassignable=False,
                source=Source.CONSOLE,
                set_by=event.recalled_by,
                occurred_at=event.occurred_at,
            )
        case _:
            assert_never(event)


def secondary(said: Said | None, *, in_service: bool) -> tuple[str, ...]:
    """Return EIDO's secondary codes, of which there is always one."""
    if not in_service:
        others = () if said is None else tuple(c for c in said.codes if c != IN_SERVICE)
        return tuple(dict.fromkeys((OUT_OF_SERVICE, *others)))
    return (IN_SERVICE,) if said is None else said.codes


def primary(
    *, in_service: bool, is_held: bool, said: Said | None, roster: Roster, minimum_staffing: int
) -> tuple[Standing, tuple[Why, ...]]:
    """Return whether a unit can be assigned, and everything that keeps it from being so."""
    against: dict[Why, Standing] = {}
    if not in_service:
        against[Why.OUT_OF_SERVICE] = Standing.NOT_AVAILABLE
    if is_held:
        reassignable = said is not None and said.reassignable
        against[Why.HELD] = Standing.CONDITIONAL if reassignable else Standing.NOT_AVAILABLE
    if roster.resting is not None:
        against[Why.RESTING] = Standing.CONDITIONAL
    if roster.crew and len(roster.on_duty) < max(minimum_staffing, 1):
        against[Why.UNDERSTAFFED] = Standing.CONDITIONAL
    if said is not None and said.standing is not Standing.AVAILABLE:
        against[Why.STATUS] = said.standing
    return _worst(list(against.values())), tuple(against)


def _worst(standings: Sequence[Standing]) -> Standing:
    return max(standings, key=list(Standing).index, default=Standing.AVAILABLE)
