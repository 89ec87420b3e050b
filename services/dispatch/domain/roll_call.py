"""A roll call (清点人数, PAR): whether every unit at an incident has all its people."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from services.dispatch.domain.events import Source
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, Forbidden, Invalid, NotFound, Rejection

# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A unit that is asked, by the assignment that it is there for."""

    assignment_id: str
    unit_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRollCall:
    """``units`` are those that are out for the incident, as far as the board knows."""

    by: Actor
    roll_call_id: str
    incident_id: str
    adcode: str
    units: tuple[Called, ...]
    reason: str
    answer_within_s: float
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRollCall:
    by: Actor
    roll_call_id: str
    unit_id: str
    expected: int
    present: int
    missing: tuple[str, ...]
    source: Source
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseRollCallOverdue:
    roll_call_id: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRollCall:
    """Ends it although not everybody is accounted for; somebody answers for that."""

    by: Actor
    roll_call_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRollCall:
    """It follows its incident, one of ``sources``, which was merged into ``incident_id``."""

    roll_call_id: str
    sources: frozenset[str]
    incident_id: str
    occurred_at: datetime


Command = StartRollCall | AnswerRollCall | RaiseRollCallOverdue | EndRollCall | MoveRollCall


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class RollCallStarted:
    roll_call_id: str
    incident_id: str
    adcode: str
    units: tuple[Called, ...]
    reason: str
    started_by: str
    due_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitAccounted:
    """What a unit answered; its newest answer counts."""

    roll_call_id: str
    incident_id: str
    adcode: str
    unit_id: str
    expected: int
    present: int
    answered_by: str
    source: Source
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonnelMissing:
    """``names`` of those who are missing, as far as they are known."""

    roll_call_id: str
    incident_id: str
    adcode: str
    unit_id: str
    missing: int
    names: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RollCallOverdue:
    """``silent`` had not answered by ``due_at``, which is when this occurred."""

    roll_call_id: str
    incident_id: str
    adcode: str
    silent: tuple[str, ...]
    due_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RollCallCompleted:
    """Every unit has answered and has all its people."""

    roll_call_id: str
    incident_id: str
    adcode: str
    people: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RollCallEnded:
    roll_call_id: str
    incident_id: str
    adcode: str
    silent: tuple[str, ...]
    missing: int
    reason: str
    ended_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RollCallMoved:
    """It goes on for ``incident_id``: the same units, the same answers, the same time.

    ``silent`` and ``missing`` are how it stood, for those who take it over.
    """

    roll_call_id: str
    incident_id: str
    adcode: str
    from_incident_id: str
    silent: tuple[str, ...]
    missing: int
    due_at: datetime
    occurred_at: datetime


Event = (
    RollCallStarted
    | UnitAccounted
    | PersonnelMissing
    | RollCallOverdue
    | RollCallCompleted
    | RollCallEnded
    | RollCallMoved
)


# State.


@dataclass(frozen=True, slots=True)
class Answer:
    expected: int
    present: int
    names: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        return self.expected - self.present


@dataclass(frozen=True, slots=True)
class Running:
    """``incident_id`` is the one that it is for now; ``answers`` by unit, the newest of each."""

    started: RollCallStarted
    incident_id: str
    answers: dict[str, Answer] = field(default_factory=dict)
    overdue: bool = False
    over: bool = False

    @property
    def silent(self) -> tuple[str, ...]:
        return tuple(u.unit_id for u in self.started.units if u.unit_id not in self.answers)

    @property
    def missing(self) -> int:
        return sum(answer.missing for answer in self.answers.values())


State = Running | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case StartRollCall():
            return start(command, state)
        case AnswerRollCall():
            return answer(command, _own(command, state))
        case RaiseRollCallOverdue():
            return raise_overdue(command, _there(command.roll_call_id, state))
        case EndRollCall():
            return end(command, _own(command, state))
        case MoveRollCall():
            return move(command, _there(command.roll_call_id, state))
        case _:
            assert_never(command)


def start(command: StartRollCall, state: State) -> list[Event]:
    if state is not None:
        raise AlreadyExists(
            "ROLL_CALL_EXISTS",
            f"{command.roll_call_id} calls the roll of {state.incident_id}",
            roll_call_id=command.roll_call_id,
            incident_id=state.incident_id,
        )
    _within(command.by, command.adcode)
    if not command.units:
        raise Rejection(
            "NOBODY_TO_CALL",
            f"no unit is out for {command.incident_id}: there is nobody to call",
            incident_id=command.incident_id,
        )
    return [
        RollCallStarted(
            roll_call_id=command.roll_call_id,
            incident_id=command.incident_id,
            adcode=command.adcode,
            units=command.units,
            reason=command.reason,
            started_by=command.by.subject,
            due_at=command.now + timedelta(seconds=command.answer_within_s),
            occurred_at=command.occurred_at,
        )
    ]


def answer(command: AnswerRollCall, state: Running) -> list[Event]:
    if command.unit_id not in {unit.unit_id for unit in state.started.units}:
        called = ", ".join(unit.unit_id for unit in state.started.units)
        raise Rejection(
            "UNIT_NOT_CALLED",
            f"{command.unit_id} was not called; called were {called}",
            unit_id=command.unit_id,
            called=called,
        )
    if command.present > command.expected:
        raise Invalid(
            "MORE_PRESENT_THAN_EXPECTED",
            field="present",
            got=str(command.present),
            allowed=f"0 to {command.expected}, the people whom the unit has there",
        )
    said = Answer(command.expected, command.present, command.missing)
    if state.answers.get(command.unit_id) == said:
        return []
    _require_running(state)
    about = _about(state)
    accounted = UnitAccounted(
        **about,
        unit_id=command.unit_id,
        expected=command.expected,
        present=command.present,
        answered_by=command.by.subject,
        source=command.source,
        occurred_at=command.occurred_at,
    )
    if said.missing:
        missing = PersonnelMissing(
            **about,
            unit_id=command.unit_id,
            missing=said.missing,
            names=command.missing,
            occurred_at=command.occurred_at,
        )
        return [accounted, missing]
    then = replace(state, answers={**state.answers, command.unit_id: said})
    if then.silent or then.missing:
        return [accounted]
    people = sum(one.present for one in then.answers.values())
    completed = RollCallCompleted(**about, people=people, occurred_at=command.occurred_at)
    return [accounted, completed]


def raise_overdue(command: RaiseRollCallOverdue, state: Running) -> list[Event]:
    """Ring once, and only while somebody has not answered."""
    if state.over or state.overdue or not state.silent:
        return []
    return [
        RollCallOverdue(
            **_about(state),
            silent=state.silent,
            due_at=command.due_at,
            occurred_at=command.due_at,
        )
    ]


def end(command: EndRollCall, state: Running) -> list[Event]:
    _require_running(state)
    return [
        RollCallEnded(
            **_about(state),
            silent=state.silent,
            missing=state.missing,
            reason=command.reason,
            ended_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def move(command: MoveRollCall, state: Running) -> list[Event]:
    """Let it follow its incident; what is over stays with the one that it was for."""
    if state.over or state.incident_id not in command.sources:
        return []
    return [
        RollCallMoved(
            **(_about(state) | {"incident_id": command.incident_id}),
            from_incident_id=state.incident_id,
            silent=state.silent,
            missing=state.missing,
            due_at=state.started.due_at,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    if isinstance(event, RollCallStarted):
        return Running(event, event.incident_id)
    if state is None:
        return None
    match event:
        case UnitAccounted():
            said = Answer(event.expected, event.present)
            return replace(state, answers={**state.answers, event.unit_id: said})
        case PersonnelMissing():
            said = state.answers.get(event.unit_id, Answer(event.missing, 0))
            named = replace(said, names=event.names)
            return replace(state, answers={**state.answers, event.unit_id: named})
        case RollCallOverdue():
            return replace(state, overdue=True)
        case RollCallCompleted() | RollCallEnded():
            return replace(state, over=True)
        case RollCallMoved():
            return replace(state, incident_id=event.incident_id)
        case _:
            assert_never(event)


def _about(state: Running) -> dict[str, str]:
    return {
        "roll_call_id": state.started.roll_call_id,
        "incident_id": state.incident_id,
        "adcode": state.started.adcode,
    }


def _there(roll_call_id: str, state: State) -> Running:
    if state is None:
        raise NotFound(
            "NO_SUCH_ROLL_CALL", f"no roll call {roll_call_id}", roll_call_id=roll_call_id
        )
    return state


def _own(command: AnswerRollCall | EndRollCall, state: State) -> Running:
    found = _there(command.roll_call_id, state)
    _within(command.by, found.started.adcode)
    return found


def _within(by: Actor, adcode: str) -> None:
    if not by.covers(adcode):
        raise Forbidden(
            "OUTSIDE_JURISDICTION",
            f"{adcode} is outside {by.jurisdiction}, the jurisdiction of {by.subject}",
            adcode=adcode,
            jurisdiction=by.jurisdiction,
            subject=by.subject,
        )


def _require_running(state: Running) -> None:
    if state.over:
        raise Rejection(
            "ROLL_CALL_CLOSED",
            f"{state.started.roll_call_id} is over: call the roll again",
            roll_call_id=state.started.roll_call_id,
        )
