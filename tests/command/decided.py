"""The facts and wishes that the tests of decisions share."""

from __future__ import annotations

from datetime import timedelta

from services.command.domain.incident import decisions
from services.command.domain.incident.decision_classes import Step
from services.command.domain.incident.decisions import Basis, BasisKind, Option, Standing, StepDone
from services.runtime.actor import Actor
from tests.command.incidents import CALLED, LI, NOW, RULES

VERSION = RULES.decisions.version


def person(subject: str, role: str, jurisdiction: str = "431281") -> Actor:
    return Actor(subject=subject, roles=(role,), jurisdiction=jurisdiction)


LEADER = person("mayor.zhang", "leader")
PEER = person("deputy.xiang", "commander")
HEAD = person("head.anjiang", "commander", "431281102")
TOWN_LEADER = person("secretary.anjiang", "leader", "431281102")
CLERK = person("duty.wang", "duty_officer")


def done(step: Step, at: timedelta = timedelta(), by: str = "市司法局") -> StepDone:
    return StepDone(step=step, done_by=by, reference=f"{step}-1", done_at=CALLED + at)


RISK, LEGAL = done(Step.RISK_ASSESSMENT), done(Step.LEGALITY_REVIEW)
REPORT = Basis(kind=BasisKind.REPORT, reference="r1", text="两人被困")

general = decisions.RecordDecision(
    by=LI,
    incident_id="i1",
    decision_id="d1",
    subject="加强巡查",
    text="每半小时巡查一次",
    basis=(REPORT,),
    approver="mayor.zhang",
    authority="突发事件应对法 第七十三条",
    occurred_at=NOW,
)
evacuate = decisions.RecordDecision(
    by=LI,
    incident_id="i1",
    decision_id="d2",
    decision_class="evacuation",
    subject="转移稔禾村 43 户",
    text="立即转移",
    options=(
        Option(text="立即转移", chosen=True, reason="裂缝在扩大"),
        Option(text="原地观察", chosen=False, reason="夜间无法监测"),
    ),
    basis=(REPORT,),
    steps=(RISK, LEGAL),
    approver="mayor.zhang",
    authority="突发事件应对法 第七十三条",
    occurred_at=NOW,
)
complete = decisions.CompleteDecisionStep(
    by=CLERK, incident_id="i1", decision_id="d2", done=LEGAL, occurred_at=NOW
)
approve = decisions.ApproveDecision(
    by=LEADER, incident_id="i1", decision_id="d2", authority="", occurred_at=NOW
)
reject = decisions.RejectDecision(
    by=LEADER, incident_id="i1", decision_id="d2", reason="道路已断", occurred_at=NOW
)
dissent = decisions.RecordDissent(
    by=CLERK,
    incident_id="i1",
    decision_id="d2",
    dissent=decisions.Dissent(dissenter="chen", text="先就近上楼"),
    occurred_at=NOW,
)

recorded = decisions.DecisionRecorded(
    incident_id="i1",
    adcode="431281102",
    decision_id="d1",
    decision_class="general",
    subject="加强巡查",
    text="每半小时巡查一次",
    options=(),
    basis=(REPORT,),
    required_steps=(),
    steps=(),
    open_steps=(),
    urgent="",
    complete_by=None,
    standing=Standing.EFFECTIVE,
    awaits_approval=False,
    approver="mayor.zhang",
    authority="突发事件应对法 第七十三条",
    dissents=(),
    revokes="",
    rules_version=VERSION,
    decided_by="commander.li",
    decider_posts=(),
    jurisdiction="431281",
    occurred_at=NOW,
)
proposed = decisions.DecisionRecorded(
    incident_id="i1",
    adcode="431281102",
    decision_id="d2",
    decision_class="evacuation",
    subject="转移稔禾村 43 户",
    text="立即转移",
    options=evacuate.options,
    basis=(REPORT,),
    required_steps=(Step.RISK_ASSESSMENT, Step.LEGALITY_REVIEW),
    steps=(RISK, LEGAL),
    open_steps=(),
    urgent="",
    complete_by=None,
    standing=Standing.PROPOSED,
    awaits_approval=True,
    approver="mayor.zhang",
    authority="突发事件应对法 第七十三条",
    dissents=(),
    revokes="",
    rules_version=VERSION,
    decided_by="commander.li",
    decider_posts=(),
    jurisdiction="431281",
    occurred_at=NOW,
)
approved = decisions.DecisionApproved(
    incident_id="i1",
    adcode="431281102",
    decision_id="d2",
    authority="突发事件应对法 第七十三条",
    approved_by="mayor.zhang",
    occurred_at=NOW,
)
rejected = decisions.DecisionRejected(
    incident_id="i1",
    adcode="431281102",
    decision_id="d2",
    reason="道路已断",
    was_effective=False,
    rejected_by="mayor.zhang",
    occurred_at=NOW,
)
completed = decisions.DecisionStepCompleted(
    incident_id="i1",
    adcode="431281102",
    decision_id="d2",
    step=Step.LEGALITY_REVIEW,
    done_by="市司法局",
    reference="legality_review-1",
    done_at=CALLED,
    late=False,
    open_steps=(),
    recorded_by="duty.wang",
    occurred_at=NOW,
)
dissented = decisions.DissentRecorded(
    incident_id="i1",
    adcode="431281102",
    decision_id="d2",
    dissenter="chen",
    text="先就近上楼",
    recorded_by="duty.wang",
    occurred_at=NOW,
)
revoked = decisions.DecisionRevoked(
    incident_id="i1", adcode="431281102", decision_id="d2", revoked_by="d3", occurred_at=NOW
)
