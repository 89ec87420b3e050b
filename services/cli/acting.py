"""What a dispatcher does with one short command: send units, now or at a time to come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from google.protobuf import json_format

from services.cli.client import Client, Refusal
from services.cli.reads import PATIENCE_S, one
from services.cli.rpc import find, plain
from services.cli.views import clock

CREATE = "dispatch.AssignmentService/CreateAssignment"


@dataclass(frozen=True, slots=True)
class Sent:
    unit_id: str
    line: str
    went: bool


async def dispatch(
    client: Client, unit_ids: Sequence[str], incident_id: str, order: str
) -> list[Sent]:
    """Send units, each for itself: what one is refused keeps no other back."""
    incident = (
        await one(client, "command.IncidentService/GetIncident", {"incident_id": incident_id})
    )["incident"]

    async def send(unit_id: str) -> Sent:
        fields = {"incident_id": incident_id, "unit_id": unit_id, "order": order}
        try:
            answer = await act(client, CREATE, fields, incident["exercise"])
        except Refusal as refusal:
            return Sent(unit_id, f"{unit_id}: NOT SENT, {refusal}", went=False)
        due = clock(answer["acknowledge_due_time"])
        line = f"{unit_id}: sent as {answer['assignment_id']}, answers by {due}"
        return Sent(unit_id, line, went=True)

    return list(await asyncio.gather(*(send(unit_id) for unit_id in unit_ids)))


async def preplan(
    client: Client, recommendation_id: str, unit_ids: Sequence[str], at: str
) -> list[str]:
    """Preplan what was recommended for its card's time, or another; return a line for each."""
    made = (
        await one(
            client,
            "dispatch.RecommendationService/GetRecommendation",
            {"recommendation_id": recommendation_id},
        )
    )["recommendation"]
    rpc = find("dispatch.RecommendationService/PreplanRecommendation")
    asked = {
        "request_id": str(uuid4()),
        "recommendation_id": recommendation_id,
        "unit_ids": list(unit_ids),
        **({"dispatch_time": at} if at else {}),
    }
    request = json_format.ParseDict(asked, rpc.request())
    plan = plain(await client.call(rpc, request, exercise=made["exercise"], patience_s=PATIENCE_S))
    when = clock(plan["dispatch_time"])
    return [
        f"{unit_id}: goes {when} as {assignment_id}"
        for unit_id, assignment_id in zip(plan["unit_ids"], plan["assignment_ids"], strict=True)
    ]


async def act(client: Client, name: str, fields: dict[str, Any], exercise: str) -> Any:
    rpc = find(name)
    asked = {"request_id": str(uuid4()), **fields}
    request = json_format.ParseDict(asked, rpc.request())
    return plain(await client.call(rpc, request, exercise=exercise, patience_s=PATIENCE_S))
