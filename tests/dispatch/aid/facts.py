"""Facts of one night's mutual aid, for every test that needs some."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.dispatch.domain.aid import commands, events
from services.dispatch.domain.aid.events import (
    Authority,
    Direction,
    Ending,
    Item,
    Reply,
    Unit,
    UnitState,
)
from services.runtime.actor import Actor
from tests.dispatch.facts import DISPATCHER, DYKE, NOW, minute

US = Authority(adcode="431281", name="洪江市", contact="0745-110", here=True)
HUITONG = Authority(adcode="431225", name="会同县", contact="李主任", here=False)
ZHONGFANG = Authority(adcode="431221", name="中方县", contact="", here=False)
PARTNER = Actor(subject="huitong.li", roles=("partner",), jurisdiction="431225")
OTHER = Actor(subject="zhongfang.zhou", roles=("partner",), jurisdiction="431221")
STRANGER = Actor(subject="suining.he", roles=("partner",), jurisdiction="430527")
UNTIL = NOW + timedelta(hours=24)
BOATS = Item(item_id="boats", kind="boat", capabilities=("swift_water",), quantity=2, note="")
ABOUT: Any = {"aid_id": "aid1", "incident_id": "i1", "adcode": "431281"}
TOLD: Any = {**ABOUT, "helper": "431225", "spoken_by": ""}


def boat(number: int, **changed: Any) -> Unit:
    unit = Unit(
        unit_id=f"boat-{number}",
        item_id="boats",
        name=f"会同冲锋舟{number}号",
        kind="boat",
        capabilities=("swift_water",),
        staffing=4,
        contact="",
        arrives_at=minute(60),
    )
    return replace(unit, **changed)


requested = events.AidRequested(
    **ABOUT,
    direction=Direction.INCOMING,
    requester=US,
    recipients=(HUITONG, ZHONGFANG),
    place=DYKE,
    items=(BOATS,),
    until=UNTIL,
    reply_due_at=minute(15),
    reason="安江大堤险情，冲锋舟不足",
    requested_by="diao.lin",
    rings=True,
    spoken_by="",
    occurred_at=NOW,
)
offered = events.AidOffered(
    **ABOUT,
    direction=Direction.INCOMING,
    requester=US,
    helper=HUITONG,
    place=DYKE,
    items=(BOATS,),
    until=UNTIL,
    reason="我县冲锋舟可支援",
    offered_by="huitong.li",
    rings=True,
    spoken_by="",
    occurred_at=NOW,
)
acknowledged = events.AidAnswered(
    **TOLD, reply=Reply.ACKNOWLEDGE, reason="", late=False, occurred_at=minute(1)
)
accepted = events.AidAnswered(
    **TOLD, reply=Reply.ACCEPT, reason="", late=False, occurred_at=minute(2)
)
declined = events.AidAnswered(
    **TOLD, reply=Reply.DECLINE, reason="本县亦有险情", late=False, occurred_at=minute(3)
)
requisitioned = events.AidRequisitioned(**TOLD, items={"boats": 1}, occurred_at=minute(4))
committed = events.AidCommitted(
    **TOLD, units=(boat(1),), over_committed=False, occurred_at=minute(5)
)
set_out = events.AidUnitReported(
    **TOLD,
    unit_id="boat-1",
    unit_state=UnitState.EN_ROUTE,
    note="",
    late=False,
    occurred_at=minute(10),
)
arrived = replace(set_out, unit_state=UnitState.ARRIVED, occurred_at=minute(50))
withdrawn = replace(
    set_out, unit_state=UnitState.WITHDRAWN, note="发动机故障", occurred_at=minute(12)
)
released = events.AidUnitsReleased(
    **TOLD, unit_ids=("boat-1",), reason="险情解除", occurred_at=minute(300)
)
home = replace(set_out, unit_state=UnitState.RETURNED, occurred_at=minute(360))
status_asked = events.AidStatusRequested(
    **ABOUT,
    helper="431225",
    question="冲锋舟到哪里了",
    asked_by="diao.lin",
    occurred_at=minute(30),
)
return_asked = events.AidReturnRequested(
    **TOLD, unit_ids=("boat-1",), reason="本县起水", occurred_at=minute(120)
)
return_answered = events.AidReturnAnswered(
    **TOLD, reply=Reply.ACCEPT, reason="", occurred_at=minute(125)
)
longer_asked = events.AidExtensionRequested(
    **TOLD, until=UNTIL + timedelta(hours=12), reason="洪峰推迟", occurred_at=minute(200)
)
longer_answered = events.AidExtensionAnswered(
    **TOLD,
    reply=Reply.ACCEPT,
    until=UNTIL + timedelta(hours=12),
    reason="",
    occurred_at=minute(205),
)
answer_overdue = events.AidAnswerOverdue(
    **ABOUT, helpers=("431225", "431221"), occurred_at=minute(15)
)
term_ended = events.AidTermEnded(**ABOUT, helper="431225", unit_ids=("boat-1",), occurred_at=UNTIL)
cancelled = events.AidEnded(
    **ABOUT, ending=Ending.CANCELLED, reason="险情解除", occurred_at=minute(20)
)
completed = replace(cancelled, ending=Ending.COMPLETED, occurred_at=minute(400))
expired = replace(cancelled, ending=Ending.EXPIRED, reason="", occurred_at=UNTIL)
moved = events.AidMoved(
    **{**ABOUT, "incident_id": "i2"}, from_incident_id="i1", occurred_at=minute(30)
)

ALL: tuple[events.Event, ...] = (
    requested,
    offered,
    accepted,
    requisitioned,
    committed,
    arrived,
    status_asked,
    released,
    return_asked,
    return_answered,
    longer_asked,
    longer_answered,
    answer_overdue,
    term_ended,
    cancelled,
    moved,
)
SAID: Any = {"by": PARTNER, "aid_id": "aid1", "helper": "431225", "spoken_by": ""}
ASKED: Any = {"by": DISPATCHER, "aid_id": "aid1", "helper": "431225", "spoken_by": ""}


def request(**changed: Any) -> commands.RequestAid:
    command = commands.RequestAid(
        by=DISPATCHER,
        aid_id="aid1",
        incident_id="i1",
        direction=Direction.INCOMING,
        requester=US,
        recipients=(HUITONG, ZHONGFANG),
        place=DYKE,
        items=(BOATS,),
        until=UNTIL,
        reply_due_at=minute(15),
        rings=True,
        reason=requested.reason,
        spoken_by="",
        occurred_at=NOW,
    )
    return replace(command, **changed)


def offer(**changed: Any) -> commands.OfferAid:
    command = commands.OfferAid(
        by=PARTNER,
        aid_id="aid1",
        incident_id="i1",
        direction=Direction.INCOMING,
        requester=US,
        helper=HUITONG,
        place=DYKE,
        items=(BOATS,),
        until=UNTIL,
        rings=True,
        reason=offered.reason,
        spoken_by="",
        occurred_at=NOW,
    )
    return replace(command, **changed)


def answer(reply: Reply, at: float, reason: str = "", **changed: Any) -> commands.AnswerAid:
    command = commands.AnswerAid(**SAID, reply=reply, reason=reason, occurred_at=minute(at))
    return replace(command, **changed)


def commit(*units: Unit, at: float = 5, **changed: Any) -> commands.CommitAid:
    command = commands.CommitAid(**SAID, units=units or (boat(1),), occurred_at=minute(at))
    return replace(command, **changed)


def report(state: UnitState, at: float, note: str = "", **changed: Any) -> commands.ReportUnit:
    command = commands.ReportUnit(
        **SAID, unit_id="boat-1", unit_state=state, note=note, occurred_at=minute(at)
    )
    return replace(command, **changed)


def let_go(*unit_ids: str, at: float = 300, **changed: Any) -> commands.ReleaseUnits:
    command = commands.ReleaseUnits(
        **ASKED, unit_ids=unit_ids, reason="险情解除", occurred_at=minute(at)
    )
    return replace(command, **changed)


def want_back(*unit_ids: str) -> commands.RequestReturn:
    return commands.RequestReturn(
        **SAID, unit_ids=unit_ids, reason="本县起水", occurred_at=minute(120)
    )


def cancel(at: float = 20, **changed: Any) -> commands.CancelAid:
    command = commands.CancelAid(
        by=DISPATCHER, aid_id="aid1", reason="险情解除", spoken_by="", occurred_at=minute(at)
    )
    return replace(command, **changed)
