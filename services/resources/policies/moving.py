"""What follows when people are sent on to another shelter.

A move touches two streams.  The RPC that wrote the first step takes the others at once; they come
again with the public event, known by the same ids, so that a crash in between loses nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from anlan.events.v1 import shelter_events_pb2 as pb
from services.resources.domain import shelter
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.settlement import Delivered

TAKE_OVER, FINISH = "resources.take_people_over", "resources.finish_move"
SUBJECTS = ["anlan.*.shelter.PeopleSentOn.>"]

Shelters = CommandHandler[shelter.Command, shelter.State, shelter.Event]


@dataclass(frozen=True, slots=True)
class Moving:
    """Keeps the two shelters of a move together."""

    shelters: Shelters

    async def settle(
        self, sent: shelter.PeopleSentOn, cause: Cause
    ) -> tuple[shelter.PeopleTakenOver | shelter.MoveRefused, int]:
        """Let the other shelter decide, and let this one know; return its decision and how far."""
        to = sent.to_shelter_id
        taking = shelter.TakePeopleOver(shelter_id=to, sent=sent)
        taken = await self.shelters.handle(to, taking, cause.step(TAKE_OVER))
        decision = taken.event
        assert isinstance(decision, shelter.PeopleTakenOver | shelter.MoveRefused)
        about = {"shelter_id": sent.shelter_id, "move_id": sent.move_id}
        finish: shelter.Command = (
            shelter.TurnPeopleBack(**about, reason=decision.reason, occurred_at=sent.occurred_at)
            if isinstance(decision, shelter.MoveRefused)
            else shelter.CompleteMove(**about, occurred_at=sent.occurred_at)
        )
        finished = await self.shelters.handle(sent.shelter_id, finish, cause.step(FINISH))
        return decision, max(taken.position, finished.position)

    async def react(self, delivered: Delivered) -> None:
        """Complete what a crash may have left half done."""
        event = delivered.event
        moved = pb.PeopleSentOn.FromString(event.data)
        state = await self.shelters.state(moved.shelter_id)
        sent = state.moves.sent.get(moved.move_id) if state is not None else None
        if sent is not None:
            await self.settle(sent, Cause.resumed(event))
