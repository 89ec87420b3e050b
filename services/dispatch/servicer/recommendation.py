"""The recommendation API: requests in, recommendations out.  No rules live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from anlan.dispatch.v1 import recommendation_pb2 as shape
from anlan.dispatch.v1 import recommendation_service_pb2 as pb
from anlan.dispatch.v1.recommendation_service_pb2_grpc import RecommendationServiceServicer
from services.dispatch.codec import RECOMMENDATION_CODEC
from services.dispatch.domain.recommendation import decider, engine
from services.dispatch.domain.recommendation.replay import replay
from services.dispatch.policies.cards import Said
from services.dispatch.policies.recommending import Question, Recommending
from services.dispatch.projections.recommendations import RECOMMENDATIONS
from services.dispatch.servicer import card_messages, recommendation_messages
from services.runtime import call, paging, reading, watching
from services.runtime.handle import CommandHandler, derived_id
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationServicer(RecommendationServiceServicer):
    handler: CommandHandler[decider.Command, decider.State, decider.Event]
    recommending: Recommending
    model: ReadModel
    regions: Regions
    now: Callable[[], datetime]

    async def RecommendUnits(
        self, request: pb.RecommendUnitsRequest, context: Any
    ) -> pb.RecommendUnitsResponse:
        caller = call.current()
        key = request.recommendation_id or derived_id(request.request_id, "recommendation")
        cause = caller.cause(request.request_id, request.incident_id)
        if (first := await self.handler.obeyed(key, cause)) is not None:
            return _answer(first.event, first.position, cause.exercise)
        await self.recommending.fleet.reached(request.min_position)
        placed = request.HasField("place")
        now = self.now()
        question = Question(
            said=Said(
                incident_id=request.incident_id,
                place=self.regions.placed(request.place, "place") if placed else None,
                type_code=request.type_code,
                grade=card_messages.GRADES.get(request.grade),
                response_level=card_messages.LEVELS.get(request.response_level),
                called_at=now,
            ),
            run_card_id=request.run_card_id,
            alarm_level=request.alarm_level,
            wants=card_messages.wants(request.wants),
            radius_m=request.radius_m,
        )
        inputs, result = await self.recommending.answer(question, caller.actor, cause)
        command = decider.MakeRecommendation(
            by=caller.actor,
            recommendation_id=key,
            inputs=inputs,
            result=result,
            occurred_at=inputs.at,
        )
        written = await self.handler.handle(key, command, cause)
        return _answer(written.event, written.position, cause.exercise)

    async def GetRecommendation(
        self, request: pb.GetRecommendationRequest, context: Any
    ) -> pb.GetRecommendationResponse:
        key = request.recommendation_id
        statement = select(RECOMMENDATIONS).where(RECOMMENDATIONS.c.recommendation_id == key)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise decider.unknown(key)
        response = pb.GetRecommendationResponse(recommendation=_of_row(row))
        reading.freshen(response.freshness, seen)
        return response

    async def ListRecommendations(
        self, request: pb.ListRecommendationsRequest, context: Any
    ) -> pb.ListRecommendationsResponse:
        size = paging.limit(request.page_size)
        column = RECOMMENDATIONS.c
        statement = _of_incident(request.incident_id)
        statement = statement.order_by(column.position.desc()).limit(size + 1)
        if after := paging.key(request.page_token, (int,)):
            statement = statement.where(column.position < after[0])
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListRecommendationsResponse(
            recommendations=[_of_row(row) for row in rows[:size]]
        )
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].position)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchRecommendations(
        self, request: pb.WatchRecommendationsRequest, context: Any
    ) -> AsyncIterator[pb.WatchRecommendationsResponse]:
        statement = _of_incident(request.incident_id)
        async for row in watching.changes(
            self.model, statement, RECOMMENDATIONS.c.position, request.resume_position
        ):
            yield pb.WatchRecommendationsResponse(
                recommendation=_of_row(row), position=row.position
            )

    async def ReplayRecommendation(
        self, request: pb.ReplayRecommendationRequest, context: Any
    ) -> pb.ReplayRecommendationResponse:
        state, written = await self.handler.look(request.recommendation_id)
        if state is None:
            raise decider.unknown(request.recommendation_id)
        result, differences = replay(state)
        again = recommendation_messages.recommendation(state, result)
        again.position = written.position
        return pb.ReplayRecommendationResponse(
            identical=not differences and result == state.result,
            stored_engine_version=state.result.engine_version,
            engine_version=engine.VERSION,
            differences=[
                pb.ReplayDifference(about=one.about, stored=one.stored, replayed=one.replayed)
                for one in differences
            ],
            recommendation=again,
        )


def _answer(
    made: decider.RecommendationMade, position: int, exercise: str
) -> pb.RecommendUnitsResponse:
    message = recommendation_messages.recommendation(made, made.result)
    message.position, message.exercise = position, exercise
    return pb.RecommendUnitsResponse(recommendation=message, position=position)


def _of_row(row: Any) -> shape.Recommendation:
    made = RECOMMENDATION_CODEC.decode("RecommendationMade.v1", row.made.encode())
    message = recommendation_messages.recommendation(made, made.result)
    message.position, message.exercise = row.position, row.exercise
    return message


def _of_incident(incident_id: str) -> Select[Any]:
    statement = select(RECOMMENDATIONS)
    if incident_id:
        statement = statement.where(RECOMMENDATIONS.c.incident_id == incident_id)
    return statement
