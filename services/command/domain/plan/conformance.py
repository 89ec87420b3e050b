"""What a plan wanted of a response, held against what was done: 预案执行评估."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.command.domain.levels import Level
from services.command.domain.plan.content import Content, Step

NO_TIME = timedelta()


class Done(StrEnum):
    """What came of a task; None stands for one that is open."""

    WHOLE = "whole"
    PARTLY = "partly"
    NOT = "not"
    CANCELLED = "cancelled"


class Finding(StrEnum):
    DONE = "done"
    PARTLY_DONE = "partly_done"
    LATE = "late"
    SKIPPED = "skipped"
    RUNNING = "running"
    OVERDUE = "overdue"
    RELEASED = "released"  # its level ended before its limit: it counts for nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The level from an instant on; None once the response ended."""

    level: Level | None
    at: datetime
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A task that a step became, as it stands; ``positions`` are those of its events."""

    task_id: str
    done: Done | None
    ended_at: datetime | None
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinding:
    """``out_of_order`` are the steps that should have been done before it, and were not."""

    step: Step
    finding: Finding
    began_at: datetime
    due_at: datetime | None
    done_at: datetime | None
    late_by: timedelta
    out_of_order: tuple[str, ...]
    task_ids: tuple[str, ...]
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """From when a step was wanted, and until when if it no longer is."""

    began: Reached
    ended_at: datetime | None


def judge(
    content: Content,
    reached: Sequence[Reached],
    asked: Mapping[str, Sequence[Asked]],
    until: datetime,
) -> list[StepFinding]:
    """Judge each step that was wanted of one activation, in the order of their limits.

    ``reached`` are its levels in order, ``asked`` the tasks by step.  What is open is judged at
    ``until``.
    """
    done = {step.step_id: _done_at(asked.get(step.step_id, ())) for step in content.steps}
    spans = {
        step.step_id: span
        for step in content.steps
        if (span := _span(step, reached, done[step.step_id])) is not None
    }
    done_at = {name: done[name] for name in spans}
    findings = [
        _judge(step, spans, done_at, asked.get(step.step_id, ()), until)
        for step in content.steps
        if step.step_id in spans
    ]
    return sorted(findings, key=lambda found: (found.due_at is None, found.due_at or until))


def score(findings: Sequence[StepFinding]) -> int | None:
    """Return the percentage of what counts that was done in time and in order.

    Late, partly done or out of order is worth a half.  None while nothing counts.
    """
    worth = [_worth(found) for found in findings]
    counted = [value for value in worth if value is not None]
    return round(100 * sum(counted) / len(counted)) if counted else None


def _worth(found: StepFinding) -> float | None:
    match found.finding:
        case Finding.RUNNING | Finding.RELEASED:
            return None
        case Finding.SKIPPED | Finding.OVERDUE:
            return 0
        case Finding.DONE if not found.out_of_order:
            return 1
        case _:
            return 0.5


def _span(step: Step, reached: Sequence[Reached], done_at: datetime | None) -> _Span | None:
    """Return the last time that a step was wanted; what was done before is not wanted anew."""
    began: Reached | None = None
    ended_at: datetime | None = None
    for one in reached:
        if one.level is not None and one.level.includes(step.level):
            anew = ended_at is not None and (done_at is None or done_at > ended_at)
            began, ended_at = one if began is None or anew else began, None
        elif began is not None and ended_at is None:
            ended_at = one.at
    return None if began is None else _Span(began=began, ended_at=ended_at)


def _done_at(asked: Sequence[Asked]) -> datetime | None:
    times = [one.ended_at for one in asked if one.done in {Done.WHOLE, Done.PARTLY}]
    return min((at for at in times if at is not None), default=None)


def _judge(
    step: Step,
    spans: Mapping[str, _Span],
    done_at: Mapping[str, datetime | None],
    asked: Sequence[Asked],
    until: datetime,
) -> StepFinding:
    span, own = spans[step.step_id], done_at[step.step_id]
    due_at = None if step.within is None else span.began.at + step.within
    finding = _find(span, due_at, own, asked, until)
    waited = own if finding is Finding.LATE else until if finding is Finding.OVERDUE else None
    return StepFinding(
        step=step,
        finding=finding,
        began_at=span.began.at,
        due_at=due_at,
        done_at=own,
        late_by=NO_TIME if waited is None or due_at is None else waited - due_at,
        out_of_order=() if own is None else tuple(_overtaken(step, own, done_at)),
        task_ids=tuple(one.task_id for one in asked),
        positions=(span.began.position, *(p for one in asked for p in one.positions)),
    )


def _find(
    span: _Span,
    due_at: datetime | None,
    done_at: datetime | None,
    asked: Sequence[Asked],
    until: datetime,
) -> Finding:
    if done_at is not None:
        if due_at is not None and done_at > due_at:
            return Finding.LATE
        whole = any(one.done is Done.WHOLE for one in asked)
        return Finding.DONE if whole else Finding.PARTLY_DONE
    if span.ended_at is not None:
        in_time = due_at is None or span.ended_at < due_at
        given_up = any(
            one.done and one.ended_at is not None and one.ended_at < span.ended_at for one in asked
        )
        return Finding.RELEASED if in_time and not given_up else Finding.SKIPPED
    if asked and all(one.done for one in asked):
        return Finding.SKIPPED
    return Finding.OVERDUE if due_at is not None and until > due_at else Finding.RUNNING


def _overtaken(step: Step, own: datetime, done_at: Mapping[str, datetime | None]) -> Sequence[str]:
    return [
        name
        for name in step.after
        if name in done_at and ((before := done_at[name]) is None or before > own)
    ]
