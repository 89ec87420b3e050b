"""事件等级: how grave an incident is; not the same as the level of the response to it."""

from __future__ import annotations

from enum import StrEnum


class Grade(StrEnum):
    """事件等级, from small to great."""

    ORDINARY = "ordinary"  # 一般
    LARGER = "larger"  # 较大
    MAJOR = "major"  # 重大
    ESPECIALLY_MAJOR = "especially_major"  # 特别重大

    @property
    def rank(self) -> int:
        """1 for ordinary to 4 for especially major."""
        return RANKS[self]


RANKS = {grade: rank for rank, grade in enumerate(Grade, 1)}
