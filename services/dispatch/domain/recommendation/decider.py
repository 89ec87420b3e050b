"""A recommendation: made once, with all that it rests on, and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.dispatch.domain.recommendation.engine import Result
from services.dispatch.domain.recommendation.inputs import Inputs
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeRecommendation:
    by: Actor
    recommendation_id: str
    inputs: Inputs
    result: Result
    occurred_at: datetime


Command = MakeRecommendation


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationMade:
    """``missing`` is how many units are wanted beyond those picked."""

    recommendation_id: str
    incident_id: str
    adcode: str
    picked: tuple[str, ...]
    missing: int
    inputs: Inputs
    result: Result
    requested_by: str
    occurred_at: datetime


Event = RecommendationMade
State = RecommendationMade | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return what was recommended, once; the same id twice is refused."""
    if state is not None:
        raise AlreadyExists(
            "RECOMMENDATION_EXISTS",
            f"recommendation {command.recommendation_id} was made before: choose another id",
            recommendation_id=command.recommendation_id,
        )
    result = command.result
    return [
        RecommendationMade(
            recommendation_id=command.recommendation_id,
            incident_id=command.inputs.incident_id,
            adcode=command.inputs.place.adcode,
            picked=tuple(one.unit_id for one in result.picks),
            missing=sum(short.missing for short in result.shortfalls),
            inputs=command.inputs,
            result=result,
            requested_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(state: State, event: Event) -> State:
    return state or event


def unknown(recommendation_id: str) -> NotFound:
    return NotFound(
        "NO_SUCH_RECOMMENDATION",
        f"no recommendation {recommendation_id}",
        recommendation_id=recommendation_id,
    )
