"""Tables for people, from the same answers that `--json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

BEIJING = ZoneInfo("Asia/Shanghai")
FINDINGS = {
    "FINDING_KIND_LATE": "迟报",
    "FINDING_KIND_MISSING": "漏报",
    "FINDING_KIND_CONCEALMENT_SUSPECTED": "疑似瞒报",
}
STATE_STYLES = {
    "requested": "yellow",
    "dispatched": "yellow",
    "acknowledged": "cyan",
    "en route": "cyan",
    "on scene": "green",
    "preplanned": "dim",
}
MILESTONES = {
    "dispatch_time",
    "acknowledge_time",
    "en_route_time",
    "staged_time",
    "on_scene_time",
    "transport_time",
    "destination_time",
}
LEVEL_NAMES = {"IV": "Ⅳ", "III": "Ⅲ", "II": "Ⅱ", "I": "Ⅰ"}


WIDE = 240


def show(view: RenderableType) -> None:
    """Print for people; a file or a pipe is wide, so that each row is one line."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDE)
    console.print(view)


def timeline(answer: Mapping[str, Any], now: datetime) -> RenderableType:
    table = headed("position", "happened", "recorded", "who", "what")
    for entry in answer["entries"]:
        table.add_row(
            str(entry["position"]),
            clock(entry["occur_time"]),
            clock(entry["record_time"]),
            f"{entry['actor']} ({entry['role']})" if entry["role"] else str(entry["actor"]),
            Text(str(entry["summary"] or entry["type"])),
        )
    count = Text(f"{len(answer['entries'])} events", style="bold")
    drills = sorted({e["exercise"] for e in answer["entries"] if e["exercise"]})
    if drills:
        count.append(f"   drill {', '.join(drills)}", style="yellow")
    return Group(table, count, fresh(answer["freshness"], now))


def board(answer: Mapping[str, Any], now: datetime, at: datetime | None = None) -> RenderableType:
    """Show who is out: what nobody answered first, each with its age ``at`` an instant."""
    incidents = headed("incident", "title", "state", "grade", "level", "commander", "since")
    for one in answer["incidents"]:
        pending = (one["pending_transfer"] or {}).get("to", "")
        incidents.add_row(
            Text(one["incident_id"]),
            Text(one["title"] + ("  演练" if one["exercise"] else "")),
            word(one["state"], "INCIDENT_STATE_"),
            word(one["grade"], "GRADE_"),
            level(one["response_level"]),
            Text(one["commander"] + (f" → {pending}?" if pending else "") or "—"),
            clock(one["open_time"]),
        )
    assignments = headed("state", "unit", "kind", "age", "where", "incident", "dispatched", "by")
    for one in answer["assignments"]:
        state = word(one["state"], "ASSIGNMENT_STATE_")
        overdue, mayday = one["acknowledgement_overdue"], one.get("mayday")
        alarm = " — MAYDAY" if mayday else " — NO ANSWER" if overdue else ""
        destination = one["destination"] or {}
        where = destination.get("address") or destination.get("adcode") or ""
        if one["asks"]:
            alarm, where = " — PLANNED, NOT HAD", f"{where} ({one['close_reason']})"
        assignments.add_row(
            Text(state + alarm),
            Text(one["unit_id"]),
            one["unit_kind"],
            age(_newest(one), at or now),
            Text(where),
            Text(one["incident_id"]),
            clock(one["dispatch_time"]),
            Text(one["dispatched_by"]),
            style="bold red" if alarm else STATE_STYLES.get(state),
        )
    return Group(
        Text(f"{len(answer['incidents'])} open incidents", style="bold"),
        *([incidents] if answer["incidents"] else []),
        fresh(answer["freshness"]["command"], now),
        Text(f"\n{len(answer['assignments'])} assignments under way", style="bold"),
        *([assignments] if answer["assignments"] else []),
        fresh(answer["freshness"]["dispatch"], now),
    )


def clocks(answer: Mapping[str, Any], now: datetime) -> RenderableType:
    table = headed("due", "rung", "state", "report", "to", "by", "incident", "law")
    for one in answer["deadlines"]:
        state = one["state"].removeprefix("DEADLINE_STATE_")
        title = one["incident_title"] + ("  演练" if one["exercise"] else "")
        table.add_row(
            clock(one["due_time"]),
            f"{one['percent']} %" if one["percent"] else "",
            word(state, ""),
            Text(one["name"]),
            Text(one["recipient_name"]),
            word(one["owed_by"], "REPORTING_PARTY_"),
            Text(title),
            Text(one["law"]),
            style="bold red" if state in {"OVERDUE", "MISSED", "LATE"} else None,
        )
    found = headed("finding", "what", "incident", "since")
    for one in answer["findings"]:
        found.add_row(
            FINDINGS.get(one["kind"], one["kind"]),
            Text(_found(one)),
            Text(one["incident_title"]),
            clock(one["occur_time"]),
            style="bold red",
        )
    count = Text(
        f"{len(answer['deadlines'])} clocks, {len(answer['findings'])} findings", style="bold"
    )
    return Group(table, found, count, fresh(answer["freshness"], now))


def _found(finding: Mapping[str, Any]) -> str:
    if finding["deadline"]:
        return f"{finding['deadline']['name']} → {finding['deadline']['recipient_name']}"
    concealed = finding["concealment"] or {}
    return ", ".join(f"{key} {value}" for key, value in concealed.items() if value)


def units(answer: Mapping[str, Any], now: datetime) -> RenderableType:
    table = headed("unit", "name", "kind", "status", "home", "staffing", "held for")
    styles = {"available": "green", "out of service": "red"}
    for one in answer["units"]:
        status = word(one["status"], "UNIT_STATUS_")
        holds = [f"{hold['incident_id']} ({hold['holder']})" for hold in one["holds"]]
        why = one["out_of_service_reason"]
        table.add_row(
            Text(one["unit_id"]),
            Text(one["name"] + ("  演练" if one["exercise"] else "")),
            one["kind"],
            Text(status, style=styles.get(status, "yellow")),
            (one["home"] or {}).get("adcode", ""),
            str(one["staffing"]),
            Text(", ".join(holds) or why),
        )
    count = Text(f"{len(answer['units'])} units", style="bold")
    return Group(table, count, fresh(answer["freshness"], now))


def response_times(answer: Mapping[str, Any], now: datetime) -> RenderableType:
    table = Table(title="seconds: median / 90th percentile (how many)", title_justify="left")
    table.add_column("unit kind")
    for heading in ("year", "call processing", "turnout", "travel", "reversed"):
        table.add_column(heading, justify="right")
    for row in answer["rows"]:
        table.add_row(
            row["unit_kind"],
            str(row["year"]),
            interval(row["call_processing"]),
            interval(row["turnout"]),
            interval(row["travel"]),
            str(row["reversed"] or ""),
        )
    if not answer["rows"]:
        return Group(Text("no assignments to measure"), fresh(answer["freshness"], now))
    return Group(table, fresh(answer["freshness"], now))


def _newest(assignment: Mapping[str, Any]) -> str | None:
    """Return when the newest of its milestones was reached."""
    stamps = [value for key, value in assignment.items() if key in MILESTONES and value]
    return max(stamps, key=datetime.fromisoformat, default=None)


def age(stamp: str | None, at: datetime) -> str:
    """Return how long ago it was: 03:10 minutes, or 2 h 05 where it is more than an hour."""
    if not stamp:
        return "—"
    seconds = max(0, int((at - datetime.fromisoformat(stamp)).total_seconds()))
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes:02d}:{rest:02d}"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02d} h" if days else f"{hours} h {minutes:02d}"


def interval(measured: Mapping[str, Any] | None) -> str:
    if not measured or not int(measured["count"]):
        return "—"
    return f"{measured['median_s']:.0f} / {measured['p90_s']:.0f} ({measured['count']})"


def clock(stamp: str | None) -> str:
    """Return the time on the wall in Asia/Shanghai."""
    if not stamp:
        return "—"
    return datetime.fromisoformat(stamp).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def word(value: str, prefix: str) -> str:
    text = value.removeprefix(prefix).lower().replace("_", " ")
    return "—" if text == "unspecified" else text


def level(value: str) -> str:
    return LEVEL_NAMES.get(value.removeprefix("RESPONSE_LEVEL_"), "—")


def fresh(freshness: Mapping[str, Any] | None, now: datetime) -> Text:
    """Say how far the answer has seen: an old board must not pass for a quiet one."""
    stamp = freshness["event_time"] if freshness else None
    if not freshness or not stamp or not int(freshness["position"]):
        return Text("nothing recorded yet", style="dim")
    return Text(
        f"as recorded up to position {freshness['position']}, {clock(stamp)}; "
        f"read at {now.astimezone(BEIJING):%H:%M:%S} Asia/Shanghai",
        style="dim",
    )


def headed(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        clocked = heading in {"due", "happened", "recorded", "dispatched", "since", "position"}
        table.add_column(heading, overflow="fold", no_wrap=clocked)
    return table
