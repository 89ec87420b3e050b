"""What tests of who is where say and ask."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc

from anlan.resources.v1 import hazard_area_service_pb2 as hazard_pb
from anlan.resources.v1 import position_service_pb2 as pb
from anlan.resources.v1 import unit_service_pb2 as unit_pb
from anlan.type.v1 import place_pb2, read_pb2
from services.runtime.times import to_proto
from tests.service import Caller, request_id

ANJIANG = (27.3194, 110.1031)
SECOND = timedelta(seconds=1)
WITHIN_S = 20.0


def fresh(name: str) -> str:
    return f"{name}-{uuid4().hex[:8]}"


def now() -> datetime:
    return datetime.now(UTC)


async def a_unit(units: Any, caller: Caller, home: tuple[float, float] = ANJIANG) -> str:
    """Register a unit; return once the rows have it."""
    unit_id = fresh("boat")
    place = place_pb2.Place(
        adcode="431281102", point=place_pb2.Point(latitude=home[0], longitude=home[1])
    )
    registered = await units.RegisterUnit(
        unit_pb.RegisterUnitRequest(
            request_id=request_id(), unit_id=unit_id, name="冲锋舟", kind="boat", home=place
        ),
        metadata=caller.metadata,
    )
    seen = read_pb2.ReadOptions(min_position=registered.position)
    request = unit_pb.GetUnitRequest(unit_id=unit_id, read=seen)
    await units.GetUnit(request, metadata=caller.metadata)
    return unit_id


def a_fix(unit_id: str, at: datetime, where: tuple[float, float] = ANJIANG, **more: Any) -> pb.Fix:
    latitude, longitude = where
    return pb.Fix(
        unit_id=unit_id, latitude=latitude, longitude=longitude, fix_time=to_proto(at), **more
    )


async def report(
    positions: Any, caller: Caller, *batches: Iterable[pb.Fix]
) -> list[pb.ReportPositionsResponse]:
    """Stream the batches, and return the answer to each.

    A refusal that overtakes the first message is hidden by grpcio, whose client then reports its
    own failure to write; what was refused is asked again.
    """

    async def requests() -> AsyncIterator[pb.ReportPositionsRequest]:
        for batch in batches:
            yield pb.ReportPositionsRequest(fixes=batch)

    while True:
        call = positions.ReportPositions(requests(), metadata=caller.metadata)
        try:
            return [answer async for answer in call]
        except grpc.aio.AioRpcError as error:
            if error.details() != "Internal error from Core":
                raise


async def where(positions: Any, caller: Caller, unit_id: str, **read: Any) -> pb.Position:
    answer = await positions.GetPosition(
        pb.GetPositionRequest(unit_id=unit_id, **read), metadata=caller.metadata
    )
    found: pb.Position = answer.where
    return found


def square(centre: tuple[float, float], half: float) -> place_pb2.Polygon:
    latitude, longitude = centre
    corners = ((-1, -1), (-1, 1), (1, 1), (1, -1), (-1, -1))
    return place_pb2.Polygon(
        rings=[
            place_pb2.Ring(
                points=[
                    place_pb2.Point(latitude=latitude + half * up, longitude=longitude + half * on)
                    for up, on in corners
                ]
            )
        ]
    )


async def an_area(
    areas: Any, caller: Caller, centre: tuple[float, float], half: float, **more: Any
) -> str:
    area_id = fresh("area")
    await areas.DeclareHazardArea(
        hazard_pb.DeclareHazardAreaRequest(
            request_id=request_id(),
            hazard_area_id=area_id,
            name="危险区",
            kind="flood",
            reason="管涌",
            adcode="431281102",
            polygon=square(centre, half),
            **more,
        ),
        metadata=caller.metadata,
    )
    return area_id
