"""The plan API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, literal, select

from anlan.command.v1 import plan_service_pb2 as pb
from anlan.command.v1.plan_service_pb2_grpc import PlanServiceServicer
from services.command.domain.incident import lifecycle
from services.command.domain.plan import decider
from services.command.domain.plan.commands import (
    AssessPlan,
    Command,
    DraftPlan,
    FilePlan,
    PublishPlan,
    RecordPlanExercise,
    RetirePlan,
    ReviewPlan,
    RevisePlan,
)
from services.command.projections.exercises import clock
from services.command.projections.incidents import INCIDENTS
from services.command.projections.plans import PLAN_ACTS, PLAN_VERSIONS, PLANS
from services.command.servicer import conformance
from services.command.servicer import plan_messages as messages
from services.command.servicer.planning import Plans
from services.runtime import call, paging, reading, watching
from services.runtime.handle import Written
from services.runtime.readmodel import ReadModel, Seen
from services.runtime.times import known, micros, of_micros, said, to_proto

SHOWN = case((PLANS.c.in_force > 0, PLANS.c.in_force), else_=PLANS.c.newest)
"""The version that a list shows of a plan."""
LISTED = select(
    PLANS, PLAN_VERSIONS.c.kind, PLAN_VERSIONS.c.title, PLAN_VERSIONS.c.sample
).join_from(
    PLANS,
    PLAN_VERSIONS,
    and_(PLANS.c.plan_id == PLAN_VERSIONS.c.plan_id, PLAN_VERSIONS.c.version == SHOWN),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanServicer(PlanServiceServicer):
    plans: Plans
    model: ReadModel
    now: Callable[[], datetime]

    async def DraftPlan(self, request: pb.DraftPlanRequest, context: Any) -> pb.DraftPlanResponse:
        command = DraftPlan(
            by=call.current().actor,
            plan_id=request.plan_id,
            adcode=request.adcode,
            content=messages.content(request.content),
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._act(request, command)
        return pb.DraftPlanResponse(etag=written.etag, position=written.position)

    async def RevisePlan(
        self, request: pb.RevisePlanRequest, context: Any
    ) -> pb.RevisePlanResponse:
        command = RevisePlan(
            by=call.current().actor,
            plan_id=request.plan_id,
            content=messages.content(request.content),
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._act(request, command)
        return pb.RevisePlanResponse(etag=written.etag, position=written.position)

    async def ReviewPlan(
        self, request: pb.ReviewPlanRequest, context: Any
    ) -> pb.ReviewPlanResponse:
        command = ReviewPlan(
            by=call.current().actor,
            plan_id=request.plan_id,
            version=request.version,
            verdict=messages.VERDICT_OF[request.verdict],
            body=request.body,
            reference=request.reference,
            opinion=request.opinion,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._act(request, command)
        return pb.ReviewPlanResponse(etag=written.etag, position=written.position)

    async def AssessPlan(
        self, request: pb.AssessPlanRequest, context: Any
    ) -> pb.AssessPlanResponse:
        command = AssessPlan(
            by=call.current().actor,
            plan_id=request.plan_id,
            version=request.version,
            verdict=messages.VERDICT_OF[request.verdict],
            body=request.body,
            reference=request.reference,
            opinion=request.opinion,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._act(request, command)
        return pb.AssessPlanResponse(etag=written.etag, position=written.position)

    async def PublishPlan(
        self, request: pb.PublishPlanRequest, context: Any
    ) -> pb.PublishPlanResponse:
        command = PublishPlan(
            by=call.current().actor,
            plan_id=request.plan_id,
            version=request.version,
            body=request.body,
            reference=request.reference,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._act(request, command)
        return pb.PublishPlanResponse(etag=written.etag, position=written.position)

    async def FilePlan(self, request: pb.FilePlanRequest, context: Any) -> pb.FilePlanResponse:
        command = FilePlan(
            by=call.current().actor,
            plan_id=request.plan_id,
            version=request.version,
            body=request.body,
            reference=request.reference,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._act(request, command)
        return pb.FilePlanResponse(etag=written.etag, position=written.position)

    async def RecordPlanExercise(
        self, request: pb.RecordPlanExerciseRequest, context: Any
    ) -> pb.RecordPlanExerciseResponse:
        command = RecordPlanExercise(
            by=call.current().actor,
            plan_id=request.plan_id,
            version=request.version,
            body=request.body,
            reference=request.reference,
            opinion=request.evaluation,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._act(request, command)
        return pb.RecordPlanExerciseResponse(etag=written.etag, position=written.position)

    async def RetirePlan(
        self, request: pb.RetirePlanRequest, context: Any
    ) -> pb.RetirePlanResponse:
        command = RetirePlan(
            by=call.current().actor,
            plan_id=request.plan_id,
            body=request.body,
            reference=request.reference,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._act(request, command)
        return pb.RetirePlanResponse(etag=written.etag, position=written.position)

    async def _act(self, request: Any, command: Command) -> Written:
        cause = call.current().cause(request.request_id, command.plan_id)
        return await self.plans.handle(command.plan_id, command, cause, etag=request.etag)

    async def GetPlan(self, request: pb.GetPlanRequest, context: Any) -> pb.GetPlanResponse:
        key = request.plan_id
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(LISTED.where(PLANS.c.plan_id == key))).first()
            number = request.version or (row and (row.in_force or row.newest))
            version = (
                await connection.execute(
                    select(PLAN_VERSIONS)
                    .where(PLAN_VERSIONS.c.plan_id == key)
                    .where(PLAN_VERSIONS.c.version == number)
                )
            ).first()
            acts = await connection.execute(
                select(PLAN_ACTS).where(PLAN_ACTS.c.plan_id == key).order_by(PLAN_ACTS.c.position)
            )
        if row is None:
            raise decider.unknown(key)
        if version is None:
            raise decider.no_version(key, request.version)
        response = pb.GetPlanResponse(
            plan=messages.plan(row), version=messages.version(version), acts=messages.acts(acts)
        )
        reading.freshen(response.freshness, seen)
        return response

    async def ListPlans(self, request: pb.ListPlansRequest, context: Any) -> pb.ListPlansResponse:
        size = paging.limit(request.page_size)
        column = PLANS.c
        statement = LISTED.order_by(column.plan_id).limit(size + 1)
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(column.plan_id > after[0])
        if request.kind:
            statement = statement.where(PLAN_VERSIONS.c.kind == messages.KIND_OF[request.kind])
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        if request.only_in_force:
            statement = statement.where(column.in_force > 0)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListPlansResponse(plans=[messages.plan(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].plan_id)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchPlans(
        self, request: pb.WatchPlansRequest, context: Any
    ) -> AsyncIterator[pb.WatchPlansResponse]:
        statement = LISTED
        if request.adcode:
            statement = statement.where(reading.inside(PLANS.c.adcode, request.adcode))
        async for row in watching.changes(
            self.model, statement, PLANS.c.position, request.resume_position
        ):
            yield pb.WatchPlansResponse(plan=messages.plan(row), position=row.position)

    async def GetConformance(
        self, request: pb.GetConformanceRequest, context: Any
    ) -> pb.GetConformanceResponse:
        key, now = request.incident_id, self.now()
        async with reading.rows(self.model, request.read, now) as (connection, seen):
            wall = literal(micros(_instant(request.read, seen, now)))
            until = of_micros(
                await connection.scalar(
                    select(clock(INCIDENTS.c.exercise, wall)).where(INCIDENTS.c.incident_id == key)
                )
            )
            if until is None:
                raise lifecycle.unknown(key)
            found, unplanned = await conformance.of_incident(connection, key, until)
        response = pb.GetConformanceResponse(
            incident_id=key,
            activations=found,
            unplanned_activations=unplanned,
            judge_time=to_proto(until),
        )
        reading.freshen(response.freshness, seen)
        return response


def _instant(options: Any, seen: Seen, now: datetime) -> datetime:
    """Return the instant that a read of the past speaks of."""
    match options.WhichOneof("as_of"):
        case "as_of_time":
            return known(options, "as_of_time")
        case "as_of_position":
            return seen.time
        case _:
            return now
