"""The smallest decider with a rule: people counted into a hall that holds a hundred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never
from uuid import UUID, uuid4

from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.codec import Codec
from services.runtime.decider import Decider
from services.runtime.handle import CommandHandler
from services.runtime.rejection import Rejection
from services.runtime.store import EventStore

ROOM = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """``one_by_one`` writes an event for each; ``note`` is only written down."""

    people: int = 1
    note: str = ""
    one_by_one: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """Asks for at least so many: nothing to do where they are there."""

    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    people: int
    note: str


@dataclass(frozen=True, slots=True)
class Hall:
    people: int = 0
    notes: tuple[str, ...] = ()


Command = Admit | Fill


def decide(command: Command, state: Hall) -> list[Admitted]:
    match command:
        case Admit(people=people, note=note, one_by_one=one_by_one):
            if state.people + people > ROOM:
                raise Rejection("HALL_FULL", people=str(state.people))
            if one_by_one:
                return [Admitted(people=1, note=f"{note}{n}") for n in range(people)]
            return [Admitted(people=people, note=note)]
        case Fill(people=people):
            missing = people - state.people
            return [Admitted(people=missing, note="")] if missing > 0 else []
        case _:
            assert_never(command)


def evolve(state: Hall, event: Admitted) -> Hall:
    return Hall(state.people + event.people, (*state.notes, event.note))


HALL: Decider[Command, Hall, Admitted] = Decider(
    category="hall",
    initial=Hall(),
    decide=decide,
    evolve=evolve,
    codec=Codec({"Admitted.v1": Admitted}),
)

Handler = CommandHandler[Command, Hall, Admitted]


def handler(store: EventStore) -> Handler:
    return CommandHandler(store, HALL)


def cause(exercise: str = "", command_id: UUID | None = None) -> Cause:
    return Cause(
        command_id=command_id or uuid4(),
        causation_id="a request",
        correlation_id="a story",
        actor=Actor(subject="值班员.王", roles=("duty_officer",), jurisdiction="431281"),
        exercise=exercise,
    )
