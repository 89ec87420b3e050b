"""Who may be called up, by whom, and what ends it: the rules of `expert`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from services.resources.domain import ended_incident, moments, region
from services.resources.domain.expert import (
    CallUp,
    CallUpExpert,
    Command,
    EndExpertCallUp,
    Event,
    Expert,
    ExpertArrived,
    ExpertBecameAvailable,
    ExpertBecameUnavailable,
    ExpertCalledUp,
    ExpertCallUpMoved,
    ExpertRegistered,
    ExpertReleased,
    ExpertRetired,
    ExpertRevised,
    MoveExpertCallUp,
    Order,
    RecordExpertArrival,
    RegisterExpert,
    ReleaseExpert,
    RetireExpert,
    SetExpertAvailability,
    State,
    Unavailable,
)
from services.runtime.rejection import AlreadyExists, Invalid, NotFound, Rejection


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case RegisterExpert():
            return register(command, state)
        case SetExpertAvailability():
            return set_availability(command, _active(command, state))
        case RetireExpert():
            return retire(command, _known(command, state))
        case CallUpExpert():
            return call_up(command, _known(command, state))
        case RecordExpertArrival():
            return arrive(command, _known(command, state))
        case ReleaseExpert():
            return release(command, _known(command, state))
        case MoveExpertCallUp():
            return move(command, state)
        case EndExpertCallUp():
            return end(command, state)
        case _:
            assert_never(command)


def register(command: RegisterExpert, state: State) -> list[Event]:
    """Take in an entry; the same again is no news, so that a list may be loaded twice."""
    entry, words = command.entry, command.vocabulary
    region.require(command.by, entry.adcode)
    for field in entry.fields:
        if field not in words.fields:
            raise Invalid(
                "EXPERT_FIELD_UNKNOWN", field="fields", got=field, allowed=", ".join(words.fields)
            )
    if state is None:
        return [
            ExpertRegistered(
                expert_id=command.expert_id,
                entry=entry,
                vocabulary_version=words.version,
                occurred_at=command.occurred_at,
            )
        ]
    if _active(command, state).entry == entry:
        return []
    return [
        ExpertRevised(
            expert_id=command.expert_id,
            entry=entry,
            vocabulary_version=words.version,
            occurred_at=command.occurred_at,
        )
    ]


def set_availability(command: SetExpertAvailability, expert: Expert) -> list[Event]:
    """Say whether one can be called up next; a call-up that runs goes on."""
    said = {"expert_id": command.expert_id, "adcode": expert.entry.adcode}
    if command.available:
        if expert.unavailable is None:
            return []
        return [ExpertBecameAvailable(**said, occurred_at=command.occurred_at)]
    if not command.reason:
        raise Invalid(
            "REASON_REQUIRED", field="reason", got="nothing", allowed="why they cannot be called up"
        )
    if expert.unavailable == Unavailable(command.reason, command.expected_back_at):
        return []
    moments.require_after(
        command.occurred_at,
        command.expected_back_at,
        "TIME_OUT_OF_RANGE",
        field="expected_back_time",
    )
    return [
        ExpertBecameUnavailable(
            **said,
            reason=command.reason,
            expected_back_at=command.expected_back_at,
            occurred_at=command.occurred_at,
        )
    ]


def retire(command: RetireExpert, expert: Expert) -> list[Event]:
    if expert.retired is not None:
        return []
    if running := expert.running:
        raise _called_up(expert, running)
    return [
        ExpertRetired(
            expert_id=command.expert_id,
            adcode=expert.entry.adcode,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def call_up(command: CallUpExpert, expert: Expert) -> list[Event]:
    known = expert.call_ups.get(command.call_up_id)
    if known is not None:
        its = (known.called.incident_id, known.incident_id)
        if command.incident_id in its and known.called.task == command.task:
            return []
        raise AlreadyExists(
            "CALL_UP_EXISTS",
            f"{command.expert_id} has a call-up {command.call_up_id} already, for "
            f"{known.incident_id}",
            expert_id=command.expert_id,
            call_up_id=command.call_up_id,
            incident_id=known.incident_id,
        )
    _active(command, expert)
    ended_incident.require_open(command.incident_id, command.heard)
    if running := expert.running:
        raise _called_up(expert, running)
    if expert.unavailable is not None:
        back = expert.unavailable.expected_back_at
        raise Rejection(
            "EXPERT_UNAVAILABLE",
            f"{expert.entry.name} cannot be called up: {expert.unavailable.reason}",
            expert_id=command.expert_id,
            because=expert.unavailable.reason,
            expected_back_time="" if back is None else back.isoformat(),
        )
    if command.type not in expert.entry.types:
        raise Invalid(
            "NOT_THAT_TYPE",
            field="type",
            got=command.type.value,
            allowed=", ".join(expert.entry.types),
        )
    return [
        ExpertCalledUp(
            expert_id=command.expert_id,
            adcode=expert.entry.adcode,
            name=expert.entry.name,
            call_up_id=command.call_up_id,
            incident_id=command.incident_id,
            called_as=command.type,
            task=command.task,
            ordered_by=command.ordered_by or command.by.subject,
            called_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def arrive(command: RecordExpertArrival, expert: Expert) -> list[Event]:
    """Record an arrival, once; one that was told late is recorded beside the release."""
    call = _call_up(command, expert)
    if call.arrived_at is not None:
        return []
    if call.released_at is not None and call.released_at <= command.occurred_at:
        raise Rejection(
            "CALL_UP_ENDED",
            f"{call.called.call_up_id} of {expert.entry.name} ended: {call.release_reason}",
            expert_id=command.expert_id,
            call_up_id=call.called.call_up_id,
            because=call.release_reason,
        )
    return [
        ExpertArrived(
            expert_id=command.expert_id,
            adcode=expert.entry.adcode,
            call_up_id=call.called.call_up_id,
            incident_id=call.incident_id,
            place=command.place,
            occurred_at=command.occurred_at,
        )
    ]


def release(command: ReleaseExpert, expert: Expert) -> list[Event]:
    call = _call_up(command, expert)
    if not call.runs:
        return []
    return [_released(expert, call, command.reason, command.occurred_at)]


def move(command: MoveExpertCallUp, state: State) -> list[Event]:
    """Let a call-up that runs follow its incident; one that is over stays where it ended."""
    call = _serving(state, command.call_up_id, command.source)
    if state is None or call is None or command.source == command.incident_id:
        return []
    return [
        ExpertCallUpMoved(
            expert_id=command.expert_id,
            adcode=state.entry.adcode,
            call_up_id=command.call_up_id,
            from_incident_id=command.source,
            incident_id=command.incident_id,
            occurred_at=command.occurred_at,
        )
    ]


def end(command: EndExpertCallUp, state: State) -> list[Event]:
    """Let an expert go whose incident is over; not one who serves another by now."""
    call = _serving(state, command.call_up_id, command.incident_id)
    if state is None or call is None:
        return []
    return [_released(state, call, command.reason, command.occurred_at)]


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    if isinstance(event, ExpertRegistered):
        return Expert(event.entry)
    if state is None:
        return None
    match event:
        case ExpertRevised():
            return replace(state, entry=event.entry)
        case ExpertBecameUnavailable():
            return replace(state, unavailable=Unavailable(event.reason, event.expected_back_at))
        case ExpertBecameAvailable():
            return replace(state, unavailable=None)
        case ExpertRetired():
            return replace(state, retired=event.reason)
        case ExpertCalledUp():
            return _with(state, event.call_up_id, CallUp(called=event))
        case ExpertArrived():
            call = state.call_ups.get(event.call_up_id)
            there = call and replace(call, arrived_at=event.occurred_at, place=event.place)
            return _with(state, event.call_up_id, there)
        case ExpertCallUpMoved():
            call = state.call_ups.get(event.call_up_id)
            moved = call and replace(call, moved_to=event.incident_id)
            return _with(state, event.call_up_id, moved)
        case ExpertReleased():
            call = state.call_ups.get(event.call_up_id)
            ended = call and replace(
                call, released_at=event.occurred_at, release_reason=event.reason
            )
            return _with(state, event.call_up_id, ended)
        case _:
            assert_never(event)


def _with(expert: Expert, call_up_id: str, call: CallUp | None) -> Expert:
    if call is None:
        return expert
    return replace(expert, call_ups={**expert.call_ups, call_up_id: call})


def _released(expert: Expert, call: CallUp, reason: str, at: datetime) -> ExpertReleased:
    return ExpertReleased(
        expert_id=call.called.expert_id,
        adcode=expert.entry.adcode,
        call_up_id=call.called.call_up_id,
        incident_id=call.incident_id,
        came=call.arrived_at is not None,
        reason=reason,
        occurred_at=at,
    )


def _serving(state: State, call_up_id: str, incident_id: str) -> CallUp | None:
    """Return a call-up that runs for just this incident."""
    call = state.call_ups.get(call_up_id) if state is not None else None
    return call if call and call.runs and call.incident_id == incident_id else None


def _known(command: Order, state: State) -> Expert:
    if state is None:
        raise NotFound(
            "NO_SUCH_EXPERT",
            f"no expert {command.expert_id} is registered",
            expert_id=command.expert_id,
        )
    region.require(command.by, state.entry.adcode)
    return state


def _active(command: Order, state: State) -> Expert:
    expert = _known(command, state)
    if expert.retired is not None:
        raise Rejection(
            "EXPERT_RETIRED",
            f"{expert.entry.name} is off the list ({expert.retired}): register another id",
            expert_id=command.expert_id,
            because=expert.retired,
        )
    return expert


def _call_up(command: RecordExpertArrival | ReleaseExpert, expert: Expert) -> CallUp:
    named = command.call_up_id
    call = expert.call_ups.get(named) if named else expert.running
    if call is None:
        raise NotFound(
            "NO_SUCH_CALL_UP",
            f"{expert.entry.name} has no call-up {command.call_up_id or 'that runs'}",
            expert_id=command.expert_id,
            call_up_id=command.call_up_id,
        )
    return call


def _called_up(expert: Expert, running: CallUp) -> Rejection:
    called = running.called
    return Rejection(
        "EXPERT_CALLED_UP",
        f"{expert.entry.name} is called up for {running.incident_id} already, on the order of "
        f"{called.ordered_by}",
        expert_id=called.expert_id,
        call_up_id=called.call_up_id,
        incident_id=running.incident_id,
        ordered_by=called.ordered_by,
        called_by=called.called_by,
    )
