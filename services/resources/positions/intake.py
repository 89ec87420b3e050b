"""Taking in fixes by the thousand: whose they are, whether they are believed, and the newest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, select

from services.resources.domain import region, unit
from services.resources.domain.fix import Fix, Limits, judge
from services.resources.positions.board import Board
from services.resources.projections.tables import units
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.readmodel import ReadModel, Seen
from services.runtime.rejection import NotFound, Rejection

Units = CommandHandler[unit.Command, unit.State, unit.Event]


class Home(NamedTuple):
    """What never changes about a unit: its region, and the exercise that it belongs to."""

    adcode: str
    exercise: str


@dataclass(frozen=True, slots=True)
class Refused:
    """One fix of a batch that was not taken in, by its index there."""

    index: int
    unit_id: str
    why: Rejection


@dataclass(slots=True)
class Taken:
    """``superseded`` are fixes that came later than newer ones: nothing was lost."""

    taken: int = 0
    superseded: int = 0
    refused: list[Refused] = field(default_factory=list)


class Homes:
    """The units that somebody spoke of, each looked up once."""

    def __init__(self, model: ReadModel, handler: Units) -> None:
        self._model = model
        self._handler = handler
        self._known: dict[str, Home] = {}

    def __getitem__(self, unit_id: str) -> Home | None:
        return self._known.get(unit_id)

    async def learn(self, unit_ids: Iterable[str], cause: Cause) -> None:
        """Look up whom nobody has asked for before: in the rows, then in the log itself.

        Raises Unavailable where the log is out of reach.
        """
        missing = {unit_id for unit_id in unit_ids if unit_id not in self._known}
        if not missing:
            return
        statement = select(units.c.unit_id, units.c.adcode, units.c.exercise).where(
            units.c.unit_id.in_(missing)
        )

        def read(connection: Connection, _: Seen) -> dict[str, Home]:
            return {
                row.unit_id: Home(row.adcode, row.exercise) for row in connection.execute(statement)
            }

        found, _ = await self._model.snapshot(read)
        self._known |= found
        for unit_id in missing - found.keys():  # registered a moment ago, or never
            state = await self._handler.state(unit_id)
            if state is not None and await self._is_of(unit_id, cause):
                self._known[unit_id] = Home(state.adcode, cause.exercise)

    async def _is_of(self, unit_id: str, cause: Cause) -> bool:
        """Whether a unit that is in no row yet belongs to the exercise of ``cause``."""
        try:
            await self._handler.state(unit_id, cause)
        except Rejection as other:
            if other.reason != "EXERCISE_MISMATCH":
                raise
            return False
        return True


@dataclass(frozen=True, slots=True)
class Intake:
    board: Board
    homes: Homes
    limits: Limits

    async def take(self, fixes: Sequence[Fix], by: Actor, cause: Cause) -> Taken:
        """Keep each fix that may be believed and is newer than what is known.

        One that may not refuses itself alone.  Raises Unavailable when a unit that nobody has
        reported before cannot be looked up.
        """
        await self.homes.learn((fix.unit_id for fix in fixes), cause)
        result = Taken()
        for index, fix in enumerate(fixes):
            try:
                self._admit(fix, by)
            except Rejection as why:
                result.refused.append(Refused(index, fix.unit_id, why))
                continue
            if self.board.take(fix):
                result.taken += 1
            else:
                result.superseded += 1
        return result

    def _admit(self, fix: Fix, by: Actor) -> None:
        home = self.homes[fix.unit_id]
        if home is None:
            raise NotFound(
                "NO_SUCH_UNIT", f"no unit {fix.unit_id} is registered", unit_id=fix.unit_id
            )
        region.require(by, home.adcode)
        if home.exercise != fix.exercise:
            raise Rejection(
                "EXERCISE_MISMATCH",
                f"unit {fix.unit_id} belongs to {home.exercise or 'earnest'}, "
                f"the position to {fix.exercise or 'earnest'}",
                exercise=home.exercise,
                requested=fix.exercise,
            )
        judge(fix, self.limits)
