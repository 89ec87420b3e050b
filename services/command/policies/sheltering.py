"""Whenever a shelter needs something its incident asks for it, until the shelter says it is over.

The need stands under an id made of the shelter's; what the shelter was opened for may have been
merged since, and then the incident that goes on asks.  An incident that is over asks for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from anlan.events.v1 import shelter_events_pb2 as pb
from services.command.domain.incident import decider, needs
from services.command.domain.incident.needs import Category, Need, Source, SourceKind
from services.command.policies.merging import Incidents, entailed, going_on
from services.command.policies.retrying import looking_again
from services.runtime import place
from services.runtime.cause import Cause
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.times import from_proto

SUBJECTS = [f"anlan.*.shelter.{name}.>" for name in ("ShelterNeedRaised", "ShelterNeedEnded")]
Ending = needs.FulfilNeed | needs.CancelNeed

log = structlog.get_logger()


class NotRaisedYet(Exception):
    """The end of a need overtook its raising: it is tried again."""


def id_of(shelter_id: str, need_id: str, opening: int) -> str:
    """Return what an incident calls a shelter's need: each opening counts its needs anew."""
    again = f".{opening}" if opening > 1 else ""
    return f"shelter.{shelter_id}.{need_id}{again}"


@dataclass(frozen=True, slots=True)
class Sheltering:
    incidents: Incidents

    async def react(self, event: Recorded) -> None:
        """Ask, or ask no longer.  What is older than this says neither where nor for whom."""
        match event.type.rpartition(".")[2]:
            case "ShelterNeedRaised":
                raised = pb.ShelterNeedRaised.FromString(event.data)
                if raised.HasField("place"):
                    await self._settle(event, raised.incident_id, raised)
            case "ShelterNeedEnded":
                ended = pb.ShelterNeedEnded.FromString(event.data)
                if ended.incident_id:
                    await self._settle(event, ended.incident_id, ended)

    async def _settle(
        self, event: Recorded, about: str, said: pb.ShelterNeedRaised | pb.ShelterNeedEnded
    ) -> None:
        try:
            async for attempt in looking_again():
                with attempt:
                    incident_id = await going_on(self.incidents, about)
                    cause = Cause.reaction(event, "command.on_shelter_need").about(incident_id)
                    state = await self.incidents.state(incident_id, cause)
                    command = (
                        _asked(said, incident_id, cause)
                        if isinstance(said, pb.ShelterNeedRaised)
                        else _ended(said, incident_id, state, cause)
                    )
                    if command is not None:
                        await self.incidents.handle(incident_id, command, cause)
        except Unavailable:
            raise
        except Rejection as refusal:
            log.warning(
                "shelter_need.refused",
                shelter_id=said.shelter_id,
                need_id=said.need_id,
                incident_id=incident_id,
                reason=refusal.reason,
            )


def _asked(raised: pb.ShelterNeedRaised, incident_id: str, cause: Cause) -> needs.RaiseNeed:
    at = from_proto(raised.occur_time)
    by_when = from_proto(raised.needed_by_time) if raised.HasField("needed_by_time") else None
    return needs.RaiseNeed(
        by=entailed(cause),
        incident_id=incident_id,
        need_id=id_of(raised.shelter_id, raised.need_id, raised.opening),
        category=Category.SUPPLIES,
        item=raised.item,
        quantity=raised.quantity,
        unit=raised.unit,
        place=place.read(raised.place),
        # A shelter may say of the past that it was needed: then it is needed at once.
        needed_by=by_when if by_when is not None and by_when > at else None,
        objective_id="",
        note="：".join(filter(None, (raised.shelter_name, raised.note))),
        occurred_at=at,
    )


def _ended(
    ended: pb.ShelterNeedEnded, incident_id: str, state: decider.State, cause: Cause
) -> Ending | None:
    """Return what ends the need; None where it is over, however that came."""
    need = _known(ended, state)
    if need is None:
        if isinstance(state, decider.Open):
            raise NotRaisedYet(f"{incident_id} has not heard of {ended.shelter_id}.{ended.need_id}")
        return None
    if need.state in needs.ENDED:
        return None
    by, at = entailed(cause), from_proto(ended.occur_time)
    need_id = need.asked.need_id
    if not ended.met:
        return needs.CancelNeed(
            by=by,
            incident_id=incident_id,
            need_id=need_id,
            reason=ended.outcome,
            in_charge=True,
            occurred_at=at,
        )
    return needs.FulfilNeed(
        by=by,
        incident_id=incident_id,
        need_id=need_id,
        fulfilment_id=need_id,
        commitment_id="",
        quantity=need.remaining,
        source=Source(
            kind=SourceKind.SHELTER,
            reference=ended.shelter_id,
            provider=ended.outcome or by.subject,
        ),
        occurred_at=at,
    )


def _known(ended: pb.ShelterNeedEnded, state: decider.State) -> Need | None:
    """Return the need; a merge takes it along under its id, which no other incident has."""
    was = decider.there(state)
    known = {} if was is None else was.needs.needs
    return known.get(id_of(ended.shelter_id, ended.need_id, ended.opening))
