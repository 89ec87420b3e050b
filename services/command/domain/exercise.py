"""An exercise (演练) that is played from a script: the clock of its own story."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.runtime.actor import Actor
from services.runtime.rejection import Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceClock:
    by: Actor
    exercise_id: str
    clock: datetime


Command = AdvanceClock


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseClockAdvanced:
    """``occurred_at`` is the instant that the clock shows from here on."""

    exercise_id: str
    advanced_by: str
    occurred_at: datetime


Event = ExerciseClockAdvanced


@dataclass(frozen=True, slots=True)
class Running:
    clock: datetime


State = Running | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the advance; time never runs backwards."""
    if state is not None and command.clock == state.clock:
        return []
    if state is not None and command.clock < state.clock:
        raise Rejection(
            "EXERCISE_CLOCK_RUNS_BACKWARDS",
            f"exercise {command.exercise_id} stands at {state.clock.isoformat()}, "
            f"got {command.clock.isoformat()}",
            exercise_id=command.exercise_id,
            got=command.clock.isoformat(),
            clock=state.clock.isoformat(),
        )
    return [
        ExerciseClockAdvanced(
            exercise_id=command.exercise_id,
            advanced_by=command.by.subject,
            occurred_at=command.clock,
        )
    ]


def evolve(_: State, event: Event) -> State:
    return Running(event.occurred_at)
