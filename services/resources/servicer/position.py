"""The position API: fixes by the thousand in, the newest of each unit out; and who may report."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import select

from anlan.resources.v1 import position_service_pb2 as pb
from anlan.resources.v1.position_service_pb2_grpc import PositionServiceServicer
from anlan.type.v1 import place_pb2
from services.resources.domain import device
from services.resources.domain.fix import Fix, Limits
from services.resources.positions.board import Board
from services.resources.positions.intake import Intake, Refused
from services.resources.projections.tables import devices, units
from services.resources.servicer import position_messages as messages
from services.runtime import call, paging, reading
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, Written
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import Invalid, NotFound, Rejection
from services.runtime.times import said

TOLD_REFUSALS = 100
WATCH_EVERY_S = 1.0

Devices = CommandHandler[device.Command, device.State, device.Event]


def digest(device_id: str, secret: str) -> str:
    """Return what is kept of a device's secret, which is long enough to need no slow hash."""
    return hashlib.sha256(f"{device_id}:{secret}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionServicer(PositionServiceServicer):
    intake: Intake
    board: Board
    limits: Limits
    devices: Devices
    model: ReadModel
    now: Callable[[], datetime]

    async def ReportPositions(
        self, requests: AsyncIterator[pb.ReportPositionsRequest], context: Any
    ) -> AsyncIterator[pb.ReportPositionsResponse]:
        caller = call.current()
        about = uuid5(NAMESPACE_URL, f"anlan:resources.positions/{caller.actor.subject}")
        cause = caller.cause(str(about))  # looks units up; nothing is written under it
        async for request in requests:
            yield await self._take(request, cause)

    async def _take(self, request: pb.ReportPositionsRequest, cause: Cause) -> Any:
        received_at = self.now()
        source = request.source or cause.actor.subject
        fixes: list[Fix] = []
        places: list[int] = []
        refused: list[Refused] = []
        for index, fix in enumerate(request.fixes):
            try:
                fixes.append(messages.of_fix(fix, received_at, source, cause.exercise))
            except Invalid as why:  # a time that no calendar has
                refused.append(Refused(index, fix.unit_id, why))
            else:
                places.append(index)
        taken = await self.intake.take(fixes, cause.actor, cause)
        refused += [Refused(places[one.index], one.unit_id, one.why) for one in taken.refused]
        return pb.ReportPositionsResponse(
            taken=taken.taken,
            superseded=taken.superseded,
            refused=len(refused),
            refusals=[
                pb.ReportPositionsResponse.Refusal(
                    index=one.index,
                    unit_id=one.unit_id,
                    reason=one.why.reason,
                    message=one.why.message,
                )
                for one in refused[:TOLD_REFUSALS]
            ],
        )

    async def GetPosition(
        self, request: pb.GetPositionRequest, context: Any
    ) -> pb.GetPositionResponse:
        unit_id = request.unit_id
        if request.read.WhichOneof("as_of") is None:
            await self._reached(request.read)
            fix = self.board.get(unit_id)
            found = None if fix is None else self._position(fix)
        else:
            found = next(iter(await self._noted(request.read, unit_id)), None)
        if found is None:
            raise NotFound(
                "NO_POSITION",
                f"nobody has said where {unit_id} is",
                unit_id=unit_id,
            )
        return pb.GetPositionResponse(where=found)

    async def ListPositions(
        self, request: pb.ListPositionsRequest, context: Any
    ) -> pb.ListPositionsResponse:
        size = paging.limit(request.page_size)
        if request.read.WhichOneof("as_of") is None:
            await self._reached(request.read)
            found = [self._position(fix) for fix in self.board.all()]
        else:
            found = await self._noted(request.read)
        box = request.box if request.HasField("box") else None
        after = paging.key(request.page_token, (str,))
        matching = sorted(
            (
                one
                for one in found
                if (not after or one.unit_id > after[0])
                and (one.stale or not request.stale_only)
                and _inside(box, one.point)
            ),
            key=lambda one: one.unit_id,
        )
        response = pb.ListPositionsResponse(positions=matching[:size])
        if len(matching) > size:
            response.next_page_token = paging.token(matching[size - 1].unit_id)
        return response

    async def WatchPositions(
        self, request: pb.WatchPositionsRequest, context: Any
    ) -> AsyncIterator[pb.WatchPositionsResponse]:
        cursor = request.resume_cursor
        box = request.box if request.HasField("box") else None
        while True:
            moved = self.board.moved_after(cursor)
            if moved:
                cursor = moved[-1][0]
                positions = [self._position(fix) for _, fix in moved]
                shown = [one for one in positions if _inside(box, one.point)]
                if shown:
                    yield pb.WatchPositionsResponse(positions=shown, cursor=cursor)
                await asyncio.sleep(WATCH_EVERY_S)
            await self.board.moved(cursor)

    async def RegisterDevice(
        self, request: pb.RegisterDeviceRequest, context: Any
    ) -> pb.RegisterDeviceResponse:
        caller = call.current()
        cause = caller.cause(request.request_id, request.unit_id)
        await self.intake.homes.learn([request.unit_id], cause)
        home = self.intake.homes[request.unit_id]
        if home is None:
            raise NotFound(
                "NO_SUCH_UNIT",
                f"no unit {request.unit_id} is registered",
                unit_id=request.unit_id,
            )
        if home.exercise != cause.exercise:
            raise Rejection(
                "EXERCISE_MISMATCH",
                f"unit {request.unit_id} belongs to {home.exercise or 'earnest'}, "
                f"the request to {cause.exercise or 'earnest'}",
                exercise=home.exercise,
                requested=cause.exercise,
            )
        command = device.RegisterDevice(
            by=caller.actor,
            device_id=request.device_id,
            unit_id=request.unit_id,
            adcode=home.adcode,
            secret_digest=digest(request.device_id, request.secret),
            description=request.description,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self.devices.handle(request.device_id, command, cause)
        return pb.RegisterDeviceResponse(etag=written.etag, position=written.position)

    async def RevokeDevice(
        self, request: pb.RevokeDeviceRequest, context: Any
    ) -> pb.RevokeDeviceResponse:
        caller = call.current()
        command = device.RevokeDevice(
            by=caller.actor,
            device_id=request.device_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = caller.cause(request.request_id, request.device_id)
        written: Written = await self.devices.handle(
            request.device_id, command, cause, etag=request.etag
        )
        return pb.RevokeDeviceResponse(etag=written.etag, position=written.position)

    async def ListDevices(
        self, request: pb.ListDevicesRequest, context: Any
    ) -> pb.ListDevicesResponse:
        size = paging.limit(request.page_size)
        statement = select(devices).order_by(devices.c.device_id).limit(size + 1)
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(devices.c.device_id > after[0])
        if request.unit_id:
            statement = statement.where(devices.c.unit_id == request.unit_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListDevicesResponse(devices=[messages.device(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].device_id)
        reading.freshen(response.freshness, seen)
        return response

    async def _reached(self, options: Any) -> None:
        """Wait for ``min_position``, as every read does, though positions have none."""
        async with reading.rows(self.model, options, self.now()):
            pass

    async def _noted(self, options: Any, unit_id: str = "") -> list[pb.Position]:
        """Return where units were when that last mattered, as of an instant."""
        now = self.now()
        statement = select(units).where(units.c.noted_at.is_not(None))
        if unit_id:
            statement = statement.where(units.c.unit_id == unit_id)
        async with reading.rows(self.model, options, now) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        instant = reading.instant(options, seen, now)
        return [messages.noted(row, instant, self.limits) for row in rows]

    def _position(self, fix: Fix) -> pb.Position:
        cursor = self.board.cursor_of(fix.unit_id)
        return messages.position(fix, self.now(), self.limits, cursor)


def _inside(box: place_pb2.Box | None, point: place_pb2.Point) -> bool:
    return box is None or (
        box.south <= point.latitude <= box.north and box.west <= point.longitude <= box.east
    )
