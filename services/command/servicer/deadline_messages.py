"""Statutory clocks, their history and findings, between rows and messages."""

from __future__ import annotations

from typing import Any

from anlan.command.v1 import deadline_service_pb2 as pb
from anlan.command.v1 import situation_report_pb2 as report_pb
from services.command.domain.incident.deadlines import Why
from services.command.domain.incident.facts import Metric
from services.command.domain.incident.series import Means
from services.command.domain.incident.statutes import EvidenceKind, Milestone, Party
from services.command.projections.deadlines import DeadlineState
from services.command.servicer.figure_messages import METRICS
from services.command.servicer.messages import INCIDENT_STATES
from services.command.servicer.series_messages import MEANS
from services.runtime.times import stamp

STATES = {
    DeadlineState.OPEN: pb.DEADLINE_STATE_OPEN,
    DeadlineState.OVERDUE: pb.DEADLINE_STATE_OVERDUE,
    DeadlineState.MET: pb.DEADLINE_STATE_MET,
    DeadlineState.LATE: pb.DEADLINE_STATE_LATE,
    DeadlineState.MISSED: pb.DEADLINE_STATE_MISSED,
    DeadlineState.LIFTED: pb.DEADLINE_STATE_LIFTED,
}
PARTIES = {
    Party.ENTERPRISE: pb.REPORTING_PARTY_ENTERPRISE,
    Party.TOWNSHIP: pb.REPORTING_PARTY_TOWNSHIP,
    Party.COUNTY: pb.REPORTING_PARTY_COUNTY,
    Party.PREFECTURE: pb.REPORTING_PARTY_PREFECTURE,
    Party.PROVINCE: pb.REPORTING_PARTY_PROVINCE,
}
MILESTONES = {
    Milestone.OCCURRED: pb.MILESTONE_OCCURRED,
    Milestone.STABLE: pb.MILESTONE_STABLE,
    Milestone.INVESTIGATED: pb.MILESTONE_INVESTIGATED,
    Milestone.INVESTIGATION_ANSWERED: pb.MILESTONE_INVESTIGATION_ANSWERED,
}
EVIDENCE_KINDS = {
    EvidenceKind.SITUATION_REPORT: pb.EVIDENCE_KIND_SITUATION_REPORT,
    EvidenceKind.NOTICE: pb.EVIDENCE_KIND_NOTICE,
    EvidenceKind.REPORT: pb.EVIDENCE_KIND_REPORT,
    EvidenceKind.FIGURE: pb.EVIDENCE_KIND_FIGURE,
    EvidenceKind.MILESTONE: pb.EVIDENCE_KIND_MILESTONE,
}
CHANGES = {
    Why.EARLIER_START: pb.DEADLINE_CHANGE_EARLIER_START,
    Why.GRADE: pb.DEADLINE_CHANGE_GRADE,
    Why.NOT_OWED: pb.DEADLINE_CHANGE_NOT_OWED,
    Why.STABLE: pb.DEADLINE_CHANGE_STABLE,
    Why.CLOSED: pb.DEADLINE_CHANGE_CLOSED,
    Why.RESUMED: pb.DEADLINE_CHANGE_RESUMED,
    Why.NEXT_DUE: pb.DEADLINE_CHANGE_NEXT_DUE,
    Why.MERGED: pb.DEADLINE_CHANGE_MERGED,
}
STEP_KINDS = {
    "started": pb.DeadlineStep.KIND_STARTED,
    "rebased": pb.DeadlineStep.KIND_REBASED,
    "warned": pb.DeadlineStep.KIND_WARNED,
    "missed": pb.DeadlineStep.KIND_MISSED,
    "met": pb.DeadlineStep.KIND_MET,
    "lifted": pb.DeadlineStep.KIND_LIFTED,
}

STATE_OF = {number: state for state, number in STATES.items()}
PARTY_OF = {number: party for party, number in PARTIES.items()}
MILESTONE_OF = {number: milestone for milestone, number in MILESTONES.items()}


def deadline(row: Any) -> pb.Deadline:
    """Return a clock; the row is joined with its incident's."""
    message = pb.Deadline(
        incident_id=row.incident_id,
        deadline_id=row.deadline_id,
        state=STATES[DeadlineState(row.state)],
        clock=row.clock,
        number=row.number,
        name=row.name,
        rule=row.rule,
        rules_version=row.rules_version,
        law=row.law,
        owed_by=PARTIES[Party(row.owed_by)],
        recipient=row.recipient,
        recipient_name=row.recipient_name,
        start_time=stamp(row.started_at),
        due_time=stamp(row.due_at),
        percent=row.percent,
        missed=row.missed_recorded_at is not None,
        miss_record_time=stamp(row.missed_recorded_at),
        lifted=_change(row.lifted),
        incident_title=row.title,
        type_code=row.type_code,
        adcode=row.adcode,
        incident_state=INCIDENT_STATES[row.incident_state],
        exercise=row.exercise,
        position=row.position,
    )
    if row.evidence_kind:
        message.evidence.CopyFrom(_evidence(row, row.met_at, row.met_recorded_at))
    return message


def step(row: Any) -> pb.DeadlineStep:
    message = pb.DeadlineStep(
        kind=STEP_KINDS[row.kind],
        occur_time=stamp(row.occurred_at),
        record_time=stamp(row.recorded_at),
        position=row.position,
        event_id=row.event_id,
        rule=row.rule,
        start_time=stamp(row.started_at),
        due_time=stamp(row.due_at),
        previous_due_time=stamp(row.previous_due_at),
        change=_change(row.why),
        percent=row.percent,
    )
    if row.evidence_kind:
        message.evidence.CopyFrom(_evidence(row, row.occurred_at, row.recorded_at))
    return message


def finding(row: Any, of: pb.Deadline | None) -> pb.Finding:
    """Return a finding; ``of`` is the clock that was missed, None for a suspicion."""
    message = pb.Finding(
        incident_id=row.incident_id,
        finding_id=row.finding_id,
        kind=pb.FINDING_KIND_CONCEALMENT_SUSPECTED,
        incident_title=row.title,
        adcode=row.adcode,
        exercise=row.exercise,
        occur_time=stamp(row.occurred_at),
        record_time=stamp(row.recorded_at),
        position=row.position,
    )
    if of is None:
        message.concealment.CopyFrom(_concealment(row))
    else:
        late = of.state == pb.DEADLINE_STATE_LATE
        message.kind = pb.FINDING_KIND_LATE if late else pb.FINDING_KIND_MISSING
        message.deadline.CopyFrom(of)
    return message


def _concealment(row: Any) -> pb.Concealment:
    return pb.Concealment(
        situation_report_id=row.situation_report_id,
        number=row.number,
        recipient=row.recipient,
        metric=METRICS[Metric(row.metric)],
        fact_id=row.fact_id,
        source=row.source,
        known_value=row.known_value,
        known_time=stamp(row.known_at),
        reported_value=row.reported_value,
    )


def _evidence(row: Any, occurred_at: int, recorded_at: int) -> pb.DeadlineEvidence:
    return pb.DeadlineEvidence(
        kind=EVIDENCE_KINDS[EvidenceKind(row.evidence_kind)],
        reference=row.evidence,
        number=row.evidence_number,
        means=MEANS[Means(row.means)] if row.means else report_pb.SENDING_MEANS_UNSPECIFIED,
        occur_time=stamp(occurred_at),
        record_time=stamp(recorded_at),
    )


def _change(why: str | None) -> pb.DeadlineChange.ValueType:
    return CHANGES[Why(why)] if why else pb.DEADLINE_CHANGE_UNSPECIFIED
