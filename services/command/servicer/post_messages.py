"""The command post between requests, values, rows and messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

import msgspec

from anlan.command.v1 import command_post_service_pb2 as pb
from anlan.command.v1 import incident_service_pb2 as incident_pb
from services.command.domain.incident import transfer
from services.command.domain.incident.roles import Kind, PostTable, Role
from services.command.domain.incident.transfer import Briefing
from services.runtime.actor import Actor
from services.runtime.times import known, micros, said, stamp

KINDS = {
    Kind.GENERAL: pb.HEADQUARTERS_KIND_GENERAL,
    Kind.SPECIAL: pb.HEADQUARTERS_KIND_SPECIAL,
    Kind.FIELD: pb.HEADQUARTERS_KIND_FIELD,
}
KIND_OF = {number: kind for kind, number in KINDS.items()}
ACCESSIONS = {
    "established": pb.ACCESSION_ESTABLISHED,
    "accepted": pb.ACCESSION_ACCEPTED,
    "taken": pb.ACCESSION_TAKEN,
}
STATES = {
    "proposed": pb.TRANSFER_STATE_PROPOSED,
    "acknowledged": pb.TRANSFER_STATE_ACKNOWLEDGED,
    "accepted": pb.TRANSFER_STATE_ACCEPTED,
    "declined": pb.TRANSFER_STATE_DECLINED,
    "withdrawn": pb.TRANSFER_STATE_WITHDRAWN,
    "displaced": pb.TRANSFER_STATE_DISPLACED,
}
PARTS = tuple(Briefing.__dataclass_fields__)


def proposal(
    request: incident_pb.ProposeTransferRequest, by: Actor, transfer_id: str, now: datetime
) -> transfer.ProposeTransfer:
    named = request.HasField("effective_time")
    return transfer.ProposeTransfer(
        by=by,
        incident_id=request.incident_id,
        transfer_id=transfer_id,
        to=request.to,
        briefing=request.briefing,
        details=Briefing(**{part: getattr(request.details, part) for part in PARTS}),
        effective_at=known(request, "effective_time") if named else None,
        reason=request.reason,
        occurred_at=said(request, "occur_time", now),
    )


def pending(row: Any, at: datetime) -> incident_pb.PendingTransfer | None:
    """Return what waits of a transfer in an incident's row; None where nothing does."""
    if row.proposed_to:
        return incident_pb.PendingTransfer(
            to=row.proposed_to,
            briefing=row.briefing,
            propose_time=stamp(row.proposed_at),
            transfer_id=row.transfer_id,
            acknowledge_time=stamp(row.acknowledged_at),
            effective_time=stamp(row.effective_at),
        )
    if row.successor and micros(at) < row.successor_at:
        return incident_pb.PendingTransfer(
            to=row.successor,
            briefing=row.briefing,
            propose_time=stamp(row.proposed_at),
            transfer_id=row.transfer_id,
            acknowledge_time=stamp(row.acknowledged_at),
            accept_time=stamp(row.accepted_at),
            effective_time=stamp(row.successor_at),
        )
    return None


def commander(row: Any, at: datetime) -> str:
    """Return who commands at an instant, as an incident's row tells it."""
    taken_over = row.successor and row.successor_at <= micros(at)
    return str(row.successor if taken_over else row.commander)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What is written of one incident's command post."""

    incident: Any
    tenures: Sequence[Any]
    transfers: Sequence[Any]
    headquarters: Sequence[Any]
    holdings: Sequence[Any]


def command_post(rows: Rows, table: PostTable, at: datetime, *, former: bool) -> pb.CommandPost:
    """Return the organisation chart at an instant, with who left before it where ``former``."""
    instant = micros(at)
    incident = rows.incident
    begun = [tenure for tenure in rows.tenures if tenure.since <= instant]
    waiting = [row for row in rows.transfers if _waits(row, rows.tenures, instant)]
    return pb.CommandPost(
        incident_id=incident.incident_id,
        commander=begun[-1].commander if begun else "",
        commander_since_time=stamp(begun[-1].since) if begun else None,
        place=incident.command_post,
        holders=_holders(rows, table, "", instant, former=former),
        headquarters=_under(rows, table, "", instant, former=former),
        unified_command=[
            pb.UnifiedCommandMember(
                agency=held.agency,
                member=held.subject,
                since_time=stamp(held.since),
                until_time=_until(held, instant),
            )
            for held in rows.holdings
            if held.agency and _shown(held, instant, former=former)
        ],
        succession=succession(rows.tenures),
        pending_transfer=_transfer(waiting[-1]) if waiting else None,
        transfers=map(_transfer, rows.transfers),
        etag=str(incident.revision),
        position=incident.position,
    )


def succession(tenures: Sequence[Any]) -> list[pb.Tenure]:
    """Return each commander with the first instant and that at which the next begins."""
    return [
        pb.Tenure(
            commander=tenure.commander,
            from_time=stamp(tenure.since),
            to_time=stamp(following.since) if following is not None else None,
            accession=ACCESSIONS[tenure.accession],
            transfer_id=tenure.transfer_id,
            reason=tenure.reason,
            jurisdiction=tenure.jurisdiction,
            position=tenure.position,
        )
        for tenure, following in zip_longest(tenures, tenures[1:])
    ]


def catalogue(table: PostTable) -> pb.GetRoleCatalogueResponse:
    return pb.GetRoleCatalogueResponse(
        version=table.version,
        source=table.source,
        roles=[_role(table, id_, role) for id_, role in table.roles.items()],
        requirements=[
            pb.CatalogueRequirement(
                act=act,
                capability=needed.capability,
                exempt_roles=[*table.exempt, *needed.exempt] if needed.capability else [],
                superior=needed.superior,
            )
            for act, needed in table.commands.items()
        ],
        longest_notice_hours=table.longest_notice_hours,
    )


def _role(table: PostTable, id_: str, role: Role) -> pb.CatalogueRole:
    return pb.CatalogueRole(
        role=id_,
        title=role.name,
        capabilities=role.capabilities,
        single=role.single,
        in_command_post=Kind.POST in role.at,
        kinds=[number for kind, number in KINDS.items() if kind in role.at],
        head=table.is_head(id_),
    )


def _shown(row: Any, instant: int, *, former: bool) -> bool:
    """Whether it was there at the instant, or before."""
    if row.since > instant:
        return False
    return former or row.until is None or instant < row.until


def _until(row: Any, instant: int) -> Any:
    """Return when it ended, unless that was still to come."""
    ended = row.until is not None and row.until <= instant
    return stamp(row.until) if ended else None


def _under(
    rows: Rows, table: PostTable, parent_id: str, instant: int, *, former: bool
) -> list[pb.Headquarters]:
    return [
        pb.Headquarters(
            headquarters_id=row.headquarters_id,
            kind=KINDS[Kind(row.kind)],
            name=row.name,
            place=row.place,
            holders=_holders(rows, table, row.headquarters_id, instant, former=former),
            under=_under(rows, table, row.headquarters_id, instant, former=former),
            establish_time=stamp(row.since),
            close_time=_until(row, instant),
        )
        for row in rows.headquarters
        if row.parent_id == parent_id and _shown(row, instant, former=former)
    ]


def _holders(
    rows: Rows, table: PostTable, headquarters_id: str, instant: int, *, former: bool
) -> list[pb.RoleHolder]:
    held = [
        row
        for row in rows.holdings
        if row.headquarters_id == headquarters_id
        and not row.agency
        and _shown(row, instant, former=former)
    ]
    return [
        pb.RoleHolder(
            role=row.role,
            title=row.title,
            subject=row.subject,
            since_time=stamp(row.since),
            until_time=_until(row, instant),
        )
        for row in sorted(held, key=lambda row: not table.is_head(row.role))
    ]


def _waits(row: Any, tenures: Sequence[Any], instant: int) -> bool:
    """Whether a transfer waited at an instant for its acceptance, or for its own instant."""
    if row.proposed_at > instant:
        return False
    if row.ended_at is None or row.ended_at > instant:
        return True
    if row.state != "accepted":
        return False
    return any(
        tenure.transfer_id == row.transfer_id and tenure.since > instant for tenure in tenures
    )


def _transfer(row: Any) -> pb.Transfer:
    details = msgspec.json.decode(row.details, type=Briefing)
    return pb.Transfer(
        transfer_id=row.transfer_id,
        state=STATES[row.state],
        outgoing=row.outgoing,
        incoming=row.incoming,
        proposed_by=row.proposed_by,
        reason=row.reason,
        briefing=row.briefing,
        details=incident_pb.Briefing(**{part: getattr(details, part) for part in PARTS}),
        propose_time=stamp(row.proposed_at),
        acknowledge_time=stamp(row.acknowledged_at),
        end_time=stamp(row.ended_at),
        effective_time=stamp(row.effective_at),
        end_reason=row.end_reason,
    )
