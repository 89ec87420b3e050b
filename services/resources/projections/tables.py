"""The tables of the read model; times are microseconds since 1970, lists are JSON."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    Index,
    Insert,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    Update,
    bindparam,
    select,
)

from services.runtime.recorded import Recorded
from services.runtime.times import micros

TABLES = MetaData()


def _trace() -> tuple[Column[Any], ...]:
    """Return the columns that say which event a row has seen last, and when it was recorded."""
    return (
        Column("changed_at", BigInteger, nullable=False),
        Column("exercise", String, nullable=False),
        Column("revision", Integer, nullable=False),
        Column("position", BigInteger, nullable=False),
    )


def _place() -> tuple[Column[Any], ...]:
    return (
        Column("adcode", String, nullable=False),
        Column("address", Text, nullable=False),
        Column("latitude", Float),
        Column("longitude", Float),
    )


def _care() -> tuple[Column[Any], ...]:
    return tuple(
        Column(name, Integer, nullable=False) for name in ("children", "elderly", "disabled", "ill")
    )


units = Table(
    "units",
    TABLES,
    Column("unit_id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", String, nullable=False),
    Column("capabilities", Text, nullable=False),
    *_place(),
    Column("staffing", Integer, nullable=False),
    Column("contact", Text, nullable=False),
    Column("in_service", Boolean, nullable=False),
    Column("out_of_service_reason", Text, nullable=False),
    Column("expected_back_at", BigInteger),
    Column("holds", Text, nullable=False),
    # Where it was when that last mattered, and the hazard areas that it is in.
    Column("noted_latitude", Float),
    Column("noted_longitude", Float),
    Column("noted_accuracy_m", Float),
    Column("noted_at", BigInteger),
    Column("hazard_areas", Text, nullable=False, default="[]"),
    # What it is, who is on it and what it said last, as its stream folds them.
    Column("make", Text, nullable=False),
    Column("roster", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("said_recorded_at", BigInteger),
    # Derived from the columns above whenever they change.
    Column("status", String, nullable=False),
    Column("next_expiry", BigInteger),
    Column("type", String, nullable=False),
    Column("force_id", String, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("primary_status", String, nullable=False),
    Column("primary_reasons", Text, nullable=False),
    Column("qualified", Text, nullable=False),
    Column("crew_on_duty", Integer, nullable=False),
    Column("rest_until", BigInteger),
    Column("next_turn", BigInteger),
    *_trace(),
    Index("units_by_position", "position"),
    Index("units_by_next_expiry", "next_expiry"),
    Index("units_by_next_turn", "next_turn"),
    Index("units_by_force", "force_id"),
)

forces = Table(
    "forces",
    TABLES,
    Column("force_id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("force_class", String, nullable=False),
    Column("adcode", String, nullable=False),
    Column("responsible", Text, nullable=False),
    Column("contact", Text, nullable=False),
    # As its stream folds them; until when each holds stands beside.
    Column("recognised", Text, nullable=False),
    Column("recognised_until", BigInteger),
    Column("insured", Text, nullable=False),
    Column("insured_until", BigInteger),
    Column("approvals", Text, nullable=False),
    Column("call_ups", Text, nullable=False),
    # The incidents that it is called up for now, and those of them that are over.
    Column("serving", Text, nullable=False),
    Column("outlasting", Text, nullable=False),
    *_trace(),
    Index("forces_by_position", "position"),
)


def serves(incident_id: str) -> ColumnElement[bool]:
    """Return the condition that a force is called up for an incident now."""
    return forces.c.serving.contains(f'"{incident_id}"', autoescape=True)


depots = Table(
    "depots",
    TABLES,
    Column("depot_id", String, primary_key=True),
    Column("name", Text, nullable=False),
    *_place(),
    Column("keeper", Text, nullable=False),
    Column("level", String, nullable=False),
    *_trace(),
)

stocks = Table(
    "stocks",
    TABLES,
    Column("depot_id", String, primary_key=True),
    Column("item", String, primary_key=True),
    Column("on_hand", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("in_transit", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("consumed", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False),
    Column("gained", BigInteger, nullable=False),
    Column("minimum", BigInteger, nullable=False),
    Column("below", Boolean, nullable=False),
    # Those of table ``lots``, so that a watcher is told of them with the rest.
    Column("lots", Text, nullable=False),
    *_trace(),
    Index("stocks_by_position", "position"),
    Index("stocks_by_item", "item"),
)

lots = Table(
    "lots",
    TABLES,
    Column("depot_id", String, primary_key=True),
    Column("item", String, primary_key=True),
    Column("lot_id", String, primary_key=True),
    Column("quantity", BigInteger, nullable=False),
    Column("expires_on", String),  # YYYY-MM-DD
    Column("origin", Text, nullable=False),
    # Whether it is on record that its day has passed.
    Column("expired", Boolean, nullable=False),
    *_trace(),
    Index("lots_by_expiry", "expires_on"),
)

stock_alarms = Table(
    "stock_alarms",
    TABLES,
    Column("depot_id", String, primary_key=True),
    Column("item", String, primary_key=True),
    Column("usable", BigInteger, nullable=False),
    Column("minimum", BigInteger, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("fell_at", BigInteger, nullable=False),
    Column("recovered_at", BigInteger),
    *_trace(),
    Index("stock_alarms_by_position", "position"),
)

transfers = Table(
    "transfers",
    TABLES,
    Column("transfer_id", String, primary_key=True),
    Column("item", String, nullable=False),
    Column("from_depot_id", String, nullable=False),
    Column("to_depot_id", String, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("incident_id", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False),
    Column("damaged", BigInteger, nullable=False),
    # Received, and not in the stock of the depot that received it yet.
    Column("arriving", BigInteger, nullable=False),
    Column("waybill", String, nullable=False),
    Column("supply_request_id", String, nullable=False),
    Column("legs", Text, nullable=False),
    Column("current_leg", Integer, nullable=False),
    Column("under_way", Boolean, nullable=False),
    Column("diversions", Integer, nullable=False),
    Column("diversion_reason", Text, nullable=False),
    Column("lots", Text, nullable=False),
    *_trace(),
    Index("transfers_by_opening", "opened_position"),
    Index("transfers_by_incident", "incident_id"),
    Index("transfers_by_position", "position"),
)

supply_requests = Table(
    "supply_requests",
    TABLES,
    Column("supply_request_id", String, primary_key=True),
    Column("stage", String, nullable=False),
    Column("item", String, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("unit", String, nullable=False),
    Column("item_class", String, nullable=False),
    Column("incident_id", String, nullable=False),
    Column("need_id", String, nullable=False),
    *_place(),
    Column("to_depot_id", String, nullable=False),
    Column("needed_by", BigInteger),
    Column("note", Text, nullable=False),
    Column("requested_by", String, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("approved", BigInteger, nullable=False),
    Column("approved_by", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("accepted_by_depots", Text, nullable=False),
    Column("commitments", Text, nullable=False),
    Column("on_the_way", Text, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False),
    Column("opened_position", BigInteger, nullable=False),
    *_trace(),
    Index("supply_requests_by_opening", "opened_position"),
    Index("supply_requests_by_incident", "incident_id"),
    Index("supply_requests_by_position", "position"),
)

shelters = Table(
    "shelters",
    TABLES,
    Column("shelter_id", String, primary_key=True),
    Column("name", Text, nullable=False),
    *_place(),
    Column("capacity", Integer, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("occupancy", Integer, nullable=False),
    Column("incident_id", String, nullable=False),
    Column("warden", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("kind", String, nullable=False),
    Column("day_capacity", Integer, nullable=False),
    # Of those who are in it; people on their way to another shelter keep their beds.
    Column("households", Integer, nullable=False),
    Column("moving", Integer, nullable=False),
    *_care(),
    Column("open_needs", Integer, nullable=False),
    Column("inspection", String, nullable=False),
    Column("inspector", Text, nullable=False),
    Column("findings", Text, nullable=False),
    Column("inspected_at", BigInteger),
    *_trace(),
    Index("shelters_by_position", "position"),
)

households = Table(
    "households",
    TABLES,
    Column("shelter_id", String, primary_key=True),
    Column("group_id", String, primary_key=True),
    Column("incident_id", String, nullable=False),
    Column("head", Text, nullable=False),
    Column("people", Integer, nullable=False),
    Column("moving", Integer, nullable=False),
    *_care(),
    Column("from_adcode", String, nullable=False),
    Column("destination", Text, nullable=False),
    Column("admitted_at", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    *_trace(),
    Index("households_by_group", "group_id", "incident_id"),
    Index("households_by_position", "position"),
)

shelter_needs = Table(
    "shelter_needs",
    TABLES,
    Column("shelter_id", String, primary_key=True),
    Column("need_id", String, primary_key=True),
    Column("opened_position", BigInteger, primary_key=True),
    Column("incident_id", String, nullable=False),
    Column("adcode", String, nullable=False),
    Column("item", Text, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("unit", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("needed_by", BigInteger),
    Column("raised_at", BigInteger, nullable=False),
    Column("is_over", Boolean, nullable=False),
    Column("met", Boolean, nullable=False),
    Column("outcome", Text, nullable=False),
    *_trace(),
    Index("shelter_needs_by_position", "position"),
)

reliefs = Table(
    "reliefs",
    TABLES,
    Column("incident_id", String, primary_key=True),
    Column("adcode", String, primary_key=True),
    # The clock whole, as the domain folds it.
    Column("folded", Text, nullable=False),
    # Derived from it: null and empty where facts came before anybody said that it runs.
    Column("state", String, nullable=False),
    Column("due_at", BigInteger),
    Column("mark", Integer, nullable=False),
    Column("mark_at", BigInteger),
    Column("source", Text, nullable=False),
    Column("rules_version", String, nullable=False),
    Column("cause_id", String, nullable=False),
    *_trace(),
    Index("reliefs_by_mark", "mark_at"),
    Index("reliefs_by_position", "position"),
)

risk_sites = Table(
    "risk_sites",
    TABLES,
    Column("site_id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("name", Text, nullable=False),
    *_place(),
    Column("is_key", Boolean, nullable=False),
    Column("threatened_households", Integer, nullable=False),
    Column("threatened_people", Integer, nullable=False),
    Column("responsible", Text, nullable=False),
    Column("responsible_phone", Text, nullable=False),
    Column("monitor", Text, nullable=False),
    Column("monitor_phone", Text, nullable=False),
    Column("instructions", Text, nullable=False),
    Column("shelter_id", String, nullable=False),
    Column("source", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("finding", Text, nullable=False),
    Column("patrolled_by", Text, nullable=False),
    Column("patrolled_at", BigInteger),
    *_trace(),
    Index("risk_sites_by_position", "position"),
)

landing_points = Table(
    "landing_points",
    TABLES,
    Column("landing_point_id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("name", Text, nullable=False),
    *_place(),
    Column("elevation_m", Float),
    Column("length_m", Float, nullable=False),
    Column("width_m", Float, nullable=False),
    Column("surface", String, nullable=False),
    Column("max_weight_kg", Integer, nullable=False),
    Column("night_lighting", Boolean, nullable=False),
    Column("restrictions", Text, nullable=False),
    Column("keeper", Text, nullable=False),
    Column("keeper_phone", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("closed_reason", Text, nullable=False),
    Column("expected_open_at", BigInteger),
    *_trace(),
    Index("landing_points_by_position", "position"),
)

experts = Table(
    "experts",
    TABLES,
    Column("expert_id", String, primary_key=True),
    Column("name", Text, nullable=False),
    # Whose list it is.
    Column("adcode", String, nullable=False),
    Column("types", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    # The expert whole, as the domain folds it.
    Column("folded", Text, nullable=False),
    # Derived from it: where they are, and the incident that has them.
    Column("state", String, nullable=False),
    Column("incident_id", String, nullable=False),
    Column("placed_by", String, nullable=False),
    Column("latitude", Float),
    Column("longitude", Float),
    *_trace(),
    Index("experts_by_incident", "incident_id"),
    Index("experts_by_position", "position"),
)

exercise_times = Table(
    "exercise_times",
    TABLES,
    Column("exercise", String, primary_key=True),
    # The latest that any fact about relief says of itself.
    Column("time", BigInteger, nullable=False),
)


needs = Table(
    "needs",
    TABLES,
    Column("incident_id", String, primary_key=True),
    Column("need_id", String, primary_key=True),
    Column("noted", Boolean, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("category", String, nullable=False, default=""),
    Column("item", Text, nullable=False, default=""),
    Column("quantity", BigInteger, nullable=False, default=0),
    Column("unit", String, nullable=False, default=""),
    Column("adcode", String, nullable=False, default=""),
    Column("address", Text, nullable=False, default=""),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("needed_by", BigInteger),
    Column("note", Text, nullable=False, default=""),
    Column("committed", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("raised_at", BigInteger),
    Column("opened_position", BigInteger, nullable=False),
    *_trace(),
    Index("needs_open", "ended", "opened_position"),
    Index("needs_by_position", "position"),
)

devices = Table(
    "devices",
    TABLES,
    Column("device_id", String, primary_key=True),
    Column("unit_id", String, nullable=False),
    Column("adcode", String, nullable=False),
    Column("secret_digest", String, nullable=False),
    Column("description", Text, nullable=False),
    Column("registered_by", Text, nullable=False),
    Column("registered_at", BigInteger, nullable=False),
    Column("revoked", Boolean, nullable=False),
    Column("revoke_reason", Text, nullable=False),
    *_trace(),
    Index("devices_by_unit", "unit_id"),
    Index("devices_by_position", "position"),
)

hazard_areas = Table(
    "hazard_areas",
    TABLES,
    Column("hazard_area_id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("adcode", String, nullable=False),
    Column("incident_id", String, nullable=False),
    Column("rings", Text, nullable=False),
    Column("south", Float, nullable=False),
    Column("west", Float, nullable=False),
    Column("north", Float, nullable=False),
    Column("east", Float, nullable=False),
    Column("in_force", Boolean, nullable=False),
    Column("ends_at", BigInteger),
    Column("declared_by", Text, nullable=False),
    Column("declared_at", BigInteger, nullable=False),
    Column("drawn_at", BigInteger, nullable=False),
    Column("lifted_at", BigInteger),
    Column("lift_reason", Text, nullable=False),
    *_trace(),
    Index("hazard_areas_by_end", "in_force", "ends_at"),
    Index("hazard_areas_by_position", "position"),
)

plots = Table(
    "incident_plots",
    TABLES,
    Column("incident_id", String, primary_key=True),
    Column("plotted", Boolean, nullable=False, default=False),
    Column("title", Text, nullable=False, default=""),
    Column("type_code", String, nullable=False, default=""),
    Column("adcode", String, nullable=False, default=""),
    Column("address", Text, nullable=False, default=""),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("opened_at", BigInteger),
    Column("grade", String, nullable=False, default=""),
    Column("response", String, nullable=False, default=""),
    Column("state", String, nullable=False, default="open"),
    *_trace(),
    Index("incident_plots_by_position", "position"),
)


def trace(recorded: Recorded) -> dict[str, Any]:
    return {
        "changed_at": micros(recorded.created_at),
        "exercise": recorded.metadata.get("exercise", ""),
        "revision": recorded.revision,
        "position": recorded.position,
    }


def json(value: object) -> str:
    """Return the text of a column that is a list or a mapping."""
    return msgspec.json.encode(value).decode()


def located(place: Any) -> dict[str, Any]:
    """Return the columns of a `Place`."""
    return {
        "adcode": place.adcode,
        "address": place.address,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }


def put(connection: Connection, table: Table, recorded: Recorded, **values: Any) -> None:
    """Insert the row of a thing that is new."""
    connection.execute(_insert(table), {**values, **trace(recorded)})


def change(
    connection: Connection, table: Table, recorded: Recorded, key: str, **values: Any
) -> None:
    """Update the one row with this ``key``, in a table with one key column."""
    connection.execute(_update(table), {**values, **trace(recorded), "own_key": key})


def row(connection: Connection, table: Table, **key: str) -> Any:
    """Return the row with this key, or None."""
    own = {f"own_{column}": value for column, value in key.items()}
    return connection.execute(_select(table, tuple(key)), own).first()


# Built once each: building a statement costs more than running it.
@cache
def _insert(table: Table) -> Insert:
    return table.insert()


@cache
def _update(table: Table) -> Update:
    [column] = table.primary_key.columns
    return table.update().where(column == bindparam("own_key"))


@cache
def _select(table: Table, key: tuple[str, ...]) -> Select[Any]:
    own = (table.c[column] == bindparam(f"own_{column}") for column in key)
    return select(table).where(*own)
