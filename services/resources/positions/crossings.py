"""Writes once that a unit entered a hazard area, and once that it left.

Not what passes by is watched but what is: where each unit is by the board, against where its own
stream says it is.  So a crash, a broker that was away and a second process cost no entry, and none
is written twice.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn
from uuid import NAMESPACE_URL, uuid5

import structlog
from sqlalchemy import Connection, select

from services.resources.domain import whereabouts
from services.resources.domain.fix import Fix, Limits
from services.resources.domain.whereabouts import Left
from services.resources.positions.board import Board
from services.resources.positions.danger import Area, Areas
from services.resources.positions.intake import Units
from services.resources.projections.hazard_areas import rings_of
from services.resources.projections.tables import hazard_areas, units
from services.resources.projections.units import inside_of
from services.runtime.actor import NATION, Actor
from services.runtime.cause import Cause
from services.runtime.readmodel import ReadModel, Seen
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.store import StaleRevision
from services.runtime.times import of_micros

ROUND_S, LOOK_AGAIN_S = 0.25, 1.0
NOWHERE = "[]"
LIFTING = "resources"
"""Who says that a unit left an area that was lifted around it."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Standing:
    """What was read: areas that were ever drawn, which were lifted, and who was in which."""

    position: int = 0
    drawn: dict[str, Area] = field(default_factory=dict)
    lifted: dict[str, datetime] = field(default_factory=dict)
    inside: dict[str, set[str]] = field(default_factory=dict)


class Crossings:
    def __init__(self, board: Board, model: ReadModel, units: Units, limits: Limits) -> None:
        self._board = board
        self._model = model
        self._units = units
        self._limits = limits
        self._known = _Standing()
        self._areas = Areas()
        self._again: set[str] = set()

    async def run(self) -> NoReturn:
        """Look at who moved, four times a second at most, for ever."""
        await self._model.caught_up.wait()
        cursor = 0
        while True:
            await asyncio.sleep(ROUND_S)
            cursor = await self.round(cursor)
            if not self._again:
                await self._board.moved(cursor, LOOK_AGAIN_S)

    async def round(self, cursor: int) -> int:
        """Settle everybody who moved after ``cursor``, all where areas changed; return how far."""
        changed = await self._look()
        upto = self._board.cursor
        again, self._again = self._again, set()
        fixes = (
            [*self._board.all()] if changed else [fix for _, fix in self._board.moved_after(cursor)]
        )
        told = {fix.unit_id for fix in fixes}
        fixes += [fix for unit_id in again - told if (fix := self._board.get(unit_id))]
        around = self._areas.around(fixes)
        for fix in fixes:
            for area in around.get(fix.unit_id, ()):
                if area.hazard_area_id not in self._known.inside.get(fix.unit_id, ()):
                    await self._enter(fix, area)
        for unit_id in sorted(self._known.inside.keys() if changed else told | again):
            for hazard_area_id in sorted(self._known.inside.get(unit_id, ())):
                await self._leave_if_out(unit_id, hazard_area_id)
        return upto

    async def _look(self) -> bool:
        """Read what changed about areas since the last look; tell whether anything did."""
        known = self._known
        if self._model.seen.position == known.position:
            return False
        first = not known.position
        areas = select(hazard_areas).where(hazard_areas.c.position > known.position)
        insiders = select(units.c.unit_id, units.c.hazard_areas).where(
            units.c.hazard_areas != NOWHERE
        )

        def read(connection: Connection, _: Seen) -> tuple[list[Any], list[Any]]:
            found = [*connection.execute(areas)]
            return found, [*connection.execute(insiders)] if first else []

        (rows, inside), seen = await self._model.snapshot(read)
        known.position = seen.position
        for row in inside:
            known.inside[row.unit_id] = set(inside_of(row))
        for row in rows:
            self._draw(row)
        if rows:
            self._areas = Areas(a for key, a in known.drawn.items() if key not in known.lifted)
        return first or bool(rows)

    def _draw(self, row: Any) -> None:
        drawn_at, lifted_at = of_micros(row.drawn_at), of_micros(row.lifted_at)
        assert drawn_at is not None
        self._known.drawn[row.hazard_area_id] = Area.drawn(
            row.hazard_area_id,
            name=row.name,
            incident_id=row.incident_id,
            exercise=row.exercise,
            drawn_at=drawn_at,
            position=row.position,
            rings=rings_of(row),
            margin_m=self._limits.leave_margin_m,
        )
        if lifted_at is not None:
            self._known.lifted[row.hazard_area_id] = lifted_at

    async def _enter(self, fix: Fix, area: Area) -> None:
        if area.drawn_at - fix.fixed_at > self._limits.stale_after:
            return  # where it was long before the area was drawn says nothing of now
        command = whereabouts.EnterHazardArea(
            unit_id=fix.unit_id,
            hazard_area_id=area.hazard_area_id,
            incident_id=area.incident_id,
            latitude=fix.latitude,
            longitude=fix.longitude,
            accuracy_m=fix.accuracy_m,
            source=fix.source,
            area_name=area.name,
            occurred_at=max(fix.fixed_at, area.drawn_at),
        )
        cause = _cause("entered", area, fix.unit_id, fix.source, fix.fixed_at)
        if await self._write(command, cause):
            self._known.inside.setdefault(fix.unit_id, set()).add(area.hazard_area_id)

    async def _leave_if_out(self, unit_id: str, hazard_area_id: str) -> None:
        fix = self._board.get(unit_id)
        area = self._known.drawn[hazard_area_id]
        if (lifted_at := self._known.lifted.get(hazard_area_id)) is not None:
            why, at, source = Left.LIFTED, lifted_at, LIFTING
        elif fix is not None and self._areas.has_left(hazard_area_id, fix):
            why, at, source = Left.MOVED, max(fix.fixed_at, area.drawn_at), fix.source
        else:
            return
        command = whereabouts.LeaveHazardArea(
            unit_id=unit_id,
            hazard_area_id=hazard_area_id,
            incident_id=area.incident_id,
            why=why,
            latitude=None if fix is None else fix.latitude,
            longitude=None if fix is None else fix.longitude,
            source=source,
            occurred_at=at,
        )
        if await self._write(command, _cause("left", area, unit_id, source, at)):
            self._known.inside[unit_id].discard(hazard_area_id)
            if not self._known.inside[unit_id]:
                del self._known.inside[unit_id]

    async def _write(self, command: whereabouts.Command, cause: Cause) -> bool:
        """Write a crossing; False where it must be tried again, or can never be."""
        try:
            await self._units.handle(command.unit_id, command, cause)
        except (Unavailable, StaleRevision) as later:
            log.warning("crossing not written yet", unit_id=command.unit_id, why=str(later))
            self._again.add(command.unit_id)
            return False
        except Rejection as refused:
            log.warning("crossing refused", unit_id=command.unit_id, reason=refused.reason)
            return False
        return True


def _cause(what: str, area: Area, unit_id: str, source: str, at: datetime) -> Cause:
    # With the drawing: one that is redrawn twice around a unit that stands is entered twice.
    name = f"{what} {area.hazard_area_id} {area.position} {unit_id} {at.isoformat()}"
    command_id = uuid5(NAMESPACE_URL, f"anlan:resources.crossings/{name}")
    return Cause(
        command_id=command_id,
        causation_id=str(command_id),
        correlation_id=area.incident_id or unit_id,
        actor=Actor(subject=source, roles=("device",), jurisdiction=NATION),
        exercise=area.exercise,
    )
