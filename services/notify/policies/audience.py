"""Whom news is for, and who may hear it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from anlan.dispatch.v1 import assignment_service_pb2 as dispatch_pb
from services.notify.domain.contact import Contact

OVER = {
    dispatch_pb.ASSIGNMENT_STATE_CLEARED,
    dispatch_pb.ASSIGNMENT_STATE_DECLINED,
    dispatch_pb.ASSIGNMENT_STATE_CANCELLED,
    dispatch_pb.ASSIGNMENT_STATE_DIVERTED,
    dispatch_pb.ASSIGNMENT_STATE_WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class Crew:
    """The contacts of one unit's crew."""

    unit_id: str


@dataclass(frozen=True, slots=True)
class DutyOfficers:
    """The duty officers (值班员) whose region covers ``adcode``."""

    adcode: str


@dataclass(frozen=True, slots=True)
class Involved:
    """The crews of the units that were on the incident when it happened."""

    incident_id: str


@dataclass(frozen=True, slots=True)
class Commander:
    """Whoever commanded the incident when it happened."""

    incident_id: str


@dataclass(frozen=True, slots=True)
class Person:
    """The contacts of one person, by the subject of their token."""

    subject: str


Target = Crew | DutyOfficers | Involved | Commander | Person


def people(*subjects: str) -> tuple[Person, ...]:
    """Return each person once."""
    return tuple(Person(subject) for subject in dict.fromkeys(subjects) if subject)


def expert(expert_id: str) -> Person:
    """Return the contacts of an expert, who has no token: their person is `expert:` and the id."""
    return Person(f"expert:{expert_id}")


def crews(unit_ids: Iterable[str]) -> tuple[Crew, ...]:
    """Return the crew of each unit once."""
    return tuple(Crew(unit_id) for unit_id in dict.fromkeys(unit_ids))


def within_fence(contact: Contact, exercise: str) -> bool:
    """Whether news of this drill concerns ``contact`` at all, if only to be held back on record.

    A live contact in a drill is held back on record, so that the drill shows who would have been
    told.  Contacts for drills have no part in earnest, nor in another drill than their own.
    """
    if contact.registered_in and contact.registered_in != exercise:
        return False
    return bool(exercise) or not contact.exercise_only


def was_on(assignment: dispatch_pb.Assignment, position: int) -> bool:
    """Whether the unit was on its incident at ``position`` of the log; one never had was not."""
    if not assignment.HasField("dispatch_time") or assignment.open_position >= position:
        return False
    return assignment.state not in OVER or assignment.position >= position
