"""The facts and wishes that the tests of an incident share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from services.command import rulebook
from services.command.domain.casualties import Casualties
from services.command.domain.incident import (
    decider,
    decisions,
    grading,
    lifecycle,
    post,
    response,
    series,
)
from services.command.domain.incident.grading import Grade
from services.command.domain.incident.response import Level
from services.command.domain.incident.series import SituationReportKind
from services.runtime.actor import Actor
from services.runtime.place import Place
from tests.spec import spec

RULES = rulebook.load(Path("reference"))
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
    level=Level.IV,
    plan="预案 4.2",
    approver="mayor.zhang",
    reason="1 人死亡",
    occurred_at=NOW,
)
raise_ = response.ChangeResponseLevel(
    by=LI,
    incident_id="i1",
    level=Level.III,
    approver="mayor.zhang",
    reason="3 人死亡",
    occurred_at=NOW,
)
terminate = response.TerminateResponse(
    by=LI, incident_id="i1", approver="mayor.zhang", reason="险情排除", occurred_at=NOW
)
establish = post.EstablishCommand(
    by=LI,
    incident_id="i1",
    commander="commander.li",
    command_post="安江镇政府",
    occurred_at=NOW,
)
propose = post.ProposeTransfer(
    by=LI, incident_id="i1", to="mayor.zhang", briefing="两人被困", occurred_at=NOW
)
accept = post.AcceptTransfer(by=ZHANG, incident_id="i1", occurred_at=NOW)
record = decisions.RecordDecision(
    by=LI,
    incident_id="i1",
    decision_id="d1",
    subject="转移",
    text="立即转移",
    basis=(decisions.Basis(kind="report", reference="r1", text=""),),
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
    casualties=Casualties(trapped=2),
    people_moved=43,
    text="初报",
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
    accept,
    record,
    tell,
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
    basis="3 人死亡",
    occurred_at=NOW,
)
activated = response.ResponseActivated(
    incident_id="i1",
    adcode="431281102",
    level=Level.IV,
    plan="预案 4.2",
    approver="mayor.zhang",
    reason="1 人死亡",
    occurred_at=NOW,
)
raised = response.ResponseLevelChanged(
    incident_id="i1",
    adcode="431281102",
    previous_level=Level.IV,
    level=Level.III,
    approver="mayor.zhang",
    reason="3 人死亡",
    occurred_at=NOW,
)
terminated = response.ResponseTerminated(
    incident_id="i1",
    adcode="431281102",
    approver="mayor.zhang",
    reason="险情排除",
    occurred_at=NOW,
)
established = post.CommandEstablished(
    incident_id="i1",
    adcode="431281102",
    commander="commander.li",
    command_post="安江镇政府",
    occurred_at=NOW,
)
proposed = post.TransferProposed(
    incident_id="i1",
    adcode="431281102",
    outgoing="commander.li",
    incoming="mayor.zhang",
    briefing="两人被困",
    occurred_at=NOW,
)
transferred = post.CommandTransferred(
    incident_id="i1",
    adcode="431281102",
    outgoing="commander.li",
    incoming="mayor.zhang",
    occurred_at=NOW,
)
recorded = decisions.DecisionRecorded(
    incident_id="i1",
    adcode="431281102",
    decision_id="d1",
    subject="转移",
    text="立即转移",
    basis=record.basis,
    approver="mayor.zhang",
    authority="突发事件应对法 第七十三条",
    decided_by="commander.li",
    occurred_at=NOW,
)
told = series.SituationReportSubmitted(
    incident_id="i1",
    adcode="431281102",
    situation_report_id="s1",
    kind=SituationReportKind.INITIAL,
    number=1,
    recipient="怀化市",
    casualties=Casualties(trapped=2),
    people_moved=43,
    text="初报",
    submitted_by="commander.li",
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
    transferred,
    recorded,
    told,
    closed,
    reopened,
]
