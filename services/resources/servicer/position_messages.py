"""Positions and devices to messages, and fixes from them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.protobuf.duration_pb2 import Duration

from anlan.resources.v1 import position_service_pb2 as pb
from anlan.type.v1 import place_pb2
from services.resources.domain.fix import Fix, Limits
from services.runtime.times import EPOCH, known, of_micros, stamp, to_proto


def of_fix(said: pb.Fix, received_at: datetime, source: str, exercise: str) -> Fix:
    """Return the fix.  Raises Invalid for a time that no calendar has."""
    return Fix(
        unit_id=said.unit_id,
        latitude=said.latitude,
        longitude=said.longitude,
        fixed_at=known(said, "fix_time"),
        received_at=received_at,
        source=source,
        exercise=exercise,
        accuracy_m=said.accuracy_m if said.HasField("accuracy_m") else None,
        speed_mps=said.speed_mps if said.HasField("speed_mps") else None,
        heading_deg=said.heading_deg if said.HasField("heading_deg") else None,
    )


def position(fix: Fix, now: datetime, limits: Limits, cursor: int) -> pb.Position:
    age = Duration()
    age.FromTimedelta(fix.age(now))
    return pb.Position(
        unit_id=fix.unit_id,
        point=place_pb2.Point(latitude=fix.latitude, longitude=fix.longitude),
        fix_time=to_proto(fix.fixed_at),
        receive_time=to_proto(fix.received_at if fix.received_at > EPOCH else None),
        accuracy_m=fix.accuracy_m,
        speed_mps=fix.speed_mps,
        heading_deg=fix.heading_deg,
        source=fix.source,
        exercise=fix.exercise,
        age=age,
        stale=fix.is_stale(now, limits),
        cursor=cursor,
    )


def noted(row: Any) -> Fix:
    """Return where the log last says that a unit was; when that was heard is not in the log."""
    fixed_at = of_micros(row.noted_at)
    assert fixed_at is not None
    return Fix(
        unit_id=row.unit_id,
        latitude=row.noted_latitude,
        longitude=row.noted_longitude,
        fixed_at=fixed_at,
        received_at=EPOCH,
        source="",
        exercise=row.exercise,
        accuracy_m=row.noted_accuracy_m,
    )


def device(row: Any) -> pb.Device:
    return pb.Device(
        device_id=row.device_id,
        unit_id=row.unit_id,
        description=row.description,
        registered_by=row.registered_by,
        register_time=stamp(row.registered_at),
        revoked=row.revoked,
        revoke_reason=row.revoke_reason,
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
    )
