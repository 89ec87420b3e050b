"""What is near a point, and who knows what: reads, and tables of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from services.cli import reads
from services.cli.client import Client
from services.cli.views import clock, fresh, headed, word

STATE_STYLES = {
    "normal": "green",
    "watch": "yellow",
    "danger": "bold red",
    "available": "green",
    "unavailable": "red",
    "called up": "yellow",
    "arrived": "cyan",
}


async def read_near(
    client: Client,
    point: Mapping[str, float],
    within_m: float,
    limit: int,
    side_m: float,
    as_of: str,
) -> dict[str, Any]:
    """Return the risk sites and the landing points, each with its distance."""
    asked = {"point": point, "within_m": within_m, "limit": limit}
    sites, points = await asyncio.gather(
        reads.one(client, "resources.RiskSiteService/FindNearestRiskSites", asked, as_of),
        reads.one(
            client,
            "resources.LandingPointService/FindNearestLandingPoints",
            {**asked, "filter": {"min_side_m": side_m}},
            as_of,
        ),
    )
    return {
        "risk_sites": sites["candidates"],
        "landing_points": points["candidates"],
        "freshness": points["freshness"],
    }


async def read_experts(client: Client, wanted: Mapping[str, Any], as_of: str) -> dict[str, Any]:
    """Return the experts, and what the codes of their fields mean."""
    fields = {"filter": wanted, "page_size": 500}
    found = await reads.every(
        client, "resources.ExpertService/ListExperts", "experts", fields, as_of
    )
    words = await reads.one(client, "resources.ExpertService/GetExpertVocabulary", {})
    return {**found, "fields": {one["code"]: one["name"] for one in words["fields"]}}


def near(answer: Mapping[str, Any], now: datetime) -> RenderableType:
    sites = headed("away", "risk site", "state", "threatened", "responsible", "what to do")
    for one in answer["risk_sites"]:
        site = one["site"]
        threatened = site["threatened_people"]
        sites.add_row(
            away(one["distance_m"]),
            _named(site["site_id"], site),
            _state(word(site["state"], "RISK_SITE_STATE_")),
            f"{threatened} 人 {site['threatened_households']} 户" if threatened else "—",
            Text(f"{site['responsible']} {site['responsible_phone']}".strip()),
            Text(site["instructions"]),
        )
    points = headed("away", "landing point", "size", "bears", "light", "open", "mind")
    for one in answer["landing_points"]:
        point = one["landing_point"]
        bears = point["max_weight_kg"]
        closed = f"closed: {point['closed_reason']}"
        points.add_row(
            away(one["distance_m"]),
            _named(point["landing_point_id"], point),
            f"{point['length_m']:g} × {point['width_m']:g} m {point['surface']}",
            f"{bears} kg" if bears else "?",
            "lit" if point["night_lighting"] else "",
            Text("open", style="green") if point["open"] else Text(closed, style="red"),
            Text(point["restrictions"]),
        )
    parts: list[RenderableType] = []
    for table, name in ((sites, "risk sites"), (points, "landing points")):
        parts.append(Text(f"{table.row_count} {name}", style="bold"))
        if table.row_count:
            parts += [table, Text("")]
    return Group(*parts, fresh(answer["freshness"], now))


def experts(answer: Mapping[str, Any], now: datetime) -> RenderableType:
    table = headed("expert", "knows", "as", "state", "reach", "home")
    for one in answer["experts"]:
        contact = [one["phone"], one["second_contact"]]
        home = one["home"] or {}
        table.add_row(
            _named(one["expert_id"], one, f" {one['organisation']}"),
            Text("、".join(answer["fields"].get(code, code) for code in one["fields"])),
            ", ".join(word(type_, "EXPERT_TYPE_") for type_ in one["types"]),
            _standing(one),
            Text(" / ".join(filter(None, contact)) or "—"),
            Text(home.get("address") or home.get("adcode", "")),
        )
    count = Text(f"{len(answer['experts'])} experts", style="bold")
    return Group(table, count, fresh(answer["freshness"], now))


def away(metres: float) -> str:
    return f"{metres:.0f} m" if metres < 1000 else f"{metres / 1000:.1f} km"  # noqa: PLR2004


def _standing(expert: Mapping[str, Any]) -> Text:
    """Say who has an expert on whose order, or why they cannot come."""
    state = _state(word(expert["state"], "EXPERT_STATE_"))
    if expert["state"] in {"EXPERT_STATE_CALLED_UP", "EXPERT_STATE_ARRIVED"}:
        call = next(one for one in expert["call_ups"] if not one["release_time"])
        state.append(f" {call['incident_id']} ({call['ordered_by']})")
    elif expert["unavailable_reason"]:
        back = expert["expected_back_time"]
        state.append(f" {expert['unavailable_reason']}" + (f", {clock(back)}" if back else ""))
    return state


def _state(state: str) -> Text:
    return Text().append(state, style=STATE_STYLES.get(state, ""))


def _named(id_: str, one: Mapping[str, Any], more: str = "") -> Text:
    drill = "  演练" if one["exercise"] else ""
    return Text(f"{id_} {one['name']}{more}{drill}")
