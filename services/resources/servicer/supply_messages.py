"""Rows of supplies to messages, and what requests say of their way and their lots."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import msgspec

from anlan.resources.v1 import stock_service_pb2 as pb
from anlan.resources.v1 import supply_request_service_pb2 as request_pb
from services.resources.domain.depot import Level
from services.resources.domain.items import Item, Items
from services.resources.domain.lots import Portion, total
from services.resources.domain.route import Leg, Stop
from services.resources.domain.supply_request import Stage
from services.resources.projections.supply_requests import on_the_way_of, promises_of
from services.resources.projections.transfers import legs_of
from services.resources.servicer.messages import place_of
from services.runtime import place
from services.runtime.place import Regions
from services.runtime.rejection import Invalid
from services.runtime.times import known, stamp, to_proto

LEVELS = {
    Level.CITY: pb.DEPOT_LEVEL_CITY,
    Level.TOWNSHIP: pb.DEPOT_LEVEL_TOWNSHIP,
    Level.VILLAGE: pb.DEPOT_LEVEL_VILLAGE,
}
LEVEL_OF = {number: level for level, number in LEVELS.items()}
# By whether a shipment is closed.
TRANSFER_STATES = {
    False: pb.TRANSFER_STATE_IN_TRANSIT,
    True: pb.TRANSFER_STATE_CLOSED,
}
IS_CLOSED = {number: closed for closed, number in TRANSFER_STATES.items()}
STAGES = {
    Stage.SUBMITTED: request_pb.SUPPLY_REQUEST_STATE_SUBMITTED,
    Stage.APPROVED: request_pb.SUPPLY_REQUEST_STATE_APPROVED,
    Stage.DECLINED: request_pb.SUPPLY_REQUEST_STATE_DECLINED,
    Stage.COMPLETED: request_pb.SUPPLY_REQUEST_STATE_COMPLETED,
    Stage.CANCELLED: request_pb.SUPPLY_REQUEST_STATE_CANCELLED,
}
STAGE_OF = {number: stage for stage, number in STAGES.items()}


def depot(row: Any) -> pb.Depot:
    return pb.Depot(
        depot_id=row.depot_id,
        name=row.name,
        place=place_of(row),
        keeper=row.keeper,
        level=LEVELS[Level(row.level)],
        exercise=row.exercise,
        position=row.position,
    )


def item(key: str, found: Item, items: Items) -> pb.Item:
    return pb.Item(
        item=key,
        name=found.name,
        class_code=found.class_code,
        class_names=items.names(found.class_code),
        unit=found.unit,
        shelf_life_days=found.shelf_life_days,
        relief=found.relief,
    )


def stock(row: Any, today: date) -> pb.Stock:
    lots = msgspec.json.decode(row.lots, type=list[Portion])
    return pb.Stock(
        depot_id=row.depot_id,
        item=row.item,
        on_hand=row.on_hand,
        reserved=row.reserved,
        in_transit=row.in_transit,
        received=row.received,
        consumed=row.consumed,
        lost=row.lost,
        gained=row.gained,
        expired=total(lot for lot in lots if lot.expired(today)),
        minimum=row.minimum,
        below_minimum=row.below,
        lots=[_lot(row, lot, today) for lot in lots],
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
    )


def _lot(row: Any, lot: Portion, today: date) -> pb.Lot:
    return pb.Lot(
        depot_id=row.depot_id,
        item=row.item,
        lot_id=lot.lot_id,
        quantity=lot.quantity,
        expire_date=lot.expires_on.isoformat() if lot.expires_on else "",
        origin=lot.origin,
        expired=lot.expired(today),
        exercise=row.exercise,
        position=row.position,
    )


def lot(row: Any, today: date) -> pb.Lot:
    day = date.fromisoformat(row.expires_on) if row.expires_on else None
    kept = Portion(lot_id=row.lot_id, quantity=row.quantity, expires_on=day, origin=row.origin)
    return _lot(row, kept, today)


def alarm(row: Any) -> pb.StockAlarm:
    return pb.StockAlarm(
        depot_id=row.depot_id,
        depot_name=row.name,
        adcode=row.adcode,
        keeper=row.keeper,
        item=row.item,
        usable=row.usable,
        minimum=row.minimum,
        active=row.active,
        fall_time=stamp(row.fell_at),
        recover_time=stamp(row.recovered_at),
        exercise=row.exercise,
        position=row.position,
    )


def transfer(row: Any) -> pb.Transfer:
    message = pb.Transfer(
        transfer_id=row.transfer_id,
        state=TRANSFER_STATES[row.closed],
        item=row.item,
        from_depot_id=row.from_depot_id,
        to_depot_id=row.to_depot_id,
        quantity=row.quantity,
        received=row.received,
        lost=row.lost,
        damaged=row.damaged,
        incident_id=row.incident_id,
        supply_request_id=row.supply_request_id,
        waybill=row.waybill,
        current_leg=row.current_leg,
        under_way=row.under_way,
        diversions=row.diversions,
        diversion_reason=row.diversion_reason,
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
    )
    for travelled in legs_of(row):
        leg = message.legs.add(
            carrier=travelled.leg.carrier,
            expect_time=to_proto(travelled.leg.expected_at),
            depart_time=to_proto(travelled.departed_at),
            arrive_time=to_proto(travelled.arrived_at),
            counted=travelled.counted,
            lost=travelled.lost,
            damaged=travelled.damaged,
        )
        stop = travelled.leg.stop
        leg.stop.depot_id, leg.stop.name = stop.depot_id, stop.name
        if stop.place is not None:
            place.write(leg.stop.place, stop.place)
    for one in msgspec.json.decode(row.lots, type=list[Portion]):
        message.lots.add(
            depot_id=row.from_depot_id,
            item=row.item,
            lot_id=one.lot_id,
            quantity=one.quantity,
            expire_date=one.expires_on.isoformat() if one.expires_on else "",
            origin=one.origin,
        )
    return message


def supply_request(row: Any) -> request_pb.SupplyRequest:
    promises = promises_of(row)
    promised = sum(one.open for one in promises)
    moving = sum(on_the_way_of(row).values())
    return request_pb.SupplyRequest(
        supply_request_id=row.supply_request_id,
        state=STAGES[Stage(row.stage)],
        item=row.item,
        quantity=row.quantity,
        unit=row.unit,
        item_class=row.item_class,
        incident_id=row.incident_id,
        need_id=row.need_id,
        place=place_of(row),
        to_depot_id=row.to_depot_id,
        needed_by_time=stamp(row.needed_by),
        note=row.note,
        requested_by=row.requested_by,
        approved=row.approved,
        approved_by=row.approved_by,
        reason=row.reason,
        commit_progress=_progress(promised + moving + row.received, row.approved),
        transit_progress=_progress(moving + row.received, row.approved),
        fulfil_progress=_progress(row.received, row.approved),
        promised=promised,
        on_the_way=moving,
        received=row.received,
        lost=row.lost,
        commitments=[
            request_pb.SupplyCommitment(
                commitment_id=one.commitment_id,
                depot_id=one.depot_id,
                quantity=one.quantity,
                open=one.open,
                withdrawn=one.withdrawn,
                expect_time=to_proto(one.expected_at),
                committed_by=one.committed_by,
            )
            for one in promises
        ],
        accepted_by_depots=msgspec.json.decode(row.accepted_by_depots),
        request_time=stamp(row.requested_at),
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
    )


def _progress(done: int, whole: int) -> request_pb.SupplyProgress.ValueType:
    if not done:
        return request_pb.SUPPLY_PROGRESS_NONE
    if done < whole:
        return request_pb.SUPPLY_PROGRESS_PARTIAL
    return request_pb.SUPPLY_PROGRESS_COMPLETE


def route(
    legs: Iterable[pb.Leg], to_depot_id: str, carrier: str, regions: Regions
) -> tuple[Leg, ...]:
    """Return the legs of a request.  Raises Invalid for a way that does not end where it should."""
    way = [
        Leg(
            stop=_stop(leg.stop, f"legs[{number}].stop", regions),
            carrier=leg.carrier or ("" if number else carrier),
            expected_at=known(leg, "expect_time") if leg.HasField("expect_time") else None,
        )
        for number, leg in enumerate(legs)
    ]
    if way and way[-1].stop.depot_id != to_depot_id:
        raise Invalid(
            "LEGS_END_ELSEWHERE",
            field=f"legs[{len(way) - 1}].stop.depot_id",
            got=way[-1].stop.depot_id or "nothing",
            allowed=f"{to_depot_id}, where the shipment goes",
        )
    return tuple(way)


def _stop(stop: pb.Stop, field: str, regions: Regions) -> Stop:
    if not stop.depot_id and not stop.name:
        raise Invalid("STOP_REQUIRED", field=field, got="nothing", allowed="a depot_id, or a name")
    where = regions.placed(stop.place, f"{field}.place") if stop.HasField("place") else None
    return Stop(depot_id=stop.depot_id, name=stop.name, place=where)


def last_day(request: pb.ReceiveStockRequest, kept: Item) -> date | None:
    """Return the last day on which what came may be used, None where it does not expire."""
    if request.expire_date:
        return _day(request, "expire_date")
    if request.produce_date and kept.shelf_life_days:
        return _day(request, "produce_date") + timedelta(days=kept.shelf_life_days)
    return None


def _day(request: pb.ReceiveStockRequest, field: str) -> date:
    try:
        return date.fromisoformat(getattr(request, field))
    except ValueError:
        raise Invalid(
            "DATE_INVALID",
            field=field,
            got=getattr(request, field),
            allowed="a day of the calendar, YYYY-MM-DD",
        ) from None
