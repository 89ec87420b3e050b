"""What the tables of this service share."""

from __future__ import annotations

import msgspec
from sqlalchemy import Column, Float, MetaData, String, Text

from services.runtime.place import Place

METADATA = MetaData()


def place() -> tuple[Column[str], Column[str], Column[float], Column[float]]:
    return (
        Column("adcode", String, nullable=False),
        Column("address", Text, nullable=False),
        Column("latitude", Float),
        Column("longitude", Float),
    )


def placed(where: Place) -> dict[str, object]:
    return {
        "adcode": where.adcode,
        "address": where.address,
        "latitude": where.latitude,
        "longitude": where.longitude,
    }


def json(value: object) -> str:
    return msgspec.json.encode(value).decode()
