"""Whenever supplies are promised or come for a need it counts them, and forgets what will not.

Resources say how things stand, not what changed: so it does not matter which news are missed.
The ids of what is entered carry the revision of the news, by which older news are known for such.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from anlan.events.v1 import supply_request_events_pb2 as pb
from services.command.domain.incident import decider, needs
from services.command.domain.incident.needs import Need, Source, SourceKind
from services.command.policies.merging import Incidents, entailed, going_on
from services.command.policies.retrying import looking_again
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.times import from_proto

SUBJECTS = ["anlan.*.supply_request.NeedServed.>"]
Act = needs.CommitToNeed | needs.WithdrawCommitment | needs.FulfilNeed

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Serving:
    incidents: Incidents

    async def react(self, event: Recorded) -> None:
        served = pb.NeedServed.FromString(event.data)
        try:
            async for attempt in looking_again():
                with attempt:
                    await self._count(served, event)
        except Unavailable:
            raise
        except Rejection as refusal:
            log.warning(
                "need_served.refused",
                supply_request_id=served.supply_request_id,
                need_id=served.need_id,
                reason=refusal.reason,
            )

    async def _count(self, served: pb.NeedServed, event: Recorded) -> None:
        """Take one step after the other, each decided on what the last one left."""
        incident_id = await going_on(self.incidents, served.incident_id)
        cause = Cause.reaction(event, "command.on_need_served").about(incident_id)
        taken: set[str] = set()
        while True:
            need = _known(served, await self.incidents.state(incident_id, cause))
            if need is None or need.state in needs.ENDED or need.asked.unit != served.unit:
                return
            act = next_step(served, event.revision, need, incident_id, entailed(cause))
            if act is None or (step := _name(act)) in taken:
                return
            taken.add(step)
            await self.incidents.handle(incident_id, act, cause.step(step))


def next_step(
    served: pb.NeedServed, revision: int, need: Need, incident_id: str, by: Actor
) -> Act | None:
    """Return what brings the need nearer to what resources say; None where it is there.

    What has come is entered first.  More is promised beside what is; where it is less the newest
    promise is taken back, and what is left of it made anew.  Never more is promised than nobody
    else has promised.
    """
    mine = served.supply_request_id
    if revision < _newest(mine, need):
        return None
    parts = [one for one in need.fulfilments.values() if one.source.reference == mine]
    promises = {
        key: one
        for key, one in need.commitments.items()
        if one.source.reference == mine and one.outstanding and not one.withdrawn
    }
    promised = sum(one.outstanding for one in promises.values())
    said: dict[str, Any] = {
        "by": by,
        "incident_id": incident_id,
        "need_id": need.asked.need_id,
        "occurred_at": from_proto(served.occur_time),
    }
    source = Source(
        kind=SourceKind.OTHER, reference=mine, provider="、".join(served.depot_ids) or mine
    )
    come = min(served.received - sum(one.quantity for one in parts), need.remaining)
    if come > 0:
        return needs.FulfilNeed(
            **said,
            fulfilment_id=f"{mine}.{revision}",
            commitment_id=next(iter(promises), ""),
            quantity=come,
            source=source,
        )
    free = max(0, need.remaining - (need.committed - promised))
    wanted = min(served.outstanding, free)
    if promised == wanted:
        return None
    if promised > wanted:
        return needs.WithdrawCommitment(
            **said,
            commitment_id=next(reversed(promises)),
            reason=f"{mine}: {wanted} {served.unit}",
        )
    return needs.CommitToNeed(
        **said,
        commitment_id=f"{mine}.{revision}",
        quantity=wanted - promised,
        source=source,
        expected_at=None,
    )


def _newest(supply_request_id: str, need: Need) -> int:
    """Return the newest revision of a request that a need has heard of; -1 for none."""
    told = (key.rpartition(".") for key in (*need.commitments, *need.fulfilments))
    return max(
        (int(number) for mine, _, number in told if mine == supply_request_id and number.isdigit()),
        default=-1,
    )


def _known(served: pb.NeedServed, state: decider.State) -> Need | None:
    """Return the need, under its own id or under the one that a merge gave it."""
    was = decider.there(state)
    known = {} if was is None else was.needs.needs
    return known.get(served.need_id) or known.get(f"{served.incident_id}.{served.need_id}")


def _name(act: Act) -> str:
    match act:
        case needs.FulfilNeed():
            return f"fulfil.{act.fulfilment_id}"
        case needs.WithdrawCommitment():
            return f"withdraw.{act.commitment_id}"
        case needs.CommitToNeed():
            return f"commit.{act.commitment_id}"
