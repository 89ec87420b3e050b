"""Merging, splitting and linking over real gRPC, with real dispatch and resources beside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from anlan.command.v1 import incident_service_pb2 as incident_pb
from anlan.command.v1 import link_service_pb2 as pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1 import task_service_pb2 as task_pb
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from anlan.command.v1.link_service_pb2_grpc import LinkServiceStub
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.command.v1.task_service_pb2_grpc import TaskServiceStub
from anlan.dispatch.v1 import assignment_service_pb2 as dispatch_pb
from anlan.dispatch.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from anlan.resources.v1 import unit_service_pb2 as unit_pb
from anlan.resources.v1.unit_service_pb2_grpc import UnitServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from services.command.codec import incident_decider
from services.command.domain.incident import decider
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.recorded import Recorded
from services.runtime.store import EventStore
from tests.broker import Broker
from tests.command import linked
from tests.command.incidents import RULES
from tests.node import Node
from tests.service import Caller, Service, Tokens, refusal, request_id


@dataclass(frozen=True)
class Suite:
    command: Service
    dispatch: Service
    resources: Service


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory, tokens: Tokens) -> Iterator[Suite]:
    folder: Path = tmp_path_factory.mktemp("suite")
    node = Node.start(folder / "node")
    broker = Broker.start(folder / "broker")
    started: list[Service] = []
    try:

        def start(name: str, **more: str) -> Service:
            started.append(Service.start(name, folder / name, tokens, node.uri, broker.url, **more))
            return started[-1]

        command, resources = start("command"), start("resources")
        dispatch = start(
            "dispatch", command_address=command.address, resources_address=resources.address
        )
        yield Suite(command, dispatch, resources)
    finally:
        for service in started:
            service.stop()
        broker.stop()
        node.stop()


@dataclass(frozen=True)
class Room:
    links: Any
    reports: Any
    incidents: Any
    tasks: Any
    assignments: Any
    units: Any
    officer: Caller
    commander: Caller
    store: EventStore

    async def opened(self, *trapped: int, adcode: str = "431281102", **more: Any) -> Incident:
        """Open an incident with a report for each number of people trapped."""
        report_ids = []
        for number in trapped:
            submitted = await self.reports.SubmitReport(
                report_pb.SubmitReportRequest(
                    request_id=request_id(),
                    source=report_pb.REPORT_SOURCE_POLICE_110,
                    reporter="村民",
                    type_code="11D01",
                    place=place_pb2.Place(adcode=adcode, address="稔禾村"),
                    casualties=report_pb.Casualties(trapped=number),
                    text="滑坡",
                    **more,
                ),
                metadata=self.officer.metadata,
            )
            report_ids.append(submitted.report_id)
        verified = await self.reports.VerifyReport(
            report_pb.VerifyReportRequest(
                request_id=request_id(), report_id=report_ids[0], title="安江滑坡"
            ),
            metadata=self.officer.metadata,
        )
        for report_id in report_ids[1:]:
            await self.join(report_id, verified.incident_id)
        return Incident(verified.incident_id, report_ids)

    async def join(self, report_id: str, incident_id: str) -> Any:
        return await self.reports.JoinReport(
            report_pb.JoinReportRequest(
                request_id=request_id(), report_id=report_id, incident_id=incident_id
            ),
            metadata=self.officer.metadata,
        )

    async def merge(self, about: str, into: str, **more: Any) -> pb.MergeIncidentResponse:
        answer: pb.MergeIncidentResponse = await self.links.MergeIncident(
            merging(about, into, **more), metadata=self.officer.metadata
        )
        return answer

    async def split(self, about: str, *report_ids: str, **more: Any) -> pb.SplitIncidentResponse:
        answer: pb.SplitIncidentResponse = await self.links.SplitIncident(
            splitting(about, *report_ids, **more), metadata=self.officer.metadata
        )
        return answer

    async def link(self, about: str, other: str, kind: Any) -> pb.LinkIncidentsResponse:
        answer: pb.LinkIncidentsResponse = await self.links.LinkIncidents(
            pb.LinkIncidentsRequest(
                request_id=request_id(),
                incident_id=about,
                other_incident_id=other,
                kind=kind,
                reason="同一场暴雨",
            ),
            metadata=self.officer.metadata,
        )
        return answer

    async def get(self, incident_id: str, position: int = 0) -> incident_pb.Incident:
        answer = await self.incidents.GetIncident(
            incident_pb.GetIncidentRequest(
                incident_id=incident_id, read=read_pb2.ReadOptions(min_position=position)
            ),
            metadata=self.officer.metadata,
        )
        found: incident_pb.Incident = answer.incident
        return found

    async def linked(self, incident_id: str, position: int) -> dict[str, int]:
        answer = await self.links.ListIncidentLinks(
            pb.ListIncidentLinksRequest(
                incident_id=incident_id, read=read_pb2.ReadOptions(min_position=position)
            ),
            metadata=self.officer.metadata,
        )
        return {link.other_incident_id: link.kind for link in answer.links}

    async def assign(self, incident_id: str, task_id: str) -> int:
        answer = await self.tasks.AssignTask(
            task_pb.AssignTaskRequest(
                request_id=request_id(),
                incident_id=incident_id,
                task_id=task_id,
                title="转移群众",
                assignee="安江镇政府",
                assignee_kind=task_pb.ASSIGNEE_KIND_DEPARTMENT,
            ),
            metadata=self.commander.metadata,
        )
        return int(answer.position)

    async def sent(self, incident_id: str, tokens: Tokens) -> tuple[str, str]:
        """Send a new unit; return the assignment and the unit."""
        unit_id = f"boat-{uuid4().hex[:8]}"
        await self.units.RegisterUnit(
            unit_pb.RegisterUnitRequest(
                request_id=request_id(),
                unit_id=unit_id,
                name="冲锋舟",
                kind="boat",
                home=place_pb2.Place(adcode="431281102"),
                staffing=4,
                contact="13800000000",
            ),
            metadata=tokens.caller("admin.sun", "administrator").metadata,
        )
        created = await self.assignments.CreateAssignment(
            dispatch_pb.CreateAssignmentRequest(
                request_id=request_id(), incident_id=incident_id, unit_id=unit_id
            ),
            metadata=self.officer.metadata,
            timeout=20,
        )
        return created.assignment_id, unit_id

    async def moved(self, assignment_id: str, incident_id: str) -> None:
        """Watch until an assignment belongs to an incident."""
        watch = self.assignments.WatchAssignments(
            dispatch_pb.WatchAssignmentsRequest(incident_id=incident_id),
            metadata=self.officer.metadata,
            timeout=20,
        )
        async for news in watch:
            if news.assignment.assignment_id == assignment_id:
                watch.cancel()
                return

    async def arrival(self, stream: str, type_: str) -> Recorded:
        """Wait until a stream has an event of a type."""
        async with asyncio.timeout(20):
            while True:
                for event in await self.store.read(stream):
                    if event.type == type_:
                        return event
                await asyncio.sleep(0.05)


@dataclass(frozen=True)
class Incident:
    incident_id: str
    reports: list[str]


def merging(about: str, into: str, **more: Any) -> pb.MergeIncidentRequest:
    fields = {"request_id": request_id(), "reason": "同一处滑坡", **more}
    return pb.MergeIncidentRequest(incident_id=about, into_incident_id=into, **fields)


def splitting(about: str, *report_ids: str, **more: Any) -> pb.SplitIncidentRequest:
    fields = {"request_id": request_id(), "title": "岩垅滑坡", "reason": "两处滑坡", **more}
    return pb.SplitIncidentRequest(incident_id=about, report_ids=report_ids, **fields)


@pytest.fixture
async def room(suite: Suite, tokens: Tokens) -> AsyncIterator[Room]:
    store = EventStore(suite.command.environment["ANLAN_ESDB_URI"])
    await store.connect()
    async with (
        suite.command.channel() as command,
        suite.dispatch.channel() as dispatch,
        suite.resources.channel() as resources,
    ):
        yield Room(
            links=LinkServiceStub(command),
            reports=ReportServiceStub(command),
            incidents=IncidentServiceStub(command),
            tasks=TaskServiceStub(command),
            assignments=AssignmentServiceStub(dispatch),
            units=UnitServiceStub(resources),
            officer=tokens.caller("duty.wang", "duty_officer"),
            commander=tokens.caller("commander.li", "commander"),
            store=store,
        )
    await store.close()


# Merging.


async def test_a_merge_takes_everything_over_and_says_who_goes_on(
    room: Room, tokens: Tokens
) -> None:
    here, there = await room.opened(2, 4), await room.opened(3)
    await room.assign(here.incident_id, "t1")
    assignment_id, unit_id = await room.sent(here.incident_id, tokens)

    merged = await room.merge(here.incident_id, there.incident_id)

    assert merged.into_incident_id == there.incident_id
    gone = await room.get(here.incident_id, merged.position)
    assert (gone.state, gone.replaced_by) == (
        incident_pb.INCIDENT_STATE_MERGED,
        there.incident_id,
    )
    goes_on = await room.get(there.incident_id, merged.position)
    assert set(goes_on.report_ids) == {*here.reports, *there.reports}
    task = await room.tasks.GetTask(
        task_pb.GetTaskRequest(
            incident_id=there.incident_id,
            task_id="t1",
            read=read_pb2.ReadOptions(min_position=merged.position),
        ),
        metadata=room.officer.metadata,
    )
    assert task.task.state == task_pb.TASK_STATE_ASSIGNED
    report = await room.reports.GetReport(
        report_pb.GetReportRequest(report_id=here.reports[0]), metadata=room.officer.metadata
    )
    assert report.report.incident_id == there.incident_id
    await room.moved(assignment_id, there.incident_id)
    held = await room.arrival(f"unit-{unit_id}", "UnitHoldMoved.v1")
    assert held.metadata["$correlationId"] == there.incident_id
    unit = await room.units.GetUnit(
        unit_pb.GetUnitRequest(
            unit_id=unit_id, read=read_pb2.ReadOptions(min_position=held.position)
        ),
        metadata=room.officer.metadata,
    )
    assert [hold.incident_id for hold in unit.unit.holds] == [there.incident_id]
    assert await room.linked(here.incident_id, 0) == {there.incident_id: pb.LINK_KIND_REPLACING}
    assert await room.linked(there.incident_id, 0) == {here.incident_id: pb.LINK_KIND_REPLACED}


async def test_the_same_merge_is_answered_the_same(room: Room) -> None:
    here, there = await room.opened(2), await room.opened(3)
    request = merging(here.incident_id, there.incident_id)

    first = await room.links.MergeIncident(request, metadata=room.officer.metadata)
    await room.incidents.CloseIncident(
        incident_pb.CloseIncidentRequest(
            request_id=request_id(), incident_id=there.incident_id, summary="结束"
        ),
        metadata=room.commander.metadata,
    )
    again = await room.links.MergeIncident(request, metadata=room.officer.metadata)

    assert first == again


async def test_what_was_merged_names_who_goes_on(room: Room) -> None:
    one, two, three = [await room.opened(1) for _ in range(3)]
    await room.merge(one.incident_id, two.incident_id)
    await room.merge(two.incident_id, three.incident_id)
    late = await room.opened(1)

    joining = await refusal(room.join(late.reports[0], one.incident_id))
    grading = await refusal(
        room.incidents.GradeIncident(
            incident_pb.GradeIncidentRequest(
                request_id=request_id(),
                incident_id=one.incident_id,
                grade=incident_pb.GRADE_LARGER,
                basis="x",
            ),
            metadata=room.officer.metadata,
        )
    )
    into_it = await refusal(room.merge(late.incident_id, one.incident_id))

    assert joining.reason == grading.reason == into_it.reason == "INCIDENT_MERGED"
    assert joining.metadata["into_incident_id"] == three.incident_id
    assert grading.metadata["into_incident_id"] == two.incident_id
    assert into_it.metadata["into_incident_id"] == three.incident_id
    assert joining.code is grpc.StatusCode.FAILED_PRECONDITION
    rejoined = await room.join(one.reports[0], three.incident_id)  # it has come there already
    assert rejoined.etag


async def test_a_merge_is_refused_precisely(room: Room, tokens: Tokens) -> None:
    here, there, closed = [await room.opened(1) for _ in range(3)]
    await room.incidents.CloseIncident(
        incident_pb.CloseIncidentRequest(
            request_id=request_id(), incident_id=closed.incident_id, summary="结束"
        ),
        metadata=room.commander.metadata,
    )
    tuokou = tokens.caller("officer.tuokou", "duty_officer", "431281103")
    drill = Caller(room.officer.token, exercise="flood-2026")

    async def reason(about: str, into: str, by: Caller | None = None) -> str:
        request = merging(about, into)
        metadata = (by or room.officer).metadata
        return (await refusal(room.links.MergeIncident(request, metadata=metadata))).reason

    assert await reason(here.incident_id, here.incident_id) == "MERGE_INTO_ITSELF"
    assert await reason(here.incident_id, "nowhere") == "NO_SUCH_INCIDENT"
    assert await reason("nowhere", here.incident_id) == "NO_SUCH_INCIDENT"
    assert await reason(here.incident_id, closed.incident_id) == "INCIDENT_CLOSED"
    assert await reason(closed.incident_id, here.incident_id) == "INCIDENT_CLOSED"
    assert await reason(here.incident_id, there.incident_id, tuokou) == "OUTSIDE_JURISDICTION"
    assert await reason(here.incident_id, there.incident_id, drill) == "EXERCISE_MISMATCH"
    reader = tokens.caller("xin.xi", "information_officer")
    assert await reason(here.incident_id, there.incident_id, reader) == "CAPABILITY_REQUIRED"
    stale = await refusal(room.merge(here.incident_id, there.incident_id, etag="0"))
    assert stale.reason == "STALE_REVISION"


async def test_two_merges_that_cross_leave_one_incident(room: Room) -> None:
    here, there = await room.opened(2), await room.opened(3)

    answers = await asyncio.gather(
        room.merge(here.incident_id, there.incident_id),
        room.merge(there.incident_id, here.incident_id),
        return_exceptions=True,
    )

    assert any(isinstance(answer, pb.MergeIncidentResponse) for answer in answers)
    states = [await room.get(one.incident_id) for one in (here, there)]
    for _ in range(100):
        if sum(one.state == incident_pb.INCIDENT_STATE_MERGED for one in states) == 1:
            break
        await asyncio.sleep(0.05)
        states = [await room.get(one.incident_id) for one in (here, there)]
    [goes_on] = [one for one in states if one.state != incident_pb.INCIDENT_STATE_MERGED]
    assert set(goes_on.report_ids) == {*here.reports, *there.reports}


async def test_a_merge_whose_process_died_is_finished_by_the_next(
    room: Room, tokens: Tokens
) -> None:
    here, there = await room.opened(2), await room.opened(3)
    assignment_id, _ = await room.sent(here.incident_id, tokens)
    incidents = CommandHandler(room.store, incident_decider(RULES))
    command = replace(linked.begin, incident_id=here.incident_id, into=there.incident_id)

    await incidents.handle(here.incident_id, command, cause(here.incident_id))  # and dies

    merged = await room.arrival(f"incident-{here.incident_id}", "IncidentMerged.v1")
    await room.moved(assignment_id, there.incident_id)
    state = await incidents.state(there.incident_id)
    assert isinstance(state, decider.Open)
    assert state.reports == {*here.reports, *there.reports}
    assert merged.metadata["actor"] == "duty.wang"


# Splitting.


async def test_a_split_opens_an_incident_with_what_goes(room: Room, tokens: Tokens) -> None:
    here = await room.opened(2, 5)
    await room.assign(here.incident_id, "t1")
    going, _ = await room.sent(here.incident_id, tokens)
    staying, _ = await room.sent(here.incident_id, tokens)
    rock = place_pb2.Place(adcode="431281104", address="雪峰镇岩垅")

    split = await room.split(
        here.incident_id,
        here.reports[1],
        place=rock,
        task_ids=["t1"],
        assignment_ids=[going],
    )

    old = await room.get(here.incident_id, split.position)
    new = await room.get(split.new_incident_id, split.position)
    assert list(old.report_ids) == here.reports[:1]
    assert list(new.report_ids) == here.reports[1:]
    assert (old.casualties.trapped, new.casualties.trapped) == (2, 5)
    assert (new.title, new.place) == ("岩垅滑坡", rock)
    await room.moved(going, split.new_incident_id)
    stays = await room.assignments.GetAssignment(
        dispatch_pb.GetAssignmentRequest(assignment_id=staying), metadata=room.officer.metadata
    )
    assert stays.assignment.incident_id == here.incident_id
    tasks = await room.tasks.ListTasks(
        task_pb.ListTasksRequest(incident_id=split.new_incident_id),
        metadata=room.officer.metadata,
    )
    assert [task.task_id for task in tasks.tasks] == ["t1"]
    assert await room.linked(split.new_incident_id, 0) == {
        here.incident_id: pb.LINK_KIND_SPLIT_FROM
    }
    assert await room.linked(here.incident_id, 0) == {
        split.new_incident_id: pb.LINK_KIND_SPLIT_INTO
    }


async def test_the_same_split_is_answered_the_same(room: Room) -> None:
    here = await room.opened(2, 5)
    request = splitting(here.incident_id, here.reports[1], new_incident_id=f"n-{uuid4().hex}")

    first = await room.links.SplitIncident(request, metadata=room.officer.metadata)
    again = await room.links.SplitIncident(request, metadata=room.officer.metadata)

    assert first == again
    assert first.new_incident_id == request.new_incident_id


async def test_a_split_is_refused_precisely(room: Room) -> None:
    here, other = await room.opened(2, 5), await room.opened(1)

    async def reason(*report_ids: str, **more: Any) -> str:
        return (await refusal(room.split(here.incident_id, *report_ids, **more))).reason

    assert await reason("nowhere") == "NO_SUCH_REPORT"
    assert await reason(other.reports[0]) == "REPORT_NOT_IN_INCIDENT"
    assert await reason(*here.reports) == "SPLIT_LEAVES_NOTHING"
    assert await reason(here.reports[1], task_ids=["t9"]) == "NO_SUCH_TASK"
    taken = {"new_incident_id": other.incident_id}
    assert await reason(here.reports[1], **taken) == "INCIDENT_EXISTS"
    assert await reason(here.reports[1], type_code="99Z99") == "TYPE_CODE_UNKNOWN"
    assert await reason(here.reports[0], here.reports[0]) == "INVALID_FIELD"
    far = place_pb2.Place(adcode="431271")
    assert await reason(here.reports[1], place=far) == "ADCODE_UNKNOWN"
    unchanged = await room.get(here.incident_id)
    assert list(unchanged.report_ids) == here.reports


async def test_a_split_whose_process_died_is_finished_by_the_next(room: Room) -> None:
    here = await room.opened(2, 5)
    chosen = f"n-{uuid4().hex}"
    leaving = replace(linked.leaving, report_id=here.reports[1])
    command = replace(
        linked.begin_split,
        incident_id=here.incident_id,
        new_incident_id=chosen,
        reports=(leaving,),
        assignments=(),
    )
    incidents = CommandHandler(room.store, incident_decider(RULES))

    await incidents.handle(here.incident_id, command, cause(here.incident_id))  # and dies

    done = await room.arrival(f"incident-{here.incident_id}", "IncidentSplit.v1")
    assert list((await room.get(chosen, done.position)).report_ids) == here.reports[1:]
    moved = await refusal(room.join(here.reports[1], here.incident_id))
    assert (moved.reason, moved.metadata["into_incident_id"]) == ("REPORT_MOVED", chosen)


# Linking.


async def test_both_ends_show_a_link_until_it_is_parted(room: Room) -> None:
    county, slide, other = [(await room.opened(1)).incident_id for _ in range(3)]
    await room.link(slide, county, pb.LINK_KIND_PARENT)
    await room.link(county, other, pb.LINK_KIND_CHILD)
    last = await room.link(slide, other, pb.LINK_KIND_RELATED)

    assert await room.linked(county, last.position) == {
        slide: pb.LINK_KIND_CHILD,
        other: pb.LINK_KIND_CHILD,
    }
    assert await room.linked(slide, 0) == {
        county: pb.LINK_KIND_PARENT,
        other: pb.LINK_KIND_RELATED,
    }
    parted = await room.links.UnlinkIncidents(
        pb.UnlinkIncidentsRequest(
            request_id=request_id(),
            incident_id=county,
            other_incident_id=slide,
            kind=pb.LINK_KIND_CHILD,
            reason="无关",
        ),
        metadata=room.officer.metadata,
    )
    assert await room.linked(slide, parted.position) == {other: pb.LINK_KIND_RELATED}


async def test_nobody_lies_within_themselves_by_any_way(room: Room) -> None:
    one, two, three = [(await room.opened(1)).incident_id for _ in range(3)]
    await room.link(one, two, pb.LINK_KIND_PARENT)
    await room.link(two, three, pb.LINK_KIND_PARENT)

    assert (await refusal(room.link(three, one, pb.LINK_KIND_PARENT))).reason == "LINK_CYCLE"
    assert (await refusal(room.link(one, one, pb.LINK_KIND_RELATED))).reason == "LINK_TO_ITSELF"
    assert (await refusal(room.link(one, three, pb.LINK_KIND_PARENT))).reason == "PARENT_LINKED"
    assert (await refusal(room.link(one, "nowhere", pb.LINK_KIND_PARENT))).reason == (
        "NO_SUCH_INCIDENT"
    )
    assert (await refusal(room.merge(three, one))).reason == "LINK_CYCLE"
    assert (await refusal(room.link(one, two, pb.LINK_KIND_REPLACED))).reason == "INVALID_FIELD"


async def test_links_are_listed_by_pages_and_as_they_were(room: Room) -> None:
    county = (await room.opened(1)).incident_id
    slides = [(await room.opened(1)).incident_id for _ in range(3)]
    positions = [(await room.link(slide, county, pb.LINK_KIND_PARENT)).position for slide in slides]

    request = pb.ListIncidentLinksRequest(
        incident_id=county,
        page_size=2,
        read=read_pb2.ReadOptions(min_position=positions[-1]),
    )
    first = await room.links.ListIncidentLinks(request, metadata=room.officer.metadata)
    request.page_token = first.next_page_token
    second = await room.links.ListIncidentLinks(request, metadata=room.officer.metadata)
    before = await room.links.ListIncidentLinks(
        pb.ListIncidentLinksRequest(
            incident_id=county, read=read_pb2.ReadOptions(as_of_position=positions[0])
        ),
        metadata=room.officer.metadata,
    )

    found = [link.other_incident_id for link in [*first.links, *second.links]]
    assert found == slides
    assert not second.next_page_token
    assert [link.other_incident_id for link in before.links] == slides[:1]


def cause(incident_id: str) -> Cause:
    asked = uuid4()
    return Cause(
        command_id=asked,
        causation_id=str(asked),
        correlation_id=incident_id,
        actor=Actor(subject="duty.wang", roles=("duty_officer",), jurisdiction="431281"),
    )
