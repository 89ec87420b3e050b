"""Between mutual aid as the domain has it and the messages that say it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from anlan.dispatch.v1 import aid_service_pb2 as pb
from services.dispatch.domain.aid.events import Authority, Direction, Item, Reply, Unit, UnitState
from services.dispatch.domain.aid.state import Aid, Helper, Lent, Standing
from services.dispatch.policies.lending import local_unit_id
from services.dispatch.projections.aid import folded
from services.runtime import place, times
from services.runtime.place import Place
from services.runtime.times import stamp, to_proto

DIRECTIONS = {
    Direction.INCOMING: pb.AID_DIRECTION_INCOMING,
    Direction.OUTGOING: pb.AID_DIRECTION_OUTGOING,
}
DIRECTION_OF = {number: direction for direction, number in DIRECTIONS.items()}
REPLIES = {
    Reply.ACKNOWLEDGE: pb.AID_REPLY_ACKNOWLEDGE,
    Reply.ACCEPT: pb.AID_REPLY_ACCEPT,
    Reply.DECLINE: pb.AID_REPLY_DECLINE,
}
REPLY_OF = {number: reply for reply, number in REPLIES.items()}
UNIT_STATES = {
    UnitState.COMMITTED: pb.AID_UNIT_STATE_COMMITTED,
    UnitState.EN_ROUTE: pb.AID_UNIT_STATE_EN_ROUTE,
    UnitState.ARRIVED: pb.AID_UNIT_STATE_ARRIVED,
    UnitState.RELEASED: pb.AID_UNIT_STATE_RELEASED,
    UnitState.RETURNED: pb.AID_UNIT_STATE_RETURNED,
    UnitState.WITHDRAWN: pb.AID_UNIT_STATE_WITHDRAWN,
}
UNIT_STATE_OF = {number: state for state, number in UNIT_STATES.items()}
STANDINGS = {
    Standing.REQUESTED: pb.AID_STATE_REQUESTED,
    Standing.OFFERED: pb.AID_STATE_OFFERED,
    Standing.DECLINED: pb.AID_STATE_DECLINED,
    Standing.PARTLY_COMMITTED: pb.AID_STATE_PARTLY_COMMITTED,
    Standing.COMMITTED: pb.AID_STATE_COMMITTED,
    Standing.CANCELLED: pb.AID_STATE_CANCELLED,
    Standing.COMPLETED: pb.AID_STATE_COMPLETED,
    Standing.EXPIRED: pb.AID_STATE_EXPIRED,
}


def authority(known: Authority) -> pb.Authority:
    return pb.Authority(adcode=known.adcode, name=known.name, contact=known.contact)


def item(known: Item) -> pb.AidItem:
    return pb.AidItem(
        item_id=known.item_id,
        kind=known.kind,
        capabilities=known.capabilities,
        quantity=known.quantity,
        note=known.note,
    )


def items_of(messages: Iterable[pb.AidItem]) -> tuple[Item, ...]:
    return tuple(
        Item(
            item_id=one.item_id,
            kind=one.kind,
            capabilities=tuple(one.capabilities),
            quantity=one.quantity,
            note=one.note,
        )
        for one in messages
    )


def unit(known: Unit) -> pb.AidUnit:
    return pb.AidUnit(
        unit_id=known.unit_id,
        item_id=known.item_id,
        name=known.name,
        kind=known.kind,
        capabilities=known.capabilities,
        staffing=known.staffing,
        contact=known.contact,
        arrive_estimate_time=to_proto(known.arrives_at),
    )


def units_of(messages: Iterable[pb.AidUnit]) -> tuple[Unit, ...]:
    return tuple(
        Unit(
            unit_id=one.unit_id,
            item_id=one.item_id,
            name=one.name,
            kind=one.kind,
            capabilities=tuple(one.capabilities),
            staffing=one.staffing,
            contact=one.contact,
            arrives_at=(
                times.known(one, "arrive_estimate_time")
                if one.HasField("arrive_estimate_time")
                else None
            ),
        )
        for one in messages
    )


def quantities(known: dict[str, int]) -> list[pb.AidQuantity]:
    return [pb.AidQuantity(item_id=key, quantity=number) for key, number in known.items()]


def aid(row: Any, covers: Callable[[str], bool]) -> pb.Aid:
    """Return an aid as one party may see it: a helper sees nothing of the others."""
    state = folded(row.folded)
    whole = covers(state.requester.adcode)
    message = pb.Aid(
        aid_id=row.aid_id,
        direction=DIRECTIONS[state.direction],
        state=STANDINGS[state.standing],
        incident_id=state.incident_id,
        requester=authority(state.requester),
        reason=row.reason,
        items=[_coverage(state, key) for key in state.items],
        helpers=[_helper(one) for adcode, one in state.helpers.items() if whole or covers(adcode)],
        units=[
            _lent(state, one, row.exercise)
            for one in state.units.values()
            if whole or covers(one.helper)
        ],
        until_time=to_proto(state.until),
        reply_due_time=stamp(row.reply_due_at),
        reply_overdue=state.is_overdue,
        term_ended=state.term_ended,
        end_reason=state.end_reason,
        created_by=row.created_by,
        create_time=stamp(row.created_at),
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
    )
    place.write(message.place, msgspec.json.decode(row.place, type=Place))
    return message


def _coverage(state: Aid, item_id: str) -> pb.Aid.Coverage:
    wanted, committed = state.items[item_id], state.committed(item_id)
    return pb.Aid.Coverage(
        item=item(wanted),
        committed=committed,
        arrived=state.arrived(item_id),
        over_committed=committed > wanted.quantity,
    )


def _helper(known: Helper) -> pb.Aid.Helper:
    return pb.Aid.Helper(
        authority=authority(known.authority),
        reply=pb.AID_REPLY_UNSPECIFIED if known.reply is None else REPLIES[known.reply],
        reply_time=to_proto(known.replied_at),
        reason=known.reason,
        requisitioned=quantities(known.requisitioned),
        until_time=to_proto(known.until),
        extension_asked_time=to_proto(known.extension_asked),
        return_asked_unit_ids=known.return_asked,
        return_reason=known.return_reason,
    )


def _lent(state: Aid, known: Lent, exercise: str) -> pb.Aid.Lent:
    return pb.Aid.Lent(
        unit=unit(known.unit),
        helper_adcode=known.helper,
        state=UNIT_STATES[known.state],
        state_time=to_proto(known.at),
        note=known.note,
        local_unit_id=local_unit_id(state, known, exercise),
    )
