"""The task API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, literal, or_, select

from anlan.command.v1 import task_service_pb2 as pb
from anlan.command.v1.task_service_pb2_grpc import TaskServiceServicer
from services.command.domain.incident import tasks
from services.command.projections.exercises import clock, wall_clock
from services.command.projections.tasks import OPEN, TASKS
from services.command.servicer import task_messages as messages
from services.command.servicer.acting import Incidents, act
from services.runtime import call, paging, reading, watching
from services.runtime.handle import derived_id
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound
from services.runtime.times import known, micros, said

IN_CHARGE = "task.assign"


def task_rows(wall: ColumnElement[int]) -> Select[Any]:
    """Return the tasks, each with whether it is ``overdue`` at ``wall``."""
    late = and_(TASKS.c.state.in_(OPEN), TASKS.c.due_at <= clock(TASKS.c.exercise, wall))
    return select(TASKS, late.label("overdue"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskServicer(TaskServiceServicer):
    incidents: Incidents
    model: ReadModel
    now: Callable[[], datetime]

    async def AssignTask(
        self, request: pb.AssignTaskRequest, context: Any
    ) -> pb.AssignTaskResponse:
        task_id = request.task_id or derived_id(request.request_id, "task")
        command = tasks.AssignTask(
            by=call.current().actor,
            incident_id=request.incident_id,
            task_id=task_id,
            title=request.title,
            instructions=request.instructions,
            assignee=request.assignee,
            assignee_kind=messages.ASSIGNEE_OF[request.assignee_kind],
            due_at=known(request, "due_time") if request.HasField("due_time") else None,
            objective_id=request.objective_id,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.AssignTaskResponse(task_id=task_id, etag=written.etag, position=written.position)

    async def AcceptTask(
        self, request: pb.AcceptTaskRequest, context: Any
    ) -> pb.AcceptTaskResponse:
        caller = call.current()
        command = tasks.AcceptTask(
            by=caller.actor,
            incident_id=request.incident_id,
            task_id=request.task_id,
            in_charge=IN_CHARGE in caller.grants,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.AcceptTaskResponse(etag=written.etag, position=written.position)

    async def ReportTaskProgress(
        self, request: pb.ReportTaskProgressRequest, context: Any
    ) -> pb.ReportTaskProgressResponse:
        caller = call.current()
        command = tasks.ReportTaskProgress(
            by=caller.actor,
            incident_id=request.incident_id,
            task_id=request.task_id,
            percent=request.percent,
            note=request.note,
            in_charge=IN_CHARGE in caller.grants,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.ReportTaskProgressResponse(etag=written.etag, position=written.position)

    async def CompleteTask(
        self, request: pb.CompleteTaskRequest, context: Any
    ) -> pb.CompleteTaskResponse:
        caller = call.current()
        command = tasks.CompleteTask(
            by=caller.actor,
            incident_id=request.incident_id,
            task_id=request.task_id,
            outcome=messages.OUTCOME_OF[request.outcome],
            note=request.note,
            evidence=tuple(request.evidence),
            in_charge=IN_CHARGE in caller.grants,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.CompleteTaskResponse(etag=written.etag, position=written.position)

    async def CancelTask(
        self, request: pb.CancelTaskRequest, context: Any
    ) -> pb.CancelTaskResponse:
        command = tasks.CancelTask(
            by=call.current().actor,
            incident_id=request.incident_id,
            task_id=request.task_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.CancelTaskResponse(etag=written.etag, position=written.position)

    async def ReassignTask(
        self, request: pb.ReassignTaskRequest, context: Any
    ) -> pb.ReassignTaskResponse:
        command = tasks.ReassignTask(
            by=call.current().actor,
            incident_id=request.incident_id,
            task_id=request.task_id,
            assignee=request.assignee,
            assignee_kind=messages.ASSIGNEE_OF[request.assignee_kind],
            due_at=known(request, "due_time") if request.HasField("due_time") else None,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.ReassignTaskResponse(etag=written.etag, position=written.position)

    async def GetTask(self, request: pb.GetTaskRequest, context: Any) -> pb.GetTaskResponse:
        column = TASKS.c
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            statement = task_rows(
                literal(micros(reading.instant(request.read, seen, self.now())))
            ).where(column.incident_id == request.incident_id, column.task_id == request.task_id)
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_TASK",
                f"incident {request.incident_id} has no task {request.task_id}",
                incident_id=request.incident_id,
                task_id=request.task_id,
            )
        response = pb.GetTaskResponse(task=messages.task(row))
        reading.freshen(response.freshness, seen)
        return response

    async def ListTasks(self, request: pb.ListTasksRequest, context: Any) -> pb.ListTasksResponse:
        size = paging.limit(request.page_size)
        column = TASKS.c
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            wall = literal(micros(reading.instant(request.read, seen, self.now())))
            statement = _of(task_rows(wall), request.incident_id, request.assignee)
            statement = statement.order_by(column.opened_position.desc()).limit(size + 1)
            if after := paging.key(request.page_token, (int,)):
                statement = statement.where(column.opened_position < after[0])
            if request.states:
                states = [messages.TASK_STATE_OF[state] for state in request.states]
                statement = statement.where(column.state.in_(states))
            if request.overdue:
                statement = statement.where(
                    column.state.in_(OPEN), column.due_at <= clock(column.exercise, wall)
                )
            if request.plan_step:
                beginning = column.plan_step.startswith(f"{request.plan_step}/", autoescape=True)
                statement = statement.where(or_(column.plan_step == request.plan_step, beginning))
            if request.objective_id:
                statement = statement.where(column.objective_id == request.objective_id)
            rows = (await connection.execute(statement)).all()
        response = pb.ListTasksResponse(tasks=[messages.task(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].opened_position)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchTasks(
        self, request: pb.WatchTasksRequest, context: Any
    ) -> AsyncIterator[pb.WatchTasksResponse]:
        statement = _of(task_rows(wall_clock(self.now)), request.incident_id, request.assignee)
        async for row in watching.changes(
            self.model, statement, TASKS.c.position, request.resume_position
        ):
            yield pb.WatchTasksResponse(task=messages.task(row), position=row.position)


def _of(statement: Select[Any], incident_id: str, assignee: str) -> Select[Any]:
    column = TASKS.c
    if incident_id:
        statement = statement.where(column.incident_id == incident_id)
    if assignee:
        statement = statement.where(
            or_(column.assignee == assignee, column.accepted_by == assignee)
        )
    return statement
