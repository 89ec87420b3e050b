"""目标: what the response is to reach, how far it has come, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.command.domain.incident import due
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, NotFound, Rejection


class ObjectiveState(StrEnum):
    OPEN = "open"
    ACHIEVED = "achieved"
    ABANDONED = "abandoned"


class ObjectiveOutcome(StrEnum):
    ACHIEVED = "achieved"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetObjective:
    """``kind`` is what it is about, e.g. 救人; ``measure`` how one sees that it is reached."""

    by: Actor
    incident_id: str
    objective_id: str
    kind: str
    text: str
    measure: str
    due_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportObjectiveProgress:
    by: Actor
    incident_id: str
    objective_id: str
    percent: int
    note: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseObjective:
    by: Actor
    incident_id: str
    objective_id: str
    outcome: ObjectiveOutcome
    note: str
    occurred_at: datetime


Command = SetObjective | ReportObjectiveProgress | CloseObjective


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveSet:
    incident_id: str
    adcode: str
    objective_id: str
    kind: str
    text: str
    measure: str
    due_at: datetime | None
    set_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveProgressReported:
    incident_id: str
    adcode: str
    objective_id: str
    percent: int
    note: str
    reported_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveClosed:
    incident_id: str
    adcode: str
    objective_id: str
    outcome: ObjectiveOutcome
    note: str
    closed_by: str
    occurred_at: datetime


Event = ObjectiveSet | ObjectiveProgressReported | ObjectiveClosed


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """``wanted`` is how it was set; figures said earlier do not replace later ones."""

    wanted: ObjectiveSet
    state: ObjectiveState = ObjectiveState.OPEN
    percent: int = 0
    note: str = ""
    reported_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """``heard`` is every progress report: one may come again when it stands no more."""

    objectives: Mapping[str, Objective] = field(default_factory=dict)
    heard: frozenset[tuple[str, datetime, int, str]] = frozenset()


def decide(command: Command, adcode: str, aims: Objectives) -> list[Event]:
    if isinstance(command, SetObjective):
        return [*set_(command, adcode, aims)]
    objective = _known(command.incident_id, command.objective_id, aims)
    match command:
        case ReportObjectiveProgress():
            return report(command, adcode, objective, aims)
        case CloseObjective():
            return close(command, adcode, objective)
        case _:
            assert_never(command)


def set_(command: SetObjective, adcode: str, aims: Objectives) -> list[ObjectiveSet]:
    due.require_ahead("due_time", command.due_at, command.occurred_at)
    wanted = ObjectiveSet(
        incident_id=command.incident_id,
        adcode=adcode,
        objective_id=command.objective_id,
        kind=command.kind,
        text=command.text,
        measure=command.measure,
        due_at=command.due_at,
        set_by=command.by.subject,
        occurred_at=command.occurred_at,
    )
    known = aims.objectives.get(command.objective_id)
    if known is None:
        return [wanted]
    if replace(known.wanted, set_by=wanted.set_by, occurred_at=wanted.occurred_at) == wanted:
        return []
    raise AlreadyExists(
        "OBJECTIVE_EXISTS",
        f"objective {command.objective_id} is set already: {known.wanted.text}; "
        "close it and set another",
        objective_id=command.objective_id,
    )


def report(
    command: ReportObjectiveProgress, adcode: str, objective: Objective, aims: Objectives
) -> list[Event]:
    _require_open(command.objective_id, objective)
    said = (command.percent, command.note)
    stands = objective.reported_at is not None and said == (objective.percent, objective.note)
    if stands or (command.objective_id, command.occurred_at, *said) in aims.heard:
        return []
    return [
        ObjectiveProgressReported(
            incident_id=command.incident_id,
            adcode=adcode,
            objective_id=command.objective_id,
            percent=command.percent,
            note=command.note,
            reported_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def close(command: CloseObjective, adcode: str, objective: Objective) -> list[Event]:
    if objective.state is ObjectiveState(command.outcome):
        return []
    _require_open(command.objective_id, objective)
    return [
        ObjectiveClosed(
            incident_id=command.incident_id,
            adcode=adcode,
            objective_id=command.objective_id,
            outcome=command.outcome,
            note=command.note,
            closed_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(aims: Objectives, event: Event) -> Objectives:
    if isinstance(event, ObjectiveSet):
        now = Objective(wanted=event)
    elif event.objective_id in aims.objectives:
        now = _advance(aims.objectives[event.objective_id], event)
    else:
        return aims
    heard = aims.heard
    if isinstance(event, ObjectiveProgressReported):
        heard |= {(event.objective_id, event.occurred_at, event.percent, event.note)}
    known = {**aims.objectives, event.objective_id: now}
    return replace(aims, objectives=known, heard=heard)


def _advance(objective: Objective, event: ObjectiveProgressReported | ObjectiveClosed) -> Objective:
    match event:
        case ObjectiveProgressReported():
            if objective.reported_at is not None and event.occurred_at < objective.reported_at:
                return objective
            return replace(
                objective, percent=event.percent, note=event.note, reported_at=event.occurred_at
            )
        case ObjectiveClosed():
            return replace(objective, state=ObjectiveState(event.outcome))
        case _:
            assert_never(event)


def require_open(incident_id: str, objective_id: str, aims: Objectives) -> None:
    """Raise the refusal of what would serve an objective that is not open; none is fine."""
    if objective_id:
        _require_open(objective_id, _known(incident_id, objective_id, aims))


def _known(incident_id: str, objective_id: str, aims: Objectives) -> Objective:
    known = aims.objectives.get(objective_id)
    if known is None:
        raise NotFound(
            "NO_SUCH_OBJECTIVE",
            f"incident {incident_id} has no objective {objective_id}",
            incident_id=incident_id,
            objective_id=objective_id,
        )
    return known


def _require_open(objective_id: str, objective: Objective) -> None:
    if objective.state is not ObjectiveState.OPEN:
        raise Rejection(
            "OBJECTIVE_CLOSED",
            f"objective {objective_id} is {objective.state}: set a new one",
            objective_id=objective_id,
            state=objective.state,
        )
