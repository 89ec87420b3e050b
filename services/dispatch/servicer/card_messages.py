"""Run cards between messages, contents and rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from anlan.command.v1 import incident_pb2
from anlan.dispatch.v1 import run_card_pb2 as pb
from services.dispatch.domain.run_card.content import (
    AlarmLevel,
    Conditions,
    Content,
    Grade,
    Hours,
    Override,
    ResponseLevel,
    Want,
)
from services.dispatch.projections import run_cards
from services.runtime.times import known, to_proto

STATES = {
    run_cards.DRAFT: pb.RUN_CARD_STATE_DRAFT,
    run_cards.PUBLISHED: pb.RUN_CARD_STATE_PUBLISHED,
    run_cards.RETIRED: pb.RUN_CARD_STATE_RETIRED,
}
STATE_OF = {number: state for state, number in STATES.items()}
GRADES = {
    incident_pb2.GRADE_ORDINARY: Grade.ORDINARY,
    incident_pb2.GRADE_LARGER: Grade.LARGER,
    incident_pb2.GRADE_MAJOR: Grade.MAJOR,
    incident_pb2.GRADE_ESPECIALLY_MAJOR: Grade.ESPECIALLY_MAJOR,
}
GRADE_NUMBERS = {grade: number for number, grade in GRADES.items()}
LEVELS = {
    incident_pb2.RESPONSE_LEVEL_IV: ResponseLevel.IV,
    incident_pb2.RESPONSE_LEVEL_III: ResponseLevel.III,
    incident_pb2.RESPONSE_LEVEL_II: ResponseLevel.II,
    incident_pb2.RESPONSE_LEVEL_I: ResponseLevel.I,
}
LEVEL_NUMBERS = {level: number for number, level in LEVELS.items()}


def content(message: pb.RunCardContent) -> Content:
    planned = message.HasField("planned_start_time")
    return Content(
        title=message.title,
        sample=message.sample,
        source=message.source,
        conditions=_conditions(message.conditions),
        levels=tuple(
            AlarmLevel(alarm_level=level.alarm_level, wants=wants(level.wants))
            for level in message.levels
        ),
        overrides=tuple(
            Override(
                adcode=override.adcode,
                alarm_level=override.alarm_level,
                wants=wants(override.wants),
                reason=override.reason,
            )
            for override in message.overrides
        ),
        radius_m=message.radius_m,
        planned_start_at=known(message, "planned_start_time") if planned else None,
        instructions=message.instructions,
    )


def wants(messages: Iterable[pb.UnitWant]) -> tuple[Want, ...]:
    return tuple(
        Want(
            kinds=tuple(message.kinds),
            types=tuple(message.types),
            capabilities=tuple(message.capabilities),
            attributes=tuple(message.attributes),
            number=message.number,
        )
        for message in messages
    )


def want_messages(wanted: Iterable[Want]) -> list[pb.UnitWant]:
    return [
        pb.UnitWant(
            kinds=want.kinds,
            types=want.types,
            capabilities=want.capabilities,
            attributes=want.attributes,
            number=want.number,
        )
        for want in wanted
    ]


def _conditions(message: pb.RunCardConditions) -> Conditions:
    hours = message.hours if message.HasField("hours") else None
    located = message.HasField("point")
    return Conditions(
        type_codes=tuple(message.type_codes),
        minimum_grade=GRADES.get(message.minimum_grade),
        minimum_response_level=LEVELS.get(message.minimum_response_level),
        adcodes=tuple(message.adcodes),
        hours=None if hours is None else Hours(start=hours.from_hour, end=hours.to_hour),
        months=tuple(message.months),
        address=message.address,
        latitude=message.point.latitude if located else None,
        longitude=message.point.longitude if located else None,
        within_m=message.within_m,
        risk_site_id=message.risk_site_id,
        starts_at=known(message, "start_time") if message.HasField("start_time") else None,
        ends_at=known(message, "end_time") if message.HasField("end_time") else None,
    )


def run_card(row: Any) -> pb.RunCard:
    """Return the card in a row that is joined with a version."""
    return pb.RunCard(
        run_card_id=row.run_card_id,
        adcode=row.adcode,
        state=STATES[row.state],
        version_in_force=row.in_force,
        newest_version=row.newest,
        content=content_message(content_of(row)),
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
    )


def content_of(row: Any) -> Content:
    return msgspec.json.decode(row.content, type=Content)


def content_message(said: Content) -> pb.RunCardContent:
    return pb.RunCardContent(
        title=said.title,
        sample=said.sample,
        source=said.source,
        conditions=_conditions_message(said.conditions),
        levels=[
            pb.AlarmLevel(alarm_level=level.alarm_level, wants=want_messages(level.wants))
            for level in said.levels
        ],
        overrides=[
            pb.AlarmLevelOverride(
                adcode=override.adcode,
                alarm_level=override.alarm_level,
                wants=want_messages(override.wants),
                reason=override.reason,
            )
            for override in said.overrides
        ],
        radius_m=said.radius_m,
        planned_start_time=to_proto(said.planned_start_at),
        instructions=said.instructions,
    )


def _conditions_message(said: Conditions) -> pb.RunCardConditions:
    message = pb.RunCardConditions(
        type_codes=said.type_codes,
        adcodes=said.adcodes,
        months=said.months,
        address=said.address,
        within_m=said.within_m,
        risk_site_id=said.risk_site_id,
        start_time=to_proto(said.starts_at),
        end_time=to_proto(said.ends_at),
    )
    if said.minimum_grade is not None:
        message.minimum_grade = GRADE_NUMBERS[said.minimum_grade]
    if said.minimum_response_level is not None:
        message.minimum_response_level = LEVEL_NUMBERS[said.minimum_response_level]
    if said.hours is not None:
        message.hours.from_hour, message.hours.to_hour = said.hours.start, said.hours.end
        message.hours.SetInParent()
    if said.latitude is not None and said.longitude is not None:
        message.point.latitude, message.point.longitude = said.latitude, said.longitude
        message.point.SetInParent()
    return message
