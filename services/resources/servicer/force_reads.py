"""The reading half of the force API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select

from anlan.resources.v1 import force_service_pb2 as pb
from services.resources.domain.force import Approval, CallUp, lacking
from services.resources.domain.mobilisation import INSURANCE, RECOGNITION, Mobilisation, Office
from services.resources.projections.forces import (
    approvals_of,
    call_ups_of,
    insured_of,
    recognised_of,
)
from services.resources.projections.tables import forces, serves
from services.runtime import paging, reading, watching
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound
from services.runtime.times import micros, of_micros, to_proto

NONE = "[]"
UNTIL = {RECOGNITION: forces.c.recognised_until, INSURANCE: forces.c.insured_until}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceReads:
    model: ReadModel
    rules: Mobilisation
    now: Callable[[], datetime]

    async def GetForce(self, request: pb.GetForceRequest, context: Any) -> pb.GetForceResponse:
        statement = select(forces).where(forces.c.force_id == request.force_id)
        now = self.now()
        async with reading.rows(self.model, request.read, now) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_FORCE",
                f"no force {request.force_id} is registered",
                force_id=request.force_id,
            )
        at = reading.instant(request.read, seen, now)
        response = pb.GetForceResponse(force=self._force(row, at))
        reading.freshen(response.freshness, seen)
        return response

    async def ListForces(
        self, request: pb.ListForcesRequest, context: Any
    ) -> pb.ListForcesResponse:
        size, now, wanted = paging.limit(request.page_size), self.now(), request.filter
        statement = select(forces).order_by(forces.c.force_id).limit(size + 1)
        if wanted.force_class:
            statement = statement.where(forces.c.force_class == wanted.force_class)
        if wanted.adcode:
            statement = statement.where(reading.inside(forces.c.adcode, wanted.adcode))
        if wanted.incident_id:
            statement = statement.where(serves(wanted.incident_id))
        if wanted.outlasting:
            statement = statement.where(forces.c.outlasting != NONE)
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(forces.c.force_id > after[0])
        async with reading.rows(self.model, request.read, now) as (connection, seen):
            at = reading.instant(request.read, seen, now)
            if wanted.lacking:
                statement = statement.where(self._lacking(at))
            rows = (await connection.execute(statement)).all()
        response = pb.ListForcesResponse(forces=[self._force(row, at) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].force_id)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchForces(
        self, request: pb.WatchForcesRequest, context: Any
    ) -> AsyncIterator[pb.WatchForcesResponse]:
        statement = select(forces)
        if request.adcode:
            statement = statement.where(reading.inside(forces.c.adcode, request.adcode))
        async for row in watching.changes(
            self.model, statement, forces.c.position, request.resume_position
        ):
            yield pb.WatchForcesResponse(force=self._force(row, self.now()), position=row.position)

    async def GetMobilisationRules(
        self, request: pb.GetMobilisationRulesRequest, context: Any
    ) -> pb.GetMobilisationRulesResponse:
        return pb.GetMobilisationRulesResponse(
            version=self.rules.version,
            source=self.rules.source,
            classes=[
                pb.GetMobilisationRulesResponse.ForceClass(
                    force_class=code,
                    name=rules.name,
                    order=_offices(rules.order),
                    approve=_offices(rules.approve),
                    requires=rules.requires,
                    compensated=rules.compensated,
                    may_approve=self.rules.approvers(code),
                )
                for code, rules in self.rules.classes.items()
            ],
        )

    def _force(self, row: Any, at: datetime) -> pb.Force:
        """Return a force as it stands at an instant, by the rules of today."""
        rules = self.rules.classes.get(row.force_class)
        until = {
            RECOGNITION: of_micros(row.recognised_until),
            INSURANCE: of_micros(row.insured_until),
        }
        message = pb.Force(
            force_id=row.force_id,
            name=row.name,
            force_class=row.force_class,
            adcode=row.adcode,
            responsible=row.responsible,
            contact=row.contact,
            lacks=lacking(rules.requires, until, at) if rules else (),
            may_approve=self.rules.approvers(row.force_class) if rules else "",
            approvals=[_approval(approval) for approval in approvals_of(row).values()],
            call_ups=[_call_up(called) for called in call_ups_of(row).values()],
            exercise=row.exercise,
            etag=str(row.revision),
            position=row.position,
        )
        if recognised := recognised_of(row):
            message.recognition.CopyFrom(
                pb.Recognition(
                    authority=recognised.authority,
                    level=recognised.level,
                    branches=recognised.branches,
                    document=recognised.document,
                    valid_until_time=to_proto(recognised.valid_until),
                )
            )
        if insured := insured_of(row):
            message.insurance.CopyFrom(
                pb.Insurance(
                    insurer=insured.insurer,
                    policy=insured.policy,
                    people=insured.people,
                    valid_until_time=to_proto(insured.valid_until),
                )
            )
        return message

    def _lacking(self, at: datetime) -> ColumnElement[bool]:
        """Return the condition that a force lacks something that its class requires."""
        return or_(
            false(),
            *(
                and_(
                    forces.c.force_class == code,
                    or_(UNTIL[need].is_(None), UNTIL[need] <= micros(at)),
                )
                for code, rules in self.rules.classes.items()
                for need in rules.requires
            ),
        )


def _offices(offices: Iterable[Office]) -> list[pb.GetMobilisationRulesResponse.Office]:
    return [
        pb.GetMobilisationRulesResponse.Office(roles=office.roles, level=office.level)
        for office in offices
    ]


def _approval(approval: Approval) -> pb.MobilisationApproval:
    return pb.MobilisationApproval(
        approval_id=approval.approval_id,
        incident_id=approval.incident_id,
        unit_ids=approval.unit_ids,
        approved_by=approval.approved_by,
        valid_until_time=to_proto(approval.valid_until),
    )


def _call_up(called: CallUp) -> pb.CallUp:
    return pb.CallUp(
        call_up_id=called.call_up_id,
        incident_id=called.incident_id,
        called_for_incident_id=called.called_for,
        incident_end_time=to_proto(called.outlasted_at),
        task=called.task,
        overridden=called.overridden,
        call_time=to_proto(called.called_at),
        stand_down_time=to_proto(called.stood_down_at),
        compensations=[
            pb.Compensation(
                compensation_id=paid.compensation_id,
                amount_fen=paid.amount_fen,
                payer=paid.payer,
                basis=paid.basis,
            )
            for paid in called.payments
        ],
        compensated_fen=called.paid_fen,
    )
