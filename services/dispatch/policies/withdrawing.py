"""Whenever a withdrawal is ordered each of its units is told to leave, once, whoever runs."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from anlan.events.v1 import accountability_events_pb2 as pb
from services.dispatch.domain import assignment, withdrawal
from services.dispatch.domain.assignment.ways import Ways
from services.dispatch.policies.releasing import Assignments, Releasing
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection, Unavailable

Withdrawals = CommandHandler[withdrawal.Command, withdrawal.State, withdrawal.Event]
SUBJECTS = [f"anlan.*.withdrawal.{name}.>" for name in ("WithdrawalOrdered", "WithdrawalMoved")]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawing:
    assignments: Assignments
    withdrawals: Withdrawals
    releasing: Releasing
    ways: Ways

    async def on_ordered(self, event: Recorded) -> None:
        """Carry out an order that somebody may have left half done.

        That it followed a merge orders nobody out: each was told, or will be, when it was given.
        """
        if event.type != "anlan.events.v1.WithdrawalOrdered":
            return
        ordered = pb.WithdrawalOrdered.FromString(event.data)
        known = await self.withdrawals.state(ordered.withdrawal_id)
        if known is not None:
            await self.carry_out(known, Cause.resumed(event))

    async def carry_out(self, order: withdrawal.WithdrawalOrdered, cause: Cause) -> None:
        """Withdraw each; one that cannot be is left on the board, where somebody sees it."""
        for assignment_id in order.assignment_ids:
            try:
                await self._withdraw(order, assignment_id, cause.step(f"withdraw.{assignment_id}"))
            except Unavailable:
                raise
            except Rejection as refusal:
                log.warning(
                    "withdrawal.refused", assignment_id=assignment_id, reason=refusal.reason
                )

    async def _withdraw(
        self, order: withdrawal.WithdrawalOrdered, assignment_id: str, cause: Cause
    ) -> None:
        state = await self.assignments.state(assignment_id)
        if state is not None:
            cause = cause.about(state.order.incident_id)  # it may have been merged since
        command = assignment.WithdrawAssignment(
            by=cause.actor,
            assignment_id=assignment_id,
            withdrawal_id=order.withdrawal_id,
            reason=order.reason,
            way=self.ways.of("" if state is None else state.order.incident_type),
            occurred_at=order.occurred_at,
        )
        written = await self.assignments.handle(assignment_id, command, cause)
        if written.event is not None:
            await self.releasing.at_once(written.event, cause)
