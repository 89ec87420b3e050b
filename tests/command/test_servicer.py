"""The API over real gRPC: reports become incidents, acts are obeyed once, refusals are precise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from anlan.command.v1 import incident_service_pb2 as pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from tests.service import Caller, Service, Tokens, refusal, request_id


@dataclass(frozen=True)
class Api:
    reports: Any
    incidents: Any
    officer: Caller
    commander: Caller


@pytest.fixture
async def api(command: Service, tokens: Tokens) -> AsyncIterator[Api]:
    async with command.channel() as channel:
        yield Api(
            ReportServiceStub(channel),
            IncidentServiceStub(channel),
            tokens.caller("duty.wang", "duty_officer"),
            tokens.caller("commander.li", "commander"),
        )


def report(**more: Any) -> report_pb.SubmitReportRequest:
    fields: dict[str, Any] = {
        "request_id": request_id(),
        "source": report_pb.REPORT_SOURCE_POLICE_110,
        "reporter": "村民 13800000000",
        "type_code": "11D01",
        "place": place_pb2.Place(
            adcode="431281102",
            address="洪江市安江镇",
            point=place_pb2.Point(latitude=27.3194, longitude=110.1031),
        ),
        "casualties": report_pb.Casualties(trapped=2),
        "text": "屋后山体滑坡",
    }
    return report_pb.SubmitReportRequest(**{**fields, **more})


async def opened(api: Api) -> str:
    submitted = await api.reports.SubmitReport(report(), metadata=api.officer.metadata)
    verified = await api.reports.VerifyReport(
        report_pb.VerifyReportRequest(
            request_id=request_id(), report_id=submitted.report_id, title="安江滑坡"
        ),
        metadata=api.officer.metadata,
    )
    await get(api, verified.incident_id, verified.position)
    return str(verified.incident_id)


async def get(api: Api, incident_id: str, position: int = 0) -> pb.GetIncidentResponse:
    answer: pb.GetIncidentResponse = await api.incidents.GetIncident(
        pb.GetIncidentRequest(
            incident_id=incident_id, read=read_pb2.ReadOptions(min_position=position)
        ),
        metadata=api.officer.metadata,
    )
    return answer


async def test_a_verified_report_opens_an_incident_that_others_can_join(api: Api) -> None:
    incident_id = await opened(api)
    second = await api.reports.SubmitReport(
        report(casualties=report_pb.Casualties(trapped=3, dead=1)), metadata=api.officer.metadata
    )
    joined = await api.reports.JoinReport(
        report_pb.JoinReportRequest(
            request_id=request_id(), report_id=second.report_id, incident_id=incident_id
        ),
        metadata=api.officer.metadata,
    )

    found = (await get(api, incident_id, joined.position)).incident

    assert found.state == pb.INCIDENT_STATE_VERIFIED
    assert found.type_name == "滑坡"
    assert list(found.report_ids)[1:] == [second.report_id]
    assert (found.casualties.trapped, found.casualties.dead) == (3, 1)


async def test_a_repeated_request_is_obeyed_once_and_answered_the_same(api: Api) -> None:
    request = report()

    first = await api.reports.SubmitReport(request, metadata=api.officer.metadata)
    again = await api.reports.SubmitReport(request, metadata=api.officer.metadata)

    assert first == again


async def test_command_passes_only_when_both_have_said_so(api: Api) -> None:
    incident_id = await opened(api)
    await api.incidents.EstablishCommand(
        pb.EstablishCommandRequest(
            request_id=request_id(),
            incident_id=incident_id,
            commander="commander.li",
            command_post="安江镇政府",
        ),
        metadata=api.commander.metadata,
    )
    proposed = await api.incidents.ProposeTransfer(
        pb.ProposeTransferRequest(
            request_id=request_id(), incident_id=incident_id, to="mayor.zhang", briefing="两人被困"
        ),
        metadata=api.commander.metadata,
    )
    before = (await get(api, incident_id, proposed.position)).incident
    refused = await refusal(
        api.incidents.AcceptTransfer(
            pb.AcceptTransferRequest(request_id=request_id(), incident_id=incident_id),
            metadata=Caller(api.officer.token).metadata,
        )
    )

    assert before.commander == "commander.li"
    assert before.pending_transfer.to == "mayor.zhang"
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_stale_etag_is_refused_at_once(api: Api) -> None:
    incident_id = await opened(api)
    grade = pb.GradeIncidentRequest(
        request_id=request_id(),
        incident_id=incident_id,
        grade=pb.GRADE_LARGER,
        basis="3 人死亡",
        etag=(await get(api, incident_id)).incident.etag,
    )
    await api.incidents.GradeIncident(grade, metadata=api.officer.metadata)
    grade.request_id = request_id()
    grade.grade = pb.GRADE_MAJOR

    refused = await refusal(api.incidents.GradeIncident(grade, metadata=api.officer.metadata))

    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "STALE_REVISION")


async def test_as_of_shows_the_incident_as_it_was(api: Api) -> None:
    incident_id = await opened(api)
    before = await get(api, incident_id)
    graded = await api.incidents.GradeIncident(
        pb.GradeIncidentRequest(
            request_id=request_id(),
            incident_id=incident_id,
            grade=pb.GRADE_LARGER,
            basis="3 人死亡",
        ),
        metadata=api.officer.metadata,
    )

    now = await get(api, incident_id, graded.position)
    then = await api.incidents.GetIncident(
        pb.GetIncidentRequest(
            incident_id=incident_id,
            read=read_pb2.ReadOptions(as_of_position=before.incident.position),
        ),
        metadata=api.officer.metadata,
    )

    assert now.incident.grade == pb.GRADE_LARGER
    assert then.incident == before.incident


async def test_a_watch_shows_each_change_and_resumes(api: Api) -> None:
    incident_id = await opened(api)
    start = (await get(api, incident_id)).incident.position
    watch = api.incidents.WatchIncidents(
        pb.WatchIncidentsRequest(resume_position=start), metadata=api.officer.metadata
    )
    graded = await api.incidents.GradeIncident(
        pb.GradeIncidentRequest(
            request_id=request_id(),
            incident_id=incident_id,
            grade=pb.GRADE_LARGER,
            basis="3 人死亡",
        ),
        metadata=api.officer.metadata,
    )

    async with asyncio.timeout(10):
        while (seen := await watch.read()).position < graded.position:
            pass  # what the same append wrote before
    watch.cancel()

    assert seen.incident.incident_id == incident_id
    assert seen.position == graded.position


BAD = {
    "unknown type code": (report(type_code="99Z99"), "TYPE_CODE_UNKNOWN", "type_code"),
    "a code of the other 洪江": (
        report(place=place_pb2.Place(adcode="431271")),
        "ADCODE_UNKNOWN",
        "place.adcode",
    ),
    "a point outside its region": (
        report(
            place=place_pb2.Place(
                adcode="431281", point=place_pb2.Point(latitude=39.9, longitude=116.4)
            )
        ),
        "POINT_OUTSIDE_ADCODE",
        "place.point",
    ),
    "an empty request id": (report(request_id=""), "INVALID_FIELD", "request_id"),
    "an enum nobody knows": (report(source=99), "INVALID_FIELD", "source"),
    "no place": (report(place=None), "INVALID_FIELD", "place"),
    "a long text": (report(text="长" * 4001), "INVALID_FIELD", "text"),
    "two mebibytes": (report(text="x" * (2 << 20)), "REQUEST_TOO_LARGE", "request"),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_names_the_field_and_leaves_no_event(api: Api, name: str) -> None:
    request, reason, field = BAD[name]
    listing = report_pb.ListReportsRequest(page_size=1)
    before = await api.reports.ListReports(listing, metadata=api.officer.metadata)

    refused = await refusal(api.reports.SubmitReport(request, metadata=api.officer.metadata))
    after = await api.reports.ListReports(listing, metadata=api.officer.metadata)

    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert refused.fields == (field,)
    assert after == before


async def test_a_time_two_hundred_years_back_is_refused(api: Api) -> None:
    request = report()
    request.occur_time.FromJsonString("1826-06-18T01:10:00Z")

    refused = await refusal(api.reports.SubmitReport(request, metadata=api.officer.metadata))

    assert (refused.reason, refused.fields) == ("TIME_OUT_OF_RANGE", ("occur_time",))


async def test_no_token_no_answer(api: Api) -> None:
    refused = await refusal(api.reports.SubmitReport(report()))

    assert (refused.code, refused.reason) == (
        grpc.StatusCode.UNAUTHENTICATED,
        "UNAUTHENTICATED",
    )


async def test_another_townships_officer_cannot_act_here(api: Api, tokens: Tokens) -> None:
    stranger = tokens.caller("officer.tuokou", "duty_officer", "431281103")
    incident_id = await opened(api)

    submitting = await refusal(api.reports.SubmitReport(report(), metadata=stranger.metadata))
    grading = await refusal(
        api.incidents.GradeIncident(
            pb.GradeIncidentRequest(
                request_id=request_id(),
                incident_id=incident_id,
                grade=pb.GRADE_LARGER,
                basis="x",
            ),
            metadata=stranger.metadata,
        )
    )

    assert submitting.reason == grading.reason == "OUTSIDE_JURISDICTION"
    assert grading.code is grpc.StatusCode.PERMISSION_DENIED
    assert grading.metadata["adcode"] == "431281102"


async def test_a_drill_cannot_touch_what_is_in_earnest(api: Api) -> None:
    incident_id = await opened(api)
    player = Caller(api.officer.token, exercise="flood-2026")

    refused = await refusal(
        api.incidents.GradeIncident(
            pb.GradeIncidentRequest(
                request_id=request_id(),
                incident_id=incident_id,
                grade=pb.GRADE_LARGER,
                basis="x",
            ),
            metadata=player.metadata,
        )
    )

    assert refused.reason == "EXERCISE_MISMATCH"


async def test_an_unknown_incident_is_not_found(api: Api) -> None:
    refused = await refusal(
        api.incidents.GetIncident(
            pb.GetIncidentRequest(incident_id="nowhere"), metadata=api.officer.metadata
        )
    )

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NO_SUCH_INCIDENT")
