"""The law's clocks over real gRPC: the board, a clock's history, findings, and what meets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from anlan.command.v1 import deadline_service_pb2 as pb
from anlan.command.v1 import fact_service_pb2 as fact_pb
from anlan.command.v1 import figure_pb2 as figure_pb
from anlan.command.v1 import incident_service_pb2 as incident_pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1 import situation_report_pb2 as sent_pb
from anlan.command.v1.deadline_service_pb2_grpc import DeadlineServiceStub
from anlan.command.v1.fact_service_pb2_grpc import FactServiceStub
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from tests.service import Caller, Service, Tokens, refusal, request_id

NAMES = {"disaster-initial": "灾情初报", "disaster-leaders": "灾情报本级党委政府"}


@dataclass(frozen=True)
class Api:
    reports: Any
    incidents: Any
    facts: Any
    deadlines: Any
    officer: Caller


@pytest.fixture
async def api(command: Service, tokens: Tokens) -> AsyncIterator[Api]:
    async with command.channel() as channel:
        yield Api(
            ReportServiceStub(channel),
            IncidentServiceStub(channel),
            FactServiceStub(channel),
            DeadlineServiceStub(channel),
            tokens.caller("duty.wang", "duty_officer"),
        )


def ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


async def opened(api: Api, said_at: datetime, type_code: str = "11D01") -> tuple[str, int]:
    """Open an incident whose first report was said then."""
    submit = report_pb.SubmitReportRequest(
        request_id=request_id(),
        source=report_pb.REPORT_SOURCE_POLICE_110,
        reporter="村民 13800000000",
        type_code=type_code,
        place=place_pb2.Place(adcode="431281102"),
        text="屋后山体滑坡",
    )
    submit.occur_time.FromDatetime(said_at)
    submitted = await api.reports.SubmitReport(submit, metadata=api.officer.metadata)
    verified = await api.reports.VerifyReport(
        report_pb.VerifyReportRequest(
            request_id=request_id(), report_id=submitted.report_id, title="安江滑坡"
        ),
        metadata=api.officer.metadata,
    )
    return verified.incident_id, verified.position


async def board(api: Api, position: int, **filters: Any) -> pb.ListDeadlinesResponse:
    request = pb.ListDeadlinesRequest(read=read_pb2.ReadOptions(min_position=position), **filters)
    answer: pb.ListDeadlinesResponse = await api.deadlines.ListDeadlines(
        request, metadata=api.officer.metadata
    )
    return answer


def notice(incident_id: str, said_at: datetime, **more: Any) -> pb.RecordNoticeRequest:
    fields: dict[str, Any] = {
        "request_id": request_id(),
        "incident_id": incident_id,
        "party": pb.REPORTING_PARTY_COUNTY,
        "recipient": "怀化市应急管理局",
        "means": sent_pb.SENDING_MEANS_PHONE,
        "text": "电话快报",
    }
    request = pb.RecordNoticeRequest(**{**fields, **more})
    request.occur_time.FromDatetime(said_at)
    return request


async def test_the_board_shows_what_is_due_and_how_old_it_is(api: Api) -> None:
    said_at = ago(10).replace(microsecond=0)
    incident_id, position = await opened(api, said_at)

    answer = await board(api, position, incident_id=incident_id)

    assert {one.clock: one.name for one in answer.deadlines} == NAMES
    first = answer.deadlines[0]
    assert first.state == pb.DEADLINE_STATE_OPEN
    assert first.start_time.ToDatetime(UTC) == said_at
    assert first.due_time.ToDatetime(UTC) == said_at + timedelta(hours=2)
    assert first.incident_title == "安江滑坡"
    assert first.incident_state == incident_pb.INCIDENT_STATE_VERIFIED
    assert answer.freshness.position >= position
    assert answer.freshness.HasField("event_time")


async def test_the_board_is_read_in_pages_by_what_is_asked(api: Api) -> None:
    early, _ = await opened(api, ago(40))
    late, position = await opened(api, ago(20))
    mine = {early, late}

    async def pages(**filters: Any) -> list[pb.Deadline]:
        found: list[pb.Deadline] = []
        token = ""
        while True:
            answer = await board(api, position, page_size=1, page_token=token, **filters)
            found += [one for one in answer.deadlines if one.incident_id in mine]
            token = answer.next_page_token
            if not token:
                return found

    whole = await pages(adcode="431281")
    leaders = await pages(recipient="county_government")
    met = await pages(states=[pb.DEADLINE_STATE_MET])
    townships = await pages(owed_by=pb.REPORTING_PARTY_TOWNSHIP)
    elsewhere = await pages(adcode="431281103")
    soon = pb.ListDeadlinesRequest(read=read_pb2.ReadOptions(min_position=position))
    soon.due_before.FromDatetime(ago(-90))
    due_soon = await api.deadlines.ListDeadlines(soon, metadata=api.officer.metadata)

    assert [one.incident_id for one in whole] == [early, early, late, late]
    assert {one.clock for one in leaders} == {"disaster-leaders"}
    assert met == townships == elsewhere == []
    assert late not in {one.incident_id for one in due_soon.deadlines}


async def test_a_clock_that_was_met_has_its_evidence_and_its_history(api: Api) -> None:
    incident_id, _ = await opened(api, ago(30))
    told = await api.deadlines.RecordNotice(
        notice(incident_id, ago(5)), metadata=api.officer.metadata
    )

    found = await api.deadlines.GetDeadline(
        pb.GetDeadlineRequest(
            incident_id=incident_id,
            deadline_id="disaster-initial-1",
            read=read_pb2.ReadOptions(min_position=told.position),
        ),
        metadata=api.officer.metadata,
    )
    left = await board(api, told.position, incident_id=incident_id)

    assert found.deadline.state == pb.DEADLINE_STATE_MET
    assert found.deadline.evidence.kind == pb.EVIDENCE_KIND_NOTICE
    assert found.deadline.evidence.reference == told.notice_id
    assert found.deadline.evidence.means == sent_pb.SENDING_MEANS_PHONE
    assert [step.kind for step in found.steps] == [
        pb.DeadlineStep.KIND_STARTED,
        pb.DeadlineStep.KIND_MET,
    ]
    assert all(step.event_id and step.position for step in found.steps)
    assert [one.clock for one in left.deadlines] == ["disaster-leaders"]


async def test_the_past_of_the_board_can_be_asked(api: Api) -> None:
    incident_id, position = await opened(api, ago(30))
    await api.deadlines.RecordNotice(notice(incident_id, ago(5)), metadata=api.officer.metadata)

    then = await api.deadlines.ListDeadlines(
        pb.ListDeadlinesRequest(
            read=read_pb2.ReadOptions(as_of_position=position), incident_id=incident_id
        ),
        metadata=api.officer.metadata,
    )

    assert {one.state for one in then.deadlines} == {pb.DEADLINE_STATE_OPEN}
    assert len(then.deadlines) == 2


async def test_what_is_late_and_what_was_kept_back_are_findings(api: Api) -> None:
    incident_id, _ = await opened(api, ago(180))
    late = await api.deadlines.RecordNotice(
        notice(incident_id, ago(20)), metadata=api.officer.metadata
    )
    for fact_id, value, minutes in (("a", 3, 15), ("b", 1, 10)):
        figure = fact_pb.RecordFigureRequest(
            request_id=request_id(),
            incident_id=incident_id,
            fact_id=fact_id,
            metric=figure_pb.METRIC_DEAD,
            value=value,
            source_kind=figure_pb.SOURCE_KIND_HOSPITAL,
            source=f"医院{fact_id}",
        )
        figure.occur_time.FromDatetime(ago(minutes))
        await api.facts.RecordFigure(figure, metadata=api.officer.metadata)
    submitted = await api.incidents.SubmitSituationReport(
        incident_pb.SubmitSituationReportRequest(
            request_id=request_id(),
            incident_id=incident_id,
            kind=incident_pb.SITUATION_REPORT_KIND_INITIAL,
            recipient="怀化市应急管理局",
            text="山体滑坡",
            contents={"time_place_extent": "稔禾村", "measures": "搜救"},
        ),
        metadata=api.officer.metadata,
    )

    async def findings(*kinds: pb.FindingKind.ValueType) -> list[pb.Finding]:
        answer = await api.deadlines.ListFindings(
            pb.ListFindingsRequest(
                read=read_pb2.ReadOptions(min_position=submitted.position),
                incident_id=incident_id,
                kinds=kinds,
            ),
            metadata=api.officer.metadata,
        )
        return list(answer.findings)

    [found] = await findings(pb.FINDING_KIND_LATE)
    [suspected] = await findings(pb.FINDING_KIND_CONCEALMENT_SUSPECTED)
    missing = await findings(pb.FINDING_KIND_MISSING)

    assert found.deadline.clock == "disaster-initial"
    assert found.deadline.missed
    assert found.deadline.evidence.reference == late.notice_id
    assert suspected.concealment.fact_id == "a"
    assert (suspected.concealment.known_value, suspected.concealment.reported_value) == (3, 1)
    assert all(one.kind == pb.FINDING_KIND_MISSING for one in missing)
    assert len(await findings()) >= 2


async def test_a_watch_shows_a_clock_that_starts_and_one_that_is_met(api: Api) -> None:
    incident_id, position = await opened(api, ago(30))
    watch = api.deadlines.WatchDeadlines(
        pb.WatchDeadlinesRequest(incident_id=incident_id), metadata=api.officer.metadata
    )
    async with asyncio.timeout(10):
        started = [await watch.read(), await watch.read()]
        told = await api.deadlines.RecordNotice(
            notice(incident_id, ago(5)), metadata=api.officer.metadata
        )
        met = await watch.read()
    watch.cancel()

    assert {one.deadline.clock for one in started} == set(NAMES)
    assert max(one.position for one in started) <= position
    assert met.deadline.state == pb.DEADLINE_STATE_MET
    assert met.position == told.position


async def test_a_stated_occurrence_moves_the_clock_back_in_sight(api: Api) -> None:
    incident_id, _ = await opened(api, ago(30))
    happened = ago(60).replace(microsecond=0)
    request = pb.RecordMilestoneRequest(
        request_id=request_id(), incident_id=incident_id, milestone=pb.MILESTONE_OCCURRED
    )
    request.occur_time.FromDatetime(happened)
    first = await api.deadlines.RecordMilestone(request, metadata=api.officer.metadata)
    again = await api.deadlines.RecordMilestone(request, metadata=api.officer.metadata)

    found = await api.deadlines.GetDeadline(
        pb.GetDeadlineRequest(
            incident_id=incident_id,
            deadline_id="disaster-initial-1",
            read=read_pb2.ReadOptions(min_position=first.position),
        ),
        metadata=api.officer.metadata,
    )

    assert first == again
    assert found.deadline.due_time.ToDatetime(UTC) == happened + timedelta(hours=2)
    rebased = found.steps[1]
    assert rebased.kind == pb.DeadlineStep.KIND_REBASED
    assert rebased.change == pb.DEADLINE_CHANGE_EARLIER_START
    assert rebased.due_time.ToDatetime(UTC) < rebased.previous_due_time.ToDatetime(UTC)


async def test_what_cannot_be_done_is_refused_precisely(api: Api, tokens: Tokens) -> None:
    incident_id, _ = await opened(api, ago(30))
    stranger = tokens.caller("officer.tuokou", "duty_officer", "431281103")
    observer = tokens.caller("observer", "observer")
    reads, acts = api.deadlines.GetDeadline, api.deadlines.RecordNotice

    unknown = await refusal(
        reads(
            pb.GetDeadlineRequest(incident_id=incident_id, deadline_id="nothing-1"),
            metadata=api.officer.metadata,
        )
    )
    outside = await refusal(acts(notice(incident_id, ago(1)), metadata=stranger.metadata))
    powerless = await refusal(acts(notice(incident_id, ago(1)), metadata=observer.metadata))
    future = await refusal(acts(notice(incident_id, ago(-10)), metadata=api.officer.metadata))
    nobody = await refusal(
        acts(notice(incident_id, ago(1), recipient=""), metadata=api.officer.metadata)
    )

    assert (unknown.code, unknown.reason) == (grpc.StatusCode.NOT_FOUND, "NO_SUCH_DEADLINE")
    assert outside.reason == "OUTSIDE_JURISDICTION"
    assert powerless.reason == "CAPABILITY_REQUIRED"
    assert (future.reason, future.fields) == ("TIME_OUT_OF_RANGE", ("occur_time",))
    assert (nobody.reason, nobody.fields) == ("INVALID_FIELD", ("recipient",))
