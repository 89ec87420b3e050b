"""事件等级: how grave an incident is; not the same as the level of the response to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.runtime.actor import Actor


class Grade(StrEnum):
    """事件等级, from small to great; not the same as the response level."""

    ORDINARY = "ordinary"  # 一般
    LARGER = "larger"  # 较大
    MAJOR = "major"  # 重大
    ESPECIALLY_MAJOR = "especially_major"  # 特别重大


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeIncident:
    by: Actor
    incident_id: str
    grade: Grade
    basis: str
    occurred_at: datetime


Command = GradeIncident


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentGraded:
    incident_id: str
    adcode: str
    grade: Grade
    basis: str
    occurred_at: datetime


Event = IncidentGraded


@dataclass(frozen=True, slots=True, kw_only=True)
class Grading:
    grade: Grade | None = None


def decide(command: Command, adcode: str, grading: Grading) -> list[Event]:
    if grading.grade is command.grade:
        return []
    return [
        IncidentGraded(
            incident_id=command.incident_id,
            adcode=adcode,
            grade=command.grade,
            basis=command.basis,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(grading: Grading, event: Event) -> Grading:
    return replace(grading, grade=event.grade)
