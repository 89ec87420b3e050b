"""The relief API: who is affected, what they were given, and which clocks run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select

from anlan.resources.v1 import relief_service_pb2 as pb
from anlan.resources.v1.relief_service_pb2_grpc import ReliefServiceServicer
from services.resources.domain import relief
from services.resources.domain.relief import Basis, Need, Owed, Rules
from services.resources.policies.relieving import Reliefs, key
from services.resources.projections.relief import State, folded
from services.resources.projections.tables import reliefs
from services.runtime import call, paging, reading, watching
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound
from services.runtime.times import said, stamp, to_proto

NEEDS = {
    pb.RELIEF_NEED_FOOD: Need.FOOD,
    pb.RELIEF_NEED_WATER: Need.WATER,
    pb.RELIEF_NEED_BED: Need.BED,
    pb.RELIEF_NEED_MEDICAL: Need.MEDICAL,
}
NEED_NUMBERS = {need: number for number, need in NEEDS.items()}
STATES = {
    State.RUNNING: pb.RELIEF_STATE_RUNNING,
    State.MISSED: pb.RELIEF_STATE_MISSED,
    State.MET: pb.RELIEF_STATE_MET,
    State.MET_LATE: pb.RELIEF_STATE_MET_LATE,
}
STATE_OF = {number: state for state, number in STATES.items()}
MOST = (1 << 31) - 1  # what the messages count to


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliefServicer(ReliefServiceServicer):
    reliefs: Reliefs
    model: ReadModel
    regions: Regions
    rules: Rules
    now: Callable[[], datetime]

    async def RecordVillageAffected(
        self, request: pb.RecordVillageAffectedRequest, context: Any
    ) -> pb.RecordVillageAffectedResponse:
        self.regions.check(request.adcode, "adcode")
        named = tuple(
            Owed(need=NEEDS[one.need], people=one.people or request.people) for one in request.needs
        )
        command = relief.RecordVillageAffected(
            by=call.current().actor,
            incident_id=request.incident_id,
            adcode=request.adcode,
            households=request.households,
            people=request.people,
            owed=named or tuple(Owed(need=need, people=request.people) for need in Need),
            source=request.source,
            within=self.rules.within,
            warn_percent=self.rules.warn_percent,
            rules_version=self.rules.version,
            occurred_at=said(request, "occur_time", self.now()),
        )
        about = key(request.incident_id, request.adcode)
        cause = call.current().cause(request.request_id, request.incident_id)
        written = await self.reliefs.handle(about, command, cause, etag=request.etag)
        clock = (await self.reliefs.state(about)).clock
        return pb.RecordVillageAffectedResponse(
            due_time=to_proto(clock.due_at) if clock else None,
            etag=written.etag,
            position=written.position,
        )

    async def RecordReliefGiven(
        self, request: pb.RecordReliefGivenRequest, context: Any
    ) -> pb.RecordReliefGivenResponse:
        self.regions.check(request.adcode, "adcode")
        command = relief.CountRelief(
            by=call.current().actor,
            incident_id=request.incident_id,
            adcode=request.adcode,
            need=NEEDS[request.need],
            people=request.people,
            basis=Basis.STATEMENT,
            reference=request.request_id,
            source=request.source,
            note=request.note,
            occurred_at=said(request, "occur_time", self.now()),
        )
        about = key(request.incident_id, request.adcode)
        cause = call.current().cause(request.request_id, request.incident_id)
        written = await self.reliefs.handle(about, command, cause, etag=request.etag)
        return pb.RecordReliefGivenResponse(etag=written.etag, position=written.position)

    async def GetReliefClock(
        self, request: pb.GetReliefClockRequest, context: Any
    ) -> pb.GetReliefClockResponse:
        column = reliefs.c
        statement = select(reliefs).where(
            column.incident_id == request.incident_id,
            column.adcode == request.adcode,
            column.state != State.NONE.value,
        )
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_RELIEF_CLOCK",
                f"{request.adcode} is not recorded as affected in {request.incident_id}",
                incident_id=request.incident_id,
                adcode=request.adcode,
            )
        response = pb.GetReliefClockResponse(clock=_clock(row), facts=_facts(row))
        reading.freshen(response.freshness, seen)
        return response

    async def ListReliefClocks(
        self, request: pb.ListReliefClocksRequest, context: Any
    ) -> pb.ListReliefClocksResponse:
        size = paging.limit(request.page_size)
        column = reliefs.c
        order = (column.due_at, column.incident_id, column.adcode)
        statement = (
            select(reliefs).where(column.state != State.NONE.value).order_by(*order).limit(size + 1)
        )
        if after := paging.key(request.page_token, (int, str, str)):
            due_at, incident_id, adcode = after
            later = and_(column.incident_id == incident_id, column.adcode > adcode)
            later = and_(column.due_at == due_at, or_(column.incident_id > incident_id, later))
            statement = statement.where(or_(column.due_at > due_at, later))
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        if request.state:
            statement = statement.where(column.state == STATE_OF[request.state].value)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListReliefClocksResponse(clocks=[_clock(row) for row in rows[:size]])
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = paging.token(last.due_at, last.incident_id, last.adcode)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchReliefClocks(
        self, request: pb.WatchReliefClocksRequest, context: Any
    ) -> AsyncIterator[pb.WatchReliefClocksResponse]:
        column = reliefs.c
        statement = select(reliefs).where(column.state != State.NONE.value)
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        async for row in watching.changes(
            self.model, statement, column.position, request.resume_position
        ):
            yield pb.WatchReliefClocksResponse(clock=_clock(row), position=row.position)


def _clock(row: Any) -> pb.ReliefClock:
    now = folded(row)
    clock = now.clock
    assert clock is not None
    return pb.ReliefClock(
        incident_id=row.incident_id,
        adcode=row.adcode,
        households=clock.households,
        people=clock.people,
        owed=[
            pb.ReliefOwed(
                need=NEED_NUMBERS[need],
                people=people,
                served=min(now.served(need), MOST),
                meet_time=to_proto(now.met.get(need)),
            )
            for need, people in clock.owed.items()
        ],
        state=STATES[State(row.state)],
        start_time=to_proto(clock.started_at),
        due_time=stamp(row.due_at),
        meet_time=to_proto(clock.relieved_at),
        rung_percent=clock.rung,
        missed=clock.missed,
        source=row.source,
        rules_version=row.rules_version,
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
    )


def _facts(row: Any) -> list[pb.ReliefFact]:
    facts = sorted(folded(row).facts.items(), key=lambda one: (one[1].at, one[0]))
    return [
        pb.ReliefFact(
            need=NEED_NUMBERS[need],
            people=min(fact.people, MOST),
            basis=basis,
            reference=reference,
            source=fact.source,
            occur_time=to_proto(fact.at),
        )
        for (need, basis, reference), fact in facts
    ]
