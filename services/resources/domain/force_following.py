"""What becomes of a force's call-up when its incident is merged, ends or goes on."""

from __future__ import annotations

from services.resources.domain.force import (
    CallUp,
    Event,
    ForceCallUpMoved,
    ForceCallUpOutlasted,
    ForceCallUpResumed,
    MarkForceCallUp,
    MoveForceCallUp,
    State,
)


def move(command: MoveForceCallUp, state: State) -> list[Event]:
    """Let a call-up that runs follow its incident; one that is over stays where it ended."""
    called = _serving(state, command.call_up_id, command.source)
    if state is None or called is None or command.source == command.incident_id:
        return []
    return [
        ForceCallUpMoved(
            force_id=command.force_id,
            adcode=state.registered.adcode,
            call_up_id=called.call_up_id,
            from_incident_id=command.source,
            incident_id=command.incident_id,
            occurred_at=command.occurred_at,
        )
    ]


def mark(command: MarkForceCallUp, state: State) -> list[Event]:
    """Say that a call-up outlasts its incident: a person says when the force is home."""
    called = _serving(state, command.call_up_id, command.incident_id)
    if state is None or called is None or command.over == (called.outlasted_at is not None):
        return []
    if command.over:
        return [
            ForceCallUpOutlasted(
                force_id=command.force_id,
                adcode=state.registered.adcode,
                name=state.registered.name,
                call_up_id=called.call_up_id,
                incident_id=command.incident_id,
                occurred_at=command.occurred_at,
            )
        ]
    return [
        ForceCallUpResumed(
            force_id=command.force_id,
            adcode=state.registered.adcode,
            call_up_id=called.call_up_id,
            incident_id=command.incident_id,
            occurred_at=command.occurred_at,
        )
    ]


def _serving(state: State, call_up_id: str, incident_id: str) -> CallUp | None:
    called = state.call_ups.get(call_up_id) if state is not None else None
    return called if called is not None and called.serves(incident_id) else None
