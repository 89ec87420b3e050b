"""What a dispatcher does with one short command: send units, say how one fares."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from google.protobuf import json_format

from services.cli.client import Client, Refusal
from services.cli.exits import CannotGoOn, Exit
from services.cli.reads import PATIENCE_S, one
from services.cli.rpc import find, plain
from services.cli.views import clock


@dataclass(frozen=True, slots=True)
class Word:
    """A status by its words; ``note`` is the field that takes what else is said."""

    words: tuple[str, ...]
    method: str
    note: str = ""


WORDS = (
    Word(("ack", "接受"), "AcknowledgeAssignment"),
    Word(("enroute", "出发"), "RecordEnRoute"),
    Word(("onscene", "到场"), "RecordOnScene"),
    Word(("clear", "完成"), "ClearAssignment", "disposition"),
    Word(("decline", "不能"), "DeclineAssignment", "reason"),
    Word(("cancel", "撤回"), "CancelAssignment", "reason"),
    Word(("answer", "处置"), "AnswerRefusal", "answer"),
)


class NotOne(CannotGoOn):
    """What was named is not one thing."""

    exit_code = Exit.NOT_FOUND


class UnknownWord(CannotGoOn):
    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True)
class Sent:
    unit_id: str
    line: str
    went: bool


def worded(text: str) -> Word:
    for word in WORDS:
        if text.lower() in word.words:
            return word
    known = ", ".join(" or ".join(word.words) for word in WORDS)
    raise UnknownWord(f"no status {text!r}; there are {known}")


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
            answer = await act(client, "CreateAssignment", fields, incident["exercise"])
        except Refusal as refusal:
            return Sent(unit_id, f"{unit_id}: NOT SENT, {refusal}", went=False)
        due = clock(answer["acknowledge_due_time"])
        line = f"{unit_id}: sent as {answer['assignment_id']}, answers by {due}"
        return Sent(unit_id, line, went=True)

    return list(await asyncio.gather(*(send(unit_id) for unit_id in unit_ids)))


async def status(client: Client, name: str, word: Word, note: str) -> str:
    """Say of an assignment, or of the one that a unit is on, how it fares."""
    found = await _assignment(client, name, asks=word.method == "AnswerRefusal")
    fields = {"assignment_id": found["assignment_id"]}
    if word.note:
        fields[word.note] = note or word.words[-1]
    answer = await act(client, word.method, fields, found["exercise"])
    late = "  (late: something newer is known)" if answer.get("late") else ""
    return f"{found['unit_id']} ({found['assignment_id']}): {word.words[0]}{late}"


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


async def act(client: Client, method: str, fields: dict[str, Any], exercise: str) -> Any:
    rpc = find(f"dispatch.AssignmentService/{method}")
    asked = {"request_id": str(uuid4()), **fields}
    request = json_format.ParseDict(asked, rpc.request())
    return plain(await client.call(rpc, request, exercise=exercise, patience_s=PATIENCE_S))


async def _assignment(client: Client, name: str, *, asks: bool) -> Any:
    """Return the open assignment called so, or else the one that unit ``name`` is on.

    A plan that came to nothing and ``asks`` is none that a unit is on.
    """
    listed = await one(
        client, "dispatch.AssignmentService/ListAssignments", {"unit_id": name, "page_size": 20}
    )
    on_it = [found for found in listed["assignments"] if found["asks"] is asks]
    if len(on_it) == 1:
        return on_it[0]
    if on_it:
        ids = ", ".join(found["assignment_id"] for found in on_it)
        raise NotOne(f"{name} is on {len(on_it)} assignments: name one of {ids}")
    return (await one(client, "dispatch.AssignmentService/GetAssignment", {"assignment_id": name}))[
        "assignment"
    ]
