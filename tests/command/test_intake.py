"""Intake over real gRPC: alerts and orders count once, and what is likely the same is offered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from anlan.command.v1 import report_service_pb2 as pb
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from services.command.codec import REPORT
from services.command.domain import report as report_domain
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.store import EventStore
from tests.command.test_cap import LANDSLIDE
from tests.service import Caller, Service, Tokens, refusal, request_id

NOW = datetime.now(UTC).replace(microsecond=0)
BEIJING = timedelta(hours=8)


@dataclass(frozen=True)
class Desk:
    reports: Any
    officer: Caller

    async def submit(self, **more: Any) -> pb.SubmitReportResponse:
        answer: pb.SubmitReportResponse = await self.reports.SubmitReport(
            report(**more), metadata=self.officer.metadata
        )
        return answer

    async def verified(self, **more: Any) -> tuple[str, str]:
        submitted = await self.submit(**more)
        verified = await self.reports.VerifyReport(
            pb.VerifyReportRequest(
                request_id=request_id(), report_id=submitted.report_id, title="安江滑坡"
            ),
            metadata=self.officer.metadata,
        )
        return submitted.report_id, verified.incident_id

    async def get(self, report_id: str, position: int) -> pb.Report:
        answer = await self.reports.GetReport(
            pb.GetReportRequest(
                report_id=report_id, read=read_pb2.ReadOptions(min_position=position)
            ),
            metadata=self.officer.metadata,
        )
        found: pb.Report = answer.report
        return found

    async def alert(self, document: bytes, **more: Any) -> pb.SubmitCapAlertResponse:
        answer: pb.SubmitCapAlertResponse = await self.reports.SubmitCapAlert(
            pb.SubmitCapAlertRequest(request_id=request_id(), document=document, **more),
            metadata=self.officer.metadata,
        )
        return answer


@pytest.fixture
async def desk(command: Service, tokens: Tokens) -> AsyncIterator[Desk]:
    async with command.channel() as channel:
        yield Desk(
            ReportServiceStub(channel),
            tokens.caller("duty.wang", "duty_officer"),
        )


def stamp(moment: datetime) -> Timestamp:
    written = Timestamp()
    written.FromDatetime(moment)
    return written


def place(north_m: float = 0, latitude: float = 27.3) -> place_pb2.Place:
    point = place_pb2.Point(latitude=latitude + north_m / 111_195, longitude=110.1)
    return place_pb2.Place(adcode="431281102", address="稔禾村", point=point)


def report(**more: Any) -> pb.SubmitReportRequest:
    fields: dict[str, Any] = {
        "request_id": request_id(),
        "source": pb.REPORT_SOURCE_POLICE_110,
        "reporter": "村民",
        "type_code": "11D01",
        "place": place(),
        "text": "屋后山体滑坡",
        "occur_time": stamp(NOW),
    }
    return pb.SubmitReportRequest(**{**fields, **more})


def alert(identifier: str, kind: str = "Alert", references: str = "") -> bytes:
    """Return the monitor's alert of this minute under another name."""
    sent = (NOW + BEIJING).strftime("%Y-%m-%dT%H:%M:%S+08:00")
    text = LANDSLIDE.decode().replace("HJ-GEO-0618-7", identifier)
    text = text.replace("2026-06-18T03:16:00+08:00", sent)
    text = text.replace("<msgType>Alert", f"<msgType>{kind}")
    if references:
        said = f"</scope><references>{references}</references>"
        text = text.replace("</scope>", said)
    return text.encode()


def named(identifier: str) -> str:
    sent = (NOW + BEIJING).strftime("%Y-%m-%dT%H:%M:%S+08:00")
    return f"monitor@geo.hongjiang.example,{identifier},{sent}"


# Likely duplicates.


async def test_three_calls_about_one_landslide_are_offered_and_not_joined(desk: Desk) -> None:
    """A villager, a township officer eight minutes later, and a sensor."""
    here = place(latitude=27.02)
    first, incident_id = await desk.verified(place=here)
    second = await desk.submit(
        source=pb.REPORT_SOURCE_INFORMATION_OFFICER,
        place=place(400, 27.02),
        occur_time=stamp(NOW - timedelta(minutes=6)),
        offer_duplicates=5,
    )

    [offered] = second.likely_duplicates
    assert (offered.incident_id, offered.report_id) == (incident_id, first)
    assert offered.title == "安江滑坡"
    assert offered.distance_metres == pytest.approx(400, abs=1)
    assert offered.minutes_apart == 6
    assert offered.type_relation == pb.TYPE_RELATION_SAME
    assert list(offered.likenesses) == [pb.LIKENESS_NEAR]
    assert offered.reason == "400 m, 6 min, same type"
    found = await desk.get(second.report_id, second.position)
    assert found.state == pb.REPORT_STATE_RECEIVED

    third = await desk.submit(
        source=pb.REPORT_SOURCE_SENSOR,
        type_code="11D02",
        place=place(100, 27.02),
        offer_duplicates=5,
    )
    assert [one.incident_id for one in third.likely_duplicates] == [incident_id, ""]
    assert third.likely_duplicates[1].report_id == second.report_id


async def test_of_an_incident_the_nearest_report_counts_and_its_own_do_not(desk: Desk) -> None:
    own, incident_id = await desk.verified(place=place(0, 27.06))
    nearer = await desk.submit(place=place(300, 27.06))
    joined = await desk.reports.JoinReport(
        pb.JoinReportRequest(
            request_id=request_id(), report_id=nearer.report_id, incident_id=incident_id
        ),
        metadata=desk.officer.metadata,
    )
    asked = await desk.submit(place=place(350, 27.06))

    async def found(report_id: str) -> list[pb.LikelyDuplicate]:
        answer = await desk.reports.FindLikelyDuplicates(
            pb.FindLikelyDuplicatesRequest(
                report_id=report_id,
                read=read_pb2.ReadOptions(min_position=max(asked.position, joined.position)),
            ),
            metadata=desk.officer.metadata,
        )
        return list(answer.likely_duplicates)

    [one] = await found(asked.report_id)
    assert (one.incident_id, one.report_id) == (incident_id, nearer.report_id)
    assert [other.report_id for other in await found(own)] == [asked.report_id]


async def test_without_a_point_the_township_counts(desk: Desk) -> None:
    nowhere = place_pb2.Place(adcode="431281107", address="沅河镇")
    first = await desk.submit(place=nowhere)
    second = await desk.submit(place=nowhere, offer_duplicates=5)
    [offered] = second.likely_duplicates
    assert offered.report_id == first.report_id
    assert not offered.HasField("distance_metres")
    assert list(offered.likenesses) == [pb.LIKENESS_SAME_TOWNSHIP]


async def test_who_calls_twice_is_recognised_by_the_number(desk: Desk) -> None:
    number = "13977788899"
    first = await desk.submit(place=place(0, 27.10), callback=number)
    second = await desk.submit(
        place=place_pb2.Place(adcode="431281103"),
        type_code="12H00",
        callback=number,
        offer_duplicates=5,
    )
    [offered] = second.likely_duplicates
    assert offered.report_id == first.report_id
    assert list(offered.likenesses) == [pb.LIKENESS_SAME_CALLER]
    assert (await desk.get(first.report_id, second.position)).callback == number


async def test_what_is_rejected_or_of_a_drill_is_not_offered(desk: Desk) -> None:
    false = await desk.submit(place=place(0, 27.14))
    await desk.reports.RejectReport(
        pb.RejectReportRequest(request_id=request_id(), report_id=false.report_id, reason="误报"),
        metadata=desk.officer.metadata,
    )
    await desk.reports.SubmitReport(
        report(place=place(0, 27.14)),
        metadata=Caller(desk.officer.token, exercise="flood-2026").metadata,
    )
    asked = await desk.submit(place=place(0, 27.14), offer_duplicates=5)
    assert list(asked.likely_duplicates) == []


async def test_likeness_of_an_unknown_report_is_not_found(desk: Desk) -> None:
    refused = await refusal(
        desk.reports.FindLikelyDuplicates(
            pb.FindLikelyDuplicatesRequest(report_id="nowhere"), metadata=desk.officer.metadata
        )
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NO_SUCH_REPORT")


# Alerts.


async def test_the_same_alert_counts_once_whoever_brings_it(desk: Desk, tokens: Tokens) -> None:
    document = alert(str(uuid4()))
    first = await desk.alert(document)
    again = await desk.reports.SubmitCapAlert(
        pb.SubmitCapAlertRequest(request_id=request_id(), document=document),
        metadata=tokens.caller("geo.gateway", "information_officer").metadata,
    )

    assert (again.report_id, again.position) == (first.report_id, first.position)
    found = await desk.get(first.report_id, first.position)
    assert found.source == pb.REPORT_SOURCE_SYSTEM
    assert found.alert.sender == "monitor@geo.hongjiang.example"
    assert found.alert.severity == "Severe"
    other = await refusal(desk.alert(document.replace("42 毫米".encode(), "43 毫米".encode())))
    assert other.reason == "ALERT_EXISTS"


async def test_an_update_supersedes_and_erases_nothing(desk: Desk) -> None:
    one, two, three = (str(uuid4()) for _ in range(3))
    first = await desk.alert(alert(one))
    second = await desk.alert(alert(two, "Update", named(one)))
    third = await desk.alert(alert(three, "Cancel", f"{named(one)} {named(two)}"))

    assert list(second.superseded_report_ids) == [first.report_id]
    found = await desk.get(first.report_id, third.position)
    assert found.state == pb.REPORT_STATE_SUPERSEDED
    assert found.superseded_by == third.report_id
    assert found.alert.identifier == one
    newest = await desk.get(third.report_id, third.position)
    assert newest.state == pb.REPORT_STATE_RECEIVED
    assert list(newest.superseded_report_ids) == [first.report_id, second.report_id]
    refused = await refusal(
        desk.reports.VerifyReport(
            pb.VerifyReportRequest(
                request_id=request_id(), report_id=first.report_id, title="滑坡"
            ),
            metadata=desk.officer.metadata,
        )
    )
    assert (refused.reason, refused.metadata["superseded_by"]) == (
        "REPORT_SUPERSEDED",
        third.report_id,
    )


async def test_an_update_that_overtakes_its_alert_holds_when_that_comes(desk: Desk) -> None:
    one, two = str(uuid4()), str(uuid4())
    update = await desk.alert(alert(two, "Update", named(one)))
    assert [reference.split(",")[1] for reference in update.unknown_references] == [one]

    late = await desk.alert(alert(one))

    found = await desk.get(late.report_id, late.position)
    assert (found.state, found.superseded_by) == (pb.REPORT_STATE_SUPERSEDED, update.report_id)


async def test_an_alert_that_corrects_what_is_in_an_incident_is_offered_to_it(desk: Desk) -> None:
    one, two = str(uuid4()), str(uuid4())
    first = await desk.alert(alert(one))
    verified = await desk.reports.VerifyReport(
        pb.VerifyReportRequest(request_id=request_id(), report_id=first.report_id, title="滑坡"),
        metadata=desk.officer.metadata,
    )
    update = await desk.alert(alert(two, "Update", named(one)), offer_duplicates=1)

    [offered] = update.likely_duplicates
    assert (offered.incident_id, offered.score) == (verified.incident_id, 1.0)
    assert offered.likenesses[0] == pb.LIKENESS_REFERRED_TO


async def test_a_correction_that_nobody_finished_is_finished_by_the_next(
    desk: Desk, command: Service
) -> None:
    """The process dies between the report that corrects and the one that is corrected."""
    first = await desk.submit()
    later = str(uuid4())
    store = EventStore(command.environment["ANLAN_ESDB_URI"])
    await store.connect()
    try:
        handler = CommandHandler(store, REPORT)
        actor = Actor(subject="geo", roles=("information_officer",), jurisdiction="431281")
        state = await handler.state(first.report_id)
        assert isinstance(state, report_domain.Received)
        correct = report_domain.SubmitReport(
            by=actor,
            report_id=later,
            source=report_domain.Source.SYSTEM,
            reporter="geo",
            type_code="11D01",
            place=state.said.place,
            casualties=state.said.casualties,
            text="更正",
            corrects=(first.report_id,),
            occurred_at=NOW,
        )
        command_id = uuid4()
        cause = Cause(
            command_id=command_id,
            causation_id=str(command_id),
            correlation_id=later,
            actor=actor,
        )
        await handler.handle(later, correct, cause)
        async with asyncio.timeout(20):
            while True:
                events = await store.read(f"report-{first.report_id}")
                if len(events) > 1:
                    break
                await asyncio.sleep(0.05)
    finally:
        await store.close()
    assert events[1].type == "ReportSuperseded.v1"


async def test_what_is_wrong_with_an_alert_is_named_and_leaves_no_event(desk: Desk) -> None:
    refused = await refusal(desk.alert(alert("x").replace(b"Immediate", b"Soon")))
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "CAP_VALUE_UNKNOWN",
    )
    assert refused.fields == ("alert.info.urgency",)
    large = await refusal(desk.alert(b"<alert>" + b" " * 262_144))
    assert (large.reason, large.fields) == ("INVALID_FIELD", ("document",))


async def test_an_alert_of_another_region_is_not_ours(desk: Desk, tokens: Tokens) -> None:
    stranger = tokens.caller("geo.tuokou", "information_officer", "431281103")
    refused = await refusal(
        desk.reports.SubmitCapAlert(
            pb.SubmitCapAlertRequest(request_id=request_id(), document=alert("y")),
            metadata=stranger.metadata,
        )
    )
    assert refused.reason == "OUTSIDE_JURISDICTION"


# Orders.


async def test_the_upstream_sees_when_its_order_was_read(desk: Desk, tokens: Tokens) -> None:
    number = f"怀应急〔2026〕{uuid4()}"
    order = pb.Order(
        issuer="怀化市应急管理局",
        number=number,
        reply_due_time=stamp(NOW + timedelta(hours=2)),
    )
    upstream = tokens.caller("huaihua.duty", "duty_officer", "431200")
    request = report(source=pb.REPORT_SOURCE_UPSTREAM, order=order, text="请核实并续报")
    sent = await desk.reports.SubmitReport(request, metadata=upstream.metadata)
    request.request_id = request_id()
    again = await desk.reports.SubmitReport(request, metadata=upstream.metadata)
    assert again.report_id == sent.report_id

    listing = pb.ListReportsRequest(
        unacknowledged_orders=True,
        source=pb.REPORT_SOURCE_UPSTREAM,
        read=read_pb2.ReadOptions(min_position=sent.position),
    )
    waiting = await desk.reports.ListReports(listing, metadata=desk.officer.metadata)
    assert sent.report_id in {one.report_id for one in waiting.reports}
    acknowledged = await desk.reports.AcknowledgeOrder(
        pb.AcknowledgeOrderRequest(request_id=request_id(), report_id=sent.report_id),
        metadata=desk.officer.metadata,
    )

    found = await desk.get(sent.report_id, acknowledged.position)
    assert found.order == order
    assert found.order_acknowledged_by == "duty.wang"
    assert found.order_acknowledge_time.ToDatetime(UTC) >= NOW
    listing.read.min_position = acknowledged.position
    waiting = await desk.reports.ListReports(listing, metadata=desk.officer.metadata)
    assert sent.report_id not in {one.report_id for one in waiting.reports}


async def test_what_is_no_order_is_not_acknowledged(desk: Desk) -> None:
    plain = await desk.submit()
    refused = await refusal(
        desk.reports.AcknowledgeOrder(
            pb.AcknowledgeOrderRequest(request_id=request_id(), report_id=plain.report_id),
            metadata=desk.officer.metadata,
        )
    )
    assert refused.reason == "NOT_AN_ORDER"


BAD = {
    "an order from a villager": report(order=pb.Order(issuer="x", number="1")),
    "an alert by hand": report(source=pb.REPORT_SOURCE_SYSTEM),
    "a number that is none": report(callback="call me"),
    "an order without a number": report(
        source=pb.REPORT_SOURCE_UPSTREAM, order=pb.Order(issuer="x")
    ),
    "too many offers": report(offer_duplicates=51),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_intake_is_refused(desk: Desk, name: str) -> None:
    refused = await refusal(desk.reports.SubmitReport(BAD[name], metadata=desk.officer.metadata))
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELD",
    )


# Watching.


async def test_a_watch_shows_each_report_that_changes_and_resumes(desk: Desk) -> None:
    before = await desk.submit()
    watch = desk.reports.WatchReports(
        pb.WatchReportsRequest(resume_position=before.position, adcode="431281102"),
        metadata=desk.officer.metadata,
    )
    submitted = await desk.submit()
    rejected = await desk.reports.RejectReport(
        pb.RejectReportRequest(
            request_id=request_id(), report_id=submitted.report_id, reason="误报"
        ),
        metadata=desk.officer.metadata,
    )

    async with asyncio.timeout(10):
        async for news in watch:
            if news.report.state == pb.REPORT_STATE_REJECTED:
                break
    watch.cancel()

    assert news.report.report_id == submitted.report_id
    assert news.position == rejected.position
