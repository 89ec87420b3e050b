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
from services.dispatch.domain import planned_start
from services.dispatch.domain.recommendation import decider, engine
from services.dispatch.domain.recommendation.replay import replay
from services.dispatch.policies.cards import Said
from services.dispatch.policies.incidents import Incidents
from services.dispatch.policies.recommending import Question, Recommending
from services.dispatch.policies.starting import Starting
from services.dispatch.projections.recommendations import RECOMMENDATIONS
from services.dispatch.servicer import card_messages, messages, recommendation_messages
from services.runtime import call, paging, reading, watching
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, derived_id
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import Rejection
from services.runtime.times import known, said, to_proto


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationServicer(RecommendationServiceServicer):
    handler: CommandHandler[decider.Command, decider.State, decider.Event]
    recommending: Recommending
    incidents: Incidents
    starting: Starting
    model: ReadModel
    regions: Regions
    now: Callable[[], datetime]

    async def RecommendUnits(
        self, request: pb.RecommendUnitsRequest, context: Any
    ) -> pb.RecommendUnitsResponse:
        caller = call.current()
        key = request.recommendation_id or derived_id(request.request_id, "recommendation")
        cause = caller.cause(request.request_id, request.incident_id)
        try:
            made = await self._weigh(request, key, cause)
        except Rejection:  # a repetition has its answer whatever is known of units and cards now
            if (written := await self.handler.obeyed(key, cause)) is None:
                raise
        else:
            written = await self.handler.handle(key, made, cause)
        return _answer(written.event, written.position, cause.exercise)

    async def PreplanRecommendation(
        self, request: pb.PreplanRecommendationRequest, context: Any
    ) -> pb.PreplanRecommendationResponse:
        caller, key = call.current(), request.recommendation_id
        made = await self.handler.state(key, caller.cause(request.request_id, ""))
        if made is None:
            raise decider.unknown(key)
        cause = caller.cause(request.request_id, made.incident_id)
        starts = self.starting.starts
        written = await starts.obeyed(key, cause)
        if written is None:
            written = await starts.handle(key, await self._plan(request, made, cause), cause)
        plan = written.event
        position = await self.starting.carry_out(plan, cause)
        return pb.PreplanRecommendationResponse(
            assignment_ids=[one.assignment_id for one in plan.units],
            unit_ids=[one.unit_id for one in plan.units],
            dispatch_time=to_proto(plan.start_at),
            position=max(written.position, position),
        )

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

    async def _weigh(
        self, request: pb.RecommendUnitsRequest, key: str, cause: Cause
    ) -> decider.MakeRecommendation:
        caller = call.current()
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
        return decider.MakeRecommendation(
            by=caller.actor,
            recommendation_id=key,
            inputs=inputs,
            result=result,
            occurred_at=inputs.at,
        )

    async def _plan(
        self,
        request: pb.PreplanRecommendationRequest,
        made: decider.RecommendationMade,
        cause: Cause,
    ) -> planned_start.PlanStart:
        if not made.incident_id:
            raise Rejection(
                "RECOMMENDATION_WITHOUT_INCIDENT",
                f"{made.recommendation_id} was made for a place: recommend for an incident",
                recommendation_id=made.recommendation_id,
            )
        caller, card = call.current(), made.inputs.card
        incident = await self.incidents.find(made.incident_id, cause)
        caller.require_region(incident.place.adcode)
        said_when = request.HasField("dispatch_time")
        return planned_start.PlanStart(
            by=caller.actor,
            recommendation_id=made.recommendation_id,
            incident_id=made.incident_id,
            incident_type=incident.type_code,
            units=tuple(
                planned_start.Planned(
                    assignment_id=derived_id(request.request_id, unit_id), unit_id=unit_id
                )
                for unit_id in request.unit_ids or made.picked
            ),
            picked=made.picked,
            start_at=known(request, "dispatch_time") if said_when else None,
            planned_start_at=None if card is None else card.planned_start_at,
            destination=incident.place,
            order=request.order or ("" if card is None else card.instructions),
            call_at=incident.call_at,
            acknowledge_within_s=messages.acknowledge_within_s(request),
            occurred_at=said(request, "occur_time", self.now()),
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
