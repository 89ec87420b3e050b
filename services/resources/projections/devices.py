"""One row per device that ever spoke for a unit."""

from __future__ import annotations

from typing import assert_never

from sqlalchemy import Connection

from services.resources.codec import DEVICES
from services.resources.domain.device import DeviceRegistered, DeviceRevoked
from services.resources.projections import tables
from services.runtime.recorded import Recorded
from services.runtime.times import micros


def apply(connection: Connection, recorded: Recorded) -> None:
    event = DEVICES.decode(recorded.type, recorded.data)
    match event:
        case DeviceRegistered():
            values = {
                "unit_id": event.unit_id,
                "adcode": event.adcode,
                "secret_digest": event.secret_digest,
                "description": event.description,
                "registered_by": event.registered_by,
                "registered_at": micros(event.occurred_at),
                "revoked": False,
                "revoke_reason": "",
            }
            device_id = event.device_id
            if tables.row(connection, tables.devices, device_id=device_id) is None:
                tables.put(connection, tables.devices, recorded, device_id=device_id, **values)
            else:
                tables.change(connection, tables.devices, recorded, device_id, **values)
        case DeviceRevoked():
            tables.change(
                connection,
                tables.devices,
                recorded,
                event.device_id,
                revoked=True,
                revoke_reason=event.reason,
            )
        case _:
            assert_never(event)
