"""Roll calls, Mayday and withdrawal: requests in, commands out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select

from anlan.dispatch.v1 import accountability_service_pb2 as pb
from anlan.dispatch.v1.accountability_service_pb2_grpc import AccountabilityServiceServicer
from services.dispatch.codec import ASSIGNMENT
from services.dispatch.domain import assignment, roll_call, withdrawal
from services.dispatch.policies.clocks import RollCalls
from services.dispatch.policies.incidents import Incidents, not_merged
from services.dispatch.policies.releasing import Assignments
from services.dispatch.policies.withdrawing import Withdrawals, Withdrawing
from services.dispatch.projections.roll_calls import RUNNING
from services.dispatch.projections.tables import ROLL_CALLS
from services.dispatch.servicer import messages, roll_calls, scene
from services.dispatch.servicer.roll_calls import Accountability
from services.runtime import call, paging, reading, watching
from services.runtime.cause import Cause
from services.runtime.handle import Written, derived_id
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound
from services.runtime.store import EventStore
from services.runtime.times import micros, said, to_ms, to_proto


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountabilityServicer(AccountabilityServiceServicer):
    store: EventStore
    assignments: Assignments
    calls: RollCalls
    withdrawals: Withdrawals
    withdrawing: Withdrawing
    incidents: Incidents
    model: ReadModel
    timers: Accountability
    now: Callable[[], datetime]

    async def StartRollCall(
        self, request: pb.StartRollCallRequest, context: Any
    ) -> pb.StartRollCallResponse:
        roll_call_id = request.roll_call_id or derived_id(request.request_id, "roll_call")
        caller = call.current()
        cause = caller.cause(request.request_id, request.incident_id)
        first = await self.calls.state(roll_call_id, cause)
        now = self.now()
        # Who is out is read first: of an incident that is merged in between nobody is left out.
        units = () if first else await self._out(request.incident_id, now)
        adcode = "" if first else await self._adcode(request.incident_id, cause)
        command = roll_call.StartRollCall(
            by=caller.actor,
            roll_call_id=roll_call_id,
            incident_id=request.incident_id,
            adcode=adcode,
            units=units,
            reason=request.reason,
            answer_within_s=self.timers.answer_within_s,
            occurred_at=said(request, "occur_time", now),
            now=to_ms(now),
        )
        written = await self.calls.handle(roll_call_id, command, cause)
        started = written.event
        assert isinstance(started, roll_call.RollCallStarted)
        return pb.StartRollCallResponse(
            roll_call_id=roll_call_id,
            unit_ids=[unit.unit_id for unit in started.units],
            due_time=to_proto(started.due_at),
            etag=written.etag,
            position=written.position,
        )

    async def AnswerRollCall(
        self, request: pb.AnswerRollCallRequest, context: Any
    ) -> pb.AnswerRollCallResponse:
        by = call.current().actor
        command = roll_call.AnswerRollCall(
            by=by,
            roll_call_id=request.roll_call_id,
            unit_id=request.unit_id,
            expected=request.expected,
            present=request.present,
            missing=tuple(request.missing_names),
            source=messages.source(request.source, by),
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._obey(request, command)
        return pb.AnswerRollCallResponse(etag=written.etag, position=written.position)

    async def EndRollCall(
        self, request: pb.EndRollCallRequest, context: Any
    ) -> pb.EndRollCallResponse:
        command = roll_call.EndRollCall(
            by=call.current().actor,
            roll_call_id=request.roll_call_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._obey(request, command)
        return pb.EndRollCallResponse(etag=written.etag, position=written.position)

    async def GetRollCall(
        self, request: pb.GetRollCallRequest, context: Any
    ) -> pb.GetRollCallResponse:
        statement = select(ROLL_CALLS).where(ROLL_CALLS.c.roll_call_id == request.roll_call_id)
        now = self.now()
        async with reading.rows(self.model, request.read, now) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_ROLL_CALL",
                f"no roll call {request.roll_call_id}",
                roll_call_id=request.roll_call_id,
            )
        at = reading.instant(request.read, seen, now)
        response = pb.GetRollCallResponse(roll_call=roll_calls.message(row, self.timers, at))
        reading.freshen(response.freshness, seen)
        return response

    async def ListRollCalls(
        self, request: pb.ListRollCallsRequest, context: Any
    ) -> pb.ListRollCallsResponse:
        size = paging.limit(request.page_size)
        column = ROLL_CALLS.c
        statement = select(ROLL_CALLS).order_by(column.opened_position.desc()).limit(size + 1)
        if after := paging.key(request.page_token, (int,)):
            statement = statement.where(column.opened_position < after[0])
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        if request.running_only:
            statement = statement.where(column.state == RUNNING)
        now = self.now()
        async with reading.rows(self.model, request.read, now) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        at = reading.instant(request.read, seen, now)
        response = pb.ListRollCallsResponse(
            roll_calls=[roll_calls.message(row, self.timers, at) for row in rows[:size]]
        )
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].opened_position)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchRollCalls(
        self, request: pb.WatchRollCallsRequest, context: Any
    ) -> AsyncIterator[pb.WatchRollCallsResponse]:
        column = ROLL_CALLS.c
        statement = select(ROLL_CALLS)
        if request.incident_id:
            mine = (column.incident_id, column.from_incident_id)
            statement = statement.where(or_(*(one == request.incident_id for one in mine)))
        async for row in watching.changes(
            self.model, statement, column.position, request.resume_position
        ):
            yield pb.WatchRollCallsResponse(
                roll_call=roll_calls.message(row, self.timers, self.now()), position=row.position
            )

    async def DeclareMayday(
        self, request: pb.DeclareMaydayRequest, context: Any
    ) -> pb.DeclareMaydayResponse:
        by = call.current().actor
        command = assignment.DeclareMayday(
            by=by,
            assignment_id=request.assignment_id,
            situation=request.situation,
            source=messages.source(request.source, by),
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._act(request, command)
        return pb.DeclareMaydayResponse(etag=written.etag, position=written.position)

    async def ResolveMayday(
        self, request: pb.ResolveMaydayRequest, context: Any
    ) -> pb.ResolveMaydayResponse:
        command = assignment.ResolveMayday(
            by=call.current().actor,
            assignment_id=request.assignment_id,
            outcome=request.outcome,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._act(request, command, etag=request.etag)
        return pb.ResolveMaydayResponse(etag=written.etag, position=written.position)

    async def WithdrawUnits(
        self, request: pb.WithdrawUnitsRequest, context: Any
    ) -> pb.WithdrawUnitsResponse:
        withdrawal_id = derived_id(request.request_id, "withdrawal")
        caller = call.current()
        cause = caller.cause(request.request_id, request.incident_id)
        order, written = await self.withdrawals.look(withdrawal_id)
        if order is None:
            chosen = tuple(request.assignment_ids) or await self._all(request.incident_id)
            adcode = await self._adcode(request.incident_id, cause)
            await self._require_of(request.incident_id, request.assignment_ids, cause)
            command = withdrawal.OrderWithdrawal(
                by=caller.actor,
                withdrawal_id=withdrawal_id,
                incident_id=request.incident_id,
                adcode=adcode,
                assignment_ids=chosen,
                reason=request.reason,
                occurred_at=said(request, "occur_time", self.now()),
            )
            written = await self.withdrawals.handle(withdrawal_id, command, cause)
            order = written.event
        assert order is not None
        await self.withdrawing.carry_out(order, cause)
        return pb.WithdrawUnitsResponse(
            withdrawal_id=withdrawal_id,
            assignment_ids=order.assignment_ids,
            position=written.position,
        )

    async def _all(self, incident_id: str) -> tuple[str, ...]:
        known = await self.store.last_before([ASSIGNMENT.category], None)
        async with self.model.read(min_position=known) as (connection, _):
            return await scene.to_withdraw(connection, incident_id)

    async def _require_of(
        self, incident_id: str, assignment_ids: Iterable[str], cause: Cause
    ) -> None:
        """Refuse an assignment of another incident."""
        for assignment_id in assignment_ids:
            state = await self.assignments.state(assignment_id, cause)
            if state is None or state.order.incident_id != incident_id:
                raise NotFound(
                    "NO_SUCH_ASSIGNMENT",
                    f"no assignment {assignment_id} is of incident {incident_id}",
                    assignment_id=assignment_id,
                    incident_id=incident_id,
                )

    async def _out(self, incident_id: str, now: datetime) -> tuple[roll_call.Called, ...]:
        since = micros(now - timedelta(seconds=self.timers.withdrawn_counted_s))
        known = await self.store.last_before([ASSIGNMENT.category], None)
        async with self.model.read(min_position=known) as (connection, _):
            return await scene.to_count(connection, incident_id, since)

    async def _adcode(self, incident_id: str, cause: Cause) -> str:
        """Return where an incident is, also of one that is over: people may still be there.

        Of one that was merged they are at the other by now, or will be at once.
        """
        found = await self.incidents.look(incident_id, cause)
        call.current().require_region(found.place.adcode)
        not_merged(found, incident_id, "ask for that one, which its units belong to")
        return found.place.adcode

    async def _obey(self, request: Any, command: roll_call.Command) -> Written:
        state = await self.calls.state(request.roll_call_id)
        story = "" if state is None else state.incident_id
        cause = call.current().cause(request.request_id, story)
        return await self.calls.handle(request.roll_call_id, command, cause, etag=request.etag)

    async def _act(self, request: Any, command: assignment.Act, etag: str = "") -> Written:
        state = await self.assignments.glimpse(request.assignment_id)
        story = "" if state is None else state.order.incident_id
        cause = call.current().cause(request.request_id, story)
        return await self.assignments.handle(request.assignment_id, command, cause, etag=etag)
