"""Whenever units are lent they are held or join us, and leave again.

A unit of ours that is committed to another authority is held for the aid and out of service until
it is home.  One of theirs joins with its arrival, under its own authority, and is out of service
from the moment it is let go.  What was said stands first; what follows from it in resources is done
at once, and again when the public event comes back, under the same request ids.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from anlan.events.v1 import aid_events_pb2 as aid_pb
from anlan.resources.v1 import unit_service_pb2 as pb
from services.dispatch.domain.aid import commands, events, state
from services.dispatch.domain.aid.events import Direction, UnitState
from services.dispatch.domain.aid.state import Aid, Lent
from services.dispatch.policies.units import Units
from services.runtime.actor import NATION, Actor
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection, Unavailable

SUBJECTS = [
    f"anlan.*.aid_request.{name}.>"
    for name in ("AidCommitted", "AidUnitReported", "AidUnitsReleased")
]
AT_ONCE_S = 1.0
TURNS = 3
AWAY = {UnitState.RELEASED, UnitState.RETURNED, UnitState.WITHDRAWN}
HOME = {UnitState.RETURNED, UnitState.WITHDRAWN}
DISPATCH = Actor(subject="service:dispatch", roles=("service",), jurisdiction=NATION)

Aids = CommandHandler[commands.Command, state.State, events.Event]

log = structlog.get_logger()


def local_unit_id(aid: Aid, lent: Lent, exercise: str) -> str:
    """Return what resources call a lent unit: one of theirs carries its authority's code.

    A drill's visitor is another one: what was registered in a drill stays in it.
    """
    if aid.direction is Direction.OUTGOING:
        return lent.unit.unit_id
    drill = f"-x{zlib.crc32(exercise.encode()):08x}" if exercise else ""
    return f"{lent.helper}-{lent.unit.unit_id}{drill}"


def holder_of(aid_id: str) -> str:
    return f"aid-{aid_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lending:
    aids: Aids
    units: Units

    async def take(self, aid: Aid, command: commands.CommitAid, cause: Cause) -> list[str]:
        """Hold the units of ours that are to be lent, all or none, and return them.

        Raises what resources refuse; a hold that leads to nothing runs out after a minute.
        """
        helper = aid.helpers.get(command.helper)
        if aid.direction is Direction.INCOMING or helper is None or not helper.authority.here:
            return []
        held: list[str] = []
        for unit in command.units:
            try:
                await self.units.hold(
                    unit.unit_id,
                    holder_of(aid.aid_id),
                    aid.incident_id,
                    command.occurred_at,
                    cause.step(f"hold.{unit.unit_id}"),
                )
            except Rejection:
                await self.give_back(aid, held, command.occurred_at, cause)
                raise
            held.append(unit.unit_id)
        return held

    async def claim(
        self, aid: Aid, leaving: Iterable[Lent], at: datetime, cause: Cause
    ) -> list[str]:
        """Hold visitors that are to go, so that nobody sends one meanwhile, and return them.

        Raises the refusal for one that has an assignment.
        """
        held: list[str] = []
        for lent in leaving:
            if aid.direction is Direction.OUTGOING or lent.state is not UnitState.ARRIVED:
                continue
            unit_id = local_unit_id(aid, lent, cause.exercise)
            try:
                await self.units.hold(
                    unit_id,
                    holder_of(aid.aid_id),
                    aid.incident_id,
                    at,
                    cause.step(f"claim.{unit_id}"),
                )
                held.append(unit_id)
            except Unavailable:
                await self.give_back(aid, held, at, cause)
                raise
            except Rejection as refusal:
                others = [
                    one
                    for one in await self.units.holders(unit_id, cause)
                    if one != holder_of(aid.aid_id)
                ]
                if not others:  # it cannot be sent anyhow: out of service, resting
                    continue
                await self.give_back(aid, held, at, cause)
                raise Rejection(
                    "AID_UNIT_ASSIGNED",
                    f"{unit_id} is still held by {', '.join(others)}: clear it first",
                    unit_id=unit_id,
                    holder=", ".join(others),
                ) from refusal
        return held

    async def give_back(
        self, aid: Aid, unit_ids: Iterable[str], at: datetime, cause: Cause
    ) -> None:
        """Let go of holds that led to nothing; what fails runs out by itself."""
        current = await self.aids.state(aid.aid_id) or aid
        lent = {
            local_unit_id(aid, one, cause.exercise)
            for one in current.units.values()
            if aid.direction is Direction.OUTGOING and one.state not in HOME
        }
        for unit_id in unit_ids:
            if unit_id in lent:  # held since an earlier commitment
                continue
            step = cause.step(f"give_back.{unit_id}")
            try:
                await self.units.release(
                    unit_id, holder_of(aid.aid_id), "nothing came of it", at, step
                )
            except Rejection as later:
                log.warning("lending.give_back_later", unit_id=unit_id, why=repr(later))

    async def at_once(self, event: events.Event | None, cause: Cause) -> None:
        """Do what follows if resources answer quickly; if not, the public event does it."""
        if event is None:
            return
        try:
            async with asyncio.timeout(AT_ONCE_S):
                await self._follow(event.aid_id, _meant(event), cause)
        except (Rejection, TimeoutError) as later:
            log.warning("lending.later", aid_id=event.aid_id, why=repr(later))

    async def on_event(self, event: Recorded) -> None:
        """React to units that were committed, reported or let go."""
        match event.type:
            case "anlan.events.v1.AidCommitted":
                committed = aid_pb.AidCommitted.FromString(event.data)
                about, helper = committed.aid_id, committed.helper_adcode
                units = [unit.unit_id for unit in committed.units]
            case "anlan.events.v1.AidUnitReported":
                reported = aid_pb.AidUnitReported.FromString(event.data)
                about, helper = reported.aid_id, reported.helper_adcode
                units = [reported.unit_id]
            case "anlan.events.v1.AidUnitsReleased":
                released = aid_pb.AidUnitsReleased.FromString(event.data)
                about, helper = released.aid_id, released.helper_adcode
                units = list(released.unit_ids)
            case _:
                return
        keys = [state.lent_key(helper, unit_id) for unit_id in units]
        await self._follow(about, keys, Cause.resumed(event))

    async def _follow(self, aid_id: str, keys: Iterable[str], cause: Cause) -> None:
        for key in keys:
            for turn in range(TURNS):
                aid = await self.aids.state(aid_id)
                if aid is None or key not in aid.units:
                    break
                lent = aid.units[key]
                step = cause.step(f"{key}.{lent.state}.{turn}")
                if aid.direction is Direction.INCOMING:
                    await self._visit(aid, lent, step)
                elif aid.helpers[lent.helper].authority.here:
                    await self._lend(aid, lent, step)
                # What was said meanwhile may have been done before this was: then it is done again.
                if (await self.aids.state(aid_id)) == aid:
                    break

    async def _visit(self, aid: Aid, lent: Lent, cause: Cause) -> None:
        unit_id = local_unit_id(aid, lent, cause.exercise)
        if lent.state is UnitState.ARRIVED:
            await self.units.register(_registration(aid, lent, unit_id), cause.step("register"))
            await self.units.put_in_service(unit_id, lent.at, cause.step("in_service"))
        elif lent.state in AWAY and lent.ever_arrived:
            reason = f"left again for {aid.helpers[lent.helper].authority.name}"
            await self.units.put_out_of_service(unit_id, reason, lent.at, cause.step("leave"))
            await self.units.release(
                unit_id, holder_of(aid.aid_id), reason, lent.at, cause.step("release")
            )

    async def _lend(self, aid: Aid, lent: Lent, cause: Cause) -> None:
        unit_id, holder = lent.unit.unit_id, holder_of(aid.aid_id)
        if lent.state in HOME:
            await self.units.put_in_service(unit_id, lent.at, cause.step("in_service"))
            await self.units.release(unit_id, holder, "home again", lent.at, cause.step("release"))
            return
        if lent.state is not UnitState.COMMITTED:
            return  # held since it was committed
        reason = f"lent to {aid.requester.name} ({aid.aid_id})"
        try:
            await self.units.hold(unit_id, holder, aid.incident_id, lent.at, cause.step("hold"))
            await self.units.keep(unit_id, holder, lent.at, cause.step("keep"))
        except Unavailable:
            raise
        except Rejection as refusal:
            if holder not in await self.units.holders(unit_id, cause):
                await self._withdraw(aid, lent, refusal, cause)
                return
        await self.units.put_out_of_service(unit_id, reason, lent.at, cause.step("lend"))

    async def _withdraw(self, aid: Aid, lent: Lent, refusal: Rejection, cause: Cause) -> None:
        """Say that a unit does not come which was promised and could not be held."""
        clock = replace(cause.step("withdraw"), actor=DISPATCH)
        command = commands.ReportUnit(
            by=DISPATCH,
            aid_id=aid.aid_id,
            helper=lent.helper,
            unit_id=lent.unit.unit_id,
            unit_state=UnitState.WITHDRAWN,
            note=f"{refusal.reason}: {refusal.message}",
            spoken_by="",
            occurred_at=lent.at,
        )
        await self.aids.handle(aid.aid_id, command, clock)


def _meant(event: events.Event) -> list[str]:
    match event:
        case events.AidCommitted():
            return [state.lent_key(event.helper, unit.unit_id) for unit in event.units]
        case events.AidUnitReported():
            return [state.lent_key(event.helper, event.unit_id)]
        case events.AidUnitsReleased():
            return [state.lent_key(event.helper, unit_id) for unit_id in event.unit_ids]
        case _:
            return []


def _registration(aid: Aid, lent: Lent, unit_id: str) -> pb.RegisterUnitRequest:
    authority, unit = aid.helpers[lent.helper].authority, lent.unit
    request = pb.RegisterUnitRequest(
        unit_id=unit_id,
        name=unit.name,
        kind=unit.kind,
        capabilities=unit.capabilities,
        staffing=unit.staffing,
        contact=unit.contact or authority.contact,
    )
    request.home.adcode = authority.adcode
    request.home.address = authority.name
    request.occur_time.FromDatetime(lent.at)
    return request
