"""Tasks, objectives and needs over real gRPC: who may, what is told, what is listed and watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from anlan.command.v1 import exercise_service_pb2 as exercise_pb
from anlan.command.v1 import incident_service_pb2 as incident_pb
from anlan.command.v1 import need_service_pb2 as need_pb
from anlan.command.v1 import objective_service_pb2 as objective_pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1 import task_service_pb2 as pb
from anlan.command.v1.exercise_service_pb2_grpc import ExerciseServiceStub
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from anlan.command.v1.need_service_pb2_grpc import NeedServiceStub
from anlan.command.v1.objective_service_pb2_grpc import ObjectiveServiceStub
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.command.v1.task_service_pb2_grpc import TaskServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from tests.service import Caller, Service, Tokens, refusal, request_id

DYKE = place_pb2.Place(adcode="431281102", address="稔禾村堤段")
TRUCK = need_pb.NeedSource(
    kind=need_pb.NeedSource.KIND_TRANSFER, reference="t-7", provider="安江仓库"
)


@dataclass(frozen=True)
class Desk:
    """The APIs, and who calls them."""

    tasks: Any
    objectives: Any
    needs: Any
    reports: Any
    incidents: Any
    exercises: Any
    commander: Caller
    officer: Caller
    chen: Caller
    keeper: Caller
    director: Caller

    def played(self, exercise: str) -> Desk:
        """Return the same desk in an exercise."""
        return replace(
            self,
            commander=replace(self.commander, exercise=exercise),
            officer=replace(self.officer, exercise=exercise),
            chen=replace(self.chen, exercise=exercise),
            keeper=replace(self.keeper, exercise=exercise),
            director=replace(self.director, exercise=exercise),
        )

    async def opened(self) -> str:
        said = {"metadata": self.officer.metadata}
        submitted = await self.reports.SubmitReport(
            report_pb.SubmitReportRequest(
                request_id=request_id(),
                source=report_pb.REPORT_SOURCE_POLICE_110,
                reporter="村民",
                type_code="11D01",
                place=DYKE,
                text="屋后山体滑坡",
            ),
            **said,
        )
        verified = await self.reports.VerifyReport(
            report_pb.VerifyReportRequest(
                request_id=request_id(), report_id=submitted.report_id, title="安江滑坡"
            ),
            **said,
        )
        return str(verified.incident_id)

    async def assign(self, incident_id: str, task_id: str = "t1", **fields: Any) -> Any:
        asked: dict[str, Any] = {
            "title": "转移稔禾村低洼户",
            "assignee": "chen",
            "assignee_kind": pb.ASSIGNEE_KIND_PERSON,
            "due_time": stamp(datetime.now(UTC) + timedelta(hours=1)),
        }
        return await self.tasks.AssignTask(
            pb.AssignTaskRequest(
                request_id=request_id(),
                incident_id=incident_id,
                task_id=task_id,
                **(asked | fields),
            ),
            metadata=self.commander.metadata,
        )

    async def task(self, incident_id: str, position: int, task_id: str = "t1") -> pb.Task:
        answer = await self.tasks.GetTask(
            pb.GetTaskRequest(
                incident_id=incident_id,
                task_id=task_id,
                read=read_pb2.ReadOptions(min_position=position),
            ),
            metadata=self.chen.metadata,
        )
        found: pb.Task = answer.task
        return found

    async def listed(self, position: int, **fields: Any) -> list[str]:
        answer = await self.tasks.ListTasks(
            pb.ListTasksRequest(read=read_pb2.ReadOptions(min_position=position), **fields),
            metadata=self.officer.metadata,
        )
        return [task.task_id for task in answer.tasks]

    async def raise_(self, incident_id: str, need_id: str = "n1", **fields: Any) -> Any:
        asked: dict[str, Any] = {
            "category": need_pb.NEED_CATEGORY_SUPPLIES,
            "item": "编织袋",
            "quantity": 2000,
            "unit": "条",
            "place": DYKE,
        }
        return await self.needs.RaiseNeed(
            need_pb.RaiseNeedRequest(
                request_id=request_id(),
                incident_id=incident_id,
                need_id=need_id,
                **(asked | fields),
            ),
            metadata=self.commander.metadata,
        )

    async def need(self, incident_id: str, position: int) -> need_pb.Need:
        answer = await self.needs.ListNeeds(
            need_pb.ListNeedsRequest(
                incident_id=incident_id, read=read_pb2.ReadOptions(min_position=position)
            ),
            metadata=self.keeper.metadata,
        )
        [found] = answer.needs
        return need_pb.Need.FromString(found.SerializeToString())


def stamp(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message


@pytest.fixture
async def desk(command: Service, tokens: Tokens) -> AsyncIterator[Desk]:
    async with command.channel() as channel:
        yield Desk(
            tasks=TaskServiceStub(channel),
            objectives=ObjectiveServiceStub(channel),
            needs=NeedServiceStub(channel),
            reports=ReportServiceStub(channel),
            incidents=IncidentServiceStub(channel),
            exercises=ExerciseServiceStub(channel),
            commander=tokens.caller("commander.li", "commander"),
            officer=tokens.caller("duty.wang", "duty_officer"),
            chen=tokens.caller("chen", "information_officer"),
            keeper=tokens.caller("keeper.yang", "storekeeper"),
            director=tokens.caller("director.wu", "director"),
        )


async def test_a_task_goes_from_asking_to_its_outcome(desk: Desk) -> None:
    incident_id = await desk.opened()
    aim = await desk.objectives.SetObjective(
        objective_pb.SetObjectiveRequest(
            request_id=request_id(),
            incident_id=incident_id,
            objective_id="o1",
            kind="转移安置",
            text="低洼户全部转移",
        ),
        metadata=desk.commander.metadata,
    )
    assigned = await desk.assign(incident_id, objective_id="o1")
    waiting = await desk.task(incident_id, assigned.position)
    about: dict[str, Any] = {"incident_id": incident_id, "task_id": "t1"}
    by_chen = {"metadata": desk.chen.metadata}
    await desk.tasks.AcceptTask(pb.AcceptTaskRequest(request_id=request_id(), **about), **by_chen)
    await desk.tasks.ReportTaskProgress(
        pb.ReportTaskProgressRequest(
            request_id=request_id(), percent=60, note="已转移 26 户", **about
        ),
        **by_chen,
    )
    completed = await desk.tasks.CompleteTask(
        pb.CompleteTaskRequest(
            request_id=request_id(),
            outcome=pb.TASK_OUTCOME_PARTLY_DONE,
            note="2 户劝离未果",
            evidence=["花名册"],
            **about,
        ),
        **by_chen,
    )
    done = await desk.task(incident_id, completed.position)

    assert aim.objective_id == "o1"
    assert (waiting.state, waiting.overdue) == (pb.TASK_STATE_ASSIGNED, False)
    assert (done.state, done.outcome) == (pb.TASK_STATE_COMPLETED, pb.TASK_OUTCOME_PARTLY_DONE)
    assert (done.accepted_by, done.percent, done.ended_by) == ("chen", 60, "chen")
    assert list(done.evidence) == ["花名册"]
    assert done.start_time.seconds
    assert done.accept_time.seconds


async def test_only_the_assignee_speaks_of_a_task_or_who_is_in_charge(desk: Desk) -> None:
    incident_id = await desk.opened()
    await desk.assign(incident_id)
    done = pb.CompleteTaskRequest(
        request_id=request_id(),
        incident_id=incident_id,
        task_id="t1",
        outcome=pb.TASK_OUTCOME_DONE,
    )

    refused = await refusal(desk.tasks.CompleteTask(done, metadata=desk.keeper.metadata))
    on_the_radio = await desk.tasks.CompleteTask(done, metadata=desk.officer.metadata)
    completed = await desk.task(incident_id, on_the_radio.position)

    assert (refused.code, refused.reason) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "NOT_ASSIGNEE",
    )
    assert completed.ended_by == "duty.wang"


async def test_a_storekeeper_assigns_nothing(desk: Desk) -> None:
    incident_id = await desk.opened()
    refused = await refusal(
        replace(desk, commander=desk.keeper).assign(incident_id),
    )

    assert refused.reason == "CAPABILITY_REQUIRED"


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "a time limit in the past": (
        {"due_time": stamp(datetime(2026, 1, 1, tzinfo=UTC))},
        "DUE_TIME_PAST",
        "due_time",
    ),
    "no title": ({"title": ""}, "INVALID_FIELD", "title"),
    "nobody": ({"assignee": ""}, "INVALID_FIELD", "assignee"),
    "neither person nor department": ({"assignee_kind": 0}, "INVALID_FIELD", "assignee_kind"),
    "an id with a full stop, as plans make them": (
        {"task_id": "flood.patrol"},
        "INVALID_FIELD",
        "task_id",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_task_is_refused_by_its_field(desk: Desk, name: str) -> None:
    fields, reason, field = BAD[name]
    incident_id = await desk.opened()

    refused = await refusal(desk.assign(incident_id, **fields))

    assert (refused.code, refused.reason, refused.fields) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        reason,
        (field,),
    )


async def test_what_is_not_done_says_why(desk: Desk) -> None:
    incident_id = await desk.opened()
    await desk.assign(incident_id)

    refused = await refusal(
        desk.tasks.CompleteTask(
            pb.CompleteTaskRequest(
                request_id=request_id(),
                incident_id=incident_id,
                task_id="t1",
                outcome=pb.TASK_OUTCOME_NOT_DONE,
            ),
            metadata=desk.chen.metadata,
        )
    )

    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_task_whose_time_limit_passes_is_rung_once_and_watched(desk: Desk) -> None:
    incident_id = await desk.opened()
    assigned = await desk.assign(
        incident_id, due_time=stamp(datetime.now(UTC) + timedelta(seconds=1))
    )
    watch = desk.tasks.WatchTasks(
        pb.WatchTasksRequest(resume_position=assigned.position, incident_id=incident_id),
        metadata=desk.officer.metadata,
        timeout=30,
    )
    rung = await watch.read()
    watch.cancel()

    assert (rung.task.task_id, rung.task.overdue) == ("t1", True)
    assert rung.task.state == pb.TASK_STATE_ASSIGNED
    assert await desk.listed(rung.position, incident_id=incident_id, overdue=True) == ["t1"]


async def test_a_scripted_exercise_rings_by_its_own_clock(desk: Desk) -> None:
    drill = desk.played(f"drill-{request_id()[:8]}")
    begin = datetime(2026, 6, 18, 1, 0, tzinfo=UTC)

    async def turn(clock: datetime) -> int:
        moved = await drill.exercises.AdvanceExerciseClock(
            exercise_pb.AdvanceExerciseClockRequest(
                request_id=request_id(),
                exercise_id=drill.commander.exercise,
                clock=stamp(clock),
            ),
            metadata=drill.director.metadata,
        )
        return int(moved.position)

    await turn(begin)
    incident_id = await drill.opened()
    await drill.assign(
        incident_id,
        due_time=stamp(begin + timedelta(hours=2)),
        occur_time=stamp(begin + timedelta(hours=1)),
    )
    in_time = await drill.task(incident_id, await turn(begin + timedelta(minutes=119)))
    late = await drill.task(incident_id, await turn(begin + timedelta(hours=2)))

    assert (in_time.overdue, late.overdue) == (False, True)
    assert late.position > in_time.position


async def test_tasks_are_listed_by_whom_state_plan_and_time(desk: Desk) -> None:
    incident_id = await desk.opened()
    await desk.assign(incident_id, "t1")
    await desk.assign(incident_id, "t2", assignee="mayor.zhang")
    last = await desk.assign(incident_id, "t3")
    cancelled = await desk.tasks.CancelTask(
        pb.CancelTaskRequest(
            request_id=request_id(), incident_id=incident_id, task_id="t3", reason="水位已退"
        ),
        metadata=desk.commander.metadata,
    )
    at = cancelled.position
    mine: dict[str, Any] = {"incident_id": incident_id}

    assert await desk.listed(at, **mine) == ["t3", "t2", "t1"]
    assert await desk.listed(at, assignee="mayor.zhang", **mine) == ["t2"]
    assert await desk.listed(at, states=[pb.TASK_STATE_ASSIGNED], **mine) == ["t2", "t1"]
    assert await desk.listed(at, plan_step="flood", **mine) == []
    assert await desk.listed(at, overdue=True, **mine) == []
    then = await desk.tasks.ListTasks(
        pb.ListTasksRequest(
            read=read_pb2.ReadOptions(as_of_position=last.position),
            states=[pb.TASK_STATE_ASSIGNED],
            page_size=2,
            **mine,
        ),
        metadata=desk.officer.metadata,
    )
    rest = await desk.tasks.ListTasks(
        pb.ListTasksRequest(page_size=2, page_token=then.next_page_token, **mine),
        metadata=desk.officer.metadata,
    )
    assert [task.task_id for task in then.tasks] == ["t3", "t2"]
    assert [task.task_id for task in rest.tasks] == ["t1"]


async def test_a_need_is_met_part_by_part_and_a_receipt_counts_once(desk: Desk) -> None:
    incident_id = await desk.opened()
    await desk.raise_(incident_id)
    about: dict[str, Any] = {"incident_id": incident_id, "need_id": "n1"}
    by_keeper = {"metadata": desk.keeper.metadata}
    await desk.needs.RecordNeedCommitment(
        need_pb.RecordNeedCommitmentRequest(
            request_id=request_id(), commitment_id="c1", quantity=2000, source=TRUCK, **about
        ),
        **by_keeper,
    )
    first = need_pb.FulfilNeedRequest(
        request_id=request_id(),
        fulfilment_id="f1",
        commitment_id="c1",
        quantity=1940,
        source=TRUCK,
        **about,
    )
    part = await desk.needs.FulfilNeed(first, **by_keeper)
    first.request_id = request_id()
    again = await desk.needs.FulfilNeed(first, **by_keeper)
    partly = await desk.need(incident_id, part.position)
    too_much = await refusal(
        desk.needs.FulfilNeed(
            need_pb.FulfilNeedRequest(request_id=request_id(), quantity=61, source=TRUCK, **about),
            **by_keeper,
        )
    )
    last = await desk.needs.FulfilNeed(
        need_pb.FulfilNeedRequest(request_id=request_id(), quantity=60, source=TRUCK, **about),
        **by_keeper,
    )
    met = await desk.need(incident_id, last.position)

    assert again.position == part.position
    assert (partly.state, partly.remaining) == (need_pb.NEED_STATE_PARTIALLY_MET, 60)
    assert [c.outstanding for c in partly.commitments] == [60]
    assert (too_much.code, too_much.reason, too_much.metadata["allowed"]) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "NEED_EXCEEDED",
        "60",
    )
    assert (met.state, met.remaining, len(met.parts)) == (need_pb.NEED_STATE_MET, 0, 2)
    assert met.parts[0].source.reference == "t-7"


async def test_needs_are_listed_by_state_category_and_region_and_watched(desk: Desk) -> None:
    incident_id = await desk.opened()
    start = await desk.raise_(incident_id, "n1")
    last = await desk.raise_(
        incident_id, "n2", category=need_pb.NEED_CATEGORY_EQUIPMENT, item="冲锋舟", quantity=3
    )
    withdrawn = await desk.needs.CancelNeed(
        need_pb.CancelNeedRequest(
            request_id=request_id(), incident_id=incident_id, need_id="n1", reason="已够用"
        ),
        metadata=desk.officer.metadata,
    )

    async def listed(**fields: Any) -> list[str]:
        answer = await desk.needs.ListNeeds(
            need_pb.ListNeedsRequest(
                incident_id=incident_id,
                read=read_pb2.ReadOptions(min_position=withdrawn.position),
                **fields,
            ),
            metadata=desk.officer.metadata,
        )
        return [need.need_id for need in answer.needs]

    assert await listed() == ["n2", "n1"]
    assert await listed(states=[need_pb.NEED_STATE_OPEN]) == ["n2"]
    assert await listed(categories=[need_pb.NEED_CATEGORY_SUPPLIES]) == ["n1"]
    assert await listed(adcode="431281103") == []
    watch = desk.needs.WatchNeeds(
        need_pb.WatchNeedsRequest(
            resume_position=start.position, incident_id=incident_id, adcode="431281"
        ),
        metadata=desk.officer.metadata,
        timeout=30,
    )
    seen = [await watch.read(), await watch.read()]
    watch.cancel()
    assert [(news.need.need_id, news.position) for news in seen] == [
        ("n2", last.position),
        ("n1", withdrawn.position),
    ]


async def test_a_need_outside_what_is_served_is_refused(desk: Desk) -> None:
    incident_id = await desk.opened()

    refused = await refusal(desk.raise_(incident_id, place=place_pb2.Place(adcode="431271")))
    unnamed = await refusal(
        desk.needs.RecordNeedCommitment(
            need_pb.RecordNeedCommitmentRequest(
                request_id=request_id(),
                incident_id=incident_id,
                need_id="n1",
                quantity=1,
                source=need_pb.NeedSource(
                    kind=need_pb.NeedSource.KIND_ASSIGNMENT, provider="水上救援队"
                ),
            ),
            metadata=desk.keeper.metadata,
        )
    )

    assert (refused.reason, refused.fields) == ("ADCODE_UNKNOWN", ("place.adcode",))
    assert unnamed.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_objectives_are_listed_with_their_progress_and_their_end(desk: Desk) -> None:
    incident_id = await desk.opened()
    by = {"metadata": desk.commander.metadata}
    about: dict[str, Any] = {"incident_id": incident_id, "objective_id": "o1"}
    for objective_id in ("o1", "o2"):
        await desk.objectives.SetObjective(
            objective_pb.SetObjectiveRequest(
                request_id=request_id(),
                incident_id=incident_id,
                objective_id=objective_id,
                kind="搜救",
                text="找到全部被困人员",
            ),
            **by,
        )
    await desk.objectives.ReportObjectiveProgress(
        objective_pb.ReportObjectiveProgressRequest(
            request_id=request_id(), percent=50, note="已找到 1 人", **about
        ),
        **by,
    )
    closed = await desk.objectives.CloseObjective(
        objective_pb.CloseObjectiveRequest(
            request_id=request_id(),
            outcome=objective_pb.OBJECTIVE_OUTCOME_ACHIEVED,
            note="2 人获救",
            **about,
        ),
        **by,
    )
    listing = objective_pb.ListObjectivesRequest(
        incident_id=incident_id, read=read_pb2.ReadOptions(min_position=closed.position)
    )
    both = await desk.objectives.ListObjectives(listing, **by)
    listing.state = objective_pb.OBJECTIVE_STATE_ACHIEVED
    [reached] = (await desk.objectives.ListObjectives(listing, **by)).objectives

    assert [aim.objective_id for aim in both.objectives] == ["o2", "o1"]
    assert (reached.percent, reached.close_note) == (50, "2 人获救")


async def test_closing_the_incident_calls_off_what_is_open(desk: Desk) -> None:
    incident_id = await desk.opened()
    await desk.assign(incident_id)
    await desk.raise_(incident_id)
    closed = await desk.incidents.CloseIncident(
        incident_pb.CloseIncidentRequest(
            request_id=request_id(), incident_id=incident_id, summary="险情排除"
        ),
        metadata=desk.commander.metadata,
    )
    async with asyncio.timeout(10):
        task = await desk.task(incident_id, closed.position)
        need = await desk.need(incident_id, closed.position)
    late = await refusal(desk.assign(incident_id, "t2"))

    assert (task.state, task.cancel_reason) == (pb.TASK_STATE_CANCELLED, "INCIDENT_CLOSED")
    assert need.state == need_pb.NEED_STATE_CANCELLED
    assert late.reason == "INCIDENT_CLOSED"
