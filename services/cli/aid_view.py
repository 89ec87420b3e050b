"""Mutual aid for people: what is a promise, what is not, and which units are here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from services.cli.views import clock, fresh, headed, word

REPLIES = {
    "AID_REPLY_UNSPECIFIED": "no answer yet",
    "AID_REPLY_ACKNOWLEDGE": "received it",
    "AID_REPLY_ACCEPT": "will get back (NOT a commitment)",
    "AID_REPLY_DECLINE": "declined",
}


def listed(answer: Mapping[str, Any], now: datetime) -> RenderableType:
    shown = headed("aid", "state", "incident", "who", "what", "units", "due", "until")
    for one in answer["aid"]:
        overdue = one["reply_overdue"] or one["term_ended"]
        shown.add_row(
            Text(one["aid_id"] + ("  演练" if one["exercise"] else "")),
            Text(word(one["state"], "AID_STATE_") + _alarm(one)),
            Text(one["incident_id"]),
            Text(_parties(one)),
            Text("\n".join(_coverage(item) for item in one["items"])),
            Text("\n".join(_unit(lent) for lent in one["units"])),
            clock(one["reply_due_time"]),
            clock(one["until_time"]),
            style="bold red" if overdue else None,
        )
    count = Text(f"{len(answer['aid'])} requests and offers", style="bold")
    return Group(*([shown] if answer["aid"] else []), count, fresh(answer["freshness"], now))


def _alarm(one: Mapping[str, Any]) -> str:
    if one["term_ended"]:
        return " — TIME IS UP, NOT RELEASED"
    return " — ANSWERS ARE LATE" if one["reply_overdue"] else ""


def _parties(one: Mapping[str, Any]) -> str:
    lines = [f"{one['requester']['name']} asks"]
    for helper in one["helpers"]:
        states = {
            word(lent["state"], "AID_UNIT_STATE_")
            for lent in one["units"]
            if lent["helper_adcode"] == helper["authority"]["adcode"]
        }
        if states & {"committed", "en route", "arrived"}:
            said = "committed units"
        elif states & {"released", "returned"}:
            said = "has helped"
        else:
            said = REPLIES[helper["reply"]]
        reason = f": {helper['reason']}" if helper["reason"] else ""
        wants = "  WANTS THEM BACK" if helper["return_asked_unit_ids"] else ""
        lines.append(f"{helper['authority']['name']} {said}{reason}{wants}")
    return "\n".join(lines)


def _coverage(covered: Mapping[str, Any]) -> str:
    item = covered["item"]
    too_many = "  TOO MANY" if covered["over_committed"] else ""
    return (
        f"{item['quantity']} {item['kind']}: {covered['committed']} committed, "
        f"{covered['arrived']} here{too_many}"
    )


def _unit(lent: Mapping[str, Any]) -> str:
    return f"{lent['local_unit_id']} {word(lent['state'], 'AID_UNIT_STATE_')}"
