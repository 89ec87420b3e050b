"""The decision API over real gRPC: what is refused, flagged, approved, revoked, and found again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from anlan.command.v1 import decision_pb2 as decision_pb
from anlan.command.v1 import decision_service_pb2 as pb
from anlan.command.v1 import incident_service_pb2 as incident_pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1.decision_service_pb2_grpc import DecisionServiceStub
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from tests.service import Caller, Service, Tokens, refusal, request_id

RISK = decision_pb.DECISION_STEP_RISK_ASSESSMENT
LEGAL = decision_pb.DECISION_STEP_LEGALITY_REVIEW


@dataclass(frozen=True)
class Api:
    reports: Any
    incidents: Any
    decisions: Any
    officer: Caller
    commander: Caller
    leader: Caller
    incident_id: str = ""
    report_id: str = ""


@pytest.fixture
async def api(command: Service, tokens: Tokens) -> AsyncIterator[Api]:
    async with command.channel() as channel:
        fresh = Api(
            ReportServiceStub(channel),
            IncidentServiceStub(channel),
            DecisionServiceStub(channel),
            tokens.caller("duty.wang", "duty_officer"),
            tokens.caller("commander.li", "commander"),
            tokens.caller("mayor.zhang", "leader"),
        )
        submitted = await fresh.reports.SubmitReport(
            report_pb.SubmitReportRequest(
                request_id=request_id(),
                source=report_pb.REPORT_SOURCE_POLICE_110,
                reporter="110",
                type_code="11D01",
                place=place_pb2.Place(adcode="431281102", address="洪江市安江镇"),
                casualties=report_pb.Casualties(trapped=2),
                text="屋后山体滑坡",
            ),
            metadata=fresh.officer.metadata,
        )
        verified = await fresh.reports.VerifyReport(
            report_pb.VerifyReportRequest(
                request_id=request_id(), report_id=submitted.report_id, title="安江滑坡"
            ),
            metadata=fresh.officer.metadata,
        )
        yield Api(
            fresh.reports,
            fresh.incidents,
            fresh.decisions,
            fresh.officer,
            fresh.commander,
            fresh.leader,
            verified.incident_id,
            submitted.report_id,
        )


def asked(api: Api, **more: Any) -> incident_pb.RecordDecisionRequest:
    fields: dict[str, Any] = {
        "request_id": request_id(),
        "incident_id": api.incident_id,
        "decision_id": "d1",
        "decision_class": "evacuation",
        "subject": "转移稔禾村 43 户",
        "text": "立即转移",
        "basis": [
            incident_pb.Basis(
                kind=incident_pb.Basis.KIND_FACT, reference=f"{api.report_id}.trapped"
            )
        ],
        "steps": [step(RISK)],
        "urgent": "坡体随时可能下滑",
        "approver": "mayor.zhang",
        "authority": "突发事件应对法 第七十三条",
    }
    return incident_pb.RecordDecisionRequest(**{**fields, **more})


def step(which: decision_pb.DecisionStep.ValueType) -> decision_pb.StepDone:
    done = decision_pb.StepDone(step=which, done_by="市司法局", reference="洪司审〔2026〕18号")
    done.done_time.FromJsonString("2026-06-18T01:15:00Z")
    return done


async def record(api: Api, **more: Any) -> int:
    answer = await api.incidents.RecordDecision(asked(api, **more), metadata=api.commander.metadata)
    return int(answer.position)


async def get(
    api: Api, decision_id: str = "d1", position: int = 0, **more: Any
) -> pb.GetDecisionResponse:
    read = read_pb2.ReadOptions(min_position=position)
    answer: pb.GetDecisionResponse = await api.decisions.GetDecision(
        pb.GetDecisionRequest(
            incident_id=api.incident_id, decision_id=decision_id, read=read, **more
        ),
        metadata=api.officer.metadata,
    )
    return answer


async def approve(api: Api, decision_id: str = "d1") -> int:
    answer = await api.decisions.ApproveDecision(
        pb.ApproveDecisionRequest(
            request_id=request_id(), incident_id=api.incident_id, decision_id=decision_id
        ),
        metadata=api.leader.metadata,
    )
    return int(answer.position)


async def listed(api: Api, **filters: Any) -> list[str]:
    fields: dict[str, Any] = {"incident_id": api.incident_id, **filters}
    answer = await api.decisions.ListDecisions(
        pb.ListDecisionsRequest(**fields), metadata=api.officer.metadata
    )
    return [decision.decision_id for decision in answer.decisions]


async def test_an_urgent_evacuation_stays_flagged_until_it_is_reviewed_and_approved(
    api: Api,
) -> None:
    first = (await get(api, position=await record(api))).decision
    completed = await api.decisions.CompleteDecisionStep(
        pb.CompleteDecisionStepRequest(
            request_id=request_id(),
            incident_id=api.incident_id,
            decision_id="d1",
            done=step(LEGAL),
        ),
        metadata=api.officer.metadata,
    )
    reviewed = (await get(api, position=completed.position)).decision
    whole = (await get(api, position=await approve(api))).decision

    assert (first.state, first.flagged) == (decision_pb.DECISION_STATE_EFFECTIVE, True)
    assert (list(first.open_steps), first.awaits_approval) == ([LEGAL], True)
    assert first.complete_by_time.seconds - first.occur_time.seconds == 48 * 3600
    assert (list(reviewed.open_steps), reviewed.flagged) == ([], True)
    assert (whole.flagged, whole.approved_by) == (False, "mayor.zhang")
    assert [done.step for done in whole.steps] == [RISK, LEGAL]
    assert (whole.basis[0].on_record, whole.basis[0].position > 0) == (True, True)


async def test_a_decision_that_lacks_a_step_is_refused_and_leaves_no_event(api: Api) -> None:
    refused = await refusal(
        api.incidents.RecordDecision(asked(api, urgent=""), metadata=api.commander.metadata)
    )

    assert (refused.code, refused.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "DECISION_INCOMPLETE",
    )
    assert refused.metadata["missing"] == "legality_review"
    assert "合法性审查" in refused.message
    assert await listed(api) == []


async def test_bad_input_names_the_field(api: Api) -> None:
    options = [
        decision_pb.DecisionOption(text=text, chosen=True, reason="可行") for text in ("甲", "乙")
    ]
    unsaid = decision_pb.StepDone(step=LEGAL, done_by="市司法局", reference="18号")
    report = incident_pb.Basis(kind=incident_pb.Basis.KIND_REPORT, reference="r-none")
    bad = {
        "INVALID_FIELD": [
            asked(api, options=options),
            asked(api, steps=[step(RISK), step(RISK)]),
            asked(api, steps=[unsaid]),
            asked(api, decision_class="Evacuation!"),
        ],
        "DECISION_CLASS_UNKNOWN": [asked(api, decision_class="magic")],
        "BASIS_UNKNOWN": [asked(api, basis=[report])],
    }

    for reason, requests in bad.items():
        for request in requests:
            refused = await refusal(
                api.incidents.RecordDecision(request, metadata=api.commander.metadata)
            )
            assert refused.reason == reason, request


async def test_only_another_with_the_authority_approves(api: Api, tokens: Tokens) -> None:
    await record(api, steps=[step(RISK), step(LEGAL)], urgent="")
    request = pb.ApproveDecisionRequest(incident_id=api.incident_id, decision_id="d1")
    callers = {
        "CAPABILITY_REQUIRED": api.officer,
        "APPROVER_IS_DECIDER": api.commander,
        "APPROVAL_NOT_AUTHORISED": tokens.caller("head.anjiang", "commander", "431281102"),
    }
    for reason, caller in callers.items():
        request.request_id = request_id()
        refused = await refusal(api.decisions.ApproveDecision(request, metadata=caller.metadata))
        assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, reason)

    request.request_id = request_id()
    first = await api.decisions.ApproveDecision(request, metadata=api.leader.metadata)
    again = await api.decisions.ApproveDecision(request, metadata=api.leader.metadata)
    assert first == again


async def test_a_rejected_decision_says_by_whom_and_why(api: Api) -> None:
    await record(api)
    rejected = await api.decisions.RejectDecision(
        pb.RejectDecisionRequest(
            request_id=request_id(),
            incident_id=api.incident_id,
            decision_id="d1",
            reason="道路已断",
        ),
        metadata=api.leader.metadata,
    )

    found = (await get(api, position=rejected.position)).decision

    assert found.state == decision_pb.DECISION_STATE_REJECTED
    assert (found.rejected_by, found.reject_reason) == ("mayor.zhang", "道路已断")
    assert found.flagged  # it had been acted on


async def test_dissent_is_heard_with_who_spoke_and_who_wrote(api: Api) -> None:
    await record(api, dissents=[decision_pb.Dissent(dissenter="chen", text="先就近上楼")])
    heard = await api.decisions.RecordDissent(
        pb.RecordDissentRequest(
            request_id=request_id(),
            incident_id=api.incident_id,
            decision_id="d1",
            dissent=decision_pb.Dissent(text="车辆不足"),
        ),
        metadata=api.officer.metadata,
    )

    found = (await get(api, position=heard.position)).decision

    assert [(d.dissenter, d.text, d.recorded_by) for d in found.dissents] == [
        ("chen", "先就近上楼", "commander.li"),
        ("duty.wang", "车辆不足", "duty.wang"),
    ]


async def test_a_revocation_is_approved_like_what_it_revokes(api: Api) -> None:
    await record(api)
    written = asked(api, decision_id="d2", subject="解除转移", urgent="", steps=[])
    revoke = pb.RevokeDecisionRequest(
        request_id=written.request_id,
        incident_id=api.incident_id,
        decision_id="d2",
        revokes="d1",
        subject="解除转移",
        text="险情排除，可以返回",
        basis=written.basis,
        approver="mayor.zhang",
        authority=written.authority,
    )
    refused = await refusal(api.decisions.RevokeDecision(revoke, metadata=api.commander.metadata))
    revoke.request_id = request_id()
    revoke.steps.extend([step(RISK), step(LEGAL)])
    await api.decisions.RevokeDecision(revoke, metadata=api.commander.metadata)
    position = await approve(api, "d2")

    revoked, revoking = await get(api, "d1", position), await get(api, "d2")

    assert refused.reason == "DECISION_INCOMPLETE"
    assert (revoked.decision.state, revoked.decision.revoked_by) == (
        decision_pb.DECISION_STATE_REVOKED,
        "d2",
    )
    assert (revoking.decision.decision_class, revoking.decision.revokes) == ("evacuation", "d1")
    assert [event.type for event in revoking.followed] == ["DecisionRevoked.v1"]


async def test_what_followed_is_found_from_the_decision_and_the_decision_from_it(api: Api) -> None:
    await record(api)
    decided = (await get(api)).decision
    grade = incident_pb.GradeIncidentRequest(
        request_id=request_id(),
        incident_id=api.incident_id,
        grade=incident_pb.GRADE_LARGER,
        basis="3 人死亡",
    )
    establish = incident_pb.EstablishCommandRequest(
        request_id=request_id(),
        incident_id=api.incident_id,
        commander="commander.li",
        command_post="安江镇政府",
    )
    by_event = (*api.commander.metadata, ("x-causation-id", decided.event_id))
    by_id = (*api.commander.metadata, ("x-causation-id", "d1"))
    await api.incidents.GradeIncident(grade, metadata=by_event)
    last = await api.incidents.EstablishCommand(establish, metadata=by_id)

    followed = (await get(api, position=last.position)).followed
    types = [event.type.partition(".")[0] for event in followed]
    assert "IncidentGraded" in types
    assert types[-1] == "CommandEstablished"
    assert await listed(api, led_to_event_id=followed[0].event_id) == ["d1"]
    assert await listed(api, led_to_event_id=decided.event_id) == []

    page = await get(api, page_size=1)
    rest = await get(api, page_size=50, page_token=page.next_page_token)
    assert [*page.followed, *rest.followed] == list(followed)
    before = pb.GetDecisionRequest(
        incident_id=api.incident_id,
        decision_id="d1",
        read=read_pb2.ReadOptions(as_of_position=decided.position),
    )
    then = await api.decisions.GetDecision(before, metadata=api.officer.metadata)
    assert (list(then.followed), then.decision) == ([], decided)


async def test_decisions_are_listed_by_what_is_asked_of_them(api: Api) -> None:
    await record(api)
    await record(api, decision_id="d2", decision_class="", urgent="", steps=[], approver="chen")
    steps = [step(RISK), step(LEGAL)]
    third = asked(api, decision_id="d3", steps=steps, urgent="", approver="secretary.anjiang")
    written = await api.incidents.RecordDecision(third, metadata=api.leader.metadata)
    await get(api, "d3", written.position)

    assert await listed(api) == ["d3", "d2", "d1"]
    assert await listed(api, flagged=True) == ["d1"]
    assert await listed(api, state=decision_pb.DECISION_STATE_PROPOSED) == ["d3"]
    assert await listed(api, decision_class="general") == ["d2"]
    assert await listed(api, person="chen") == ["d2"]
    assert await listed(api, person="commander.li") == ["d2", "d1"]
    assert await listed(api, basis_reference=f"{api.report_id}.trapped") == ["d3", "d2", "d1"]
    assert await listed(api, basis_reference="elsewhere") == []
    assert await listed(api, adcode="431281103") == []

    first = await api.decisions.ListDecisions(
        pb.ListDecisionsRequest(incident_id=api.incident_id, page_size=2),
        metadata=api.officer.metadata,
    )
    assert await listed(api, page_token=first.next_page_token) == ["d1"]


async def test_a_watch_shows_each_change_of_a_decision(api: Api) -> None:
    position = await record(api)
    watch = api.decisions.WatchDecisions(
        pb.WatchDecisionsRequest(resume_position=position - 1, incident_id=api.incident_id),
        metadata=api.officer.metadata,
    )
    async with asyncio.timeout(10):
        recorded = await watch.read()
        approved_at = await approve(api)
        approved = await watch.read()
    watch.cancel()

    assert (recorded.position, recorded.decision.awaits_approval) == (position, True)
    assert (approved.position, approved.decision.approved_by) == (approved_at, "mayor.zhang")


async def test_the_classes_say_what_each_requires(api: Api) -> None:
    answer = await api.decisions.ListDecisionClasses(
        pb.ListDecisionClassesRequest(), metadata=api.officer.metadata
    )

    classes = {one.decision_class: one for one in answer.classes}
    assert answer.version == (await get_recorded(api)).rules_version
    assert list(classes["evacuation"].required_steps) == [RISK, LEGAL]
    assert classes["evacuation"].urgent_before_approval
    assert not classes["flood_diversion"].urgent_before_approval
    assert (classes["general"].two_persons, classes["recovery_plan"].urgent_within_hours) == (
        False,
        0,
    )


async def get_recorded(api: Api) -> incident_pb.Decision:
    return (await get(api, position=await record(api))).decision


async def test_a_decision_that_is_not_there_is_not_found(api: Api) -> None:
    refused = await refusal(get(api, "d9"))

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NO_SUCH_DECISION")
