"""A stand-in for dispatch's board, over real gRPC, that is away when told to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import grpc

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from anlan.dispatch.v1.assignment_service_pb2_grpc import (
    AssignmentServiceServicer,
    add_AssignmentServiceServicer_to_server,
)
from services.runtime.times import to_proto
from tests.notify.facts import NOW

DISPATCHED = pb.ASSIGNMENT_STATE_DISPATCHED
CLEARED = pb.ASSIGNMENT_STATE_CLEARED


def assignment(
    unit_id: str,
    incident_id: str = "i1",
    state: pb.AssignmentState.ValueType = DISPATCHED,
    *,
    open_position: int = 1,
    position: int = 2,
    dispatched: bool = True,
) -> pb.Assignment:
    return pb.Assignment(
        assignment_id=f"a-{unit_id}-{open_position}",
        incident_id=incident_id,
        unit_id=unit_id,
        state=state,
        dispatch_time=to_proto(NOW) if dispatched else None,
        open_position=open_position,
        position=position,
    )


@dataclass
class Board(AssignmentServiceServicer):
    """Lists, two to a page, and does nothing else; answers with ``refusal`` while there is one."""

    assignments: list[pb.Assignment] = field(default_factory=list)
    asked: list[pb.ListAssignmentsRequest] = field(default_factory=list)
    refusal: grpc.StatusCode | None = None

    async def ListAssignments(
        self, request: pb.ListAssignmentsRequest, context: Any
    ) -> pb.ListAssignmentsResponse:
        self.asked.append(request)
        if self.refusal is not None:
            await context.abort(self.refusal, "told to refuse")
        found = [
            a
            for a in self.assignments
            if a.incident_id == request.incident_id
            and (request.include_closed or a.state not in (CLEARED, pb.ASSIGNMENT_STATE_CANCELLED))
        ]
        start = int(request.page_token or 0)
        more = len(found) > start + 2
        return pb.ListAssignmentsResponse(
            assignments=found[start : start + 2], next_page_token=str(start + 2) if more else ""
        )


async def serve(board: Board, address: str = "127.0.0.1:0") -> tuple[grpc.aio.Server, str]:
    server = grpc.aio.server()
    add_AssignmentServiceServicer_to_server(board, server)
    port = server.add_insecure_port(address)
    await server.start()
    return server, f"127.0.0.1:{port}"
