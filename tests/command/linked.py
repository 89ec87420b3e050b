"""Two landslides of one night that turn out to be one, and a third that turns out to be apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.command.domain.casualties import Casualties
from services.command.domain.incident import links, merge, needs, objectives, split, tasks
from services.command.domain.incident.facts import Metric, said_by_report
from services.runtime.place import Place
from tests.command import incidents as known
from tests.command.incidents import CALLED, LI, NOW, PLACE

EARLIER = CALLED - timedelta(minutes=8)
ROCK = Place(adcode="431281102", address="岩垅", latitude=27.33, longitude=110.11)

begin = merge.BeginMerge(
    by=LI,
    incident_id="i1",
    into="i0",
    reason="同一处滑坡",
    replacing=merge.Standing(level=None, commander=None),
    ancestors=(),
    occurred_at=NOW,
)
begun = merge.MergeBegun(
    incident_id="i1",
    adcode=PLACE.adcode,
    into="i0",
    reason="同一处滑坡",
    begun_by="commander.li",
    occurred_at=NOW,
)
conclude = merge.ConcludeMerge(by=LI, incident_id="i1", into="i0", occurred_at=NOW)
merged = merge.IncidentMerged(
    incident_id="i1", adcode=PLACE.adcode, into="i0", reason="同一处滑坡", occurred_at=NOW
)
abandoned = merge.MergeAbandoned(incident_id="i1", adcode=PLACE.adcode, into="i0", occurred_at=NOW)

assigned = tasks.TaskAssigned(
    incident_id="i2",
    adcode=PLACE.adcode,
    task_id="t1",
    title="转移群众",
    instructions="",
    assignee="安江镇政府",
    assignee_kind=tasks.Assignee.DEPARTMENT,
    due_at=None,
    objective_id="o1",
    plan_step="",
    assigned_by="commander.li",
    occurred_at=NOW,
)
aim = objectives.ObjectiveSet(
    incident_id="i2",
    adcode=PLACE.adcode,
    objective_id="o1",
    kind="救人",
    text="救出被困人员",
    measure="",
    due_at=None,
    set_by="commander.li",
    occurred_at=NOW,
)
raised = needs.NeedRaised(
    incident_id="i2",
    adcode=PLACE.adcode,
    need_id="n1",
    category=needs.Category.SUPPLIES,
    item="编织袋",
    quantity=2000,
    unit="袋",
    place=PLACE,
    needed_by=None,
    objective_id="o1",
    note="",
    raised_by="commander.li",
    occurred_at=NOW,
)
[trapped] = said_by_report("r9", Casualties(trapped=3), EARLIER)
assert trapped.metric is Metric.TRAPPED

brought = merge.Brought(
    incident_id="i2",
    reported_at=EARLIER,
    reports=("r9",),
    replaced=("i5",),
    parent="i7",
    related=("i8",),
    decisions=("d9",),
    facts={trapped.fact_id: trapped},
    tasks={"t1": tasks.Task(asked=assigned)},
    objectives={"o1": objectives.Objective(wanted=aim)},
    needs={"n1": needs.Need(asked=raised)},
)
absorb = merge.AbsorbIncident(by=LI, incident_id="i1", brought=brought, occurred_at=NOW)
absorbed = merge.IncidentAbsorbed(
    incident_id="i1",
    adcode=PLACE.adcode,
    source_id="i2",
    reported_at=EARLIER,
    reports=("r9",),
    replaced=("i5",),
    parent="i7",
    related=("i8",),
    decisions=("d9",),
    facts={trapped.fact_id: trapped},
    tasks={"t1": tasks.Task(asked=replace(assigned, incident_id="i1"))},
    objectives={"o1": objectives.Objective(wanted=replace(aim, incident_id="i1"))},
    needs={"n1": needs.Need(asked=replace(raised, incident_id="i1"))},
    occurred_at=NOW,
)

leaving = split.Leaving(
    report_id="r2", casualties=known.attached.casualties, reported_at=known.attached.reported_at
)
begin_split = split.BeginSplit(
    by=LI,
    incident_id="i1",
    new_incident_id="i3",
    title="岩垅滑坡",
    type_code="11D01",
    place=ROCK,
    reports=(leaving,),
    tasks=(),
    assignments=("a1",),
    reason="两处滑坡",
    occurred_at=NOW,
)
split_begun = split.SplitBegun(
    incident_id="i1",
    adcode=PLACE.adcode,
    new_incident_id="i3",
    title="岩垅滑坡",
    type_code="11D01",
    place=ROCK,
    reports=(leaving,),
    tasks={},
    assignments=("a1",),
    reason="两处滑坡",
    begun_by="commander.li",
    occurred_at=NOW,
)
open_split = split.OpenSplit(by=LI, incident_id="i3", begun=split_begun, occurred_at=NOW)
split_off = split.IncidentSplitOff(
    incident_id="i3",
    adcode=ROCK.adcode,
    source_id="i1",
    reports=("r2",),
    tasks={},
    reason="两处滑坡",
    occurred_at=NOW,
)
conclude_split = split.ConcludeSplit(
    by=LI, incident_id="i1", new_incident_id="i3", into="i3", occurred_at=NOW
)
split_done = split.IncidentSplit(
    incident_id="i1",
    adcode=PLACE.adcode,
    new_incident_id="i3",
    into="i3",
    reports=("r2",),
    tasks=(),
    assignments=("a1",),
    reason="两处滑坡",
    occurred_at=NOW,
)

link = links.LinkIncident(
    by=LI,
    incident_id="i1",
    other_id="i7",
    kind=links.Kind.PARENT,
    ancestors=(),
    reason="同一场暴雨",
    occurred_at=NOW,
)
unlink = links.UnlinkIncident(
    by=LI,
    incident_id="i1",
    other_id="i7",
    kind=links.Kind.PARENT,
    reason="并非同一场暴雨",
    occurred_at=NOW,
)
linked = links.IncidentLinked(
    incident_id="i1",
    adcode=PLACE.adcode,
    other_id="i7",
    kind=links.Kind.PARENT,
    reason="同一场暴雨",
    linked_by="commander.li",
    occurred_at=NOW,
)
unlinked = links.IncidentUnlinked(
    incident_id="i1",
    adcode=PLACE.adcode,
    other_id="i7",
    kind=links.Kind.PARENT,
    reason="并非同一场暴雨",
    unlinked_by="commander.li",
    occurred_at=NOW,
)
