"""The keeper's morning: what is on hand, on the road, about to expire, and too little."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.cli import reads
from services.cli.client import Client
from services.cli.views import clock, fresh

STOCKS, ROADS = "resources.StockService/ListStock", "resources.StockService/ListTransfers"
EXPIRING, ALARMS = "resources.StockService/ListExpiring", "resources.StockService/ListStockAlarms"
ITEMS = "resources.StockService/ListItems"


async def read(client: Client, depot_id: str, days: int, as_of: str) -> dict[str, Any]:
    """Return the four lists of one depot, or of all, and what their items are called."""
    here = {"depot_id": depot_id, "page_size": 500}
    roads = {**here, "state": "TRANSFER_STATE_IN_TRANSIT"}
    stocks = await reads.every(client, STOCKS, "stocks", here, as_of)
    transfers = await reads.every(client, ROADS, "transfers", roads, as_of)
    lots = await reads.every(client, EXPIRING, "lots", {**here, "within_days": days}, as_of)
    alarms = await reads.every(client, ALARMS, "alarms", here, as_of)
    items = await reads.one(client, ITEMS, {"page_size": 500})
    return {
        "stocks": stocks["stocks"],
        "transfers": transfers["transfers"],
        "expiring": lots["lots"],
        "alarms": alarms["alarms"],
        "items": {one["item"]: one for one in items["items"]},
        "freshness": stocks["freshness"],
    }


def view(answer: Mapping[str, Any], now: datetime) -> RenderableType:
    items = answer["items"]
    alarms = _table("below minimum", "depot", "keeper", "usable", "minimum", "since")
    for one in answer["alarms"]:
        alarms.add_row(
            _item(items, one["item"]),
            Text(one["depot_name"] + _drill(one)),
            Text(one["keeper"]),
            one["usable"],
            one["minimum"],
            clock(one["fall_time"]),
            style="bold red",
        )
    lots = _table("expires", "item", "lot", "depot", "quantity", "from")
    for one in answer["expiring"]:
        lots.add_row(
            one["expire_date"] + (" EXPIRED" if one["expired"] else ""),
            _item(items, one["item"]),
            Text(one["lot_id"]),
            Text(one["depot_id"] + _drill(one)),
            one["quantity"],
            Text(one["origin"]),
            style="bold red" if one["expired"] else "yellow",
        )
    roads = _table("on the road", "item", "from", "to", "open of", "leg", "where", "for")
    for one in answer["transfers"]:
        gone = sum(int(one[part]) for part in ("received", "lost", "damaged"))
        roads.add_row(
            Text(one["transfer_id"]),
            _item(items, one["item"]),
            Text(one["from_depot_id"]),
            Text(one["to_depot_id"] + (" (diverted)" if one["diversions"] else "")),
            f"{int(one['quantity']) - gone} of {one['quantity']}",
            f"{one['current_leg']}/{len(one['legs'])}",
            Text(_where(one)),
            Text(one["incident_id"] + _drill(one)),
        )
    stocks = _table("depot", "item", "on hand", "set aside", "expired", "minimum", "on the road")
    for one in answer["stocks"]:
        stocks.add_row(
            Text(one["depot_id"] + _drill(one)),
            _item(items, one["item"]),
            one["on_hand"],
            _some(one["reserved"]),
            _some(one["expired"]),
            _some(one["minimum"]),
            _some(one["in_transit"]),
            style="bold red" if one["below_minimum"] else None,
        )
    parts: list[RenderableType] = []
    for table, name in (
        (alarms, "below minimum"),
        (lots, "lots expired or about to"),
        (roads, "shipments on the road"),
        (stocks, "stocks"),
    ):
        parts.append(Text(f"{table.row_count} {name}", style="bold"))
        if table.row_count:
            parts += [table, Text("")]
    return Group(*parts, fresh(answer["freshness"], now))


def _where(transfer: Mapping[str, Any]) -> str:
    """Say who has it now: a carrier on the way to a stop, or the stop where it waits."""
    legs, number = transfer["legs"], transfer["current_leg"] - 1
    if transfer["under_way"]:
        leg = legs[number]
        expected = f", {clock(leg['expect_time'])}" if leg["expect_time"] else ""
        return f"{leg['carrier'] or '?'} → {_stop(leg)}{expected}"
    return f"at {_stop(legs[max(0, number - 1)])}"


def _stop(leg: Mapping[str, Any]) -> str:
    stop = leg["stop"]
    return str(stop["name"] or stop["depot_id"])


def _item(items: Mapping[str, Any], item: str) -> Text:
    found = items.get(item)
    return Text(f"{found['name']} {item}（{found['unit']}）" if found else item)


def _drill(row: Mapping[str, Any]) -> str:
    return "  演练" if row["exercise"] else ""


def _some(count: str) -> str:
    return "" if count == "0" else count


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    numbers = {"usable", "minimum", "quantity", "on hand", "set aside", "expired", "on the road"}
    for place, heading in enumerate(headings):
        number = heading in numbers and place > 0
        table.add_column(heading, overflow="fold", justify="right" if number else "left")
    return table
