"""What becomes of a report: verified, joined or rejected, once, by whose region it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.command.domain.alert import Alert, MessageType
from services.command.domain.casualties import Casualties
from services.command.domain.report import (
    INITIAL,
    AcknowledgeOrder,
    Command,
    CorrectionAnnounced,
    Event,
    JoinReport,
    Order,
    OrderAcknowledged,
    RejectReport,
    ReportJoined,
    ReportRejected,
    ReportSubmitted,
    ReportSuperseded,
    ReportVerified,
    Source,
    SubmitReport,
    SupersedeReport,
    VerifyReport,
)
from services.command.domain.report_rules import decide, evolve
from services.runtime.actor import Actor
from services.runtime.place import Place
from tests.spec import spec

given = spec(decide, evolve, INITIAL)

THEN = datetime(2026, 6, 18, 1, 10, tzinfo=UTC)
NOW = datetime(2026, 6, 18, 1, 25, tzinfo=UTC)
OFFICER = Actor(subject="duty.wang", roles=("duty_officer",), jurisdiction="431281")
NEIGHBOUR = Actor(subject="officer.tuokou", roles=("duty_officer",), jurisdiction="431281103")
PLACE = Place(adcode="431281102", address="稔禾村")
HARMED = Casualties(trapped=2)

submit = SubmitReport(
    by=OFFICER,
    report_id="r1",
    source=Source.POLICE_110,
    reporter="村民",
    type_code="11D01",
    place=PLACE,
    casualties=HARMED,
    text="滑坡",
    occurred_at=THEN,
)
verify = VerifyReport(
    by=OFFICER,
    report_id="r1",
    incident_id="i1",
    title="安江滑坡",
    type_code="",
    occurred_at=NOW,
)
join = JoinReport(by=OFFICER, report_id="r1", incident_id="i1", occurred_at=NOW)
reject = RejectReport(by=OFFICER, report_id="r1", reason="误报", occurred_at=NOW)

submitted = ReportSubmitted(
    report_id="r1",
    source=Source.POLICE_110,
    reporter="村民",
    type_code="11D01",
    place=PLACE,
    casualties=HARMED,
    text="滑坡",
    callback="",
    order=None,
    alert=None,
    occurred_at=THEN,
)
verified = ReportVerified(
    report_id="r1",
    incident_id="i1",
    title="安江滑坡",
    type_code="11D01",
    place=PLACE,
    casualties=HARMED,
    reported_at=THEN,
    occurred_at=NOW,
)
joined = ReportJoined(
    report_id="r1", incident_id="i1", casualties=HARMED, reported_at=THEN, occurred_at=NOW
)
rejected = ReportRejected(report_id="r1", reason="误报", occurred_at=NOW)
Settling = VerifyReport | JoinReport | RejectReport
SETTLING: list[Settling] = [verify, join, reject]

ORDER = Order(
    issuer="怀化市应急管理局", number="怀应急〔2026〕18 号", reply_due_at=THEN + timedelta(hours=2)
)
ALERT = Alert(
    sender="qx.hongjiang",
    identifier="A1",
    sent_at=THEN,
    status="Actual",
    message_type=MessageType.ALERT,
    references=(),
    sender_name="洪江市气象台",
    event="暴雨",
    headline="暴雨蓝色预警",
    urgency="Expected",
    severity="Minor",
    certainty="Likely",
    color="Blue",
    onset_at=None,
    expires_at=None,
    document=b"<alert/>",
)
command_us = replace(submit, source=Source.UPSTREAM, order=ORDER)
commanded = replace(submitted, source=Source.UPSTREAM, order=ORDER)
acknowledge = AcknowledgeOrder(by=OFFICER, report_id="r1", occurred_at=NOW)
acknowledged = OrderAcknowledged(
    report_id="r1",
    issuer=ORDER.issuer,
    number=ORDER.number,
    acknowledged_by="duty.wang",
    occurred_at=NOW,
)
warn = replace(submit, source=Source.SYSTEM, alert=ALERT)
warned = replace(submitted, source=Source.SYSTEM, alert=ALERT)
supersede = SupersedeReport(report_id="r1", by_report_id="r2", occurred_at=NOW)
superseded = ReportSuperseded(report_id="r1", by_report_id="r2", occurred_at=NOW)


def test_a_report_is_taken_as_it_was_said() -> None:
    given().when(submit).then(submitted)


def test_a_report_is_never_submitted_twice() -> None:
    given(submitted).when(submit).then_refused("REPORT_EXISTS")


def test_verifying_carries_all_that_the_incident_needs() -> None:
    given(submitted).when(verify).then(verified)


def test_verifying_may_correct_the_type() -> None:
    given(submitted).when(replace(verify, type_code="11D02")).then(
        replace(verified, type_code="11D02")
    )


def test_joining_carries_what_was_said_and_when() -> None:
    given(submitted).when(join).then(joined)


def test_rejecting_says_why() -> None:
    given(submitted).when(reject).then(rejected)


@pytest.mark.parametrize("command", SETTLING)
def test_an_unknown_report_cannot_be_settled(command: Command) -> None:
    given().when(command).then_refused("NO_SUCH_REPORT")


@pytest.mark.parametrize("command", SETTLING)
def test_a_report_of_another_region_is_not_ours_to_settle(command: Settling) -> None:
    given(submitted).when(replace(command, by=NEIGHBOUR)).then_refused("OUTSIDE_JURISDICTION")


@pytest.mark.parametrize(
    ("event", "command"), [(verified, verify), (joined, join), (verified, join), (rejected, reject)]
)
def test_settling_again_the_same_way_changes_nothing(event: Event, command: Command) -> None:
    given(submitted, event).when(command).then()


@pytest.mark.parametrize(
    ("event", "command", "reason"),
    [
        (verified, replace(verify, incident_id="i2"), "REPORT_IN_INCIDENT"),
        (verified, replace(join, incident_id="i2"), "REPORT_IN_INCIDENT"),
        (verified, reject, "REPORT_IN_INCIDENT"),
        (joined, verify, "REPORT_IN_INCIDENT"),
        (joined, replace(join, incident_id="i2"), "REPORT_IN_INCIDENT"),
        (joined, reject, "REPORT_IN_INCIDENT"),
        (rejected, verify, "REPORT_REJECTED"),
        (rejected, join, "REPORT_REJECTED"),
    ],
)
def test_settling_another_way_is_refused(event: Event, command: Command, reason: str) -> None:
    given(submitted, event).when(command).then_refused(reason)


@pytest.mark.parametrize("event", [verified, joined, rejected])
def test_a_settled_report_stays_settled_whatever_history_says(event: Event) -> None:
    for later in (submitted, verified, joined, rejected):
        given(submitted, event, later).when(replace(join, incident_id="i9")).then_refused(
            "REPORT_REJECTED" if event is rejected else "REPORT_IN_INCIDENT"
        )


def test_a_callback_number_is_kept() -> None:
    given().when(replace(submit, callback="13800000000")).then(
        replace(submitted, callback="13800000000")
    )


def test_a_report_is_joined_where_it_came_with_another_incident() -> None:
    """Its incident was merged into the one that it is joined to: nothing is left to do."""
    given(submitted, joined).when(replace(join, incident_id="i2", attached=True)).then()


def test_an_order_counts_once_whoever_brings_it() -> None:
    given(commanded).when(replace(command_us, by=NEIGHBOUR, occurred_at=NOW)).then()


def test_an_order_of_the_same_number_that_says_otherwise_is_refused() -> None:
    given(commanded).when(replace(command_us, text="撤离")).then_refused("ORDER_EXISTS")


def test_the_upstream_sees_when_its_order_was_read_and_by_whom_first() -> None:
    given(commanded).when(acknowledge).then(acknowledged)
    later = replace(acknowledge, by=replace(OFFICER, subject="duty.li"), occurred_at=NOW)
    given(commanded, acknowledged).when(later).then()


@pytest.mark.parametrize("settlement", [verified, joined, rejected])
def test_an_order_is_acknowledged_whatever_became_of_it(settlement: Event) -> None:
    given(commanded, settlement).when(acknowledge).then(acknowledged)
    given(commanded, settlement, acknowledged).when(acknowledge).then()


def test_only_an_order_of_ones_own_region_is_acknowledged() -> None:
    given(submitted).when(acknowledge).then_refused("NOT_AN_ORDER")
    given(commanded).when(replace(acknowledge, by=NEIGHBOUR)).then_refused("OUTSIDE_JURISDICTION")
    given().when(acknowledge).then_refused("NO_SUCH_REPORT")
    given(superseded).when(acknowledge).then_refused("NO_SUCH_REPORT")


def test_the_same_alert_counts_once_and_another_of_its_name_is_refused() -> None:
    given(warned).when(replace(warn, by=NEIGHBOUR)).then()
    other = replace(warn, alert=replace(ALERT, document=b"<alert>other</alert>"))
    given(warned).when(other).then_refused("ALERT_EXISTS")


def test_a_correction_tells_what_it_corrects() -> None:
    given().when(replace(warn, report_id="r2", corrects=("r1",))).then(
        replace(warned, report_id="r2"),
        CorrectionAnnounced(report_id="r2", corrects=("r1",), occurred_at=THEN),
    )


def test_what_was_corrected_stays_on_record_and_is_not_settled_any_more() -> None:
    given(warned).when(supersede).then(superseded)
    given(warned, superseded).when(supersede).then()
    for command in SETTLING:
        given(warned, superseded).when(command).then_refused("REPORT_SUPERSEDED")


@pytest.mark.parametrize("settlement", [verified, joined, rejected])
def test_what_was_settled_before_it_was_corrected_stays_settled(settlement: Event) -> None:
    given(warned, settlement).when(supersede).then(superseded)
    given(warned, settlement, superseded).when(supersede).then()
    settlers: dict[type[Event], Command] = {
        ReportVerified: verify,
        ReportJoined: join,
        ReportRejected: reject,
    }
    given(warned, settlement, superseded).when(settlers[type(settlement)]).then()


def test_a_correction_that_overtakes_what_it_corrects_holds_when_that_comes() -> None:
    given().when(supersede).then(superseded)
    given(superseded).when(warn).then(warned, replace(superseded, occurred_at=THEN))
    given(superseded).when(verify).then_refused("NO_SUCH_REPORT")
    given(superseded, warned, superseded).when(verify).then_refused("REPORT_SUPERSEDED")
