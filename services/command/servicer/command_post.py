"""The command post API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, select

from anlan.command.v1 import command_post_service_pb2 as pb
from anlan.command.v1.command_post_service_pb2_grpc import CommandPostServiceServicer
from services.command.domain.incident import lifecycle, organisation, transfer
from services.command.domain.incident.roles import PostTable
from services.command.projections.command_post import HEADQUARTERS, HOLDINGS, TENURES, TRANSFERS
from services.command.projections.incidents import INCIDENTS
from services.command.servicer import post_messages
from services.command.servicer.acting import Incidents, act, commands_from, row_follows
from services.runtime import call, reading
from services.runtime.handle import derived_id
from services.runtime.readmodel import ReadModel
from services.runtime.times import known, said, to_proto


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPostServicer(CommandPostServiceServicer):
    incidents: Incidents
    model: ReadModel
    table: PostTable
    now: Callable[[], datetime]

    async def AcknowledgeBriefing(
        self, request: pb.AcknowledgeBriefingRequest, context: Any
    ) -> pb.AcknowledgeBriefingResponse:
        command = transfer.AcknowledgeBriefing(
            by=call.current().actor,
            incident_id=request.incident_id,
            transfer_id=request.transfer_id,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.AcknowledgeBriefingResponse(etag=written.etag, position=written.position)

    async def DeclineTransfer(
        self, request: pb.DeclineTransferRequest, context: Any
    ) -> pb.DeclineTransferResponse:
        command = transfer.DeclineTransfer(
            by=call.current().actor,
            incident_id=request.incident_id,
            transfer_id=request.transfer_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.DeclineTransferResponse(etag=written.etag, position=written.position)

    async def WithdrawTransfer(
        self, request: pb.WithdrawTransferRequest, context: Any
    ) -> pb.WithdrawTransferResponse:
        command = transfer.WithdrawTransfer(
            by=call.current().actor,
            incident_id=request.incident_id,
            transfer_id=request.transfer_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.WithdrawTransferResponse(etag=written.etag, position=written.position)

    async def TakeCommand(
        self, request: pb.TakeCommandRequest, context: Any
    ) -> pb.TakeCommandResponse:
        command = transfer.TakeCommand(
            by=call.current().actor,
            incident_id=request.incident_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.TakeCommandResponse(
            etag=written.etag,
            position=written.position,
            effective_time=to_proto(await commands_from(self.incidents, command, written)),
        )

    async def EstablishHeadquarters(
        self, request: pb.EstablishHeadquartersRequest, context: Any
    ) -> pb.EstablishHeadquartersResponse:
        headquarters_id = request.headquarters_id or derived_id(request.request_id, "headquarters")
        command = organisation.EstablishHeadquarters(
            by=call.current().actor,
            incident_id=request.incident_id,
            headquarters_id=headquarters_id,
            kind=post_messages.KIND_OF[request.kind],
            name=request.name,
            place=request.place,
            parent_id=request.parent_id,
            head=request.head,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.EstablishHeadquartersResponse(
            headquarters_id=headquarters_id, etag=written.etag, position=written.position
        )

    async def CloseHeadquarters(
        self, request: pb.CloseHeadquartersRequest, context: Any
    ) -> pb.CloseHeadquartersResponse:
        command = organisation.CloseHeadquarters(
            by=call.current().actor,
            incident_id=request.incident_id,
            headquarters_id=request.headquarters_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.CloseHeadquartersResponse(etag=written.etag, position=written.position)

    async def AssignRole(
        self, request: pb.AssignRoleRequest, context: Any
    ) -> pb.AssignRoleResponse:
        command = organisation.AssignRole(
            by=call.current().actor,
            incident_id=request.incident_id,
            headquarters_id=request.headquarters_id,
            role=request.role,
            subject=request.subject,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.AssignRoleResponse(etag=written.etag, position=written.position)

    async def RelieveRole(
        self, request: pb.RelieveRoleRequest, context: Any
    ) -> pb.RelieveRoleResponse:
        command = organisation.RelieveRole(
            by=call.current().actor,
            incident_id=request.incident_id,
            headquarters_id=request.headquarters_id,
            role=request.role,
            subject=request.subject,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.RelieveRoleResponse(etag=written.etag, position=written.position)

    async def JoinUnifiedCommand(
        self, request: pb.JoinUnifiedCommandRequest, context: Any
    ) -> pb.JoinUnifiedCommandResponse:
        command = organisation.JoinUnifiedCommand(
            by=call.current().actor,
            incident_id=request.incident_id,
            agency=request.agency,
            member=request.member,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.JoinUnifiedCommandResponse(etag=written.etag, position=written.position)

    async def LeaveUnifiedCommand(
        self, request: pb.LeaveUnifiedCommandRequest, context: Any
    ) -> pb.LeaveUnifiedCommandResponse:
        command = organisation.LeaveUnifiedCommand(
            by=call.current().actor,
            incident_id=request.incident_id,
            agency=request.agency,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.LeaveUnifiedCommandResponse(etag=written.etag, position=written.position)

    async def GetCommandPost(
        self, request: pb.GetCommandPostRequest, context: Any
    ) -> pb.GetCommandPostResponse:
        answer = await self._chart(request)
        if answer is None and await row_follows(self.model, self.incidents, request):
            answer = await self._chart(request)
        if answer is None:
            raise lifecycle.unknown(request.incident_id)
        return answer

    async def _chart(self, request: pb.GetCommandPostRequest) -> pb.GetCommandPostResponse | None:
        now = self.now()
        async with reading.rows(self.model, request.read, now) as (connection, seen):

            async def of(table: Table) -> list[Any]:
                there = select(table).where(table.c.incident_id == request.incident_id)
                return list((await connection.execute(there.order_by(table.c.position))).all())

            incidents = await of(INCIDENTS)
            if not incidents:
                return None
            rows = post_messages.Rows(
                incident=incidents[0],
                tenures=await of(TENURES),
                transfers=await of(TRANSFERS),
                headquarters=await of(HEADQUARTERS),
                holdings=await of(HOLDINGS),
            )
        asked = request.HasField("at_time")
        at = known(request, "at_time") if asked else reading.instant(request.read, seen, now)
        response = pb.GetCommandPostResponse(
            command_post=post_messages.command_post(
                rows, self.table, at, former=request.include_former
            )
        )
        reading.freshen(response.freshness, seen)
        return response

    async def GetRoleCatalogue(
        self, request: pb.GetRoleCatalogueRequest, context: Any
    ) -> pb.GetRoleCatalogueResponse:
        return post_messages.catalogue(self.table)
