"""The reading half of the expert API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from anlan.resources.v1 import expert_service_pb2 as pb
from services.resources.domain.expert import CallUp, Type, Vocabulary
from services.resources.projections.experts import Standing, expert_of
from services.resources.projections.tables import experts
from services.runtime import paging, place, reading, watching
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import Invalid, NotFound
from services.runtime.times import to_proto

TYPES = {
    pb.EXPERT_TYPE_DECIDING: Type.DECIDING,
    pb.EXPERT_TYPE_ON_SCENE: Type.ON_SCENE,
    pb.EXPERT_TYPE_TECHNICAL: Type.TECHNICAL,
}
TYPE_NUMBERS = {type_: number for number, type_ in TYPES.items()}
STATES = {
    pb.EXPERT_STATE_AVAILABLE: Standing.AVAILABLE,
    pb.EXPERT_STATE_UNAVAILABLE: Standing.UNAVAILABLE,
    pb.EXPERT_STATE_CALLED_UP: Standing.CALLED_UP,
    pb.EXPERT_STATE_ARRIVED: Standing.ARRIVED,
    pb.EXPERT_STATE_RETIRED: Standing.RETIRED,
}
STATE_NUMBERS = {state: number for number, state in STATES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertReads:
    model: ReadModel
    vocabulary: Vocabulary
    now: Callable[[], datetime]

    async def GetExpert(self, request: pb.GetExpertRequest, context: Any) -> pb.GetExpertResponse:
        statement = select(experts).where(experts.c.expert_id == request.expert_id)
        now = self.now()
        async with reading.rows(self.model, request.read, now) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_EXPERT",
                f"no expert {request.expert_id} is registered",
                expert_id=request.expert_id,
            )
        at = reading.instant(request.read, seen, now)
        response = pb.GetExpertResponse(expert=_expert(row, at))
        reading.freshen(response.freshness, seen)
        return response

    async def ListExperts(
        self, request: pb.ListExpertsRequest, context: Any
    ) -> pb.ListExpertsResponse:
        size, now = paging.limit(request.page_size), self.now()
        column = experts.c.expert_id
        statement = select(experts).where(*self._wanted(request.filter)).order_by(column)
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(column > after[0])
        async with reading.rows(self.model, request.read, now) as (connection, seen):
            rows = (await connection.execute(statement.limit(size + 1))).all()
        at = reading.instant(request.read, seen, now)
        response = pb.ListExpertsResponse(experts=[_expert(row, at) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].expert_id)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchExperts(
        self, request: pb.WatchExpertsRequest, context: Any
    ) -> AsyncIterator[pb.WatchExpertsResponse]:
        statement = select(experts)
        if request.adcode:
            statement = statement.where(reading.inside(experts.c.adcode, request.adcode))
        async for row in watching.changes(
            self.model, statement, experts.c.position, request.resume_position
        ):
            yield pb.WatchExpertsResponse(expert=_expert(row, self.now()), position=row.position)

    async def GetExpertVocabulary(
        self, request: pb.GetExpertVocabularyRequest, context: Any
    ) -> pb.GetExpertVocabularyResponse:
        words = self.vocabulary
        return pb.GetExpertVocabularyResponse(
            version=words.version,
            source=words.source,
            fields=[
                pb.GetExpertVocabularyResponse.Word(code=code, name=name)
                for code, name in words.fields.items()
            ],
        )

    def _wanted(self, wanted: pb.ExpertFilter) -> list[ColumnElement[bool]]:
        """Return the conditions.  Raises Invalid for a field that nobody can know."""
        column = experts.c
        conditions: list[ColumnElement[bool]] = []
        if wanted.field:
            if wanted.field not in self.vocabulary.fields:
                raise Invalid(
                    "EXPERT_FIELD_UNKNOWN",
                    field="filter.field",
                    got=wanted.field,
                    allowed=", ".join(self.vocabulary.fields),
                )
            conditions.append(column.fields.contains(f'"{wanted.field}"', autoescape=True))
        if wanted.type:
            type_ = TYPES[wanted.type].value
            conditions.append(column.types.contains(f'"{type_}"', autoescape=True))
        if wanted.state:
            conditions.append(column.state == STATES[wanted.state].value)
        else:
            conditions.append(column.state != Standing.RETIRED.value)
        if wanted.adcode:
            conditions.append(reading.inside(column.adcode, wanted.adcode))
        if wanted.incident_id:
            conditions.append(column.incident_id == wanted.incident_id)
        if wanted.text:
            texts = (column.name, column.organisation)
            conditions.append(or_(*(one.contains(wanted.text, autoescape=True) for one in texts)))
        return conditions


def _expert(row: Any, at: datetime) -> pb.Expert:
    """Return an expert as they stand at an instant."""
    expert = expert_of(row)
    entry, away = expert.entry, expert.unavailable
    message = pb.Expert(
        expert_id=row.expert_id,
        name=entry.name,
        adcode=entry.adcode,
        types=[TYPE_NUMBERS[type_] for type_ in entry.types],
        fields=entry.fields,
        organisation=entry.organisation,
        phone=entry.phone,
        second_contact=entry.second_contact,
        qualifications=[
            pb.ExpertQualification(
                name=one.name,
                certificate=one.certificate,
                expire_time=to_proto(one.expires_at),
            )
            for one in entry.qualifications
        ],
        source=entry.source,
        state=STATE_NUMBERS[Standing(row.state)],
        unavailable_reason=away.reason if away else "",
        expected_back_time=to_proto(away.expected_back_at) if away else None,
        retire_reason=expert.retired or "",
        call_ups=[_call_up(one) for one in expert.call_ups.values()],
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
        expired=[
            one.name
            for one in entry.qualifications
            if one.expires_at is not None and one.expires_at <= at
        ],
    )
    place.write(message.home, entry.home)
    return message


def _call_up(one: CallUp) -> pb.ExpertCallUp:
    called = one.called
    message = pb.ExpertCallUp(
        call_up_id=called.call_up_id,
        incident_id=one.incident_id,
        called_for_incident_id=called.incident_id,
        type=TYPE_NUMBERS[called.called_as],
        task=called.task,
        ordered_by=called.ordered_by,
        called_by=called.called_by,
        call_time=to_proto(called.occurred_at),
        arrive_time=to_proto(one.arrived_at),
        release_time=to_proto(one.released_at),
        release_reason=one.release_reason,
    )
    if one.place is not None:
        place.write(message.arrival_place, one.place)
    return message
