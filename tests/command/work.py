"""The facts and wishes that the tests of tasks, objectives and needs share."""

from __future__ import annotations

from datetime import timedelta

from services.command.domain.incident import decider, needs, objectives, tasks
from services.command.domain.incident.needs import Category, Source, SourceKind
from services.command.domain.incident.objectives import ObjectiveOutcome
from services.command.domain.incident.tasks import Assignee, Outcome
from services.runtime.place import Place
from tests.command.incidents import CHEN, LI, NOW, PLACE, ZHANG

IN_AN_HOUR = NOW + timedelta(hours=1)
LATER = NOW + timedelta(minutes=10)
ADCODE = PLACE.adcode
DYKE = Place(adcode="431281102", address="稔禾村堤段")
TRUCK = Source(kind=SourceKind.TRANSFER, reference="t-7", provider="安江仓库")

set_ = objectives.SetObjective(
    by=LI,
    incident_id="i1",
    objective_id="o1",
    kind="转移安置",
    text="低洼户全部转移",
    measure="花名册逐户签字",
    due_at=None,
    occurred_at=NOW,
)
progress = objectives.ReportObjectiveProgress(
    by=LI, incident_id="i1", objective_id="o1", percent=60, note="26/43 户", occurred_at=NOW
)
achieve = objectives.CloseObjective(
    by=LI,
    incident_id="i1",
    objective_id="o1",
    outcome=ObjectiveOutcome.ACHIEVED,
    note="43 户全部转移",
    occurred_at=NOW,
)
assign = tasks.AssignTask(
    by=LI,
    incident_id="i1",
    task_id="t1",
    title="转移稔禾村低洼户",
    instructions="先转移老人和儿童",
    assignee="chen",
    assignee_kind=Assignee.PERSON,
    due_at=IN_AN_HOUR,
    objective_id="",
    occurred_at=NOW,
)
accept = tasks.AcceptTask(by=CHEN, incident_id="i1", task_id="t1", in_charge=False, occurred_at=NOW)
report = tasks.ReportTaskProgress(
    by=CHEN,
    incident_id="i1",
    task_id="t1",
    percent=60,
    note="已转移 26 户",
    in_charge=False,
    occurred_at=LATER,
)
complete = tasks.CompleteTask(
    by=CHEN,
    incident_id="i1",
    task_id="t1",
    outcome=Outcome.DONE,
    note="",
    evidence=("花名册",),
    in_charge=False,
    occurred_at=LATER,
)
cancel = tasks.CancelTask(
    by=LI, incident_id="i1", task_id="t1", reason="水位已退", occurred_at=LATER
)
hand_over = tasks.ReassignTask(
    by=LI,
    incident_id="i1",
    task_id="t1",
    assignee="mayor.zhang",
    assignee_kind=Assignee.PERSON,
    due_at=None,
    reason="道路中断",
    occurred_at=LATER,
)
ring = tasks.RingTask(by=LI, incident_id="i1", task_id="t1", occurred_at=IN_AN_HOUR)
ask = needs.RaiseNeed(
    by=LI,
    incident_id="i1",
    need_id="n1",
    category=Category.SUPPLIES,
    item="编织袋",
    quantity=2000,
    unit="条",
    place=DYKE,
    needed_by=IN_AN_HOUR,
    objective_id="",
    note="堤脚管涌",
    occurred_at=NOW,
)
promise = needs.CommitToNeed(
    by=ZHANG,
    incident_id="i1",
    need_id="n1",
    commitment_id="c1",
    quantity=2000,
    source=TRUCK,
    expected_at=None,
    occurred_at=NOW,
)
take_back = needs.WithdrawCommitment(
    by=ZHANG,
    incident_id="i1",
    need_id="n1",
    commitment_id="c1",
    reason="车辆改道",
    occurred_at=LATER,
)
bring = needs.FulfilNeed(
    by=ZHANG,
    incident_id="i1",
    need_id="n1",
    fulfilment_id="f1",
    commitment_id="c1",
    quantity=1940,
    source=TRUCK,
    occurred_at=LATER,
)
drop = needs.CancelNeed(
    by=LI, incident_id="i1", need_id="n1", reason="已够用", in_charge=False, occurred_at=LATER
)

OBJECTIVE = {"incident_id": "i1", "adcode": ADCODE, "objective_id": "o1"}
TASK = {"incident_id": "i1", "adcode": ADCODE, "task_id": "t1"}

aimed = objectives.ObjectiveSet(
    **OBJECTIVE,
    kind="转移安置",
    text="低洼户全部转移",
    measure="花名册逐户签字",
    due_at=None,
    set_by="commander.li",
    occurred_at=NOW,
)
progressed = objectives.ObjectiveProgressReported(
    **OBJECTIVE, percent=60, note="26/43 户", reported_by="commander.li", occurred_at=NOW
)
achieved = objectives.ObjectiveClosed(
    **OBJECTIVE,
    outcome=ObjectiveOutcome.ACHIEVED,
    note="43 户全部转移",
    closed_by="commander.li",
    occurred_at=NOW,
)
assigned = tasks.TaskAssigned(
    **TASK,
    title="转移稔禾村低洼户",
    instructions="先转移老人和儿童",
    assignee="chen",
    assignee_kind=Assignee.PERSON,
    due_at=IN_AN_HOUR,
    objective_id="",
    plan_step="",
    assigned_by="commander.li",
    occurred_at=NOW,
)
accepted = tasks.TaskAccepted(**TASK, accepted_by="chen", occurred_at=NOW)
reported = tasks.TaskProgressReported(
    **TASK, percent=60, note="已转移 26 户", reported_by="chen", occurred_at=LATER
)
completed = tasks.TaskCompleted(
    **TASK,
    outcome=Outcome.DONE,
    note="",
    evidence=("花名册",),
    completed_by="chen",
    occurred_at=LATER,
)
cancelled = tasks.TaskCancelled(
    **TASK, reason="水位已退", cancelled_by="commander.li", occurred_at=LATER
)
handed_over = tasks.TaskReassigned(
    **TASK,
    previous_assignee="chen",
    assignee="mayor.zhang",
    assignee_kind=Assignee.PERSON,
    due_at=IN_AN_HOUR,
    reason="道路中断",
    reassigned_by="commander.li",
    occurred_at=LATER,
)
overdue = tasks.TaskOverdue(
    **TASK,
    title="转移稔禾村低洼户",
    assignee="chen",
    due_at=IN_AN_HOUR,
    occurred_at=IN_AN_HOUR,
)
asked = needs.NeedRaised(
    incident_id="i1",
    adcode=ADCODE,
    need_id="n1",
    category=Category.SUPPLIES,
    item="编织袋",
    quantity=2000,
    unit="条",
    place=DYKE,
    needed_by=IN_AN_HOUR,
    objective_id="",
    note="堤脚管涌",
    raised_by="commander.li",
    occurred_at=NOW,
)
promised = needs.NeedCommitted(
    incident_id="i1",
    adcode=ADCODE,
    need_id="n1",
    category=Category.SUPPLIES,
    commitment_id="c1",
    quantity=2000,
    source=TRUCK,
    expected_at=None,
    committed=2000,
    remaining=2000,
    committed_by="mayor.zhang",
    occurred_at=NOW,
)
taken_back = needs.NeedCommitmentWithdrawn(
    incident_id="i1",
    adcode=ADCODE,
    need_id="n1",
    category=Category.SUPPLIES,
    commitment_id="c1",
    reason="车辆改道",
    committed=0,
    remaining=2000,
    withdrawn_by="mayor.zhang",
    occurred_at=LATER,
)
brought = needs.NeedFulfilled(
    incident_id="i1",
    adcode=ADCODE,
    need_id="n1",
    category=Category.SUPPLIES,
    fulfilment_id="f1",
    commitment_id="c1",
    quantity=1940,
    source=TRUCK,
    committed=60,
    remaining=60,
    fulfilled_by="mayor.zhang",
    occurred_at=LATER,
)
dropped = needs.NeedCancelled(
    incident_id="i1",
    adcode=ADCODE,
    need_id="n1",
    category=Category.SUPPLIES,
    reason="已够用",
    cancelled_by="commander.li",
    occurred_at=LATER,
)
EVENTS: list[decider.Event] = [
    aimed,
    progressed,
    achieved,
    assigned,
    accepted,
    reported,
    completed,
    cancelled,
    handed_over,
    overdue,
    asked,
    promised,
    taken_back,
    brought,
    dropped,
]
