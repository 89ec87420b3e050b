"""A matter (事项): something that several notifications may be about, and when it was last settled.

News comes in no order: the end of a Mayday may be read before its beginning.  So a matter remembers
how far the log was when it was settled, and what happened before that is not told any more.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleMatter:
    """``position`` is that of the event which settles it."""

    matter: str
    event_type: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MatterSettled:
    matter: str
    event_type: str
    position: int


Command = SettleMatter
Event = MatterSettled
State = int
INITIAL: State = 0


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds: what was settled later stays settled."""
    if command.position <= state:
        return []
    return [
        MatterSettled(
            matter=command.matter, event_type=command.event_type, position=command.position
        )
    ]


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state: the position of whatever settled it last."""
    return max(state, event.position)
