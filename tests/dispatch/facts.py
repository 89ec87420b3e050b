"""Facts of one night at the dyke, for every test that needs some."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.dispatch.domain import assignment, events
from services.dispatch.domain.assignment.ways import Ways
from services.dispatch.domain.events import Source, Stage
from services.dispatch.domain.refusals import RefusalKind
from services.runtime import reference
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.settings import REPOSITORY

NOW = datetime(2026, 6, 18, 19, 10, tzinfo=UTC)
DISPATCHER = Actor(subject="diao.lin", roles=("dispatcher",), jurisdiction="431281")
NEIGHBOUR = Actor(subject="yang.bo", roles=("dispatcher",), jurisdiction="431271")
DYKE = Place(adcode="431281102", address="安江镇大堤", latitude=27.3, longitude=110.1)
ABOUT: Any = {
    "assignment_id": "a1",
    "incident_id": "i1",
    "unit_id": "boat-1",
    "adcode": DYKE.adcode,
}
WAYS = reference.load(REPOSITORY / "reference", "assignment_states", Ways)
WAY = WAYS.of("11A01")


def minute(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


requested = events.AssignmentRequested(
    **ABOUT,
    destination=DYKE,
    order="两艘冲锋舟到安江大堤",
    call_at=minute(-3),
    acknowledge_within_s=90.0,
    override_reason="",
    requested_by="diao.lin",
    said=False,
    occurred_at=NOW,
)
held_by_another = events.AssignmentRefused(
    **ABOUT,
    kind=RefusalKind.RULE,
    reason="UNIT_HELD",
    message="boat-1 is held by a0 (chen.wei)",
    context={"unit_id": "boat-1", "holder": "a0", "held_by": "chen.wei"},
    occurred_at=minute(0.1),
)
dispatched = events.UnitDispatched(
    **ABOUT,
    unit_kind="boat",
    destination=DYKE,
    order="两艘冲锋舟到安江大堤",
    acknowledge_due_at=minute(0.1) + timedelta(seconds=90),
    occurred_at=minute(0.1),
)
acknowledged = events.AssignmentAcknowledged(**ABOUT, late=False, occurred_at=minute(1))
overdue = events.AcknowledgementOverdue(
    **ABOUT, due_at=dispatched.acknowledge_due_at, occurred_at=dispatched.acknowledge_due_at
)
en_route = events.UnitEnRoute(**ABOUT, late=False, occurred_at=minute(2))
on_scene = events.UnitOnScene(**ABOUT, late=False, occurred_at=minute(20))
cleared = events.AssignmentCleared(
    **ABOUT, disposition="堤段已加固", late=False, occurred_at=minute(90)
)
declined = events.AssignmentDeclined(**ABOUT, reason="发动机故障", occurred_at=minute(1.5))
moved = events.AssignmentMoved(
    **(ABOUT | {"incident_id": "i2"}), from_incident_id="i1", occurred_at=minute(5)
)
cancelled = events.AssignmentCancelled(**ABOUT, reason="险情解除", occurred_at=minute(3))
preplanned = events.AssignmentPreplanned(
    **ABOUT,
    destination=DYKE,
    order="两艘冲锋舟到安江大堤",
    call_at=minute(-3),
    acknowledge_within_s=90.0,
    override_reason="",
    requested_by="diao.lin",
    dispatch_at=minute(60),
    incident_type="11A01",
    occurred_at=NOW,
)
staged = events.UnitStaged(**ABOUT, late=False, source=Source.CREW, occurred_at=minute(15))
transporting = events.UnitTransporting(
    **ABOUT, to="市人民医院", late=False, source=Source.CREW, occurred_at=minute(40)
)
at_destination = events.UnitAtDestination(
    **ABOUT, late=False, source=Source.CREW, occurred_at=minute(55)
)
acted = events.ActionInitiated(**ABOUT, late=False, source=Source.CREW, occurred_at=minute(22))
overridden = events.AssignmentOverridden(
    **ABOUT,
    previous=Stage.ON_SCENE,
    to=Stage.EN_ROUTE,
    reason="误按到场，实际被塌方阻断",
    authority="值班长口头同意",
    overridden_by="diao.lin",
    ways_version=WAYS.version,
    occurred_at=minute(25),
)
diverted = events.AssignmentDiverted(
    **ABOUT,
    to_assignment_id="a2",
    to_incident_id="i2",
    reason="溆浦桥下有人落水",
    diverted_by="diao.lin",
    occurred_at=minute(25),
)
withdrawn = events.AssignmentWithdrawn(
    **ABOUT,
    withdrawal_id="w1",
    reason="管涌扩大，随时溃口",
    withdrawn_by="diao.lin",
    occurred_at=minute(30),
)
handed_over = events.CrewHandedOver(
    **ABOUT,
    outgoing="班长张",
    incoming="班长李",
    crew=6,
    briefing="东段已垒三层，缺编织袋",
    handed_over_by="diao.lin",
    occurred_at=minute(50),
)
mayday = events.MaydayDeclared(
    **ABOUT,
    situation="冲锋舟倾覆，两人落水",
    declared_by="crew.boat-1",
    source=Source.CREW,
    occurred_at=minute(28),
)
saved = events.MaydayResolved(
    **ABOUT, outcome="两人均已救起", resolved_by="diao.lin", occurred_at=minute(33)
)
rung = replace(requested, incident_type="11A01", occurred_at=minute(60), by_clock=True)
came_to_nothing = replace(held_by_another, occurred_at=minute(60.1), asks=True)
answered = events.RefusalAnswered(
    **ABOUT, answer="改派江市二号艇", answered_by="diao.lin", occurred_at=minute(62)
)

ALL: tuple[events.Event, ...] = (
    requested,
    held_by_another,
    dispatched,
    acknowledged,
    overdue,
    en_route,
    on_scene,
    cleared,
    declined,
    cancelled,
    moved,
    preplanned,
    staged,
    transporting,
    at_destination,
    acted,
    overridden,
    diverted,
    withdrawn,
    handed_over,
    mayday,
    saved,
    rung,
    came_to_nothing,
    answered,
)
SAID: Any = {"by": DISPATCHER, "assignment_id": "a1", "source": Source.UNSAID, "way": WAY}


def request(**changed: object) -> assignment.RequestAssignment:
    fields: dict[str, object] = {
        "by": DISPATCHER,
        "assignment_id": "a1",
        "incident_id": "i1",
        "unit_id": "boat-1",
        "destination": DYKE,
        "order": requested.order,
        "call_at": requested.call_at,
        "acknowledge_within_s": 90.0,
        "override_reason": "",
        "said": False,
        "occurred_at": NOW,
    }
    return assignment.RequestAssignment(**(fields | changed))  # type: ignore[arg-type]


def acknowledge(
    at: datetime = acknowledged.occurred_at, *, said: bool = True, by: Actor = DISPATCHER
) -> assignment.AcknowledgeAssignment:
    return assignment.AcknowledgeAssignment(**(SAID | {"by": by}), said=said, occurred_at=at)


def set_out(at: datetime = en_route.occurred_at, *, said: bool = True) -> assignment.RecordEnRoute:
    return assignment.RecordEnRoute(**SAID, said=said, occurred_at=at)


def arrive(at: datetime = on_scene.occurred_at, *, said: bool = True) -> assignment.RecordOnScene:
    return assignment.RecordOnScene(**SAID, said=said, occurred_at=at)


def clear(
    at: datetime = cleared.occurred_at, *, disposition: str = "堤段已加固", said: bool = True
) -> assignment.ClearAssignment:
    return assignment.ClearAssignment(**SAID, disposition=disposition, said=said, occurred_at=at)


decline = assignment.DeclineAssignment(
    by=DISPATCHER, assignment_id="a1", way=WAY, reason="发动机故障", occurred_at=minute(1.5)
)
cancel = assignment.CancelAssignment(
    by=DISPATCHER, assignment_id="a1", reason="险情解除", occurred_at=minute(3)
)
send = assignment.DispatchUnit(assignment_id="a1", unit_kind="boat", now=minute(0.1))
follow = assignment.MoveAssignment(
    assignment_id="a1", sources=frozenset({"i1"}), incident_id="i2", occurred_at=minute(5)
)
give_up = assignment.RefuseAssignment(
    assignment_id="a1",
    kind=held_by_another.kind,
    reason=held_by_another.reason,
    message=held_by_another.message,
    context=held_by_another.context,
    occurred_at=minute(0.1),
)
ring = assignment.RaiseOverdue(assignment_id="a1", due_at=dispatched.acknowledge_due_at)
