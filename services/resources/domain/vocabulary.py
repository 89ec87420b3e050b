"""What units are called and what they say of themselves: kinds, types, words.

Versioned reference data (reference/units.json), so that a county speaks its own words and every
machine EIDO's codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from services.runtime.rejection import Invalid

IN_SERVICE, OUT_OF_SERVICE = "InService", "OutofService"


class Standing(StrEnum):
    """Whether a unit can be assigned: EIDO's primary status (NENA-STA-021)."""

    AVAILABLE = "available"
    CONDITIONAL = "conditional"
    NOT_AVAILABLE = "not_available"


@dataclass(frozen=True, slots=True)
class Word:
    """What one keystroke means: EIDO's secondary codes, and what it makes of the unit.

    A unit that is held and ``reassignable`` could be sent elsewhere.
    """

    codes: tuple[str, ...]
    standing: Standing = Standing.AVAILABLE
    reassignable: bool = False


@dataclass(frozen=True, slots=True)
class UnitType:
    name: str
    minimum_staffing: int = 0
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rest:
    """Who was out for ``after_hours`` rests for ``hours``."""

    after_hours: float
    hours: float

    @property
    def after(self) -> timedelta:
        return timedelta(hours=self.after_hours)

    @property
    def lasting(self) -> timedelta:
        return timedelta(hours=self.hours)


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    types: dict[str, UnitType]
    words: dict[str, Word] = field(default_factory=dict)
    rest: Rest | None = None


@dataclass(frozen=True, slots=True)
class UnitVocabulary:
    version: str
    source: str
    secondary: dict[str, str]
    attributes: dict[str, str]
    qualifications: dict[str, str]
    rest: Rest
    common_words: dict[str, Word]
    kinds: dict[str, Kind]

    def words(self, kind: str) -> Mapping[str, Word]:
        """Return every word that a unit of this kind has; its own go before the common ones."""
        own = self.kinds[kind].words if kind in self.kinds else {}
        return {**self.common_words, **own}

    def word(self, kind: str, said: str) -> Word:
        """Return what a word means.  Raises Invalid for one that this kind does not have."""
        words = self.words(kind)
        if said not in words:
            raise Invalid(
                "STATUS_WORD_UNKNOWN", field="word", got=said, allowed=", ".join(sorted(words))
            )
        return words[said]

    def of_codes(self, codes: Iterable[str]) -> Word:
        """Return what codes without a word mean: the worst that a common word says of any."""
        said = tuple(codes)
        standings = [
            word.standing
            for word in self.common_words.values()
            if not set(word.codes).isdisjoint({*said} - {IN_SERVICE})
            and word.standing is not Standing.AVAILABLE
        ]
        worst = max(standings, key=list(Standing).index, default=Standing.AVAILABLE)
        return Word(codes=said, standing=worst)

    def type(self, kind: str, type_: str) -> UnitType:
        """Return a type of a kind.  Raises Invalid for one that it does not have."""
        types = self.kinds[kind].types if kind in self.kinds else {}
        if type_ not in types:
            raise Invalid(
                "UNIT_TYPE_UNKNOWN",
                field="type",
                got=type_,
                allowed=", ".join(types) or f"none: {kind} has no types in units {self.version}",
            )
        return types[type_]

    def rest_of(self, kind: str) -> Rest:
        own = self.kinds[kind].rest if kind in self.kinds else None
        return own or self.rest

    def check_codes(self, codes: Iterable[str]) -> None:
        _check("SECONDARY_STATUS_UNKNOWN", "codes", codes, self.secondary)

    def check_attributes(self, codes: Iterable[str], field: str) -> None:
        _check("ATTRIBUTE_UNKNOWN", field, codes, self.attributes)

    def check_qualifications(self, codes: Iterable[str], field: str) -> None:
        _check("QUALIFICATION_UNKNOWN", field, codes, self.qualifications)


def _check(reason: str, field: str, codes: Iterable[str], known: Mapping[str, str]) -> None:
    for code in codes:
        if code not in known:
            raise Invalid(reason, field=field, got=code, allowed=", ".join(known))
