"""响应级别: how high the authorities respond, whatever they respond to."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """响应级别: IV is the lowest, I the highest."""

    IV = "IV"
    III = "III"
    II = "II"
    I = "I"  # noqa: E741 - the level's name

    @property
    def rank(self) -> int:
        """1 for IV to 4 for I."""
        return list(Level).index(self) + 1

    def includes(self, lower: Level) -> bool:
        """Whether what ``lower`` asks for is asked for at this level too."""
        return lower.rank <= self.rank
