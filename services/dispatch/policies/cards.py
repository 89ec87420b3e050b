"""Which run card answers: the facts of an incident as command has them, the cards in force."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from anlan.command.v1 import incident_pb2
from anlan.command.v1 import incident_service_pb2 as command_pb
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from services.dispatch.domain.run_card.content import Content, Grade, ResponseLevel
from services.dispatch.domain.run_card.matching import Facts, Match, Published, match
from services.dispatch.policies.incidents import Incidents
from services.dispatch.projections.run_cards import RUN_CARD_VERSIONS, RUN_CARDS, shown
from services.runtime.cause import Cause
from services.runtime.peer import Peer
from services.runtime.place import Place
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import Rejection

LOCAL = ZoneInfo("Asia/Shanghai")
GRADES = {
    incident_pb2.GRADE_ORDINARY: Grade.ORDINARY,
    incident_pb2.GRADE_LARGER: Grade.LARGER,
    incident_pb2.GRADE_MAJOR: Grade.MAJOR,
    incident_pb2.GRADE_ESPECIALLY_MAJOR: Grade.ESPECIALLY_MAJOR,
}
LEVELS = {
    incident_pb2.RESPONSE_LEVEL_IV: ResponseLevel.IV,
    incident_pb2.RESPONSE_LEVEL_III: ResponseLevel.III,
    incident_pb2.RESPONSE_LEVEL_II: ResponseLevel.II,
    incident_pb2.RESPONSE_LEVEL_I: ResponseLevel.I,
}
IN_FORCE = select(RUN_CARDS, RUN_CARD_VERSIONS.c.content).join(RUN_CARD_VERSIONS, shown())


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a request says itself, in place of what command has; empty or None says nothing."""

    incident_id: str
    place: Place | None
    type_code: str
    grade: Grade | None
    response_level: ResponseLevel | None
    called_at: datetime


class Cards:
    def __init__(self, model: ReadModel, incidents: Incidents, peer: Peer) -> None:
        self._model = model
        self._incidents = incidents
        self._peer = peer
        self._stub: Any = IncidentServiceStub(peer.channel)

    async def facts(self, said: Said, cause: Cause, *, typed: bool = True) -> Facts:
        """Return the facts of what is asked about.

        Command is asked for the type only where it matters (``typed``) and nobody says it: so a
        dispatcher who says it is answered while command is away.
        """
        place, type_code = said.place, said.type_code
        grade, level = said.grade, said.response_level
        if said.incident_id:
            known = await self._incidents.find(said.incident_id, cause)
            place = place or known.place
            if typed and not type_code:
                request = command_pb.GetIncidentRequest(incident_id=said.incident_id)
                answer = await self._peer.call(self._stub.GetIncident, request, cause)
                type_code = answer.incident.type_code
                grade = grade or GRADES.get(answer.incident.grade)
                level = level or LEVELS.get(answer.incident.response_level)
        assert place is not None
        return Facts(
            type_code=type_code,
            grade=grade,
            response_level=level,
            place=place,
            called_at=said.called_at.astimezone(LOCAL),
            exercise=cause.exercise,
        )

    async def answering(self, facts: Facts) -> list[Match]:
        async with self._model.read() as (connection, _):
            return match(await published(connection), facts)

    async def named(self, run_card_id: str, exercise: str) -> Published:
        """Return the version in force of a card that is asked for by its id."""
        statement = IN_FORCE.where(RUN_CARDS.c.run_card_id == run_card_id)
        async with self._model.read() as (connection, _):
            [*found] = _cards((await connection.execute(statement)).all())
        if not found or not found[0].version:
            raise Rejection(
                "RUN_CARD_NOT_IN_FORCE",
                f"no version of run card {run_card_id} is in force",
                run_card_id=run_card_id,
            )
        card = found[0]
        if card.exercise and card.exercise != exercise:
            raise Rejection(
                "EXERCISE_MISMATCH",
                f"run card {run_card_id} belongs to {card.exercise}",
                exercise=card.exercise,
                requested=exercise,
            )
        if card.content.sample and not exercise:
            raise Rejection(
                "RUN_CARD_IS_A_SAMPLE",
                f"run card {run_card_id} is a sample, which serves exercises only",
                run_card_id=run_card_id,
            )
        return card


async def published(connection: AsyncConnection) -> list[Published]:
    """Return every card that is in force."""
    rows = (await connection.execute(IN_FORCE.where(RUN_CARDS.c.in_force > 0))).all()
    return _cards(rows)


def _cards(rows: Iterable[Any]) -> list[Published]:
    return [
        Published(
            run_card_id=row.run_card_id,
            version=row.in_force,
            adcode=row.adcode,
            content=msgspec.json.decode(row.content, type=Content),
            exercise=row.exercise,
        )
        for row in rows
    ]
