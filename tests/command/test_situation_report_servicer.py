"""Situation reports over real gRPC: previewed, submitted, sent, acknowledged, listed, watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from anlan.command.v1 import fact_service_pb2 as fact_pb
from anlan.command.v1 import figure_pb2 as figure_pb
from anlan.command.v1 import incident_service_pb2 as pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1 import situation_report_pb2 as situation_pb
from anlan.command.v1 import situation_report_service_pb2 as service_pb
from anlan.command.v1.fact_service_pb2_grpc import FactServiceStub
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.command.v1.situation_report_service_pb2_grpc import SituationReportServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from tests.service import Caller, Service, Tokens, refusal, request_id

INITIAL, FOLLOW_UP, FINAL = (
    pb.SITUATION_REPORT_KIND_INITIAL,
    pb.SITUATION_REPORT_KIND_FOLLOW_UP,
    pb.SITUATION_REPORT_KIND_FINAL,
)
WORDS = {"time_place_extent": "1时10分，稔禾村", "course": "屋后山体滑坡", "measures": "正在搜救"}


@dataclass(frozen=True)
class Api:
    reports: Any
    incidents: Any
    facts: Any
    situation: Any
    officer: Caller

    async def open(self) -> str:
        submitted = await self.reports.SubmitReport(
            report_pb.SubmitReportRequest(
                request_id=request_id(),
                source=report_pb.REPORT_SOURCE_POLICE_110,
                reporter="村民",
                type_code="11D01",
                place=place_pb2.Place(adcode="431281102", address="洪江市安江镇"),
                casualties=report_pb.Casualties(trapped=2),
                text="屋后山体滑坡",
            ),
            metadata=self.officer.metadata,
        )
        verified = await self.reports.VerifyReport(
            report_pb.VerifyReportRequest(
                request_id=request_id(), report_id=submitted.report_id, title="安江滑坡"
            ),
            metadata=self.officer.metadata,
        )
        return str(verified.incident_id)

    async def say(self, incident_id: str, metric: figure_pb.Metric.ValueType, value: int) -> None:
        await self.facts.RecordFigure(
            fact_pb.RecordFigureRequest(
                request_id=request_id(),
                incident_id=incident_id,
                metric=metric,
                value=value,
                source_kind=figure_pb.SOURCE_KIND_SCENE,
                source="现场指挥部",
            ),
            metadata=self.officer.metadata,
        )

    async def submit(self, incident_id: str, **more: Any) -> pb.SubmitSituationReportResponse:
        answer: pb.SubmitSituationReportResponse = await self.incidents.SubmitSituationReport(
            submission(incident_id, **more), metadata=self.officer.metadata
        )
        return answer

    async def preview(
        self, incident_id: str, **more: Any
    ) -> service_pb.PreviewSituationReportResponse:
        answer: service_pb.PreviewSituationReportResponse = (
            await self.situation.PreviewSituationReport(
                service_pb.PreviewSituationReportRequest(incident_id=incident_id, **more),
                metadata=self.officer.metadata,
            )
        )
        return answer

    async def send(
        self, incident_id: str, report_id: str, **more: Any
    ) -> service_pb.RecordSituationReportSendingResponse:
        fields = {
            "recipient": "怀化市应急管理局值班室",
            "recipient_key": "prefecture_department",
            "means": situation_pb.SENDING_MEANS_PHONE,
            **more,
        }
        answer: service_pb.RecordSituationReportSendingResponse = (
            await self.situation.RecordSituationReportSending(
                service_pb.RecordSituationReportSendingRequest(
                    request_id=request_id(),
                    incident_id=incident_id,
                    situation_report_id=report_id,
                    **fields,
                ),
                metadata=self.officer.metadata,
            )
        )
        return answer

    async def acknowledge(
        self, incident_id: str, report_id: str, sending_id: str
    ) -> service_pb.AcknowledgeSituationReportResponse:
        answer: service_pb.AcknowledgeSituationReportResponse = (
            await self.situation.AcknowledgeSituationReport(
                service_pb.AcknowledgeSituationReportRequest(
                    request_id=request_id(),
                    incident_id=incident_id,
                    situation_report_id=report_id,
                    sending_id=sending_id,
                    acknowledged_by="张某",
                    reference_number="怀应急值118号",
                ),
                metadata=self.officer.metadata,
            )
        )
        return answer

    async def get(
        self, incident_id: str, report_id: str, position: int = 0, **read: Any
    ) -> pb.SituationReport:
        answer = await self.situation.GetSituationReport(
            service_pb.GetSituationReportRequest(
                incident_id=incident_id,
                situation_report_id=report_id,
                read=read_pb2.ReadOptions(min_position=position, **read),
            ),
            metadata=self.officer.metadata,
        )
        found: pb.SituationReport = answer.situation_report
        return found

    async def list_(self, position: int, **by: Any) -> service_pb.ListSituationReportsResponse:
        answer: service_pb.ListSituationReportsResponse = await self.situation.ListSituationReports(
            service_pb.ListSituationReportsRequest(
                read=read_pb2.ReadOptions(min_position=position), **by
            ),
            metadata=self.officer.metadata,
        )
        return answer


def submission(incident_id: str, **more: Any) -> pb.SubmitSituationReportRequest:
    fields = {"kind": INITIAL, "recipient": "怀化市应急管理局", "contents": WORDS, **more}
    return pb.SubmitSituationReportRequest(
        request_id=request_id(), incident_id=incident_id, **fields
    )


def explanation(metric: figure_pb.Metric.ValueType, text: str) -> situation_pb.FigureExplanation:
    return situation_pb.FigureExplanation(metric=metric, text=text)


@pytest.fixture
async def api(command: Service, tokens: Tokens) -> AsyncIterator[Api]:
    async with command.channel() as channel:
        yield Api(
            ReportServiceStub(channel),
            IncidentServiceStub(channel),
            FactServiceStub(channel),
            SituationReportServiceStub(channel),
            tokens.caller("duty.wang", "duty_officer"),
        )


async def test_a_preview_says_what_only_a_person_can_add(api: Api) -> None:
    incident_id = await api.open()

    found = await api.preview(incident_id, contents={"course": "滑坡"})

    assert (found.kind, list(found.allowed_kinds), found.number) == (INITIAL, [INITIAL], 1)
    assert [(content.key, content.name) for content in found.missing] == [
        ("time_place_extent", "灾害发生的时间、地点和受灾范围"),
        ("measures", "已经采取的救援救灾措施"),
    ]
    assert {content.key: content.text for content in found.contents} == {
        "disaster_kind": "滑坡",
        "course": "滑坡",
        "affected": "被困2人",
    }
    assert [content.key for content in found.optional] == ["needs", "other"]
    [figure] = found.figures
    assert (figure.metric, figure.value) == (figure_pb.METRIC_TRAPPED, 2)
    assert figure.fact_ids[0].endswith(".trapped")
    assert [owed.key for owed in found.owed_to] == ["county_government", "prefecture_department"]


async def test_what_a_preview_misses_makes_a_report_whole(api: Api) -> None:
    incident_id = await api.open()
    before = await api.preview(incident_id, contents={"course": "滑坡"})
    typed = {content.key: "……" for content in before.missing}

    submitted = await api.submit(incident_id, contents=typed, text="滑坡", etag=before.etag)
    found = await api.get(incident_id, submitted.situation_report_id, submitted.position)

    assert (found.number, found.kind, found.text) == (1, INITIAL, "滑坡")
    assert found.casualties.trapped == 2
    assert {content.key for content in found.contents} == {
        "disaster_kind",
        "affected",
        "course",
        *typed,
    }
    assert found.figures == before.figures
    assert found.table_version == before.table_version


async def test_figures_that_changed_since_the_preview_make_its_etag_stale(api: Api) -> None:
    incident_id = await api.open()
    before = await api.preview(incident_id)
    await api.say(incident_id, figure_pb.METRIC_DEAD, 1)

    refused = await refusal(api.submit(incident_id, etag=before.etag))

    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "STALE_REVISION")


async def test_a_report_with_content_missing_is_refused_and_told_which(api: Api) -> None:
    incident_id = await api.open()

    refused = await refusal(api.submit(incident_id, contents={}, text="滑坡"))

    assert (refused.code, refused.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "CONTENT_MISSING",
    )
    assert refused.metadata["missing"] == "time_place_extent, measures"
    assert "measures 已经采取的救援救灾措施" in refused.message


async def test_a_figure_without_a_source_is_refused(api: Api) -> None:
    incident_id = await api.open()

    refused = await refusal(
        api.submit(incident_id, casualties=report_pb.Casualties(trapped=2, dead=1))
    )

    assert (refused.code, refused.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "FIGURE_WITHOUT_SOURCE",
    )
    assert refused.metadata["metric"] == "dead"
    assert (refused.metadata["got"], refused.metadata["standing"]) == ("1", "nothing")
    with_source = api.submit(incident_id, casualties=report_pb.Casualties(trapped=2))
    assert (await with_source).situation_report_id


async def test_a_large_rise_is_explained_in_writing(api: Api) -> None:
    incident_id = await api.open()
    await api.submit(incident_id)
    await api.say(incident_id, figure_pb.METRIC_DEAD, 3)
    follow_up = {"kind": FOLLOW_UP, "contents": {"course": "挖出三人", "measures": "搜救"}}

    shown = await api.preview(incident_id)
    refused = await refusal(api.submit(incident_id, **follow_up))
    zero = await refusal(api.submit(incident_id, kind=FOLLOW_UP, zero_report=True, contents={}))
    told = await api.submit(
        incident_id,
        explanations=[explanation(figure_pb.METRIC_DEAD, "挖掘中发现三名遇难者")],
        **follow_up,
    )
    found = await api.get(incident_id, told.situation_report_id, told.position)

    [jump] = shown.jumps
    assert (jump.metric, jump.before, jump.after, jump.threshold_by) == (
        figure_pb.METRIC_DEAD,
        0,
        3,
        3,
    )
    assert list(shown.changed) == [figure_pb.METRIC_DEAD]
    assert (refused.reason, refused.metadata["metric"]) == ("EXPLANATION_REQUIRED", "dead")
    assert (zero.reason, zero.metadata["after"]) == ("NOT_UNCHANGED", "3")
    assert found.casualties.dead == 3
    assert found.explanations[0].text == "挖掘中发现三名遇难者"


async def test_a_zero_report_needs_no_words_and_counts(api: Api) -> None:
    incident_id = await api.open()
    await api.submit(incident_id)

    told = await api.submit(incident_id, kind=FOLLOW_UP, zero_report=True, contents={})
    found = await api.get(incident_id, told.situation_report_id, told.position)

    assert (found.number, found.kind, found.zero_report) == (2, FOLLOW_UP, True)
    assert "零报告" in found.text


async def test_a_correction_stands_beside_what_it_corrects(api: Api) -> None:
    incident_id = await api.open()
    first = await api.submit(incident_id)
    second = await api.submit(
        incident_id,
        kind=FOLLOW_UP,
        corrects=first.situation_report_id,
        correction_reason="村名有误",
        contents={"course": "应为稔禾村", "measures": "搜救"},
    )

    corrected = await api.get(incident_id, first.situation_report_id, second.position)
    correction = await api.get(incident_id, second.situation_report_id, second.position)

    assert corrected.corrected_by == second.situation_report_id
    assert corrected.text == WORDS["course"]
    assert (correction.corrects, correction.correction_reason) == (
        first.situation_report_id,
        "村名有误",
    )


async def test_a_call_then_the_paper_then_the_receipt(api: Api) -> None:
    incident_id = await api.open()
    report_id = (await api.submit(incident_id)).situation_report_id
    called = await api.send(incident_id, report_id)
    written = await api.send(
        incident_id,
        report_id,
        recipient="洪江市人民政府",
        recipient_key="county_government",
        means=situation_pb.SENDING_MEANS_WRITTEN,
        sent_by="duty.li",
    )
    waiting = await api.get(incident_id, report_id, written.position)
    receipt = await api.acknowledge(incident_id, report_id, called.sending_id)

    found = await api.get(incident_id, report_id, receipt.position)
    then = await api.get(incident_id, report_id, as_of_position=written.position)

    assert [(s.means, s.tier, s.sent_by) for s in found.sendings] == [
        (situation_pb.SENDING_MEANS_PHONE, situation_pb.RECIPIENT_TIER_PREFECTURE, "duty.wang"),
        (situation_pb.SENDING_MEANS_WRITTEN, situation_pb.RECIPIENT_TIER_COUNTY, "duty.li"),
    ]
    assert found.sendings[0].receipt.reference_number == "怀应急值118号"
    assert not found.sendings[1].HasField("receipt")
    assert [(owed.key, owed.sent, owed.acknowledged) for owed in found.owed_to] == [
        ("county_government", True, False),
        ("prefecture_department", True, True),
    ]
    assert waiting.position < found.position <= receipt.position
    assert then == waiting


async def test_a_receipt_before_the_sending_is_refused(api: Api) -> None:
    incident_id = await api.open()
    report_id = (await api.submit(incident_id)).situation_report_id
    sending_id = (await api.send(incident_id, report_id)).sending_id
    request = service_pb.AcknowledgeSituationReportRequest(
        request_id=request_id(),
        incident_id=incident_id,
        situation_report_id=report_id,
        sending_id=sending_id,
    )
    request.occur_time.FromJsonString("2026-01-01T00:00:00Z")

    refused = await refusal(
        api.situation.AcknowledgeSituationReport(request, metadata=api.officer.metadata)
    )

    assert refused.reason == "ACKNOWLEDGED_BEFORE_SENT"


async def test_a_list_shows_what_is_asked_for_page_by_page(api: Api) -> None:
    incident_id = await api.open()
    first = (await api.submit(incident_id)).situation_report_id
    second = (
        await api.submit(incident_id, kind=FOLLOW_UP, zero_report=True, contents={})
    ).situation_report_id
    third = (
        await api.submit(incident_id, kind=FOLLOW_UP, zero_report=True, contents={})
    ).situation_report_id
    sending_id = (await api.send(incident_id, first)).sending_id
    await api.acknowledge(incident_id, first, sending_id)
    at = (await api.send(incident_id, second, recipient="省应急管理厅", recipient_key="")).position

    async def ids(**by: Any) -> list[str]:
        listed = await api.list_(at, incident_id=incident_id, **by)
        return [report.situation_report_id for report in listed.situation_reports]

    page = await api.list_(at, incident_id=incident_id, page_size=2)
    rest = await ids(page_size=2, page_token=page.next_page_token)

    assert [r.situation_report_id for r in page.situation_reports] == [third, second]
    assert rest == [first]
    assert await ids(kind=INITIAL) == [first]
    assert await ids(kind=FINAL) == []
    assert await ids(unacknowledged=True) == [third, second]
    assert await ids(recipient="省应急管理厅") == [second]
    assert await ids(recipient="prefecture_department") == [first]
    assert await ids(recipient="怀化市应急管理局") == [third, second, first]
    assert await ids(adcode="431281103") == []
    assert await ids(adcode="431200") == [third, second, first]


async def test_a_watch_shows_reports_sendings_and_receipts(api: Api) -> None:
    incident_id = await api.open()
    opened = await api.preview(incident_id)
    submitted = await api.submit(incident_id)
    report_id = submitted.situation_report_id
    watch = api.situation.WatchSituationReports(
        service_pb.WatchSituationReportsRequest(
            resume_position=opened.position, incident_id=incident_id
        ),
        metadata=api.officer.metadata,
    )
    async with asyncio.timeout(20):
        told = await watch.read()
        sent = await api.send(incident_id, report_id)
        calls = await watch.read()
        receipt = await api.acknowledge(incident_id, report_id, sent.sending_id)
        receipts = await watch.read()
    watch.cancel()

    assert told.position <= submitted.position < calls.position <= sent.position
    assert sent.position < receipts.position <= receipt.position
    assert not told.situation_report.sendings
    assert receipts.situation_report.sendings[0].receipt.acknowledged_by == "张某"


async def test_the_incidents_page_shows_its_reports_with_their_sendings(api: Api) -> None:
    incident_id = await api.open()
    report_id = (await api.submit(incident_id)).situation_report_id
    sent = await api.send(incident_id, report_id)

    page = await api.incidents.GetIncident(
        pb.GetIncidentRequest(
            incident_id=incident_id, read=read_pb2.ReadOptions(min_position=sent.position)
        ),
        metadata=api.officer.metadata,
    )

    [report] = page.situation_reports
    assert [sending.sending_id for sending in report.sendings] == [sent.sending_id]


async def test_repeated_requests_are_obeyed_once(api: Api) -> None:
    incident_id = await api.open()
    request = submission(incident_id)

    first = await api.incidents.SubmitSituationReport(request, metadata=api.officer.metadata)
    again = await api.incidents.SubmitSituationReport(request, metadata=api.officer.metadata)

    assert first == again


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "the course said twice": ({"text": "滑坡"}, "text"),
    "a correction without a reason": (
        {"kind": FOLLOW_UP, "corrects": "s1"},
        "what it corrects and why",
    ),
    "a reason without a correction": ({"correction_reason": "误"}, "what it corrects and why"),
    "a zero report that corrects": (
        {
            "kind": FOLLOW_UP,
            "zero_report": True,
            "corrects": "s1",
            "correction_reason": "误",
        },
        "corrects",
    ),
    "a metric explained twice": (
        {"explanations": [explanation(figure_pb.METRIC_DEAD, "x")] * 2},
        "explained",
    ),
    "a content of nobody's": ({"contents": {"Course!": "x"}}, "contents"),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_is_refused_before_anything_is_looked_at(api: Api, name: str) -> None:
    fields, said = BAD[name]

    refused = await refusal(api.submit("nowhere", **fields))

    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert said in refused.message


async def test_what_is_not_there_is_not_found(api: Api) -> None:
    incident_id = await api.open()

    assert (await refusal(api.preview("nowhere"))).reason == "NO_SUCH_INCIDENT"
    assert (await refusal(api.get(incident_id, "s9"))).reason == "NO_SUCH_SITUATION_REPORT"
    assert (await refusal(api.send(incident_id, "s9"))).reason == "NO_SUCH_SITUATION_REPORT"


async def test_another_townships_officer_sends_nothing_here(api: Api, tokens: Tokens) -> None:
    incident_id = await api.open()
    report_id = (await api.submit(incident_id)).situation_report_id
    stranger = Api(
        api.reports,
        api.incidents,
        api.facts,
        api.situation,
        tokens.caller("officer.tuokou", "duty_officer", "431281103"),
    )
    crew = Api(
        api.reports, api.incidents, api.facts, api.situation, tokens.caller("crew.1", "crew")
    )

    assert (await refusal(stranger.send(incident_id, report_id))).reason == "OUTSIDE_JURISDICTION"
    assert (await refusal(crew.send(incident_id, report_id))).code is (
        grpc.StatusCode.PERMISSION_DENIED
    )
