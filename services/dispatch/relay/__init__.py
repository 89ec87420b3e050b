"""What the rest of the world may know: private facts to public messages."""

from __future__ import annotations

import msgspec
from google.protobuf.message import Message

from services.dispatch.codec import (
    AID,
    AID_CODEC,
    ASSIGNMENT,
    ASSIGNMENT_CODEC,
    PLANNED_START,
    PLANNED_START_CODEC,
    RECOMMENDATION,
    ROLL_CALL,
    ROLL_CALL_CODEC,
    RUN_CARD,
    RUN_CARD_CODEC,
    WITHDRAWAL,
    WITHDRAWAL_CODEC,
)
from services.dispatch.relay import accountability, aid, assignments, run_cards
from services.runtime.published import Publication
from services.runtime.recorded import Recorded

STREAM = "ANLAN_DISPATCH"
CATEGORIES = tuple(
    decider.category
    for decider in (
        ASSIGNMENT,
        AID,
        ROLL_CALL,
        WITHDRAWAL,
        RUN_CARD,
        RECOMMENDATION,
        PLANNED_START,
    )
)
SUBJECTS = tuple(f"anlan.*.{category}.>" for category in CATEGORIES)


def public(recorded: Recorded) -> Publication | None:
    """Translate, or return None for what stays in this room."""
    adcode, message = _told(recorded)
    if message is None:
        return None
    name = message.DESCRIPTOR.name
    return Publication(
        subject=f"anlan.{adcode}.{recorded.category}.{name}.{recorded.key}",
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
    )


def _told(recorded: Recorded) -> tuple[str, Message | None]:
    match recorded.category:
        case AID.category:
            spoken = AID_CODEC.decode(recorded.type, recorded.data)
            return spoken.adcode, aid.message(spoken, str(recorded.id))
        case ROLL_CALL.category:
            called = ROLL_CALL_CODEC.decode(recorded.type, recorded.data)
            return called.adcode, accountability.of_roll_call(called)
        case WITHDRAWAL.category:
            ordered = WITHDRAWAL_CODEC.decode(recorded.type, recorded.data)
            return ordered.adcode, accountability.of_withdrawal(ordered)
        case RUN_CARD.category:
            card = RUN_CARD_CODEC.decode(recorded.type, recorded.data)
            return card.adcode, run_cards.message(card)
        case RECOMMENDATION.category:
            made = msgspec.json.decode(recorded.data, type=run_cards.Recommended)
            return made.adcode, run_cards.recommended(made)
        case PLANNED_START.category:
            planned = PLANNED_START_CODEC.decode(recorded.type, recorded.data)
            return planned.adcode, assignments.of_start(planned)
        case _:
            event = ASSIGNMENT_CODEC.decode(recorded.type, recorded.data)
            return event.adcode, assignments.message(event)
