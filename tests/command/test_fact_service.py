"""Figures and grades over real gRPC: what stands, where it comes from, why this grade."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from anlan.command.v1 import fact_service_pb2 as pb
from anlan.command.v1 import figure_pb2 as figure_pb
from anlan.command.v1 import grade_service_pb2 as grade_pb
from anlan.command.v1 import incident_service_pb2 as incident_pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1.fact_service_pb2_grpc import FactServiceStub
from anlan.command.v1.grade_service_pb2_grpc import GradeServiceStub
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from tests.service import Caller, Service, Tokens, refusal, request_id

DEAD, MISSING = figure_pb.METRIC_DEAD, figure_pb.METRIC_MISSING
LARGER, MAJOR = incident_pb.GRADE_LARGER, incident_pb.GRADE_MAJOR


@dataclass(frozen=True)
class Api:
    reports: Any
    incidents: Any
    facts: Any
    grades: Any
    officer: Caller
    commander: Caller


@pytest.fixture
async def api(command: Service, tokens: Tokens) -> AsyncIterator[Api]:
    async with command.channel() as channel:
        yield Api(
            ReportServiceStub(channel),
            IncidentServiceStub(channel),
            FactServiceStub(channel),
            GradeServiceStub(channel),
            tokens.caller("duty.wang", "duty_officer"),
            tokens.caller("commander.li", "commander"),
        )


async def opened(api: Api, **casualties: int) -> tuple[str, str]:
    """Return a new incident and the report that opened it."""
    submitted = await api.reports.SubmitReport(
        report_pb.SubmitReportRequest(
            request_id=request_id(),
            source=report_pb.REPORT_SOURCE_POLICE_110,
            reporter="村民 13800000000",
            type_code="11D01",
            place=place_pb2.Place(adcode="431281102"),
            casualties=report_pb.Casualties(**casualties),
            text="屋后山体滑坡",
        ),
        metadata=api.officer.metadata,
    )
    verified = await api.reports.VerifyReport(
        report_pb.VerifyReportRequest(
            request_id=request_id(), report_id=submitted.report_id, title="安江滑坡"
        ),
        metadata=api.officer.metadata,
    )
    return verified.incident_id, submitted.report_id


def figure(incident_id: str, **more: Any) -> pb.RecordFigureRequest:
    fields: dict[str, Any] = {
        "request_id": request_id(),
        "incident_id": incident_id,
        "metric": DEAD,
        "value": 3,
        "source_kind": figure_pb.SOURCE_KIND_HOSPITAL,
        "source": "洪江市人民医院",
    }
    return pb.RecordFigureRequest(**{**fields, **more})


async def record(api: Api, incident_id: str, **more: Any) -> pb.RecordFigureResponse:
    answer: pb.RecordFigureResponse = await api.facts.RecordFigure(
        figure(incident_id, **more), metadata=api.officer.metadata
    )
    return answer


async def said_of(api: Api, incident_id: str, position: int, **more: Any) -> Any:
    return await api.facts.ListFigures(
        pb.ListFiguresRequest(
            incident_id=incident_id, read=read_pb2.ReadOptions(min_position=position), **more
        ),
        metadata=api.officer.metadata,
    )


async def graded(api: Api, incident_id: str, **read: Any) -> grade_pb.GetGradingResponse:
    answer: grade_pb.GetGradingResponse = await api.grades.GetGrading(
        grade_pb.GetGradingRequest(incident_id=incident_id, read=read_pb2.ReadOptions(**read)),
        metadata=api.officer.metadata,
    )
    return answer


async def test_sources_that_disagree_stand_side_by_side_until_somebody_says_which_holds(
    api: Api,
) -> None:
    incident_id, report_id = await opened(api, dead=1, trapped=2)
    await record(api, incident_id, fact_id="hospital")
    police = await record(api, incident_id, fact_id="police", value=5, source="安江派出所")
    before = await said_of(api, incident_id, police.position, metrics=[DEAD])
    declared = await api.facts.DeclareAuthoritative(
        pb.DeclareAuthoritativeRequest(
            request_id=request_id(),
            incident_id=incident_id,
            fact_id="hospital",
            reason="以医院确认为准",
        ),
        metadata=api.commander.metadata,
    )
    [after] = (await said_of(api, incident_id, declared.position, conflicting_only=True)).metrics
    incident = await api.incidents.GetIncident(
        incident_pb.GetIncidentRequest(
            incident_id=incident_id, read=read_pb2.ReadOptions(min_position=declared.position)
        ),
        metadata=api.officer.metadata,
    )

    [newest] = before.metrics
    assert [(said.fact_id, said.value, said.standing) for said in newest.live] == [
        ("police", 5, True),
        ("hospital", 3, False),
        (f"{report_id}.dead", 1, False),
    ]
    assert newest.live[2].reporter == "村民 13800000000"
    assert (newest.standing_value, newest.stands_by) == (5, figure_pb.STANDS_BY_NEWEST)
    assert (after.standing_value, after.stands_by) == (3, figure_pb.STANDS_BY_DECLARATION)
    assert list(after.standing_fact_ids) == ["hospital"]
    assert incident.incident.casualties.dead == 3
    assert incident.incident.casualties.trapped == 2
    assert incident.incident.proposed_grade == LARGER


async def test_a_correction_lets_authority_lapse_and_every_step_of_a_figure_is_told(
    api: Api,
) -> None:
    incident_id, report_id = await opened(api, dead=3)
    reported = f"{report_id}.dead"
    await api.facts.DeclareAuthoritative(
        pb.DeclareAuthoritativeRequest(
            request_id=request_id(), incident_id=incident_id, fact_id=reported, reason="现场核实"
        ),
        metadata=api.commander.metadata,
    )
    corrected = await api.facts.CorrectFigure(
        pb.CorrectFigureRequest(
            request_id=request_id(),
            incident_id=incident_id,
            corrects=reported,
            value=2,
            source_kind=figure_pb.SOURCE_KIND_SCENE,
            source="现场指挥部",
            reason="一人送医后复苏",
        ),
        metadata=api.officer.metadata,
    )
    [dead] = (await said_of(api, incident_id, corrected.position, include_ended=True)).metrics
    answer = await api.facts.GetFigure(
        pb.GetFigureRequest(incident_id=incident_id, fact_id=reported),
        metadata=api.officer.metadata,
    )
    refused = await refusal(
        api.facts.WithdrawFigure(
            pb.WithdrawFigureRequest(
                request_id=request_id(), incident_id=incident_id, fact_id=reported, reason="误"
            ),
            metadata=api.officer.metadata,
        )
    )

    steps = pb.LineageStep
    assert [(step.kind, step.value) for step in answer.lineage] == [
        (steps.KIND_REPORTED, 3),
        (steps.KIND_RECORDED, 3),
        (steps.KIND_GRADE_PROPOSED, 3),
        (steps.KIND_DECLARED, 3),
        (steps.KIND_CORRECTED, 2),
        (steps.KIND_GRADE_PROPOSED, 2),
    ]
    assert all(step.event_id and step.actor and step.record_time.seconds for step in answer.lineage)
    assert answer.figure.superseded_by == corrected.fact_id
    assert (answer.figure.ended_by, answer.figure.end_reason) == ("duty.wang", "一人送医后复苏")
    assert (dead.authority_lapsed.fact_id, dead.authority_lapsed.lapsed_by) == (
        reported,
        "duty.wang",
    )
    assert [ended.fact_id for ended in dead.ended] == [reported]
    assert (refused.reason, refused.metadata["superseded_by"]) == (
        "FIGURE_SUPERSEDED",
        corrected.fact_id,
    )


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no source": ({"source": " "}, "INVALID_FIELD", "source"),
    "no kind of source": ({"source_kind": 0}, "INVALID_FIELD", "source_kind"),
    "a sum as the source": ({"source_kind": 11}, "INVALID_FIELD", "source_kind"),
    "less than none": ({"value": -1}, "INVALID_FIELD", "value"),
    "no metric": ({"metric": 0}, "INVALID_FIELD", "metric"),
    "a township of the other 洪江": ({"township": "431271101"}, "ADCODE_UNKNOWN", "township"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_figure_that_lacks_something_is_refused_by_name(api: Api, name: str) -> None:
    fields, reason, field = BAD[name]

    refused = await refusal(
        api.facts.RecordFigure(figure("i1", **fields), metadata=api.officer.metadata)
    )

    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert (refused.reason, refused.fields) == (reason, (field,))


async def test_whoever_may_only_report_may_not_settle_which_figure_holds(
    api: Api, tokens: Tokens
) -> None:
    incident_id, report_id = await opened(api, dead=1)
    township = tokens.caller("officer.anjiang", "information_officer", "431281102")

    await api.facts.RecordFigure(figure(incident_id), metadata=township.metadata)
    refused = await refusal(
        api.facts.DeclareAuthoritative(
            pb.DeclareAuthoritativeRequest(
                request_id=request_id(),
                incident_id=incident_id,
                fact_id=f"{report_id}.dead",
                reason="我镇上报",
            ),
            metadata=township.metadata,
        )
    )

    assert refused.code is grpc.StatusCode.PERMISSION_DENIED


async def test_pages_of_metrics_and_a_watch_that_resumes_tell_all(api: Api) -> None:
    incident_id, _ = await opened(api, dead=1, missing=2, trapped=3)
    last = await record(api, incident_id, metric=figure_pb.METRIC_PEOPLE_MOVED, value=43)
    pages, token = [], ""
    while True:
        page = await said_of(api, incident_id, last.position, page_size=1, page_token=token)
        pages += [(said.metric, said.standing_value) for said in page.metrics]
        if not (token := page.next_page_token):
            break

    async def watched(after: int, count: int) -> list[pb.WatchFiguresResponse]:
        watch = api.facts.WatchFigures(
            pb.WatchFiguresRequest(resume_position=after, incident_id=incident_id),
            metadata=api.officer.metadata,
        )
        async with asyncio.timeout(10):
            seen = [await watch.read() for _ in range(count)]
        watch.cancel()
        return seen

    whole = await watched(0, 4)
    rest = await watched(whole[0].position, 4)
    moved = await watched(whole[2].position, 1)

    assert sorted(pages) == [(DEAD, 1), (MISSING, 2), (5, 3), (7, 43)]
    assert [seen.metric for seen in rest] == [seen.metric for seen in whole]  # one position
    assert moved[0].metric.metric == figure_pb.METRIC_PEOPLE_MOVED


async def test_an_unknown_figure_is_not_found(api: Api) -> None:
    incident_id, _ = await opened(api)
    refused = await refusal(
        api.facts.GetFigure(
            pb.GetFigureRequest(incident_id=incident_id, fact_id="nobody"),
            metadata=api.officer.metadata,
        )
    )

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NO_SUCH_FIGURE")


async def test_why_this_grade_and_not_the_next(api: Api) -> None:
    incident_id, report_id = await opened(api, dead=2)
    missing = await record(api, incident_id, fact_id="m1", metric=MISSING, value=1)
    before = await graded(api, incident_id, min_position=missing.position)
    confirmed = await api.incidents.GradeIncident(
        incident_pb.GradeIncidentRequest(
            request_id=request_id(), incident_id=incident_id, grade=LARGER
        ),
        metadata=api.commander.metadata,
    )
    worse = await record(api, incident_id, fact_id="m2", metric=MISSING, value=9)
    now = await graded(api, incident_id, min_position=worse.position)
    then = await graded(api, incident_id, as_of_position=confirmed.position)
    again = await graded(api, incident_id, as_of_position=missing.position)

    step = grade_pb.GradingStep
    [people] = [
        reading for reading in then.evaluation.readings if reading.measure_id == "dead_missing"
    ]
    assert (people.value, people.reached, people.next, people.short_by) == (3, LARGER, MAJOR, 7)
    assert then.evaluation.rule_id == "geological.larger.dead_missing"
    assert [(s.kind, s.grade) for s in then.steps] == [
        (step.KIND_MISMATCHED, LARGER),
        (step.KIND_CONFIRMED, LARGER),
        (step.KIND_PROPOSED, LARGER),
        (step.KIND_PROPOSED, incident_pb.GRADE_ORDINARY),
    ]
    assert list(then.steps[1].fact_ids) == [f"{report_id}.dead", "m1"]
    assert (then.steps[1].actor, then.steps[1].table_version) == ("commander.li", "2006")
    assert (before.grade, then.grade) == (incident_pb.GRADE_UNSPECIFIED, LARGER)
    assert (then.fit.mismatched, then.fit.none_fits, len(then.fit.fitting)) == (True, False, 3)
    assert (now.grade, now.evaluation.proposed) == (LARGER, MAJOR)
    assert again.steps == before.steps
    assert again.evaluation == before.evaluation


async def test_overriding_without_a_reason_is_refused_and_pages_of_steps_end(api: Api) -> None:
    incident_id, _ = await opened(api, dead=3)
    override = incident_pb.GradeIncidentRequest(
        request_id=request_id(), incident_id=incident_id, grade=MAJOR
    )

    refused = await refusal(api.incidents.GradeIncident(override, metadata=api.commander.metadata))
    override.basis = "尚有一户失联"
    done = await api.incidents.GradeIncident(override, metadata=api.commander.metadata)
    read = read_pb2.ReadOptions(min_position=done.position)
    kinds, token = [], ""
    while True:
        page = await api.grades.GetGrading(
            grade_pb.GetGradingRequest(
                incident_id=incident_id, page_size=1, page_token=token, read=read
            ),
            metadata=api.officer.metadata,
        )
        kinds += [step.kind for step in page.steps]
        if not (token := page.next_page_token):
            break

    step = grade_pb.GradingStep
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "GRADE_WITHOUT_BASIS",
    )
    assert kinds == [step.KIND_MISMATCHED, step.KIND_OVERRIDDEN, step.KIND_PROPOSED]


async def test_the_grading_of_an_unknown_incident_is_not_found(api: Api) -> None:
    refused = await refusal(
        api.grades.GetGrading(
            grade_pb.GetGradingRequest(incident_id="nowhere"), metadata=api.officer.metadata
        )
    )

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NO_SUCH_INCIDENT")
