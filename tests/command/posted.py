"""The facts and wishes that the tests of the command post share."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from services.command.domain.incident import organisation, post, transfer
from services.command.domain.incident.roles import Kind
from services.runtime.actor import Actor
from tests.command.incidents import LI, NOW, RULES, ZHANG, person

TABLE = RULES.post

HEAD = person("head.anjiang", "431281102")
CHIEF, PREFECT = person("chief.wang"), person("prefect.hu", "431200")
DESK = Actor(subject="duty.wang", roles=("duty_officer",), jurisdiction="431281")
MACHINE = Actor(subject="service:command", roles=("service",), jurisdiction="000000")


def later(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


township = post.CommandEstablished(
    incident_id="i1",
    adcode="431281102",
    commander="head.anjiang",
    command_post="稔禾村村部",
    jurisdiction="431281102",
    occurred_at=NOW,
    effective_at=NOW,
)
decline = transfer.DeclineTransfer(
    by=ZHANG, incident_id="i1", transfer_id="x1", reason="在另一现场", occurred_at=NOW
)
declined = transfer.TransferDeclined(
    incident_id="i1",
    adcode="431281102",
    transfer_id="x1",
    outgoing="commander.li",
    incoming="mayor.zhang",
    proposed_by="commander.li",
    reason="在另一现场",
    occurred_at=NOW,
)
withdraw = transfer.WithdrawTransfer(
    by=LI, incident_id="i1", transfer_id="x1", reason="险情有变", occurred_at=NOW
)
withdrawn = transfer.TransferWithdrawn(
    incident_id="i1",
    adcode="431281102",
    transfer_id="x1",
    outgoing="commander.li",
    incoming="mayor.zhang",
    proposed_by="commander.li",
    reason="险情有变",
    occurred_at=NOW,
)
take = transfer.TakeCommand(by=PREFECT, incident_id="i1", reason="灾情扩大", occurred_at=NOW)
taken = transfer.CommandTaken(
    incident_id="i1",
    adcode="431281102",
    outgoing="commander.li",
    incoming="prefect.hu",
    instead_of="",
    jurisdiction="431200",
    reason="灾情扩大",
    concerned=("commander.li", "prefect.hu"),
    occurred_at=NOW,
    effective_at=NOW,
)
found = organisation.EstablishHeadquarters(
    by=LI,
    incident_id="i1",
    headquarters_id="h1",
    kind=Kind.GENERAL,
    name="洪江市抗洪抢险总指挥部",
    place="市应急指挥中心",
    parent_id="",
    head="mayor.zhang",
    occurred_at=NOW,
)
founded = organisation.HeadquartersEstablished(
    incident_id="i1",
    adcode="431281102",
    headquarters_id="h1",
    kind=Kind.GENERAL,
    name="洪江市抗洪抢险总指挥部",
    place="市应急指挥中心",
    parent_id="",
    head="mayor.zhang",
    head_role="commander_in_chief",
    title="总指挥",
    occurred_at=NOW,
    effective_at=NOW,
)
field = replace(
    founded,
    headquarters_id="h2",
    kind=Kind.FIELD,
    name="稔禾村现场指挥部",
    parent_id="h1",
    head="head.anjiang",
    head_role="field_commander",
    title="现场指挥长",
)
disband = organisation.CloseHeadquarters(
    by=LI, incident_id="i1", headquarters_id="h1", reason="响应终止", occurred_at=NOW
)
disbanded = organisation.HeadquartersClosed(
    incident_id="i1",
    adcode="431281102",
    headquarters_id="h1",
    name="洪江市抗洪抢险总指挥部",
    reason="响应终止",
    occurred_at=NOW,
    effective_at=NOW,
)
assign = organisation.AssignRole(
    by=LI,
    incident_id="i1",
    headquarters_id="",
    role="rescue_lead",
    subject="chief.wang",
    occurred_at=NOW,
)
assigned = organisation.RoleAssigned(
    incident_id="i1",
    adcode="431281102",
    headquarters_id="",
    role="rescue_lead",
    title="抢险救援组组长",
    subject="chief.wang",
    occurred_at=NOW,
    effective_at=NOW,
)
relieve = organisation.RelieveRole(
    by=LI,
    incident_id="i1",
    headquarters_id="",
    role="rescue_lead",
    subject="chief.wang",
    reason="轮换",
    occurred_at=NOW,
)
relieved = organisation.RoleRelieved(
    incident_id="i1",
    adcode="431281102",
    headquarters_id="",
    role="rescue_lead",
    title="抢险救援组组长",
    subject="chief.wang",
    reason="轮换",
    occurred_at=NOW,
    effective_at=NOW,
)
join = organisation.JoinUnifiedCommand(
    by=LI, incident_id="i1", agency="怀化市消防救援支队", member="chief.wang", occurred_at=NOW
)
joined = organisation.UnifiedCommandJoined(
    incident_id="i1",
    adcode="431281102",
    agency="怀化市消防救援支队",
    member="chief.wang",
    occurred_at=NOW,
    effective_at=NOW,
)
leave = organisation.LeaveUnifiedCommand(
    by=LI, incident_id="i1", agency="怀化市消防救援支队", reason="任务完成", occurred_at=NOW
)
left = organisation.UnifiedCommandLeft(
    incident_id="i1",
    adcode="431281102",
    agency="怀化市消防救援支队",
    member="chief.wang",
    reason="任务完成",
    occurred_at=NOW,
    effective_at=NOW,
)
EVENTS: list[post.Event] = [
    township,
    declined,
    withdrawn,
    taken,
    founded,
    field,
    disbanded,
    assigned,
    relieved,
    joined,
    left,
]
