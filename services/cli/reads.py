"""Reads for the views: every page of a list, in the JSON form that `--json` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from google.protobuf import json_format

from services.cli.client import Client
from services.cli.rpc import find, plain

PATIENCE_S = 5.0
ALL_STATES = ("OPEN", "OVERDUE", "MET", "LATE", "MISSED", "LIFTED")


async def one(client: Client, name: str, fields: Mapping[str, Any], as_of: str = "") -> Any:
    """Return the answer of one read; ``as_of`` is a position of the log or a time."""
    rpc = find(name)
    asked = {**fields, "read": _read(as_of)} if as_of else fields
    request = json_format.ParseDict(dict(asked), rpc.request())
    return plain(await client.call(rpc, request, patience_s=PATIENCE_S))


async def every(
    client: Client, name: str, part: str, fields: Mapping[str, Any], as_of: str = ""
) -> dict[str, Any]:
    """Return the answer of a list with all pages' ``part`` in one."""
    found: list[Any] = []
    token = ""
    while True:
        page = await one(client, name, {**fields, "page_token": token}, as_of)
        found += page[part]
        token = page["next_page_token"]
        if not token:
            return {part: found, "freshness": page["freshness"]}


async def timeline(client: Client, incident_id: str, as_of: str) -> dict[str, Any]:
    fields = {"incident_id": incident_id, "page_size": 500}
    return await every(client, "audit.TimelineService/GetTimeline", "entries", fields, as_of)


async def board(client: Client, adcode: str, as_of: str) -> dict[str, Any]:
    """Return the incidents that are not closed, and the assignments under way."""
    incidents = await every(
        client,
        "command.IncidentService/ListIncidents",
        "incidents",
        {"adcode": adcode, "page_size": 500},
        as_of,
    )
    assignments = await every(
        client,
        "dispatch.AssignmentService/ListAssignments",
        "assignments",
        {"page_size": 500},
        as_of,
    )
    shown = [i for i in incidents["incidents"] if i["state"] != "INCIDENT_STATE_CLOSED"]
    inside = [
        one
        for one in assignments["assignments"]
        if not adcode or str((one["destination"] or {}).get("adcode", "")).startswith(adcode)
    ]
    return {
        "incidents": shown,
        "assignments": inside,
        "freshness": {
            "command": incidents["freshness"],
            "dispatch": assignments["freshness"],
        },
    }


async def clocks(
    client: Client, incident_id: str, adcode: str, as_of: str, *, ended: bool
) -> dict[str, Any]:
    """Return the deadlines that run or are overdue, or all of them, and every finding."""
    region = {"incident_id": incident_id, "adcode": adcode, "page_size": 500}
    states = [f"DEADLINE_STATE_{state}" for state in ALL_STATES] if ended else []
    deadlines = await every(
        client,
        "command.DeadlineService/ListDeadlines",
        "deadlines",
        {**region, "states": states},
        as_of,
    )
    findings = await every(
        client, "command.DeadlineService/ListFindings", "findings", region, as_of
    )
    return {**deadlines, "findings": findings["findings"]}


async def units(client: Client, kind: str, status: str, adcode: str, as_of: str) -> dict[str, Any]:
    wanted = {"kind": kind, "adcode": adcode}
    if status:
        wanted["status"] = f"UNIT_STATUS_{status.upper().replace('-', '_')}"
    fields = {"filter": wanted, "page_size": 500}
    return await every(client, "resources.UnitService/ListUnits", "units", fields, as_of)


async def response_times(
    client: Client,
    time_zone: str,
    exercise: str,
    start: datetime | None,
    end: datetime | None,
    group_by: Sequence[str] = (),
    percents: Sequence[float] = (),
) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "time_zone": time_zone,
        "exercise": exercise,
        "group_by": list(group_by),
        "percents": list(percents),
    }
    if start is not None:
        fields["start_time"] = start.isoformat()
    if end is not None:
        fields["end_time"] = end.isoformat()
    answer: dict[str, Any] = await one(
        client, "dispatch.AssignmentService/GetResponseTimes", fields
    )
    return answer


def _read(as_of: str) -> dict[str, str]:
    return {"as_of_position" if as_of.isdigit() else "as_of_time": as_of}
