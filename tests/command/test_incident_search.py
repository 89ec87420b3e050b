"""Incidents are found by what they are, where, when, by whom, in which words; pages hold still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import select
from sqlalchemy.dialects import postgresql

from anlan.command.v1 import incident_service_pb2 as pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1 import task_service_pb2 as task_pb
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.command.v1.task_service_pb2_grpc import TaskServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from services.command.projections.incidents import INCIDENTS
from services.command.servicer import page_rows
from services.command.servicer.incident_search import conditions
from tests.service import Caller, Service, Tokens, refusal, request_id

NIGHT = datetime(2026, 6, 18, 1, 0, tzinfo=UTC)


def stamp(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message


@dataclass(frozen=True)
class Desk:
    """Everything that it opens belongs to one exercise, so that tests do not see each other's."""

    reports: Any
    incidents: Any
    tasks: Any
    officer: Caller
    commander: Caller

    @property
    def exercise(self) -> str:
        return self.officer.exercise

    async def open(
        self,
        title: str,
        type_code: str = "11D01",
        *,
        adcode: str = "431281102",
        address: str = "稔禾村",
        point: tuple[float, float] | None = None,
        text: str = "屋后山体滑坡",
        at: datetime = NIGHT,
    ) -> tuple[str, int]:
        """Return the new incident's id, and the position of its opening."""
        place = place_pb2.Place(adcode=adcode, address=address)
        if point is not None:
            place.point.latitude, place.point.longitude = point
        submitted = await self.reports.SubmitReport(
            report_pb.SubmitReportRequest(
                request_id=request_id(),
                source=report_pb.REPORT_SOURCE_POLICE_110,
                reporter="村民",
                type_code=type_code,
                place=place,
                text=text,
                occur_time=stamp(at),
            ),
            metadata=self.officer.metadata,
        )
        verified = await self.reports.VerifyReport(
            report_pb.VerifyReportRequest(
                request_id=request_id(),
                report_id=submitted.report_id,
                title=title,
                occur_time=stamp(at),
            ),
            metadata=self.officer.metadata,
        )
        return str(verified.incident_id), int(verified.position)

    async def page(
        self, position: int = 0, *, size: int = 0, token: str = "", as_of: int = 0, **wanted: Any
    ) -> pb.ListIncidentsResponse:
        read = read_pb2.ReadOptions(min_position=position)
        if as_of:
            read = read_pb2.ReadOptions(as_of_position=as_of)
        answer: pb.ListIncidentsResponse = await self.incidents.ListIncidents(
            pb.ListIncidentsRequest(
                page_size=size,
                page_token=token,
                read=read,
                filter=pb.IncidentFilter(exercise=self.exercise, **wanted),
            ),
            metadata=self.officer.metadata,
        )
        return answer

    async def find(self, position: int = 0, **wanted: Any) -> list[str]:
        """Return the titles that a filter finds."""
        answer = await self.page(position, **wanted)
        return [incident.title for incident in answer.incidents]


@pytest.fixture
async def desk(command: Service, tokens: Tokens) -> AsyncIterator[Desk]:
    exercise = f"search-{request_id()[:8]}"
    async with command.channel() as channel:
        yield Desk(
            reports=ReportServiceStub(channel),
            incidents=IncidentServiceStub(channel),
            tasks=TaskServiceStub(channel),
            officer=replace(tokens.caller("duty.wang", "duty_officer"), exercise=exercise),
            commander=replace(tokens.caller("commander.li", "commander"), exercise=exercise),
        )


async def grade(desk: Desk, incident_id: str) -> int:
    graded = await desk.incidents.GradeIncident(
        pb.GradeIncidentRequest(
            request_id=request_id(),
            incident_id=incident_id,
            grade=pb.GRADE_MAJOR,
            basis="11 人死亡",
        ),
        metadata=desk.commander.metadata,
    )
    return int(graded.position)


async def test_what_where_and_when(desk: Desk) -> None:
    await desk.open("滑坡", point=(27.3194, 110.1031))
    await desk.open(
        "山洪", "11A06", adcode="431281103", address="托口镇", at=NIGHT + timedelta(hours=2)
    )
    fire, at = await desk.open("火灾", "12G00", at=NIGHT + timedelta(hours=4))
    at = await grade(desk, fire)

    assert await desk.find(at) == ["火灾", "山洪", "滑坡"]
    assert await desk.find(type_codes=["11"]) == ["山洪", "滑坡"]
    assert await desk.find(type_codes=["11D", "12G00"]) == ["火灾", "滑坡"]
    assert await desk.find(type_codes=["11E"]) == []
    assert await desk.find(adcode="431281103") == ["山洪"]
    assert await desk.find(adcode="431200") == ["火灾", "山洪", "滑坡"]
    assert await desk.find(grades=[pb.GRADE_MAJOR, pb.GRADE_LARGER]) == ["火灾"]
    assert await desk.find(grades=[pb.GRADE_ORDINARY]) == []
    box = place_pb2.Box(south=27.3194, west=110, north=28, east=110.2)
    assert await desk.find(box=box) == ["滑坡"]
    box.south = 27.32
    assert await desk.find(box=box) == []
    begin, end = stamp(NIGHT + timedelta(hours=2)), stamp(NIGHT + timedelta(hours=4))
    assert await desk.find(opened_from_time=begin) == ["火灾", "山洪"]
    assert await desk.find(opened_before_time=end) == ["山洪", "滑坡"]
    assert await desk.find(opened_from_time=begin, opened_before_time=end) == ["山洪"]


async def test_state_and_level_now_and_in_the_past(desk: Desk) -> None:
    answered, _ = await desk.open("滑坡")
    ended, before = await desk.open("山洪")
    metadata = desk.commander.metadata
    await desk.incidents.ActivateResponse(
        pb.ActivateResponseRequest(
            request_id=request_id(),
            incident_id=answered,
            level=pb.RESPONSE_LEVEL_IV,
            plan="地质灾害应急预案 4.2",
            approver="mayor.zhang",
            reason="2 人被困",
        ),
        metadata=metadata,
    )
    closed = await desk.incidents.CloseIncident(
        pb.CloseIncidentRequest(request_id=request_id(), incident_id=ended, summary="险情排除"),
        metadata=metadata,
    )
    at = closed.position

    assert await desk.find(at, states=[pb.INCIDENT_STATE_RESPONDING]) == ["滑坡"]
    both = [pb.INCIDENT_STATE_RESPONDING, pb.INCIDENT_STATE_CLOSED]
    assert await desk.find(states=both) == ["山洪", "滑坡"]
    assert await desk.find(response_levels=[pb.RESPONSE_LEVEL_IV]) == ["滑坡"]
    assert await desk.find(response_levels=[pb.RESPONSE_LEVEL_III]) == []
    assert await desk.find(as_of=before, states=[pb.INCIDENT_STATE_VERIFIED]) == ["山洪", "滑坡"]


async def test_who_had_to_do_with_it(desk: Desk) -> None:
    acted, _ = await desk.open("滑坡")
    given, _ = await desk.open("山洪")
    metadata = desk.commander.metadata
    await desk.incidents.EstablishCommand(
        pb.EstablishCommandRequest(
            request_id=request_id(),
            incident_id=acted,
            commander="mayor.zhang",
            command_post="安江镇政府",
        ),
        metadata=metadata,
    )
    assigned = await desk.tasks.AssignTask(
        task_pb.AssignTaskRequest(
            request_id=request_id(),
            incident_id=given,
            title="巡堤",
            assignee="水利局",
            assignee_kind=task_pb.ASSIGNEE_KIND_DEPARTMENT,
        ),
        metadata=metadata,
    )

    assert await desk.find(assigned.position, person="mayor.zhang") == ["滑坡"]
    assert await desk.find(person="水利局") == ["山洪"]
    assert await desk.find(person="commander.li") == ["山洪", "滑坡"]
    assert await desk.find(person="duty.wang") == ["山洪", "滑坡"]
    assert await desk.find(person="mayor") == []


async def test_words_of_titles_places_reports_and_decisions(desk: Desk) -> None:
    slide, _ = await desk.open("安江滑坡", text="ＫＭ 12 处 100% 塌方，车牌 湘N_8")
    await desk.open("托口山洪", address="Tuokou 电站", text="水位上涨")
    recorded = await desk.incidents.RecordDecision(
        pb.RecordDecisionRequest(
            request_id=request_id(),
            incident_id=slide,
            decision_class="general",
            subject="封路",
            text="封闭省道 S222",
            basis=[pb.Basis(kind=pb.Basis.KIND_ORDER, reference="口头命令")],
            approver="mayor.zhang",
            authority="突发事件应对法 第七十三条",
        ),
        metadata=desk.commander.metadata,
    )

    assert await desk.find(recorded.position, text="滑坡") == ["安江滑坡"]
    assert await desk.find(text="tuokou") == ["托口山洪"]
    assert await desk.find(text="km １２") == ["安江滑坡"]
    assert await desk.find(text="s222 塌方") == ["安江滑坡"]
    assert await desk.find(text="s222 水位") == []
    assert await desk.find(text="100%") == ["安江滑坡"]
    assert await desk.find(text="n_8") == ["安江滑坡"]
    assert await desk.find(text="%") == ["安江滑坡"]
    assert await desk.find(text="_8 上涨") == []
    assert await desk.find(text=slide) == ["安江滑坡"]


async def test_earnest_and_exercises(desk: Desk) -> None:
    earnest = replace(desk, officer=replace(desk.officer, exercise=""))
    title = f"滑坡 {request_id()}"
    await desk.open(title)
    _, at = await earnest.open(title)

    async def found(position: int = 0, **wanted: Any) -> list[str]:
        answer = await desk.incidents.ListIncidents(
            pb.ListIncidentsRequest(
                read=read_pb2.ReadOptions(min_position=position),
                filter=pb.IncidentFilter(text=title, **wanted),
            ),
            metadata=desk.officer.metadata,
        )
        return [incident.exercise for incident in answer.incidents]

    assert await found(at) == ["", desk.exercise]
    assert await found(scope=pb.IncidentFilter.SCOPE_EARNEST) == [""]
    assert await found(scope=pb.IncidentFilter.SCOPE_EXERCISES) == [desk.exercise]


async def test_pages_hold_still_while_incidents_are_opened(desk: Desk) -> None:
    for number in range(5):
        _, at = await desk.open(f"i{number}")
    shown: list[str] = []
    token = ""
    for turn in range(4):
        page = await desk.page(at, size=2, token=token, type_codes=["11D"])
        shown += [incident.title for incident in page.incidents]
        token = page.next_page_token
        if not token:
            break
        _, at = await desk.open(f"late{turn}")

    assert shown == ["i4", "i3", "i2", "i1", "i0"]
    assert (await desk.find(at))[:2] == ["late1", "late0"]


async def test_a_watch_tells_of_what_fits_only(desk: Desk) -> None:
    slide, start = await desk.open("滑坡")
    flood, _ = await desk.open("山洪", "11A06")
    watch = desk.incidents.WatchIncidents(
        pb.WatchIncidentsRequest(
            resume_position=start,
            filter=pb.IncidentFilter(exercise=desk.exercise, type_codes=["11D"]),
        ),
        metadata=desk.officer.metadata,
        timeout=30,
    )
    await grade(desk, flood)
    graded = await grade(desk, slide)
    seen = [await watch.read()]
    while seen[-1].position < graded:
        seen.append(await watch.read())
    watch.cancel()

    assert {news.incident.incident_id for news in seen} == {slide}
    assert all(earlier.position < later.position for earlier, later in pairwise(seen))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a rectangle upside down": (
        {"box": place_pb2.Box(south=28, north=27, west=110, east=111)},
        "filter.box",
    ),
    "a state that nobody knows": ({"states": [99]}, "filter.states"),
    "a code in small letters": ({"type_codes": ["11d"]}, "filter.type_codes"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_filter_that_means_nothing_is_refused(desk: Desk, name: str) -> None:
    wanted, field = BAD[name]

    refused = await refusal(desk.page(**wanted))

    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.fields == (field,)


def test_every_statement_is_one_that_postgresql_knows() -> None:
    whole = pb.IncidentFilter(
        states=[pb.INCIDENT_STATE_VERIFIED],
        type_codes=["11D"],
        grades=[pb.GRADE_MAJOR],
        response_levels=[pb.RESPONSE_LEVEL_I],
        adcode="431281",
        box=place_pb2.Box(south=27, north=28, west=110, east=111),
        opened_from_time=stamp(NIGHT),
        opened_before_time=stamp(NIGHT),
        person="commander.li",
        text="滑坡 100%",
        scope=pb.IncidentFilter.SCOPE_EARNEST,
        exercise="drill",
    )
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    listed = select(INCIDENTS).where(*conditions(whole))

    assert str(listed.compile(dialect=dialect)).count("LIKE") == 4
    for statement in (page_rows.COUNTS, page_rows.FIRST_TASKS, page_rows.SAID):
        assert str(statement.compile(dialect=dialect))
