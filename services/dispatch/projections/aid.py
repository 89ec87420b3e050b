"""Mutual aid as rows: the state as the domain folds it, and what lists are asked by."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select, update

from services.dispatch.codec import AID_CODEC
from services.dispatch.domain.aid.events import AidOffered, AidRequested
from services.dispatch.domain.aid.state import Aid, evolve
from services.dispatch.projections.tables import AID, AID_PARTIES, CLOSED, OPEN, OVERDUE
from services.runtime.recorded import Recorded
from services.runtime.times import micros


def apply(connection: Connection, recorded: Recorded) -> None:
    event = AID_CODEC.decode(recorded.type, recorded.data)
    mine = AID.c.aid_id == recorded.key
    row = connection.execute(select(AID.c.folded).where(mine)).first()
    state = evolve(None if row is None else folded(row.folded), event)
    if state is None:
        return
    changed = _standing(state) | {
        "incident_id": state.incident_id,
        "revision": recorded.revision,
        "position": recorded.position,
    }
    if isinstance(event, AidRequested | AidOffered):
        connection.execute(AID.insert(), changed | _opened(recorded, event))
        parties = (state.requester.adcode, *state.helpers)
        connection.execute(
            AID_PARTIES.insert(), [{"aid_id": recorded.key, "adcode": one} for one in parties]
        )
    else:
        connection.execute(update(AID).where(mine).values(**changed))


def folded(document: str) -> Aid:
    return msgspec.json.decode(document, type=Aid)


def _standing(state: Aid) -> dict[str, object]:
    late = state.is_overdue or state.term_ended
    ended = state.ending is not None
    return {
        "standing": state.standing,
        "rank": CLOSED if ended else OVERDUE if late else OPEN,
        "due_at": min((micros(due) for due in state.dues()), default=None),
        "folded": msgspec.json.encode(state).decode(),
    }


def _opened(recorded: Recorded, event: AidRequested | AidOffered) -> dict[str, object]:
    reply_due_at: int | None
    match event:
        case AidRequested():
            by, reply_due_at = event.requested_by, micros(event.reply_due_at)
        case AidOffered():
            by, reply_due_at = event.offered_by, None
    return {
        "aid_id": recorded.key,
        "direction": event.direction,
        "place": msgspec.json.encode(event.place).decode(),
        "reason": event.reason,
        "created_by": by,
        "created_at": micros(event.occurred_at),
        "reply_due_at": reply_due_at,
        "exercise": recorded.metadata.get("exercise", ""),
        "opened_position": recorded.position,
    }
