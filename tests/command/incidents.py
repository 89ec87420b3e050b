"""The facts and wishes that the tests of an incident share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from services.command import rulebook
from services.command.domain.casualties import Casualties
from services.command.domain.grades import Grade
from services.command.domain.incident import (
    decider,
    decisions,
    grading,
    lifecycle,
    post,
    response,
    series,
    transfer,
)
from services.command.domain.incident.facts import Metric
from services.command.domain.incident.response import Level
from services.command.domain.incident.series import SituationReportKind
from services.command.domain.incident.statutes import Statutes
from services.runtime.actor import Actor
from services.runtime.place import Place
from tests.spec import spec

WHOLE_RULES = rulebook.load(Path("reference"))
RULES = replace(WHOLE_RULES, deadlines=Statutes())  # the law's clocks have tests of their own
decide = partial(decider.decide, RULES)
given = spec(decide, decider.evolve, decider.INITIAL)

CALLED = datetime(2026, 6, 18, 1, 10, tzinfo=UTC)
NOW = CALLED + timedelta(minutes=20)
PLACE = Place(adcode="431281102", address="稔禾村")


def person(subject: str, jurisdiction: str = "431281") -> Actor:
    return Actor(subject=subject, roles=("commander",), jurisdiction=jurisdiction)


LI, ZHANG, CHEN = person("commander.li"), person("mayor.zhang"), person("chen")
STRANGER = person("officer.tuokou", "431281103")

open_ = lifecycle.OpenIncident(
    by=LI,
    incident_id="i1",
    title="安江滑坡",
    type_code="11D01",
    place=PLACE,
    report_id="r1",
    casualties=Casualties(trapped=2),
    reported_at=CALLED,
    occurred_at=NOW,
)
attach = lifecycle.AttachReport(
    by=LI,
    incident_id="i1",
    report_id="r2",
    casualties=Casualties(trapped=3),
    reported_at=CALLED,
    occurred_at=NOW,
)
grade = grading.GradeIncident(
    by=LI, incident_id="i1", grade=Grade.LARGER, basis="3 人死亡", occurred_at=NOW
)
activate = response.ActivateResponse(
    by=LI,
    incident_id="i1",
    decision_id="d-activate",
    level=Level.IV,
    plan="预案 4.2",
    approver="mayor.zhang",
    reason="1 人死亡",
    occurred_at=NOW,
)
raise_ = response.ChangeResponseLevel(
    by=LI,
    incident_id="i1",
    decision_id="d-raise",
    level=Level.III,
    approver="mayor.zhang",
    reason="3 人死亡",
    occurred_at=NOW,
)
terminate = response.TerminateResponse(
    by=LI,
    incident_id="i1",
    decision_id="d-terminate",
    approver="mayor.zhang",
    reason="险情排除",
    occurred_at=NOW,
)
establish = post.EstablishCommand(
    by=LI,
    incident_id="i1",
    commander="commander.li",
    command_post="安江镇政府",
    jurisdiction="",
    occurred_at=NOW,
)
propose = transfer.ProposeTransfer(
    by=LI,
    incident_id="i1",
    transfer_id="x1",
    to="mayor.zhang",
    briefing="两人被困",
    details=transfer.Briefing(history="一时十分滑坡", potential="坡体仍在动"),
    effective_at=None,
    reason="",
    occurred_at=NOW,
)
acknowledge = transfer.AcknowledgeBriefing(
    by=ZHANG, incident_id="i1", transfer_id="x1", occurred_at=NOW
)
accept = transfer.AcceptTransfer(by=ZHANG, incident_id="i1", transfer_id="", occurred_at=NOW)
record = decisions.RecordDecision(
    by=LI,
    incident_id="i1",
    decision_id="d1",
    subject="转移",
    text="立即转移",
    basis=(decisions.Basis(kind=decisions.BasisKind.REPORT, reference="r1", text=""),),
    approver="mayor.zhang",
    authority="突发事件应对法 第七十三条",
    occurred_at=NOW,
)
tell = series.SubmitSituationReport(
    by=LI,
    incident_id="i1",
    situation_report_id="s1",
    kind=SituationReportKind.INITIAL,
    recipient="怀化市",
    contents={
        "time_place_extent": "1时10分，稔禾村",
        "course": "屋后山体滑坡，两人被困",
        "measures": "正在搜救",
    },
    claimed={Metric.TRAPPED: 2},
    occurred_at=NOW,
)
send = series.RecordSending(
    by=LI,
    incident_id="i1",
    situation_report_id="s1",
    sending_id="s1-phone",
    recipient="怀化市应急管理局值班室",
    recipient_key="prefecture_department",
    means=series.Means.PHONE,
    sent_by="commander.li",
    note="",
    occurred_at=NOW,
)
receive = series.AcknowledgeSituationReport(
    by=LI,
    incident_id="i1",
    situation_report_id="s1",
    sending_id="s1-phone",
    acknowledged_by="张某",
    reference_number="118",
    occurred_at=NOW,
)
close = lifecycle.CloseIncident(by=LI, incident_id="i1", summary="结束", occurred_at=NOW)
reopen = lifecycle.ReopenIncident(by=LI, incident_id="i1", reason="余滑", occurred_at=NOW)
ACTS: list[decider.Act] = [
    attach,
    grade,
    activate,
    raise_,
    terminate,
    establish,
    propose,
    acknowledge,
    accept,
    record,
    tell,
    send,
    receive,
    close,
    reopen,
]

opened = lifecycle.IncidentOpened(
    incident_id="i1",
    title="安江滑坡",
    type_code="11D01",
    place=PLACE,
    report_id="r1",
    casualties=Casualties(trapped=2),
    reported_at=CALLED,
    occurred_at=NOW,
)
attached = lifecycle.ReportAttached(
    incident_id="i1",
    adcode="431281102",
    report_id="r2",
    casualties=Casualties(trapped=3),
    reported_at=CALLED,
    occurred_at=NOW,
)
graded = grading.IncidentGraded(
    incident_id="i1",
    adcode="431281102",
    grade=Grade.LARGER,
    previous=None,
    basis="3 人死亡",
    proposed=None,
    table_id="geological",
    table_version="2006",
    rule_id="",
    numbers={},
    facts=(),
    graded_by="commander.li",
    reached_at=NOW,
    occurred_at=NOW,
)
mismatched = grading.ResponseMismatched(
    incident_id="i1",
    adcode="431281102",
    grade=Grade.LARGER,
    level=None,
    fitting=("III", "II", "I"),
    table_version=RULES.grading.version,
    occurred_at=NOW,
)
activated = response.ResponseActivated(
    incident_id="i1",
    adcode="431281102",
    level=Level.IV,
    plan="预案 4.2",
    plan_id="",
    plan_version=0,
    clauses=(),
    approver="mayor.zhang",
    approval=response.Approval.STATED,
    urgent="",
    reason="1 人死亡",
    decision_id="d-activate",
    occurred_at=NOW,
)
raised = response.ResponseLevelChanged(
    incident_id="i1",
    adcode="431281102",
    previous_level=Level.IV,
    level=Level.III,
    plan="预案 4.2",
    plan_id="",
    plan_version=0,
    clauses=(),
    approver="mayor.zhang",
    approval=response.Approval.STATED,
    urgent="",
    reason="3 人死亡",
    decision_id="d-raise",
    occurred_at=NOW,
)
terminated = response.ResponseTerminated(
    incident_id="i1",
    adcode="431281102",
    previous_level=Level.IV,
    plan="预案 4.2",
    plan_id="",
    plan_version=0,
    approver="mayor.zhang",
    approval=response.Approval.STATED,
    reason="险情排除",
    decision_id="d-terminate",
    occurred_at=NOW,
)
established = post.CommandEstablished(
    incident_id="i1",
    adcode="431281102",
    commander="commander.li",
    command_post="安江镇政府",
    jurisdiction="431281",
    occurred_at=NOW,
    effective_at=NOW,
)
proposed = transfer.TransferProposed(
    incident_id="i1",
    adcode="431281102",
    transfer_id="x1",
    outgoing="commander.li",
    incoming="mayor.zhang",
    briefing="两人被困",
    details=propose.details,
    effective_at=None,
    proposed_by="commander.li",
    reason="",
    occurred_at=NOW,
)
acknowledged = transfer.BriefingAcknowledged(
    incident_id="i1",
    adcode="431281102",
    transfer_id="x1",
    incoming="mayor.zhang",
    occurred_at=NOW,
)
transferred = transfer.CommandTransferred(
    incident_id="i1",
    adcode="431281102",
    transfer_id="x1",
    outgoing="commander.li",
    incoming="mayor.zhang",
    jurisdiction="431281",
    concerned=("commander.li", "mayor.zhang"),
    occurred_at=NOW,
    effective_at=NOW,
)
recorded = decisions.DecisionRecorded(
    incident_id="i1",
    adcode="431281102",
    decision_id="d1",
    decision_class="general",
    subject="转移",
    text="立即转移",
    options=(),
    basis=record.basis,
    required_steps=(),
    steps=(),
    open_steps=(),
    urgent="",
    complete_by=None,
    standing=decisions.Standing.EFFECTIVE,
    awaits_approval=False,
    approver="mayor.zhang",
    authority="突发事件应对法 第七十三条",
    dissents=(),
    revokes="",
    rules_version=RULES.decisions.version,
    decided_by="commander.li",
    decider_posts=(),
    jurisdiction="431281",
    occurred_at=NOW,
)
activation_decided = replace(
    recorded,
    decision_id="d-activate",
    decision_class="response_level",
    subject="启动四级响应",
    text="1 人死亡",
    basis=(decisions.Basis(kind=decisions.BasisKind.PLAN_CLAUSE, reference="预案 4.2", text=""),),
    authority="预案 4.2",
)
raising_decided = replace(
    activation_decided,
    decision_id="d-raise",
    subject="响应由四级调整为三级",
    text="3 人死亡",
)
termination_decided = replace(
    activation_decided, decision_id="d-terminate", subject="终止响应", text="险情排除"
)
told = series.SituationReportSubmitted(
    incident_id="i1",
    adcode="431281102",
    situation_report_id="s1",
    kind=SituationReportKind.INITIAL,
    number=1,
    recipient="怀化市",
    form="natural_disaster",
    contents={
        "disaster_kind": "滑坡",
        "time_place_extent": "1时10分，稔禾村",
        "course": "屋后山体滑坡，两人被困",
        "affected": "被困2人",
        "measures": "正在搜救",
    },
    figures={Metric.TRAPPED: 2},
    fact_ids={Metric.TRAPPED: ("r1.trapped",)},
    explanations={},
    zero_report=False,
    corrects="",
    correction_reason="",
    owed_to=("county_government", "prefecture_department"),
    table_version=RULES.situation_reports.version,
    submitted_by="commander.li",
    occurred_at=NOW,
)
sent = series.SituationReportSent(
    incident_id="i1",
    adcode="431281102",
    situation_report_id="s1",
    number=1,
    kind=SituationReportKind.INITIAL,
    sending_id="s1-phone",
    recipient="怀化市应急管理局值班室",
    recipient_key="prefecture_department",
    tier=series.Tier.PREFECTURE,
    means=series.Means.PHONE,
    sent_by="commander.li",
    note="",
    occurred_at=NOW,
)
received = series.SituationReportAcknowledged(
    incident_id="i1",
    adcode="431281102",
    situation_report_id="s1",
    number=1,
    sending_id="s1-phone",
    recipient="怀化市应急管理局值班室",
    acknowledged_by="张某",
    reference_number="118",
    occurred_at=NOW,
)
closed = lifecycle.IncidentClosed(
    incident_id="i1", adcode="431281102", summary="结束", occurred_at=NOW
)
reopened = lifecycle.IncidentReopened(
    incident_id="i1", adcode="431281102", reason="余滑", occurred_at=NOW
)
EVENTS: list[decider.Event] = [
    opened,
    attached,
    graded,
    activated,
    raised,
    terminated,
    established,
    proposed,
    acknowledged,
    transferred,
    recorded,
    told,
    sent,
    received,
    closed,
    reopened,
]
