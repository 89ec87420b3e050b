"""The warning API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from anlan.notify.v1 import warning_service_pb2 as pb
from anlan.notify.v1.warning_service_pb2_grpc import WarningServiceServicer
from services.notify import cap
from services.notify.domain import warning
from services.notify.gazetteer import Gazetteer
from services.notify.projections import WARNINGS
from services.notify.rulebook import Reference
from services.notify.servicer import messages
from services.runtime import call, paging, reading
from services.runtime.handle import CommandHandler, derived_id
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import Invalid, NotFound
from services.runtime.times import known, said


@dataclass(frozen=True, slots=True)
class IncidentTypes:
    """GB/T 35561 codes; versioned reference data."""

    version: str
    source: str
    types: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningServicer(WarningServiceServicer):
    warnings: CommandHandler[warning.Command, warning.State, warning.Event]
    model: ReadModel
    gazetteer: Gazetteer
    reference: Reference
    types: IncidentTypes
    now: Callable[[], datetime]

    async def DraftWarning(
        self, request: pb.DraftWarningRequest, context: Any
    ) -> pb.DraftWarningResponse:
        caller = call.current()
        warning_id = request.warning_id or derived_id(request.request_id, "warning")
        if request.type_code not in self.types.types:
            raise Invalid(
                "TYPE_CODE_UNKNOWN",
                field="type_code",
                got=request.type_code,
                allowed=f"a code of {self.types.version}",
            )
        for adcode in request.adcodes:
            self.gazetteer.check(adcode, "adcodes")
        command = warning.DraftWarning(
            by=caller.actor,
            warning_id=warning_id,
            content=warning.Content(
                incident_id=request.incident_id,
                category=messages.CATEGORY_OF[request.category],
                type_code=request.type_code,
                type_name=self.types.types[request.type_code],
                types_version=self.types.version,
                color=messages.COLOR_OF[request.color],
                urgency=messages.URGENCY_OF[request.urgency],
                certainty=messages.CERTAINTY_OF[request.certainty],
                headline=request.headline,
                description=request.description,
                instruction=request.instruction,
                adcodes=tuple(request.adcodes),
                regions_version=self.gazetteer.regions.version,
                onset_at=known(request, "onset_time") if request.HasField("onset_time") else None,
                expires_at=known(request, "expire_time"),
            ),
            occurred_at=said(request, "occur_time", self.now()),
            now=self.now(),
        )
        cause = caller.cause(request.request_id, request.incident_id)
        written = await self.warnings.handle(warning_id, command, cause)
        return pb.DraftWarningResponse(
            warning_id=warning_id, etag=written.etag, position=written.position
        )

    async def GetWarning(
        self, request: pb.GetWarningRequest, context: Any
    ) -> pb.GetWarningResponse:
        statement = select(WARNINGS).where(WARNINGS.c.warning_id == request.warning_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_WARNING",
                f"there is no warning {request.warning_id}",
                warning_id=request.warning_id,
            )
        draft = cap.Draft(
            warning_id=row.warning_id,
            content=messages.content(row),
            drafted_at=messages.drafted_at(row),
            exercise=row.exercise,
        )
        response = pb.GetWarningResponse(
            warning=messages.warning(row),
            cap_xml=cap.document(
                draft, self.gazetteer, self.reference.sender, self.reference.sender_name
            ),
        )
        reading.freshen(response.freshness, seen)
        return response

    async def ListWarnings(
        self, request: pb.ListWarningsRequest, context: Any
    ) -> pb.ListWarningsResponse:
        size = paging.limit(request.page_size)
        statement = select(WARNINGS).order_by(WARNINGS.c.opened_position.desc()).limit(size + 1)
        if after := paging.key(request.page_token, (int,)):
            statement = statement.where(WARNINGS.c.opened_position < after[0])
        if request.incident_id:
            statement = statement.where(WARNINGS.c.incident_id == request.incident_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListWarningsResponse(warnings=map(messages.warning, rows[:size]))
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].opened_position)
        reading.freshen(response.freshness, seen)
        return response
