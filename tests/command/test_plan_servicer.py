"""Plans and what is ordered under them, over real gRPC."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from anlan.command.v1 import figure_pb2 as figure_pb
from anlan.command.v1 import incident_service_pb2 as incident_pb
from anlan.command.v1 import plan_service_pb2 as pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1 import response_service_pb2 as response_pb
from anlan.command.v1 import task_service_pb2 as task_pb
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from anlan.command.v1.plan_service_pb2_grpc import PlanServiceStub
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.command.v1.response_service_pb2_grpc import ResponseServiceStub
from anlan.command.v1.task_service_pb2_grpc import TaskServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from services.cli import plans as files
from services.cli.client import Client
from services.command.servicer import plan_messages
from tests.command import plans as known
from tests.service import Caller, Service, Tokens, refusal, request_id

CALLED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
"""Long enough ago that every limit of the plan can have passed."""
CONTENT = plan_messages.content_message(known.content)
LEVEL = incident_pb.ResponseLevel


def at(minutes: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(CALLED + timedelta(minutes=minutes))
    return stamp


@dataclass(frozen=True)
class Api:
    plans: Any
    responses: Any
    incidents: Any
    reports: Any
    tasks: Any
    admin: Caller
    officer: Caller
    commander: Caller
    mayor: Caller

    async def opened(self, exercise: str = "", **casualties: int) -> str:
        officer = Caller(self.officer.token, exercise)
        submitted = await self.reports.SubmitReport(
            report_pb.SubmitReportRequest(
                request_id=request_id(),
                source=report_pb.REPORT_SOURCE_POLICE_110,
                reporter="村民",
                type_code="11D01",
                place=place_pb2.Place(adcode="431281102", address="洪江市安江镇"),
                casualties=report_pb.Casualties(**(casualties or {"trapped": 2})),
                text="屋后山体滑坡",
                occur_time=at(0),
            ),
            metadata=officer.metadata,
        )
        verified = await self.reports.VerifyReport(
            report_pb.VerifyReportRequest(
                request_id=request_id(), report_id=submitted.report_id, title="安江滑坡"
            ),
            metadata=officer.metadata,
        )
        return str(verified.incident_id)

    async def published(self, **more: Any) -> str:
        """Bring a plan of the test's own into force, ten days before the call."""
        plan_id = f"p-{uuid4().hex[:8]}"
        content = pb.PlanContent()
        content.CopyFrom(CONTENT)
        content.MergeFrom(pb.PlanContent(**more))
        when = at(-60 * 24 * 10)
        named = {"plan_id": plan_id, "occur_time": when}
        paper = {"version": 1, "body": "市政府", "reference": "1 号", **named}
        for method, fields in [
            ("DraftPlan", {"adcode": "431281", "content": content, **named}),
            ("ReviewPlan", {"verdict": pb.PLAN_VERDICT_PASSED, **paper}),
            ("AssessPlan", {"verdict": pb.PLAN_VERDICT_PASSED, **paper}),
            ("PublishPlan", paper),
        ]:
            request = getattr(pb, f"{method}Request")(request_id=request_id(), **fields)
            await getattr(self.plans, method)(request, metadata=self.admin.metadata)
        return plan_id

    async def activate(self, incident_id: str, by: Caller, **fields: Any) -> Any:
        request = incident_pb.ActivateResponseRequest(
            **{
                "request_id": request_id(),
                "incident_id": incident_id,
                "level": LEVEL.RESPONSE_LEVEL_IV,
                "approver": "commander.li",
                "reason": "两人被困",
                "occur_time": at(1),
                **fields,
            }
        )
        return await self.incidents.ActivateResponse(request, metadata=by.metadata)

    async def proposal(self, incident_id: str, by: Caller, position: int = 0) -> Any:
        request = response_pb.GetActivationProposalRequest(
            incident_id=incident_id, read=read_pb2.ReadOptions(min_position=position)
        )
        return await self.responses.GetActivationProposal(request, metadata=by.metadata)

    async def conformance(self, incident_id: str, position: int) -> Any:
        request = pb.GetConformanceRequest(
            incident_id=incident_id, read=read_pb2.ReadOptions(min_position=position)
        )
        return await self.plans.GetConformance(request, metadata=self.officer.metadata)

    async def incident(self, incident_id: str, position: int) -> Any:
        request = incident_pb.GetIncidentRequest(
            incident_id=incident_id, read=read_pb2.ReadOptions(min_position=position)
        )
        return await self.incidents.GetIncident(request, metadata=self.officer.metadata)


@pytest.fixture
async def api(command: Service, tokens: Tokens) -> AsyncIterator[Api]:
    async with command.channel() as channel:
        yield Api(
            PlanServiceStub(channel),
            ResponseServiceStub(channel),
            IncidentServiceStub(channel),
            ReportServiceStub(channel),
            TaskServiceStub(channel),
            tokens.caller("planner.yi", "administrator"),
            tokens.caller("duty.wang", "duty_officer"),
            tokens.caller("commander.li", "commander"),
            tokens.caller("mayor.zhang", "leader"),
        )


async def get(api: Api, plan_id: str, version: int = 0, position: int = 0) -> pb.GetPlanResponse:
    request = pb.GetPlanRequest(
        plan_id=plan_id, version=version, read=read_pb2.ReadOptions(min_position=position)
    )
    answer: pb.GetPlanResponse = await api.plans.GetPlan(request, metadata=api.officer.metadata)
    return answer


async def test_the_shipped_plans_are_loaded_once_over_the_public_api(
    api: Api, command: Service
) -> None:
    async with Client({"command": command.address}, lambda: api.admin.token) as client:
        first = await files.load(client, files.shipped())
        second = await files.load(client, files.shipped())

    assert [one.acts for one in first] == [4] * 6
    assert [one.acts for one in second] == [0] * 6
    listed = await api.plans.ListPlans(
        pb.ListPlansRequest(kind=pb.PLAN_KIND_SPECIAL, only_in_force=True),
        metadata=api.officer.metadata,
    )
    loaded = {plan.plan_id: plan for plan in listed.plans}
    assert loaded["plan-geological"].state == pb.PLAN_STATE_PUBLISHED
    assert loaded["plan-geological"].sample
    found = await get(api, "plan-geological")
    assert found.version.publish_time.ToJsonString() == "2026-01-01T00:00:00Z"
    assert [act.kind for act in found.acts] == [
        pb.PlanAct.KIND_DRAFTED,
        pb.PlanAct.KIND_REVIEWED,
        pb.PlanAct.KIND_ASSESSED,
        pb.PlanAct.KIND_PUBLISHED,
    ]


def sample(folder: Path, plan_id: str, title: str, issued: str) -> list[Path]:
    [shipped] = files.shipped(["flood"])
    tree = json.loads(shipped.read_text())
    tree["content"]["title"] = title
    path = folder / f"{plan_id}.json"
    path.write_text(json.dumps({**tree, "plan_id": plan_id, "issued": issued}))
    return [path]


async def test_a_loading_goes_on_where_it_stopped_and_leaves_peoples_plans_alone(
    api: Api, command: Service, tmp_path: Path
) -> None:
    plan_id = f"p-{uuid4().hex[:8]}"
    first = sample(tmp_path, plan_id, "甲", "2026-01-01T08:00:00+08:00")
    draft = pb.DraftPlanRequest(
        request_id=request_id(),
        plan_id=plan_id,
        adcode="431281",
        content=files.read(first[0]).content,
        occur_time=at(-60 * 24 * 400),
    )
    await api.plans.DraftPlan(draft, metadata=api.admin.metadata)
    async with Client({"command": command.address}, lambda: api.admin.token) as client:
        assert [(one.version, one.acts) for one in await files.load(client, first)] == [(1, 3)]
        newer = sample(tmp_path, plan_id, "乙", "2026-02-01T08:00:00+08:00")
        assert [(one.version, one.acts) for one in await files.load(client, newer)] == [(2, 4)]
        assert [(one.version, one.acts) for one in await files.load(client, newer)] == [(2, 0)]
        adopted = files.read(newer[0]).content
        adopted.sample = False
        await api.plans.RevisePlan(
            pb.RevisePlanRequest(
                request_id=request_id(), plan_id=plan_id, content=adopted, reason="采用"
            ),
            metadata=api.admin.metadata,
        )
        with pytest.raises(files.BadPlan, match="in earnest by now"):
            await files.load(client, newer)
        await api.plans.RetirePlan(
            pb.RetirePlanRequest(
                request_id=request_id(), plan_id=plan_id, body="市", reference="9", reason="废止"
            ),
            metadata=api.admin.metadata,
        )
        with pytest.raises(files.BadPlan, match="was retired"):
            await files.load(client, newer)


async def test_a_sample_is_used_in_exercises_and_not_in_earnest(api: Api) -> None:
    plan_id = await api.published(sample=True)
    earnest, drill = await api.opened(), await api.opened("drill-7")

    refused = await refusal(api.activate(earnest, api.commander, plan_id=plan_id))
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "PLAN_IS_SAMPLE",
    )
    played = Caller(api.commander.token, "drill-7")
    written = await api.activate(drill, played, plan_id=plan_id)
    assert (await api.incident(drill, written.position)).incident.plan_id == plan_id


async def test_a_new_version_is_drafted_beside_the_one_in_force(api: Api) -> None:
    plan_id = await api.published()
    content = pb.PlanContent()
    content.CopyFrom(CONTENT)
    content.title = "修订稿"
    revised = await api.plans.RevisePlan(
        pb.RevisePlanRequest(
            request_id=request_id(),
            plan_id=plan_id,
            content=content,
            reason="演练评估",
            occur_time=at(-60),
        ),
        metadata=api.admin.metadata,
    )

    now = await get(api, plan_id, position=revised.position)
    draft = await get(api, plan_id, version=2)
    assert (now.version.version, now.version.content.title) == (1, CONTENT.title)
    assert (draft.version.state, draft.version.content.title) == (
        pb.PLAN_STATE_DRAFT,
        "修订稿",
    )
    assert (now.plan.newest_version, now.plan.version_in_force) == (2, 1)
    missing = await refusal(get(api, plan_id, version=3))
    assert missing.reason == "NO_SUCH_PLAN_VERSION"
    unknown = await refusal(get(api, "nothing"))
    assert unknown.code is grpc.StatusCode.NOT_FOUND


async def test_watching_plans_tells_each_change(api: Api) -> None:
    plan_id = await api.published()
    seen = []
    stream = api.plans.WatchPlans(pb.WatchPlansRequest(), metadata=api.officer.metadata)
    async for change in stream:
        seen.append(change.plan)
        if change.plan.plan_id == plan_id and change.plan.version_in_force:
            break  # before that the rows may still be on their way

    assert seen[-1].version_in_force == 1


async def test_a_bad_plan_is_refused_by_field(api: Api) -> None:
    content = pb.PlanContent()
    content.CopyFrom(CONTENT)
    content.steps[1].after[:] = ["nothing"]
    draft = pb.DraftPlanRequest(
        request_id=request_id(), plan_id="bad", adcode="431281", content=content
    )

    refused = await refusal(api.plans.DraftPlan(draft, metadata=api.admin.metadata))
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "PLAN_INCONSISTENT",
    )
    assert refused.fields == ("content.steps.after",)
    draft.content.ClearField("levels")
    refused = await refusal(api.plans.DraftPlan(draft, metadata=api.admin.metadata))
    assert refused.reason == "INVALID_FIELD"
    denied = await refusal(api.plans.DraftPlan(draft, metadata=api.officer.metadata))
    assert denied.reason == "CAPABILITY_REQUIRED"


async def test_nothing_is_activated_under_a_draft(api: Api) -> None:
    incident_id, plan_id = await api.opened(), f"p-{uuid4().hex[:8]}"
    await api.plans.DraftPlan(
        pb.DraftPlanRequest(
            request_id=request_id(), plan_id=plan_id, adcode="431281", content=CONTENT
        ),
        metadata=api.admin.metadata,
    )

    refused = await refusal(api.activate(incident_id, api.commander, plan_id=plan_id))
    assert (refused.reason, refused.metadata["state"]) == ("PLAN_NOT_PUBLISHED", "draft")
    missing = await refusal(api.activate(incident_id, api.commander, plan_id="nothing"))
    assert missing.reason == "NO_SUCH_PLAN"
    neither = await refusal(api.activate(incident_id, api.commander))
    assert neither.reason == "INVALID_FIELD"


async def test_the_version_is_that_of_the_time_not_of_the_record(api: Api) -> None:
    plan_id = await api.published()
    incident_id = await api.opened()
    await api.plans.RetirePlan(
        pb.RetirePlanRequest(
            request_id=request_id(),
            plan_id=plan_id,
            body="市政府",
            reference="9 号",
            reason="并入总体预案",
            occur_time=at(5),
        ),
        metadata=api.admin.metadata,
    )

    late = await refusal(
        api.activate(incident_id, api.commander, plan_id=plan_id, occur_time=at(5))
    )
    assert (late.reason, late.metadata["state"]) == ("PLAN_NOT_PUBLISHED", "retired")
    belated = {"request_id": request_id(), "plan_id": plan_id, "occur_time": at(4)}
    written = await api.activate(incident_id, api.commander, **belated)
    assert await api.activate(incident_id, api.commander, **belated) == written


async def test_what_was_answered_once_is_answered_again_though_the_plan_has_gone(api: Api) -> None:
    plan_id = await api.published()
    incident_id = await api.opened()
    request: dict[str, Any] = {"request_id": request_id(), "plan_id": plan_id, "occur_time": None}
    written = await api.activate(incident_id, api.commander, **request)
    await api.plans.RetirePlan(
        pb.RetirePlanRequest(
            request_id=request_id(), plan_id=plan_id, body="市", reference="9", reason="废止"
        ),
        metadata=api.admin.metadata,
    )

    assert await api.activate(incident_id, api.commander, **request) == written


async def test_without_a_plan_the_response_is_flagged(api: Api) -> None:
    incident_id = await api.opened()
    written = await api.activate(incident_id, api.officer, plan="防汛预案 4.2", approver="某主任")

    page = await api.incident(incident_id, written.position)
    assert page.incident.response_unplanned
    assert (page.incident.plan, page.incident.plan_id) == ("防汛预案 4.2", "")
    [decision] = page.decisions
    assert (decision.decision_id, decision.decision_class) == (
        written.decision_id,
        "response_level",
    )
    found = await api.conformance(incident_id, written.position)
    assert (list(found.activations), found.unplanned_activations) == ([], 1)


async def test_the_proposal_says_what_holds_by_which_figures_and_whose_word_it_takes(
    api: Api,
) -> None:
    plan_id = await api.published()
    incident_id = await api.opened(dead=2, missing=1)
    position = (await api.incident(incident_id, 0)).freshness.position

    found = await api.proposal(incident_id, api.commander, position)
    [plan] = [plan for plan in found.plans if plan.plan_id == plan_id]
    assert plan.proposed_level == LEVEL.RESPONSE_LEVEL_III
    fourth, third, second = plan.levels
    assert [level.started for level in plan.levels] == [True, True, False]
    assert [level.caller_may_approve for level in plan.levels] == [True, True, False]
    [counted, judged] = third.conditions
    assert (counted.holds, counted.judged) == (True, False)
    assert [(one.metric, one.value) for one in counted.figures] == [
        (figure_pb.METRIC_DEAD, 2),
        (figure_pb.METRIC_MISSING, 1),
    ]
    assert all(one.fact_ids and one.position for one in counted.figures)
    assert (judged.holds, judged.judged) == (False, True)
    assert list(second.approver.roles) == ["leader"]
    assert [step.step_id for step in fourth.tasks] == ["verify", "move", "relief"]
    assert len(third.tasks) == 5

    mine = await api.proposal(incident_id, api.mayor)
    [plan] = [plan for plan in mine.plans if plan.plan_id == plan_id]
    assert all(level.caller_may_approve for level in plan.levels)
    missing = await refusal(api.proposal("nothing", api.mayor))
    assert missing.reason == "NO_SUCH_INCIDENT"


async def test_the_proposal_of_the_past_is_what_was_known_then(api: Api) -> None:
    await api.published()
    incident_id = await api.opened()
    before = (await api.incident(incident_id, 0)).freshness.position
    plan_id = await api.published()
    request = response_pb.GetActivationProposalRequest(
        incident_id=incident_id, read=read_pb2.ReadOptions(as_of_position=before)
    )

    found = await api.responses.GetActivationProposal(request, metadata=api.commander.metadata)

    assert found.freshness.position == before
    assert plan_id not in {plan.plan_id for plan in found.plans}


async def test_a_level_is_raised_by_the_word_of_whoever_its_plan_names(api: Api) -> None:
    plan_id = await api.published()
    incident_id = await api.opened()
    await api.activate(incident_id, api.commander, plan_id=plan_id)
    lift = incident_pb.ChangeResponseLevelRequest(
        request_id=request_id(),
        incident_id=incident_id,
        level=LEVEL.RESPONSE_LEVEL_II,
        approver="mayor.zhang",
        reason="滑坡入河",
        clauses=["6.2"],
        occur_time=at(30),
    )

    refused = await refusal(
        api.incidents.ChangeResponseLevel(lift, metadata=api.commander.metadata)
    )
    assert (refused.reason, refused.metadata["title"]) == ("APPROVAL_REQUIRED", "指挥长")
    word = response_pb.ApproveResponseRequest(
        request_id=request_id(), incident_id=incident_id, level=LEVEL.RESPONSE_LEVEL_II
    )
    subordinate = await refusal(
        api.responses.ApproveResponse(word, metadata=api.commander.metadata)
    )
    assert (subordinate.code, subordinate.reason) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "NOT_APPROVER",
    )
    heard = await api.responses.ApproveResponse(word, metadata=api.mayor.metadata)
    waiting = await api.proposal(incident_id, api.commander, heard.position)
    assert list(waiting.plans[0].levels[2].approved_by) == ["mayor.zhang"]
    assert (waiting.active_level, waiting.active_plan_id) == (LEVEL.RESPONSE_LEVEL_IV, plan_id)
    assert [step.step_id for step in waiting.plans[0].levels[2].tasks] == [
        "post",
        "count",
        "army",
    ]

    lift.request_id = request_id()
    lifted = await api.incidents.ChangeResponseLevel(lift, metadata=api.commander.metadata)
    page = await api.incident(incident_id, lifted.position)
    assert page.incident.response_level == LEVEL.RESPONSE_LEVEL_II
    assert not page.incident.approval_awaited
    used = await api.proposal(incident_id, api.commander, lifted.position)
    assert list(used.plans[0].levels[2].approved_by) == []


async def test_haste_stands_flagged_until_it_is_approved(api: Api) -> None:
    plan_id = await api.published()
    incident_id = await api.opened()
    written = await api.activate(
        incident_id,
        api.officer,
        plan_id=plan_id,
        level=LEVEL.RESPONSE_LEVEL_II,
        clauses=["6.2"],
        approver="mayor.zhang",
        urgent="市长电话同意",
    )
    flagged = await api.incident(incident_id, written.position)
    heard = await api.responses.ApproveResponse(
        response_pb.ApproveResponseRequest(
            request_id=request_id(), incident_id=incident_id, level=LEVEL.RESPONSE_LEVEL_II
        ),
        metadata=api.mayor.metadata,
    )
    settled = await api.incident(incident_id, heard.position)

    assert flagged.incident.approval_awaited
    assert not settled.incident.approval_awaited


async def test_conformance_tells_what_was_done_late_skipped_and_out_of_order(api: Api) -> None:
    plan_id = await api.published()
    incident_id = await api.opened()
    activated = await api.activate(incident_id, api.commander, plan_id=plan_id, occur_time=at(0))
    await _complete(api, incident_id, f"{plan_id}.move", 20)
    await _complete(api, incident_id, f"{plan_id}.verify", 25)
    running = await api.conformance(incident_id, activated.position)
    lift = await api.incidents.ChangeResponseLevel(
        incident_pb.ChangeResponseLevelRequest(
            request_id=request_id(),
            incident_id=incident_id,
            level=LEVEL.RESPONSE_LEVEL_III,
            approver="commander.li",
            reason="范围扩大",
            clauses=["5.2"],
            occur_time=at(30),
        ),
        metadata=api.commander.metadata,
    )
    ended = await api.incidents.TerminateResponse(
        incident_pb.TerminateResponseRequest(
            request_id=request_id(),
            incident_id=incident_id,
            approver="commander.li",
            reason="险情排除",
            occur_time=at(120),
        ),
        metadata=api.commander.metadata,
    )

    [judged] = (await api.conformance(incident_id, ended.position)).activations
    found = {step.step_id: step for step in judged.steps}
    assert {name: step.finding for name, step in found.items()} == {
        "verify": pb.STEP_FINDING_LATE,
        "move": pb.STEP_FINDING_DONE,
        "relief": pb.STEP_FINDING_RELEASED,
        "post": pb.STEP_FINDING_SKIPPED,
        "count": pb.STEP_FINDING_RELEASED,
    }
    assert found["verify"].late_seconds == 600
    assert list(found["move"].out_of_order) == ["verify"]
    assert found["post"].due_time == at(90)
    assert found["post"].evidence_positions[0] > activated.position - 10
    assert min(found["post"].evidence_positions) <= lift.position
    assert (judged.plan_id, judged.plan_version, judged.score) == (plan_id, 1, 33)
    assert (judged.counts.late, judged.counts.out_of_order, judged.counts.released) == (1, 1, 2)
    assert (judged.activate_time, judged.terminate_time) == (at(0), at(120))
    assert {step.finding for step in running.activations[0].steps} >= {pb.STEP_FINDING_RUNNING}
    missing = await refusal(api.conformance("nothing", 0))
    assert missing.reason == "NO_SUCH_INCIDENT"


async def _complete(api: Api, incident_id: str, task_id: str, minutes: float) -> None:
    named = {"incident_id": incident_id, "task_id": task_id, "occur_time": at(minutes)}
    for method, fields in (("AcceptTask", {}), ("CompleteTask", {"outcome": 1})):
        request = getattr(task_pb, f"{method}Request")(request_id=request_id(), **named, **fields)
        await getattr(api.tasks, method)(request, metadata=api.commander.metadata)
