"""What a plan wanted and what was done, out of the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from anlan.command.v1 import plan_service_pb2 as pb
from services.command.domain.incident.tasks import Outcome, TaskState
from services.command.domain.levels import Level
from services.command.domain.plan import conformance
from services.command.domain.plan.conformance import Asked, Done, Finding, Reached, StepFinding
from services.command.projections.plans import PLAN_VERSIONS
from services.command.projections.responses import ACTIVATED, APPROVED, RESPONSE_ACTS
from services.command.projections.tasks import TASKS
from services.command.servicer import plan_messages
from services.command.servicer.messages import LEVELS
from services.runtime.times import of_micros, to_proto

FINDINGS = {
    Finding.DONE: pb.STEP_FINDING_DONE,
    Finding.LATE: pb.STEP_FINDING_LATE,
    Finding.SKIPPED: pb.STEP_FINDING_SKIPPED,
    Finding.RUNNING: pb.STEP_FINDING_RUNNING,
    Finding.OVERDUE: pb.STEP_FINDING_OVERDUE,
    Finding.RELEASED: pb.STEP_FINDING_RELEASED,
    Finding.PARTLY_DONE: pb.STEP_FINDING_PARTLY_DONE,
}
OUTCOMES = {
    Outcome.DONE: Done.WHOLE,
    Outcome.PARTLY_DONE: Done.PARTLY,
    Outcome.NOT_DONE: Done.NOT,
}


async def of_incident(
    connection: AsyncConnection, incident_id: str, until: datetime
) -> tuple[list[pb.Conformance], int]:
    """Return one conformance per activation under a plan, and how many were under none."""
    acts = (
        await connection.execute(
            select(RESPONSE_ACTS)
            .where(RESPONSE_ACTS.c.incident_id == incident_id, RESPONSE_ACTS.c.kind != APPROVED)
            .order_by(RESPONSE_ACTS.c.position)
        )
    ).all()
    tasks = (
        await connection.execute(
            select(TASKS)
            .where(TASKS.c.incident_id == incident_id, TASKS.c.plan_step != "")
            .order_by(TASKS.c.opened_position)
        )
    ).all()
    begun = [act for act in acts if act.kind == ACTIVATED]
    ends = [act.position for act in begun[1:]]
    found = []
    for first, end in zip(begun, [*ends, None], strict=True):
        if first.plan_id:
            own = [act for act in acts if act.activation == first.activation]
            mine = [task for task in tasks if _within(task, first.position, end)]
            found.append(await _of_activation(connection, own, mine, until))
    return found, len(begun) - len(found)


def _within(task: Any, start: int, end: int | None) -> bool:
    """Whether a task was open in an activation: what one leaves open, the next does not ask."""
    ended = task.position if _ended_at(task) is not None else None
    return (end is None or task.opened_position < end) and (ended is None or ended > start)


async def _of_activation(
    connection: AsyncConnection, acts: Sequence[Any], tasks: Sequence[Any], until: datetime
) -> pb.Conformance:
    first, last = acts[0], acts[-1]
    content = await connection.execute(
        select(PLAN_VERSIONS.c.content)
        .where(PLAN_VERSIONS.c.plan_id == first.plan_id)
        .where(PLAN_VERSIONS.c.version == first.plan_version)
    )
    prefix = f"{first.plan_id}/{first.plan_version}/"
    asked: dict[str, list[Asked]] = {}
    for task in tasks:
        if task.plan_step.startswith(prefix):
            asked.setdefault(task.plan_step.removeprefix(prefix), []).append(_asked(task))
    reached = [
        Reached(
            level=Level(act.level) if act.level else None,
            at=_moment(act.occurred_at),
            position=act.position,
        )
        for act in acts
    ]
    findings = conformance.judge(plan_messages.stored(content.scalar_one()), reached, asked, until)
    return pb.Conformance(
        activation=first.activation,
        plan_id=first.plan_id,
        plan_version=first.plan_version,
        plan_title=first.plan,
        activate_time=to_proto(reached[0].at),
        terminate_time=None if last.level else to_proto(reached[-1].at),
        steps=[_step(found) for found in findings],
        score=conformance.score(findings),
        counts=_counts(findings),
    )


def _asked(task: Any) -> Asked:
    ended_at = _ended_at(task)
    ended = () if ended_at is None else (task.position,)
    return Asked(
        task_id=task.task_id,
        done=_done(task),
        ended_at=of_micros(ended_at),
        positions=(task.opened_position, *ended),
    )


def _done(task: Any) -> Done | None:
    if task.state == TaskState.COMPLETED:
        return OUTCOMES[Outcome(task.outcome)]
    return Done.CANCELLED if task.state == TaskState.CANCELLED else None


def _ended_at(task: Any) -> int | None:
    ended: int | None = task.completed_at if task.completed_at is not None else task.cancelled_at
    return ended


def _moment(stored: int) -> datetime:
    moment = of_micros(stored)
    assert moment is not None
    return moment


def _step(found: StepFinding) -> pb.StepConformance:
    step = found.step
    return pb.StepConformance(
        step_id=step.step_id,
        title=step.title,
        department=step.department,
        level=LEVELS[step.level],
        finding=FINDINGS[found.finding],
        start_time=to_proto(found.began_at),
        due_time=to_proto(found.due_at),
        complete_time=to_proto(found.done_at),
        late_seconds=int(found.late_by.total_seconds()),
        out_of_order=found.out_of_order,
        task_ids=found.task_ids,
        evidence_positions=found.positions,
    )


def _counts(findings: Sequence[StepFinding]) -> pb.ConformanceCounts:
    counts: Mapping[Finding, int] = Counter(found.finding for found in findings)
    return pb.ConformanceCounts(
        done=counts[Finding.DONE],
        partly_done=counts[Finding.PARTLY_DONE],
        late=counts[Finding.LATE],
        skipped=counts[Finding.SKIPPED],
        running=counts[Finding.RUNNING],
        overdue=counts[Finding.OVERDUE],
        released=counts[Finding.RELEASED],
        out_of_order=sum(bool(found.out_of_order) for found in findings),
    )
