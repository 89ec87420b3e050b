"""The position API: fixes by the thousand in, the newest of each unit out; and who may report."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
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
from services.runtime.rejection import Invalid, NotFound, Rejection, Unavailable
from services.runtime.times import said

TOLD_REFUSALS = 100
WATCH_EVERY_S, WATCH_PAGE = 1.0, 5_000

Devices = CommandHandler[device.Command, device.State, device.Event]


def digest(device_id: str, secret: str) -> str:
    """Return what is kept of a device's secret, which is long enough to need no slow hash."""
    return hashlib.sha256(f"{device_id}:{secret}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionServicer(PositionServiceServicer):
    intake: Intake
    board: Board
    limits: Limits
    whole: Callable[[], bool]
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
        fixes, instant = await self._known(request.read, request.unit_id)
        for fix in fixes:
            return pb.GetPositionResponse(where=self._position(fix, instant))
        if not self.whole() and request.read.WhichOneof("as_of") is None:
            raise Unavailable(
                "POSITIONS_INCOMPLETE",
                f"where {request.unit_id} was before this process started is not recovered yet",
                unit_id=request.unit_id,
            )
        raise NotFound(
            "NO_POSITION",
            f"nobody has said where {request.unit_id} is",
            unit_id=request.unit_id,
        )

    async def ListPositions(
        self, request: pb.ListPositionsRequest, context: Any
    ) -> pb.ListPositionsResponse:
        size = paging.limit(request.page_size)
        after = paging.key(request.page_token, (str,)) or ("",)
        box = request.box if request.HasField("box") else None
        fixes, instant = await self._known(request.read)
        matching = (
            fix
            for fix in fixes
            if fix.unit_id > after[0]
            and _inside(box, fix)
            and (not request.stale_only or fix.is_stale(instant, self.limits))
        )
        page = nsmallest(size + 1, matching, key=lambda fix: fix.unit_id)
        response = pb.ListPositionsResponse(
            positions=[self._position(fix, instant) for fix in page[:size]],
            incomplete=not self.whole() and request.read.WhichOneof("as_of") is None,
        )
        if len(page) > size:
            response.next_page_token = paging.token(page[size - 1].unit_id)
        return response

    async def WatchPositions(
        self, request: pb.WatchPositionsRequest, context: Any
    ) -> AsyncIterator[pb.WatchPositionsResponse]:
        cursor = request.resume_cursor
        box = request.box if request.HasField("box") else None
        while True:
            moved = self.board.moved_after(cursor)
            shown = [one for one in moved if _inside(box, one[1])]
            for start in range(0, len(shown), WATCH_PAGE):
                page, now = shown[start : start + WATCH_PAGE], self.now()
                yield pb.WatchPositionsResponse(
                    positions=[self._position(fix, now) for _, fix in page], cursor=page[-1][0]
                )
            if moved:
                cursor = moved[-1][0]
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

    async def _known(self, options: Any, unit_id: str = "") -> tuple[Iterable[Fix], datetime]:
        """Return where one unit or all are, and the instant that ages count to.

        As of an instant: where the log says that they were when that last mattered.
        """
        now = self.now()
        statement = select(units).where(units.c.noted_at.is_not(None))
        if unit_id:
            statement = statement.where(units.c.unit_id == unit_id)
        past = options.WhichOneof("as_of") is not None
        async with reading.rows(self.model, options, now) as (connection, seen):
            rows = (await connection.execute(statement)).all() if past else []
        if past:
            return map(messages.noted, rows), reading.instant(options, seen, now)
        if not unit_id:
            return self.board.all(), now
        fix = self.board.get(unit_id)
        return ([] if fix is None else [fix]), now

    def _position(self, fix: Fix, instant: datetime) -> pb.Position:
        return messages.position(fix, instant, self.limits, self.board.cursor_of(fix))


def _inside(box: place_pb2.Box | None, fix: Fix) -> bool:
    return box is None or (
        box.south <= fix.latitude <= box.north and box.west <= fix.longitude <= box.east
    )
