"""What becomes of a report: verified, joined or rejected, once, by whose region it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.command.domain.casualties import Casualties
from services.command.domain.report import (
    INITIAL,
    Command,
    Event,
    JoinReport,
    RejectReport,
    ReportJoined,
    ReportRejected,
    ReportSubmitted,
    ReportVerified,
    Source,
    SubmitReport,
    VerifyReport,
    decide,
    evolve,
)
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
SETTLING: list[Command] = [verify, join, reject]


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
def test_a_report_of_another_region_is_not_ours_to_settle(command: Command) -> None:
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
