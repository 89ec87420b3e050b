"""Whenever an assignment is requested the unit is reserved, confirmed and dispatched, or refused.

The intent stands in the store before anything else happens, and every step after it has an id
derived from it.  So the RPC, a retry of it and the recovery after a crash all do the same thing,
at the same time if need be, and each step happens once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.dispatch.codec import ASSIGNMENT, ASSIGNMENT_CODEC
from services.dispatch.domain import assignment, events, refusals
from services.dispatch.domain.assignment.ways import Ways
from services.dispatch.policies.releasing import Assignments, Releasing
from services.dispatch.policies.units import Units, unavailable
from services.runtime.cause import Cause
from services.runtime.handle import Written
from services.runtime.place import Place
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.store import EventStore
from services.runtime.times import to_ms

GIVE_UP_AFTER = timedelta(minutes=5)
# A reservation lasts a minute and an intent five: more would be somebody who takes it each time.
RESERVATIONS = 8
LOST = {"RESERVATION_LAPSED", "UNIT_NOT_HELD"}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Intent:
    """An order that was written down, and the cause of all that it entails."""

    order: events.AssignmentRequested
    cause: Cause


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an intent."""

    event: events.UnitDispatched | events.AssignmentRefused | events.AssignmentCancelled
    written: Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    store: EventStore
    assignments: Assignments
    units: Units
    releasing: Releasing
    ways: Ways
    offer: Callable[[Rejection, str, Place], Rejection]
    """Adds to a refusal who else could go; what was offered is stored with it."""
    now: Callable[[], datetime]

    async def send(
        self, assignment_id: str, begun: Intent | None
    ) -> tuple[events.UnitDispatched, Written]:
        """Return the dispatch of an intent, or raise why there was none; always the same.

        Without ``begun`` the intent is read.  Raises Unavailable while resources do not answer:
        the intent stands.
        """
        outcome = await self.settle(assignment_id, begun)
        match outcome.event:
            case events.UnitDispatched():
                return outcome.event, outcome.written
            case events.AssignmentRefused():
                refused = outcome.event
                raise refusals.said_again(
                    refused.kind, refused.reason, refused.message, refused.context
                )
            case events.AssignmentCancelled(reason=reason):
                raise Rejection(
                    "ASSIGNMENT_CANCELLED",
                    f"{assignment_id} was cancelled before its unit was had: {reason}",
                    assignment_id=assignment_id,
                    close_reason=reason,
                )

    async def recover(self, assignment_id: str, _: datetime) -> Written:
        """Finish an intent that somebody left behind."""
        outcome = await self.settle(assignment_id)
        log.info(
            "intent.recovered", assignment_id=assignment_id, outcome=type(outcome.event).__name__
        )
        return outcome.written

    async def settle(self, assignment_id: str, begun: Intent | None = None) -> Outcome:
        """Bring an intent to its outcome.  Safe to run beside itself, in any process."""
        asked_at = self.now()
        if begun is None:
            history = await self.history(assignment_id)
            if settled := _outcome(history):
                return settled
            begun, asked_at = _intent(assignment_id, history)
        order, cause = begun.order, begun.cause
        secured = False
        try:
            if order.diverted_from:
                await self._divert(order, cause)
            kind = await self._secure(order, cause)
            secured = True
        except Unavailable as silence:
            if self.now() - asked_at < GIVE_UP_AFTER:
                raise
            await self._refuse(order, cause, silence)
        except Rejection as refusal:
            offered = self.offer(refusal, order.unit_id, order.destination)
            await self._refuse(order, cause, offered)
        else:
            command = assignment.DispatchUnit(
                assignment_id=assignment_id, unit_kind=kind, now=to_ms(self.now())
            )
            written = await self.assignments.handle(assignment_id, command, cause.step("dispatch"))
            if isinstance(written.event, events.UnitDispatched):
                return Outcome(written.event, written)
        # Read back: whoever wrote first decided, and the times that count are those stored.
        outcome = _outcome(await self.history(assignment_id))
        assert outcome is not None
        if secured and not isinstance(outcome.event, events.UnitDispatched):
            # Under an id of its own: the ending's release may have come before this hold.
            await self.releasing.at_once(outcome.event, cause.step("too_late"))
        return outcome

    async def history(self, assignment_id: str) -> list[Recorded]:
        return await self.store.read(f"{ASSIGNMENT.category}-{assignment_id}")

    async def _secure(self, order: events.AssignmentRequested, cause: Cause) -> str:
        """Hold the unit until it is released, and return its kind."""
        lost = ""
        for turn in range(1, RESERVATIONS + 1):
            number = "" if turn == 1 else f".{turn}"
            position = await self.units.reserve(order, cause.step(f"reserve{number}"))
            kind = await self.units.kind(order.unit_id, position, cause)
            try:
                await self.units.confirm(order, cause.step(f"confirm{number}"))
            except Rejection as refusal:
                if refusal.reason not in LOST:
                    raise
                lost = refusal.message
            else:
                return kind
        raise unavailable(lost)

    async def _divert(self, order: events.AssignmentRequested, cause: Cause) -> None:
        """End the assignment that the unit comes from: its hold stays until it is taken over.

        What was cancelled in the meantime diverts nobody.
        """
        if not isinstance(await self.assignments.state(order.assignment_id), assignment.Requested):
            return
        source = await self.assignments.glimpse(order.diverted_from)
        command = assignment.DivertAssignment(
            by=cause.actor,
            assignment_id=order.diverted_from,
            to_assignment_id=order.assignment_id,
            to_incident_id=order.incident_id,
            reason=order.diversion_reason,
            way=self.ways.of("" if source is None else source.order.incident_type),
            occurred_at=order.occurred_at,
        )
        told = cause.step("divert")
        if source is not None:  # whoever reads of the incident that it leaves reads that it left
            told = told.about(source.order.incident_id)
        await self.assignments.handle(order.diverted_from, command, told)

    async def _refuse(
        self, order: events.AssignmentRequested, cause: Cause, refusal: Rejection
    ) -> None:
        command = assignment.RefuseAssignment(
            assignment_id=order.assignment_id,
            kind=refusals.kind_of(refusal),
            reason=refusal.reason,
            message=refusal.message,
            context=refusal.context,
            occurred_at=to_ms(self.now()),
        )
        await self.assignments.handle(order.assignment_id, command, cause.step("refuse"))


def _intent(assignment_id: str, history: list[Recorded]) -> tuple[Intent, datetime]:
    """Return what was asked for, on whose cause, and when; a plan comes before it."""
    for recorded in history:
        event = ASSIGNMENT_CODEC.decode(recorded.type, recorded.data)
        if isinstance(event, events.AssignmentRequested):
            return Intent(event, Cause.resumed(recorded)), recorded.created_at
    raise Rejection(
        "ASSIGNMENT_NOT_REQUESTED",
        f"{assignment_id} is preplanned: its time has not come",
        assignment_id=assignment_id,
    )


def _outcome(history: list[Recorded]) -> Outcome | None:
    for recorded in history:
        event = ASSIGNMENT_CODEC.decode(recorded.type, recorded.data)
        match event:
            case (
                events.UnitDispatched() | events.AssignmentRefused() | events.AssignmentCancelled()
            ):
                return Outcome(event, Written(recorded.revision, recorded.position))
            case _:
                continue
    return None
