"""A server in this process whose one service does what the test tells it to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc

from anlan.command.v1 import incident_service_pb2 as pb
from anlan.command.v1.incident_service_pb2_grpc import (
    IncidentServiceServicer,
    IncidentServiceStub,
    add_IncidentServiceServicer_to_server,
)
from services.runtime.actor import Actor
from services.runtime.gate import Gate
from services.runtime.identity import Authority, DevelopmentIssuer, Verifier
from services.runtime.serve import Server
from services.runtime.settings import Settings
from tests.service import request_id

SERVICE = "anlan.command.v1.IncidentService"
AUTHORITY = Authority(
    version="1",
    source="a test",
    rpcs={
        f"{SERVICE}/GradeIncident": "incident.grade",
        f"{SERVICE}/WatchIncidents": "incident.read",
    },
    roles={
        "officer": ["incident.grade", "incident.read"],
        "reader": ["incident.read"],
        "service": ["incident.grade", "incident.read"],
        "chief": ["incident.override"],
    },
)
Unary = Callable[[Any, Any], Awaitable[Any]]


@dataclass
class Told(IncidentServiceServicer):
    """``grade`` answers GradeIncident, ``watch`` yields WatchIncidents."""

    grade: Unary | None = None
    watch: Callable[[Any, Any], AsyncIterator[Any]] | None = None
    requests: list[Any] = field(default_factory=list)

    async def GradeIncident(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        if self.grade is not None:
            return await self.grade(request, context)
        return pb.GradeIncidentResponse(etag="7")

    async def WatchIncidents(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.requests.append(request)
        if self.watch is not None:
            async for response in self.watch(request, context):
                yield response
        yield pb.WatchIncidentsResponse(position=1)


@dataclass
class Served:
    told: Told
    server: Server
    address: str
    issuer: DevelopmentIssuer
    channel: grpc.aio.Channel
    stub: Any

    def token(self, role: str = "officer", lifetime: timedelta = timedelta(hours=1)) -> str:
        actor = Actor(subject=f"the {role}", roles=tuple(role.split(",")), jurisdiction="431281")
        return self.issuer.issue(actor, datetime.now(UTC), lifetime)

    def metadata(self, role: str = "officer", **headers: str) -> tuple[tuple[str, str], ...]:
        named = ((key.replace("_", "-"), value) for key, value in headers.items())
        return (("authorization", f"Bearer {self.token(role)}"), *named)

    def grade(self, role: str = "officer", **headers: str) -> Any:
        return self.stub.GradeIncident(grade(), metadata=self.metadata(role, **headers))


def grade(**more: Any) -> pb.GradeIncidentRequest:
    fields: dict[str, Any] = {
        "request_id": request_id(),
        "incident_id": "i1",
        "grade": pb.GRADE_LARGER,
        "basis": "3 人死亡",
    }
    return pb.GradeIncidentRequest(**{**fields, **more})


@asynccontextmanager
async def served(folder: Path, listen: str = "127.0.0.1:0") -> AsyncIterator[Served]:
    issuer = DevelopmentIssuer(folder)
    issuer.ensure()
    settings = Settings(listen=listen)
    gate = Gate("test.anlan", Verifier(issuer.NAME, str(issuer.jwks)), AUTHORITY)
    server, told = Server(settings, gate), Told()  # type: ignore[abstract]
    add_IncidentServiceServicer_to_server(told, server.grpc)
    address = await server.start([SERVICE])
    channel = grpc.aio.insecure_channel(address)
    try:
        yield Served(told, server, address, issuer, channel, IncidentServiceStub(channel))
    finally:
        await channel.close()
        await server.stop()
