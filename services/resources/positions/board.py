"""The newest fix of every unit, in memory, and who moved since a cursor."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator

from services.resources.domain.fix import Fix
from services.runtime.times import micros


class Board:
    """``cursor`` counts up with every move: microseconds of receipt, or one more than before.

    Watchers resume from one, also from one that an earlier process gave them: at worst they see
    again what they have seen.
    """

    def __init__(self) -> None:
        self._latest: dict[str, Fix] = {}
        self._moves: OrderedDict[str, int] = OrderedDict()
        self._bell = asyncio.Event()
        self.cursor = 0

    def __len__(self) -> int:
        return len(self._latest)

    def get(self, unit_id: str) -> Fix | None:
        return self._latest.get(unit_id)

    def all(self) -> Iterator[Fix]:
        return iter(self._latest.values())

    def cursor_of(self, fix: Fix) -> int:
        """Return the cursor of a move; 0 for a fix that is not the newest."""
        return self._moves[fix.unit_id] if self._latest.get(fix.unit_id) == fix else 0

    def take(self, fix: Fix) -> bool:
        """Keep the fix if it is later than what is known of its unit.

        Tells whether it is the newest now: also where it is said again.
        """
        unit_id = fix.unit_id
        known = self._latest.get(unit_id)
        if not fix.supersedes(known):
            return known is not None and fix.repeats(known)
        self._latest[unit_id] = fix
        self.cursor = max(self.cursor + 1, micros(fix.received_at))
        self._moves[unit_id] = self.cursor
        self._moves.move_to_end(unit_id)
        if not self._bell.is_set():
            self._bell.set()
        return True

    def moved_after(self, cursor: int) -> list[tuple[int, Fix]]:
        """Return who moved since, each with its cursor, the earliest move first."""
        moved: list[tuple[int, Fix]] = []
        for unit_id, at in reversed(self._moves.items()):
            if at <= cursor:
                break
            moved.append((at, self._latest[unit_id]))
        moved.reverse()
        return moved

    async def moved(self, cursor: int, timeout_s: float | None = None) -> bool:
        """Wait until somebody moves after ``cursor``; False when time ran out."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.cursor <= cursor:
                    self._bell.clear()
                    await self._bell.wait()
        except TimeoutError:
            return False
        return True
