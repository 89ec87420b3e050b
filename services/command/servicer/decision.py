"""The decision API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, or_, select

from anlan.command.v1 import decision_service_pb2 as pb
from anlan.command.v1.decision_service_pb2_grpc import DecisionServiceServicer
from services.command.domain.incident import decider, decision_rules, decisions
from services.command.domain.incident.decision_classes import DecisionClasses
from services.command.projections.consequences import FOLLOWED
from services.command.projections.decisions import DECISION_BASIS, DECISIONS
from services.command.servicer import decision_messages
from services.command.servicer.acting import Incidents, act
from services.runtime import call, paging, reading, watching
from services.runtime.handle import derived_id
from services.runtime.readmodel import ReadModel
from services.runtime.times import said

ROWS_LOOKED_AT, ROWS_FOLLOW_S = 5, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionServicer(DecisionServiceServicer):
    incidents: Incidents
    model: ReadModel
    classes: DecisionClasses
    now: Callable[[], datetime]

    async def CompleteDecisionStep(
        self, request: pb.CompleteDecisionStepRequest, context: Any
    ) -> pb.CompleteDecisionStepResponse:
        now = self.now()
        command = decisions.CompleteDecisionStep(
            by=call.current().actor,
            incident_id=request.incident_id,
            decision_id=request.decision_id,
            done=decision_messages.step_done(request.done, now),
            occurred_at=said(request, "occur_time", now),
        )
        written = await act(self.incidents, request, command)
        return pb.CompleteDecisionStepResponse(etag=written.etag, position=written.position)

    async def ApproveDecision(
        self, request: pb.ApproveDecisionRequest, context: Any
    ) -> pb.ApproveDecisionResponse:
        command = decisions.ApproveDecision(
            by=call.current().actor,
            incident_id=request.incident_id,
            decision_id=request.decision_id,
            authority=request.authority,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.ApproveDecisionResponse(etag=written.etag, position=written.position)

    async def RejectDecision(
        self, request: pb.RejectDecisionRequest, context: Any
    ) -> pb.RejectDecisionResponse:
        command = decisions.RejectDecision(
            by=call.current().actor,
            incident_id=request.incident_id,
            decision_id=request.decision_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.RejectDecisionResponse(etag=written.etag, position=written.position)

    async def RecordDissent(
        self, request: pb.RecordDissentRequest, context: Any
    ) -> pb.RecordDissentResponse:
        by = call.current().actor
        command = decisions.RecordDissent(
            by=by,
            incident_id=request.incident_id,
            decision_id=request.decision_id,
            dissent=decision_messages.dissent(request.dissent, by),
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.RecordDissentResponse(etag=written.etag, position=written.position)

    async def RevokeDecision(
        self, request: pb.RevokeDecisionRequest, context: Any
    ) -> pb.RevokeDecisionResponse:
        decision_id = request.decision_id or derived_id(request.request_id, "decision")
        command = decision_messages.recorded(request, call.current().actor, decision_id, self.now())
        written = await act(self.incidents, request, command)
        return pb.RevokeDecisionResponse(
            decision_id=decision_id, etag=written.etag, position=written.position
        )

    async def GetDecision(
        self, request: pb.GetDecisionRequest, context: Any
    ) -> pb.GetDecisionResponse:
        answer = await self._page(request)
        if answer is None and await self._row_follows(request):
            answer = await self._page(request)
        if answer is None:
            raise decision_rules.unknown(request.incident_id, request.decision_id)
        return answer

    async def _page(self, request: pb.GetDecisionRequest) -> pb.GetDecisionResponse | None:
        size = paging.limit(request.page_size)
        after = paging.key(request.page_token, (int,)) or (0,)
        followed = (
            select(FOLLOWED)
            .where(FOLLOWED.c.decided_on == request.incident_id)
            .where(FOLLOWED.c.decision_id == request.decision_id)
            .where(FOLLOWED.c.position > after[0])
            .order_by(FOLLOWED.c.position)
            .limit(size + 1)
        )
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(_one(request))).first()
            rows = (await connection.execute(followed)).all()
        if row is None:
            return None
        response = pb.GetDecisionResponse(
            decision=decision_messages.decision(row),
            followed=[decision_messages.consequence(one) for one in rows[:size]],
        )
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].position)
        reading.freshen(response.freshness, seen)
        return response

    async def _row_follows(self, request: pb.GetDecisionRequest) -> bool:
        """Let the rows catch up with a decision that was recorded a moment ago."""
        if request.read.WhichOneof("as_of"):
            return False
        for _ in range(ROWS_LOOKED_AT):
            async with self.model.read() as (connection, seen):
                if (await connection.execute(_one(request))).first() is not None:
                    return True
            state = await self.incidents.glimpse(request.incident_id)
            was = decider.there(state)
            if was is None or request.decision_id not in was.decisions.made:
                return False
            await self.model.advanced(seen.position, ROWS_FOLLOW_S)
        return False

    async def ListDecisions(
        self, request: pb.ListDecisionsRequest, context: Any
    ) -> pb.ListDecisionsResponse:
        size = paging.limit(request.page_size)
        column = DECISIONS.c
        statement = _chosen(request).order_by(column.position.desc()).limit(size + 1)
        if after := paging.key(request.page_token, (int,)):
            statement = statement.where(column.position < after[0])
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListDecisionsResponse(
            decisions=[decision_messages.decision(row) for row in rows[:size]]
        )
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].position)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchDecisions(
        self, request: pb.WatchDecisionsRequest, context: Any
    ) -> AsyncIterator[pb.WatchDecisionsResponse]:
        column, statement = DECISIONS.c, select(DECISIONS)
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        async for row in watching.changes(
            self.model, statement, column.changed_position, request.resume_position
        ):
            yield pb.WatchDecisionsResponse(
                decision=decision_messages.decision(row), position=row.changed_position
            )

    async def ListDecisionClasses(
        self, request: pb.ListDecisionClassesRequest, context: Any
    ) -> pb.ListDecisionClassesResponse:
        return pb.ListDecisionClassesResponse(
            version=self.classes.version,
            source=self.classes.source,
            classes=[
                decision_messages.decision_class(key, class_)
                for key, class_ in self.classes.classes.items()
            ],
        )


def _one(request: pb.GetDecisionRequest) -> Select[Any]:
    return (
        select(DECISIONS)
        .where(DECISIONS.c.incident_id == request.incident_id)
        .where(DECISIONS.c.decision_id == request.decision_id)
    )


def _chosen(request: pb.ListDecisionsRequest) -> Select[Any]:
    column = DECISIONS.c
    statement = select(DECISIONS)
    if request.incident_id:
        statement = statement.where(column.incident_id == request.incident_id)
    if request.decision_class:
        statement = statement.where(column.decision_class == request.decision_class)
    if request.state:
        statement = statement.where(column.standing == decision_messages.STATE_OF[request.state])
    if request.flagged:
        statement = statement.where(column.flagged)
    if request.adcode:
        statement = statement.where(reading.inside(column.adcode, request.adcode))
    if request.person:
        parts = (column.decided_by, column.approver, column.approved_by, column.rejected_by)
        statement = statement.where(or_(*(part == request.person for part in parts)))
    if request.basis_reference:
        statement = statement.where(
            select(DECISION_BASIS)
            .where(DECISION_BASIS.c.incident_id == column.incident_id)
            .where(DECISION_BASIS.c.position == column.position)
            .where(DECISION_BASIS.c.reference == request.basis_reference)
            .exists()
        )
    if request.led_to_event_id:
        statement = statement.where(
            select(FOLLOWED)
            .where(
                and_(
                    FOLLOWED.c.decided_on == column.incident_id,
                    FOLLOWED.c.decision_id == column.decision_id,
                )
            )
            .where(FOLLOWED.c.event_id == request.led_to_event_id)
            .exists()
        )
    return statement
