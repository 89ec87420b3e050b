"""Who acts, in which roles, and over which region."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

NATION = "000000"
PREFECTURE_DIGITS, COUNTY_DIGITS = 4, 6


@lru_cache(maxsize=10_000)
def region_prefix(adcode: str) -> str:
    """Return the digits that every code inside ``adcode`` starts with (GB/T 2260, GB/T 10114).

    ``430000`` (a province) gives ``43``, ``431200`` gives ``4312``, ``431281`` and longer
    township and village codes give themselves, ``000000`` gives the empty prefix.
    """
    if len(adcode) > COUNTY_DIGITS:
        return adcode
    for width in (0, 2, PREFECTURE_DIGITS):
        if set(adcode[width:]) == {"0"}:
            return adcode[:width]
    return adcode


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The subject of a token: a person, a device or a service."""

    subject: str
    roles: tuple[str, ...]
    jurisdiction: str

    def covers(self, adcode: str) -> bool:
        """Whether ``adcode`` lies inside this actor's jurisdiction."""
        return adcode.startswith(region_prefix(self.jurisdiction))
