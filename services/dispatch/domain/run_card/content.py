"""What a run card (调派卡) says: when it answers, and which units each alarm level adds.

Levels are additive: alarm level 3 sends what levels 1, 2 and 3 say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.runtime.rejection import Invalid


class Grade(StrEnum):
    """事件等级, from small to great, as command names it."""

    ORDINARY = "ordinary"
    LARGER = "larger"
    MAJOR = "major"
    ESPECIALLY_MAJOR = "especially_major"

    @property
    def rank(self) -> int:
        return list(Grade).index(self)


class ResponseLevel(StrEnum):
    """响应级别: IV is the lowest, I the highest."""

    IV = "IV"
    III = "III"
    II = "II"
    I = "I"  # noqa: E741 - the level's name

    @property
    def rank(self) -> int:
        return list(ResponseLevel).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """``number`` units of one sort: any of the kinds and types, all capabilities and attributes."""

    kinds: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLevel:
    alarm_level: int
    wants: tuple[Want, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Inside ``adcode`` these wants stand for the card's own of that alarm level."""

    adcode: str
    alarm_level: int
    wants: tuple[Want, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Hours of the local day from ``start`` up to ``end``; 22 to 6 goes over midnight."""

    start: int
    end: int

    def hold(self, hour: int) -> bool:
        if self.start <= self.end:
            return self.start <= hour < self.end
        return hour >= self.start or hour < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Every one that is set must hold.

    A point with its radius, an address or a risk site make a pre-planned card, ``starts_at`` or
    ``ends_at`` a scheduled one.
    """

    type_codes: tuple[str, ...]
    minimum_grade: Grade | None = None
    minimum_response_level: ResponseLevel | None = None
    adcodes: tuple[str, ...] = ()
    hours: Hours | None = None
    months: tuple[int, ...] = ()
    address: str = ""
    latitude: float | None = None
    longitude: float | None = None
    within_m: int = 0
    risk_site_id: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """``radius_m`` 0 leaves the radius to the suite; ``planned_start_at`` None sends at once."""

    title: str
    sample: bool
    source: str
    conditions: Conditions
    levels: tuple[AlarmLevel, ...]
    overrides: tuple[Override, ...] = ()
    radius_m: int = 0
    planned_start_at: datetime | None = None
    instructions: str = ""

    def wants(self, alarm_level: int, adcode: str) -> tuple[Want, ...]:
        """Return what is sent up to an alarm level inside a region, lower levels first.

        The override of the smallest region that holds ``adcode`` wins.
        """
        sent: tuple[Want, ...] = ()
        for level in self.levels:
            if level.alarm_level <= alarm_level:
                sent += self._of(level, adcode)
        return sent

    def _of(self, level: AlarmLevel, adcode: str) -> tuple[Want, ...]:
        inside = [
            override
            for override in self.overrides
            if override.alarm_level == level.alarm_level and adcode.startswith(override.adcode)
        ]
        if not inside:
            return level.wants
        return max(inside, key=lambda override: len(override.adcode)).wants


def check(content: Content, adcode: str) -> None:
    """Raise Invalid for a card that contradicts itself."""
    numbers = [level.alarm_level for level in content.levels]
    if numbers != list(range(1, len(numbers) + 1)):
        raise Invalid(
            "ALARM_LEVELS_NOT_IN_ORDER",
            field="content.levels",
            got=", ".join(map(str, numbers)),
            allowed="1, 2, 3 and so on, each once",
        )
    seen: set[tuple[str, int]] = set()
    for number, override in enumerate(content.overrides):
        if override.alarm_level > len(numbers):
            raise Invalid(
                "OVERRIDE_WITHOUT_LEVEL",
                field=f"content.overrides[{number}].alarm_level",
                got=str(override.alarm_level),
                allowed=f"1 to {len(numbers)}, the levels of the card",
            )
        if (override.adcode, override.alarm_level) in seen:
            raise Invalid(
                "OVERRIDE_TWICE",
                field=f"content.overrides[{number}]",
                got=f"{override.adcode} level {override.alarm_level} again",
                allowed="one override per region and alarm level",
            )
        seen.add((override.adcode, override.alarm_level))
        _inside(override.adcode, adcode, f"content.overrides[{number}].adcode")
    conditions = content.conditions
    for number, code in enumerate(conditions.adcodes):
        _inside(code, adcode, f"content.conditions.adcodes[{number}]")
    if conditions.hours is not None and conditions.hours.start == conditions.hours.end:
        raise Invalid(
            "HOURS_EMPTY",
            field="content.conditions.hours",
            got=f"{conditions.hours.start} to {conditions.hours.end}",
            allowed="two different hours; leave hours out for the whole day",
        )
    starts, ends = conditions.starts_at, conditions.ends_at
    if starts is not None and ends is not None and ends <= starts:
        raise Invalid(
            "PERIOD_EMPTY",
            field="content.conditions.end_time",
            got=ends.isoformat(),
            allowed=f"after {starts.isoformat()}",
        )


def _inside(code: str, adcode: str, field: str) -> None:
    if not code.startswith(adcode):
        raise Invalid("OUTSIDE_CARD", field=field, got=code, allowed=f"a code inside {adcode}")
