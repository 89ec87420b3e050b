"""Run cards and recommendations as the world may know them."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

import msgspec
from google.protobuf.message import Message

from anlan.events.v1 import run_card_events_pb2 as pb
from services.dispatch.domain.recommendation.inputs import Card
from services.dispatch.domain.run_card import decider as run_card
from services.runtime.times import to_proto


def message(event: run_card.Event) -> Message | None:
    match event:
        case run_card.RunCardDrafted() | run_card.RunCardRevised():
            return None
        case run_card.RunCardPublished():
            return pb.RunCardPublished(
                run_card_id=event.run_card_id,
                adcode=event.adcode,
                version=event.version,
                title=event.title,
                sample=event.sample,
                occur_time=to_proto(event.occurred_at),
            )
        case run_card.RunCardRetired():
            return pb.RunCardRetired(
                run_card_id=event.run_card_id,
                adcode=event.adcode,
                title=event.title,
                reason=event.reason,
                occur_time=to_proto(event.occurred_at),
            )
        case _:
            assert_never(event)


class _Inputs(msgspec.Struct):
    card: Card | None


class Recommended(msgspec.Struct):
    """A `RecommendationMade` without the candidates, of which the world is not told."""

    recommendation_id: str
    incident_id: str
    adcode: str
    picked: list[str]
    missing: int
    inputs: _Inputs
    occurred_at: datetime


def recommended(event: Recommended) -> Message:
    card = event.inputs.card
    return pb.RecommendationMade(
        recommendation_id=event.recommendation_id,
        incident_id=event.incident_id,
        adcode=event.adcode,
        unit_ids=event.picked,
        missing=event.missing,
        run_card_id="" if card is None else card.run_card_id,
        run_card_version=0 if card is None else card.version,
        occur_time=to_proto(event.occurred_at),
    )
