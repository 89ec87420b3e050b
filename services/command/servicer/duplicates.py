"""Looks up what a report is likely to be about: a box of rows first, then how alike each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from anlan.command.v1 import report_service_pb2 as pb
from services.command.domain import duplicates
from services.command.domain.duplicates import COUNTY, Likeness, Match, Spot, Table, TypeRelation
from services.command.projections.incidents import INCIDENTS
from services.command.projections.reports import RECEIVED, REPORTS
from services.runtime.times import micros, of_micros

DEFAULT_RESULTS = 5
LOOKED_AT = 500
"""Rows: of more than so many in one place and time, the newest are looked at."""
TITLE = 30
OVER = ("closed", "merged")
RELATIONS = {
    TypeRelation.SAME: pb.TYPE_RELATION_SAME,
    TypeRelation.KINDRED: pb.TYPE_RELATION_KINDRED,
    TypeRelation.RELATED: pb.TYPE_RELATION_RELATED,
    TypeRelation.OTHER: pb.TYPE_RELATION_OTHER,
}
LIKENESSES = {
    Likeness.NEAR: pb.LIKENESS_NEAR,
    Likeness.SAME_VILLAGE: pb.LIKENESS_SAME_VILLAGE,
    Likeness.SAME_TOWNSHIP: pb.LIKENESS_SAME_TOWNSHIP,
    Likeness.SAME_COUNTY: pb.LIKENESS_SAME_COUNTY,
    Likeness.SAME_CALLER: pb.LIKENESS_SAME_CALLER,
    Likeness.REFERRED_TO: pb.LIKENESS_REFERRED_TO,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The report that others are compared with, and the incident that it belongs to already."""

    spot: Spot
    refers_to: Sequence[str]
    incident_id: str
    exercise: str


def subject(row: Any) -> Subject:
    return Subject(
        spot=_spot(row),
        refers_to=msgspec.json.decode(row.supersedes, type=list[str]),
        incident_id=row.incident_id,
        exercise=row.exercise,
    )


async def find(
    connection: AsyncConnection, table: Table, about: Subject, limit: int
) -> list[pb.LikelyDuplicate]:
    """Return open incidents and unsettled reports that are alike, the likeliest first.

    Of an incident the most alike of its reports counts.
    """
    found: dict[str, Match] = {}
    rows: dict[str, Any] = {}
    for row in await connection.execute(_candidates(table, about)):
        key = row.incident_id or row.report_id
        referred = row.report_id in about.refers_to
        alike = duplicates.match(table, about.spot, _spot(row), referred=referred)
        if alike is not None and (key not in found or alike.score > found[key].score):
            found[key], rows[key] = alike, row
    ranked = duplicates.ranked(found)[: limit or DEFAULT_RESULTS]
    return [_message(table, rows[key], alike) for key, alike in ranked]


def _candidates(table: Table, about: Subject) -> Select[Any]:
    spot, column = about.spot, REPORTS.c
    reach = table.reach(spot.type_code)
    at, span = micros(spot.occurred_at), int(reach.minutes * 60_000_000)
    in_time = column.occurred_at.between(at - span, at + span)
    alike = [and_(in_time, or_(*_nearby(spot, reach.radius_m)))]
    if spot.callback:
        alike.append(and_(in_time, column.callback == spot.callback))
    if about.refers_to:
        alike.append(column.report_id.in_(about.refers_to))
    live = INCIDENTS.c.state.not_in(OVER)
    return (
        select(REPORTS, INCIDENTS.c.title)
        .outerjoin(INCIDENTS, INCIDENTS.c.incident_id == column.incident_id)
        .where(or_(*alike), column.report_id != spot.report_id)
        .where(column.exercise == about.exercise)
        .where(or_(column.state == RECEIVED, and_(live, column.incident_id != about.incident_id)))
        .order_by(column.occurred_at.desc())
        .limit(LOOKED_AT)
    )


def _nearby(spot: Spot, radius_m: float) -> list[ColumnElement[bool]]:
    """Return where something near may be: within the box, or in the region if there is no point."""
    column = REPORTS.c
    county = spot.adcode[:COUNTY]
    in_region = and_(column.adcode >= county, column.adcode < f"{county}~")
    if spot.latitude is None or spot.longitude is None:
        return [in_region]
    box = duplicates.around(spot.latitude, spot.longitude, radius_m)
    return [
        and_(
            column.latitude.between(box.south, box.north),
            column.longitude.between(box.west, box.east),
        ),
        and_(in_region, column.latitude.is_(None)),
    ]


def _spot(row: Any) -> Spot:
    occurred_at = of_micros(row.occurred_at)
    assert occurred_at is not None
    return Spot(
        report_id=row.report_id,
        type_code=row.type_code,
        adcode=row.adcode,
        latitude=row.latitude,
        longitude=row.longitude,
        callback=row.callback,
        occurred_at=occurred_at,
    )


def _message(table: Table, row: Any, alike: Match) -> pb.LikelyDuplicate:
    return pb.LikelyDuplicate(
        incident_id=row.incident_id,
        report_id=row.report_id,
        title=row.title or row.text[:TITLE],
        score=round(alike.score, 3),
        likenesses=[LIKENESSES[likeness] for likeness in alike.likenesses],
        distance_metres=None if alike.distance_m is None else round(alike.distance_m),
        minutes_apart=round(alike.apart.total_seconds() / 60, 1),
        type_relation=RELATIONS[alike.relation],
        reason=duplicates.sentence(alike),
        table_version=table.version,
    )
