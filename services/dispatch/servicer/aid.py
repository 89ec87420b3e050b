"""The mutual aid API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select, tuple_

from anlan.dispatch.v1 import aid_service_pb2 as pb
from anlan.dispatch.v1.aid_service_pb2_grpc import AidServiceServicer
from services.dispatch.domain.aid import commands, events, state
from services.dispatch.domain.aid.events import Authority, Direction, UnitState
from services.dispatch.domain.aid.sides import own
from services.dispatch.domain.aid.state import Aid
from services.dispatch.policies.incidents import Incidents
from services.dispatch.policies.lending import Aids, Lending, local_unit_id
from services.dispatch.projections.aid import folded
from services.dispatch.projections.tables import AID, AID_PARTIES, CLOSED
from services.dispatch.servicer import aid_messages as messages
from services.runtime import call, paging, reading, times, watching
from services.runtime.actor import COUNTY_DIGITS, Actor
from services.runtime.cause import Cause
from services.runtime.handle import Written, derived_id
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import Invalid, NotFound, Rejection
from services.runtime.times import said, to_proto


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Reference data of mutual aid."""

    version: str
    source: str
    reply_within_minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AidServicer(AidServiceServicer):
    aids: Aids
    lending: Lending
    incidents: Incidents
    model: ReadModel
    regions: Regions
    defaults: Defaults
    now: Callable[[], datetime]

    async def RequestAid(
        self, request: pb.RequestAidRequest, context: Any
    ) -> pb.RequestAidResponse:
        caller, now = call.current(), self.now()
        aid_id = request.aid_id or derived_id(request.request_id, "aid")
        cause = caller.cause(request.request_id, request.incident_id)
        requester = self._requester(request)
        recipients = tuple(self._authority(one, "recipients.adcode") for one in request.recipients)
        direction = _direction(requester, recipients)
        asked = await self.aids.obeyed(aid_id, cause)
        if asked is None and direction is Direction.INCOMING:
            await self.incidents.find(request.incident_id, cause)
        until = times.known(request, "until_time")
        within = (
            request.reply_within.ToTimedelta()
            if request.HasField("reply_within")
            else timedelta(minutes=self.defaults.reply_within_minutes)
        )
        command = commands.RequestAid(
            by=caller.actor,
            aid_id=aid_id,
            incident_id=request.incident_id,
            direction=direction,
            requester=requester,
            recipients=recipients,
            place=self.regions.homed(request.place, "place"),
            items=messages.items_of(request.items),
            until=until,
            reply_due_at=now + within,
            rings=until > now,
            reason=request.reason,
            spoken_by=request.spoken_by,
            occurred_at=said(request, "occur_time", now),
        )
        written = await self.aids.handle(aid_id, command, cause)
        due = written.event.reply_due_at if written.event is not None else None
        return pb.RequestAidResponse(
            aid_id=aid_id,
            reply_due_time=to_proto(due),
            etag=written.etag,
            position=written.position,
        )

    async def OfferAid(self, request: pb.OfferAidRequest, context: Any) -> pb.OfferAidResponse:
        caller = call.current()
        aid_id = request.aid_id or derived_id(request.request_id, "aid")
        cause = caller.cause(request.request_id, request.incident_id)
        requester = self._requester(request)
        helper = self._authority(request.helper, "helper.adcode")
        direction = _direction(requester, [helper])
        asked = await self.aids.obeyed(aid_id, cause)
        if asked is None and direction is Direction.INCOMING:
            await self.incidents.find(request.incident_id, cause)
        until, now = times.known(request, "until_time"), self.now()
        command = commands.OfferAid(
            by=caller.actor,
            aid_id=aid_id,
            incident_id=request.incident_id,
            direction=direction,
            requester=requester,
            helper=helper,
            place=self.regions.homed(request.place, "place"),
            items=messages.items_of(request.items),
            until=until,
            rings=until > now,
            reason=request.reason,
            spoken_by=request.spoken_by,
            occurred_at=said(request, "occur_time", now),
        )
        written = await self.aids.handle(aid_id, command, cause)
        return pb.OfferAidResponse(aid_id=aid_id, etag=written.etag, position=written.position)

    async def RespondToAid(
        self, request: pb.RespondToAidRequest, context: Any
    ) -> pb.RespondToAidResponse:
        command = commands.AnswerAid(
            **self._said(request),
            reply=messages.REPLY_OF[request.reply],
            reason=request.reason,
        )
        written = await self._handle(request, command)
        late = isinstance(written.event, events.AidAnswered) and written.event.late
        return pb.RespondToAidResponse(late=late, etag=written.etag, position=written.position)

    async def RequisitionAid(
        self, request: pb.RequisitionAidRequest, context: Any
    ) -> pb.RequisitionAidResponse:
        command = commands.RequisitionAid(
            **self._said(request),
            items={one.item_id: one.quantity for one in request.items},
        )
        written = await self._handle(request, command)
        return pb.RequisitionAidResponse(etag=written.etag, position=written.position)

    async def CommitAid(self, request: pb.CommitAidRequest, context: Any) -> pb.CommitAidResponse:
        command = commands.CommitAid(**self._said(request), units=messages.units_of(request.units))
        aid, cause = await self._party(request)
        if not aid.ending:
            held = await self.lending.take(aid, command, cause)
        else:
            held = []
        try:
            written = await self.aids.handle(aid.aid_id, command, cause, etag=request.etag)
        except Rejection:
            await self.lending.give_back(aid, held, command.occurred_at, cause)
            raise
        await self.lending.at_once(written.event, cause)
        over = isinstance(written.event, events.AidCommitted) and written.event.over_committed
        return pb.CommitAidResponse(
            over_committed=over, etag=written.etag, position=written.position
        )

    async def ReportAidUnit(
        self, request: pb.ReportAidUnitRequest, context: Any
    ) -> pb.ReportAidUnitResponse:
        command = commands.ReportUnit(
            **self._said(request),
            unit_id=request.unit_id,
            unit_state=messages.UNIT_STATE_OF[request.state],
            note=request.note,
        )
        aid, cause = await self._party(request)
        if command.unit_state is UnitState.ARRIVED:
            await self._not_here_already(aid, command, cause.exercise)
        written = await self.aids.handle(aid.aid_id, command, cause, etag=request.etag)
        await self.lending.at_once(written.event, cause)
        late = isinstance(written.event, events.AidUnitReported) and written.event.late
        return pb.ReportAidUnitResponse(late=late, etag=written.etag, position=written.position)

    async def RequestAidStatus(
        self, request: pb.RequestAidStatusRequest, context: Any
    ) -> pb.RequestAidStatusResponse:
        command = commands.RequestStatus(
            by=call.current().actor,
            aid_id=request.aid_id,
            helper=request.helper_adcode,
            question=request.question,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command)
        return pb.RequestAidStatusResponse(etag=written.etag, position=written.position)

    async def ReleaseAid(
        self, request: pb.ReleaseAidRequest, context: Any
    ) -> pb.ReleaseAidResponse:
        command = commands.ReleaseUnits(
            **self._said(request), unit_ids=tuple(request.unit_ids), reason=request.reason
        )
        aid, cause = await self._party(request)
        leaving = [
            lent
            for lent in aid.live(request.helper_adcode)
            if not request.unit_ids or lent.unit.unit_id in request.unit_ids
        ]
        held = await self.lending.claim(aid, leaving, command.occurred_at, cause)
        try:
            written = await self.aids.handle(aid.aid_id, command, cause, etag=request.etag)
        except Rejection:
            await self.lending.give_back(aid, held, command.occurred_at, cause)
            raise
        await self.lending.at_once(written.event, cause)
        return pb.ReleaseAidResponse(etag=written.etag, position=written.position)

    async def RequestAidReturn(
        self, request: pb.RequestAidReturnRequest, context: Any
    ) -> pb.RequestAidReturnResponse:
        command = commands.RequestReturn(
            **self._said(request), unit_ids=tuple(request.unit_ids), reason=request.reason
        )
        written = await self._handle(request, command)
        return pb.RequestAidReturnResponse(etag=written.etag, position=written.position)

    async def RespondToAidReturn(
        self, request: pb.RespondToAidReturnRequest, context: Any
    ) -> pb.RespondToAidReturnResponse:
        command = commands.AnswerReturn(
            **self._said(request),
            reply=messages.REPLY_OF[request.reply],
            reason=request.reason,
        )
        written = await self._handle(request, command)
        return pb.RespondToAidReturnResponse(etag=written.etag, position=written.position)

    async def RequestAidExtension(
        self, request: pb.RequestAidExtensionRequest, context: Any
    ) -> pb.RequestAidExtensionResponse:
        command = commands.RequestExtension(
            **self._said(request),
            until=times.known(request, "until_time"),
            reason=request.reason,
        )
        written = await self._handle(request, command)
        return pb.RequestAidExtensionResponse(etag=written.etag, position=written.position)

    async def RespondToAidExtension(
        self, request: pb.RespondToAidExtensionRequest, context: Any
    ) -> pb.RespondToAidExtensionResponse:
        command = commands.AnswerExtension(
            **self._said(request),
            reply=messages.REPLY_OF[request.reply],
            reason=request.reason,
        )
        written = await self._handle(request, command)
        return pb.RespondToAidExtensionResponse(etag=written.etag, position=written.position)

    async def CancelAid(self, request: pb.CancelAidRequest, context: Any) -> pb.CancelAidResponse:
        command = commands.CancelAid(
            by=call.current().actor,
            aid_id=request.aid_id,
            reason=request.reason,
            spoken_by=request.spoken_by,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command)
        return pb.CancelAidResponse(etag=written.etag, position=written.position)

    async def GetAid(self, request: pb.GetAidRequest, context: Any) -> pb.GetAidResponse:
        by = call.current().actor
        statement = select(AID).where(AID.c.aid_id == request.aid_id, _seen_by(by))
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound("NO_SUCH_AID", f"no aid {request.aid_id}", aid_id=request.aid_id)
        response = pb.GetAidResponse(aid=messages.aid(row, _covers(by)))
        reading.freshen(response.freshness, seen)
        return response

    async def ListAid(self, request: pb.ListAidRequest, context: Any) -> pb.ListAidResponse:
        by = call.current().actor
        size = paging.limit(request.page_size)
        order = (AID.c.rank, AID.c.opened_position)
        statement = select(AID).where(_seen_by(by)).order_by(*order).limit(size + 1)
        if after := paging.key(request.page_token, (int, int)):
            statement = statement.where(tuple_(*order) > after)
        if request.incident_id:
            statement = statement.where(AID.c.incident_id == request.incident_id)
        if request.direction:
            wanted = messages.DIRECTION_OF[request.direction]
            statement = statement.where(AID.c.direction == wanted)
        if not request.include_ended:
            statement = statement.where(AID.c.rank < CLOSED)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListAidResponse(aid=[messages.aid(row, _covers(by)) for row in rows[:size]])
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = paging.token(last.rank, last.opened_position)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchAid(
        self, request: pb.WatchAidRequest, context: Any
    ) -> AsyncIterator[pb.WatchAidResponse]:
        by = call.current().actor
        statement = select(AID).where(_seen_by(by))
        if request.incident_id:
            statement = statement.where(AID.c.incident_id == request.incident_id)
        async for row in watching.changes(
            self.model, statement, AID.c.position, request.resume_position
        ):
            yield pb.WatchAidResponse(aid=messages.aid(row, _covers(by)), position=row.position)

    def _requester(self, request: Any) -> Authority:
        if request.HasField("requester"):
            return self._authority(request.requester, "requester.adcode")
        county = pb.Authority(adcode=request.place.adcode[:COUNTY_DIGITS])
        return self._authority(county, "place.adcode")

    def _authority(self, message: pb.Authority, field: str) -> Authority:
        code = message.adcode
        region = self.regions.regions.get(code) or self.regions.neighbours.get(code)
        if region is None:
            neighbours = (f"{key} {one.name}" for key, one in self.regions.neighbours.items())
            raise Invalid(
                "AUTHORITY_UNKNOWN",
                field=field,
                got=code,
                allowed=", ".join([*self.regions.roots(), *neighbours]),
            )
        return Authority(
            adcode=code,
            name=message.name or region.name,
            contact=message.contact,
            here=code in self.regions.regions,
        )

    def _said(self, request: Any) -> dict[str, Any]:
        return {
            "by": call.current().actor,
            "aid_id": request.aid_id,
            "helper": request.helper_adcode,
            "spoken_by": request.spoken_by,
            "occurred_at": said(request, "occur_time", self.now()),
        }

    async def _party(self, request: Any) -> tuple[Aid, Cause]:
        """Return the aid as it is, to a party of it, and the cause of what is asked."""
        caller = call.current()
        aid = own(caller.actor, request.aid_id, await self.aids.state(request.aid_id))
        return aid, caller.cause(request.request_id, aid.incident_id)

    async def _handle(self, request: Any, command: commands.Command) -> Written:
        aid, cause = await self._party(request)
        written = await self.aids.handle(aid.aid_id, command, cause, etag=request.etag)
        await self.lending.at_once(written.event, cause)
        return written

    async def _not_here_already(
        self, aid: Aid, command: commands.ReportUnit, exercise: str
    ) -> None:
        """Refuse that a unit arrives for one aid while it still serves another."""
        statement = select(AID.c.folded).where(
            AID.c.rank < CLOSED, AID.c.exercise == exercise, AID.c.aid_id != aid.aid_id
        )
        async with self.model.read() as (connection, _):
            others = [folded(one) for one in await connection.scalars(statement)]
        key = state.lent_key(command.helper, command.unit_id)
        for other in others:
            lent = other.units.get(key)
            if lent is not None and lent.state is UnitState.ARRIVED:
                raise Rejection(
                    "AID_UNIT_ELSEWHERE",
                    f"{command.unit_id} serves {other.aid_id} for {other.incident_id} still",
                    unit_id=local_unit_id(other, lent, exercise),
                    aid_id=other.aid_id,
                    incident_id=other.incident_id,
                )


def _direction(requester: Authority, helpers: Iterable[Authority]) -> Direction:
    ours = [one for one in helpers if one.here]
    if requester.here and not ours:
        return Direction.INCOMING
    if ours and not requester.here:
        return Direction.OUTGOING
    raise Invalid(
        "AID_BOTH_HERE" if requester.here else "AID_NEITHER_HERE",
        field="requester",
        got=requester.adcode,
        allowed="one side whose region is served here, the other one elsewhere: "
        "units of regions that are served here are assigned, not lent",
    )


def _covers(by: Actor) -> Callable[[str], bool]:
    """Return what decides whether an authority is the caller's, or one that stands above."""
    above = _above(by.jurisdiction)
    return lambda adcode: by.covers(adcode) or adcode in above


def _seen_by(by: Actor) -> ColumnElement[bool]:
    mine = or_(
        reading.inside(AID_PARTIES.c.adcode, by.jurisdiction),
        AID_PARTIES.c.adcode.in_(_above(by.jurisdiction)),
    )
    return exists().where(AID_PARTIES.c.aid_id == AID.c.aid_id, mine)


def _above(jurisdiction: str) -> list[str]:
    """Return the county that a township or a village belongs to: its people may see its aid."""
    below = len(jurisdiction) > COUNTY_DIGITS
    return [jurisdiction[:COUNTY_DIGITS]] if below else []
