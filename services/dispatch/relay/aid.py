"""Mutual aid as the world may know it: a later exchange carries these messages."""

from __future__ import annotations

from typing import Any, assert_never

from google.protobuf.message import Message

from anlan.events.v1 import aid_events_pb2 as pb
from anlan.type.v1 import place_pb2
from services.dispatch.domain.aid import events
from services.dispatch.domain.aid.state import Standing
from services.dispatch.servicer import aid_messages as messages
from services.runtime import place
from services.runtime.place import Place
from services.runtime.times import to_proto


def message(event: events.Event, message_id: str) -> Message:
    about: dict[str, Any] = {
        "message_id": message_id,
        "aid_id": event.aid_id,
        "incident_id": event.incident_id,
        "occur_time": to_proto(event.occurred_at),
    }
    match event:
        case events.AidRequested():
            return pb.AidRequested(
                **about,
                direction=messages.DIRECTIONS[event.direction],
                requester=messages.authority(event.requester),
                recipients=[messages.authority(one) for one in event.recipients],
                place=_place(event.place),
                items=[messages.item(one) for one in event.items],
                until_time=to_proto(event.until),
                reply_due_time=to_proto(event.reply_due_at),
                reason=event.reason,
            )
        case events.AidOffered():
            return pb.AidOffered(
                **about,
                direction=messages.DIRECTIONS[event.direction],
                helper=messages.authority(event.helper),
                requester=messages.authority(event.requester),
                place=_place(event.place),
                items=[messages.item(one) for one in event.items],
                until_time=to_proto(event.until),
                reason=event.reason,
            )
        case events.AidAnswerOverdue():
            return pb.AidAnswerOverdue(**about, helper_adcodes=event.helpers)
        case events.AidEnded():
            state = messages.STANDINGS[Standing(event.ending)]
            return pb.AidEnded(**about, state=state, reason=event.reason)
        case events.AidMoved():
            return pb.AidMoved(**about, from_incident_id=event.from_incident_id)
        case _:
            return _between(event, {**about, "helper_adcode": event.helper})


def _between(
    event: events.AidAnswered
    | events.AidRequisitioned
    | events.AidCommitted
    | events.AidUnitReported
    | events.AidStatusRequested
    | events.AidUnitsReleased
    | events.AidReturnRequested
    | events.AidReturnAnswered
    | events.AidExtensionRequested
    | events.AidExtensionAnswered
    | events.AidTermEnded,
    about: dict[str, Any],
) -> Message:
    """Translate what passes between whoever asked and one helper."""
    match event:
        case events.AidAnswered():
            reply = messages.REPLIES[event.reply]
            return pb.AidAnswered(**about, reply=reply, reason=event.reason, late=event.late)
        case events.AidRequisitioned():
            return pb.AidRequisitioned(**about, items=messages.quantities(event.items))
        case events.AidCommitted():
            return pb.AidCommitted(
                **about,
                units=[messages.unit(one) for one in event.units],
                over_committed=event.over_committed,
            )
        case events.AidUnitReported():
            return pb.AidUnitReported(
                **about,
                unit_id=event.unit_id,
                state=messages.UNIT_STATES[event.unit_state],
                note=event.note,
                late=event.late,
            )
        case events.AidStatusRequested():
            return pb.AidStatusRequested(**about, question=event.question)
        case events.AidUnitsReleased():
            return pb.AidUnitsReleased(**about, unit_ids=event.unit_ids, reason=event.reason)
        case events.AidReturnRequested():
            return pb.AidReturnRequested(**about, unit_ids=event.unit_ids, reason=event.reason)
        case events.AidReturnAnswered():
            reply = messages.REPLIES[event.reply]
            return pb.AidReturnAnswered(**about, reply=reply, reason=event.reason)
        case events.AidExtensionRequested():
            until = to_proto(event.until)
            return pb.AidExtensionRequested(**about, until_time=until, reason=event.reason)
        case events.AidExtensionAnswered():
            return pb.AidExtensionAnswered(
                **about,
                reply=messages.REPLIES[event.reply],
                until_time=to_proto(event.until),
                reason=event.reason,
            )
        case events.AidTermEnded():
            return pb.AidTermEnded(**about, unit_ids=event.unit_ids)
        case _:
            assert_never(event)


def _place(known: Place) -> place_pb2.Place:
    written = place_pb2.Place()
    place.write(written, known)
    return written
