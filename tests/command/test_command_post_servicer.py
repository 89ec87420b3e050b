"""The command post over real gRPC: two-sided transfers, roles that are enforced, and the race."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from anlan.command.v1 import command_post_service_pb2 as pb
from anlan.command.v1 import incident_service_pb2 as incident_pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1.command_post_service_pb2_grpc import CommandPostServiceStub
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from tests.service import Caller, Service, Tokens, read_refusal, refusal, request_id


@dataclass(frozen=True)
class Post:
    """The APIs, and who calls them: a township's head, the county's people, the prefecture's."""

    posts: Any
    incidents: Any
    reports: Any
    head: Caller
    li: Caller
    zhang: Caller
    prefect: Caller
    desk: Caller
    observer: Caller

    async def opened(self) -> str:
        submitted = await self.reports.SubmitReport(
            report_pb.SubmitReportRequest(
                request_id=request_id(),
                source=report_pb.REPORT_SOURCE_POLICE_110,
                reporter="村民",
                type_code="11D01",
                place=place_pb2.Place(adcode="431281102", address="安江镇"),
                text="屋后山体滑坡",
            ),
            metadata=self.desk.metadata,
        )
        verified = await self.reports.VerifyReport(
            report_pb.VerifyReportRequest(
                request_id=request_id(), report_id=submitted.report_id, title="安江滑坡"
            ),
            metadata=self.desk.metadata,
        )
        return str(verified.incident_id)

    async def commanded(self, by: Caller | None = None, commander: str = "commander.li") -> str:
        incident_id = await self.opened()
        await self.incidents.EstablishCommand(
            incident_pb.EstablishCommandRequest(
                request_id=request_id(),
                incident_id=incident_id,
                commander=commander,
                command_post="安江镇政府",
            ),
            metadata=(by or self.li).metadata,
        )
        return incident_id

    async def propose(self, incident_id: str, by: Caller | None = None, **fields: Any) -> Any:
        asked: dict[str, Any] = {"to": "mayor.zhang", "briefing": "两人被困"}
        return await self.incidents.ProposeTransfer(
            incident_pb.ProposeTransferRequest(
                request_id=request_id(), incident_id=incident_id, **(asked | fields)
            ),
            metadata=(by or self.li).metadata,
        )

    async def acknowledge(self, incident_id: str, transfer_id: str) -> Any:
        return await self.posts.AcknowledgeBriefing(
            pb.AcknowledgeBriefingRequest(
                request_id=request_id(), incident_id=incident_id, transfer_id=transfer_id
            ),
            metadata=self.zhang.metadata,
        )

    def accept(self, incident_id: str, **fields: Any) -> Any:
        return self.incidents.AcceptTransfer(
            incident_pb.AcceptTransferRequest(
                request_id=request_id(), incident_id=incident_id, **fields
            ),
            metadata=self.zhang.metadata,
        )

    def withdraw(self, incident_id: str, transfer_id: str) -> Any:
        return self.posts.WithdrawTransfer(
            pb.WithdrawTransferRequest(
                request_id=request_id(),
                incident_id=incident_id,
                transfer_id=transfer_id,
                reason="险情有变",
            ),
            metadata=self.li.metadata,
        )

    def take(self, incident_id: str, by: Caller | None = None) -> Any:
        return self.posts.TakeCommand(
            pb.TakeCommandRequest(
                request_id=request_id(), incident_id=incident_id, reason="灾情扩大"
            ),
            metadata=(by or self.prefect).metadata,
        )

    async def chart(self, incident_id: str, position: int = 0, **fields: Any) -> pb.CommandPost:
        asked = {"read": read_pb2.ReadOptions(min_position=position), **fields}
        answer = await self.posts.GetCommandPost(
            pb.GetCommandPostRequest(incident_id=incident_id, **asked),
            metadata=self.observer.metadata,
        )
        found: pb.CommandPost = answer.command_post
        return found

    async def incident(self, incident_id: str, position: int) -> incident_pb.Incident:
        answer = await self.incidents.GetIncident(
            incident_pb.GetIncidentRequest(
                incident_id=incident_id, read=read_pb2.ReadOptions(min_position=position)
            ),
            metadata=self.observer.metadata,
        )
        found: incident_pb.Incident = answer.incident
        return found


@pytest.fixture
async def post(command: Service, tokens: Tokens) -> AsyncIterator[Post]:
    async with command.channel() as channel:
        yield Post(
            CommandPostServiceStub(channel),
            IncidentServiceStub(channel),
            ReportServiceStub(channel),
            tokens.caller("head.anjiang", "commander", "431281102"),
            tokens.caller("commander.li", "commander"),
            tokens.caller("mayor.zhang", "commander"),
            tokens.caller("prefect.hu", "commander", "431200"),
            tokens.caller("duty.wang", "duty_officer"),
            tokens.caller("observer", "observer"),
        )


def stamp(moment: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(moment)
    return found


async def test_command_passes_in_two_steps_with_a_structured_briefing(post: Post) -> None:
    incident_id = await post.commanded()
    details = incident_pb.Briefing(history="一时十分滑坡", potential="坡体仍在动")
    proposed = await post.propose(incident_id, details=details, transfer_id="x1")
    early = await refusal(post.accept(incident_id))
    await post.acknowledge(incident_id, "x1")
    accepted = await post.accept(incident_id)

    chart = await post.chart(incident_id, accepted.position)
    incident = await post.incident(incident_id, accepted.position)

    assert proposed.transfer_id == "x1"
    assert (early.code, early.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "BRIEFING_NOT_ACKNOWLEDGED",
    )
    assert [tenure.commander for tenure in chart.succession] == ["commander.li", "mayor.zhang"]
    assert chart.succession[1].from_time == accepted.effective_time
    assert chart.transfers[0].details == details
    assert chart.transfers[0].HasField("acknowledge_time")
    assert incident.commander == chart.commander == "mayor.zhang"
    assert not incident.HasField("pending_transfer")


async def test_a_proposal_that_says_no_more_names_the_one_that_waits(post: Post) -> None:
    incident_id = await post.commanded()

    first = await post.propose(incident_id)
    again = await post.propose(incident_id)

    assert first.transfer_id == again.transfer_id
    assert again.etag == first.etag


async def test_a_transfer_for_later_is_told_and_waits(post: Post) -> None:
    incident_id = await post.commanded()
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    proposed = await post.propose(incident_id, effective_time=stamp(at))
    await post.acknowledge(incident_id, proposed.transfer_id)
    accepted = await post.accept(incident_id, transfer_id=proposed.transfer_id)
    again = await post.accept(incident_id)

    incident = await post.incident(incident_id, accepted.position)
    chart = await post.chart(incident_id, accepted.position)
    then = await post.chart(incident_id, accepted.position, at_time=stamp(at))

    assert accepted.effective_time == again.effective_time == stamp(at)
    assert (incident.commander, incident.pending_transfer.to) == ("commander.li", "mayor.zhang")
    assert incident.pending_transfer.effective_time == stamp(at)
    assert (chart.commander, then.commander) == ("commander.li", "mayor.zhang")
    assert chart.pending_transfer.state == pb.TRANSFER_STATE_ACCEPTED


async def test_declining_and_withdrawing_leave_command_where_it_is(post: Post) -> None:
    incident_id = await post.commanded()
    first = await post.propose(incident_id)
    await post.posts.DeclineTransfer(
        pb.DeclineTransferRequest(
            request_id=request_id(),
            incident_id=incident_id,
            transfer_id=first.transfer_id,
            reason="在另一现场",
        ),
        metadata=post.zhang.metadata,
    )
    second = await post.propose(incident_id)
    withdrawn = await post.withdraw(incident_id, second.transfer_id)
    late = await refusal(post.acknowledge(incident_id, second.transfer_id))

    chart = await post.chart(incident_id, withdrawn.position)

    assert late.reason == "TRANSFER_NOT_PENDING"
    assert [transfer.state for transfer in chart.transfers] == [
        pb.TRANSFER_STATE_DECLINED,
        pb.TRANSFER_STATE_WITHDRAWN,
    ]
    assert chart.commander == "commander.li"
    assert not chart.HasField("pending_transfer")


async def test_only_a_superior_takes_command(post: Post) -> None:
    incident_id = await post.commanded(by=post.head, commander="head.anjiang")

    equal = await refusal(post.take(await post.commanded(), post.zhang))
    by_county = await post.take(incident_id, post.li)
    by_town = await refusal(post.take(incident_id, post.head))
    by_prefecture = await post.take(incident_id)

    assert equal.code is grpc.StatusCode.PERMISSION_DENIED
    assert (equal.reason, by_town.reason) == ("NOT_SUPERIOR", "NOT_SUPERIOR")
    assert by_town.metadata["commander"] == "commander.li"
    chart = await post.chart(incident_id, by_prefecture.position)
    assert [tenure.commander for tenure in chart.succession] == [
        "head.anjiang",
        "commander.li",
        "prefect.hu",
    ]
    assert chart.succession[1].from_time == by_county.effective_time


async def test_the_organisation_is_built_drawn_and_looked_back_on(post: Post) -> None:
    incident_id = await post.commanded()
    founded = await post.posts.EstablishHeadquarters(
        pb.EstablishHeadquartersRequest(
            request_id=request_id(),
            incident_id=incident_id,
            kind=pb.HEADQUARTERS_KIND_GENERAL,
            name="洪江市抗洪抢险总指挥部",
            place="市应急指挥中心",
            head="mayor.zhang",
        ),
        metadata=post.li.metadata,
    )
    roles = pb.AssignRoleRequest(
        request_id=request_id(), incident_id=incident_id, role="coordination_lead", subject="chen"
    )
    assigned = await post.posts.AssignRole(roles, metadata=post.li.metadata)
    joined = await post.posts.JoinUnifiedCommand(
        pb.JoinUnifiedCommandRequest(
            request_id=request_id(), incident_id=incident_id, agency="武警", member="captain"
        ),
        metadata=post.li.metadata,
    )
    relieved = await post.posts.RelieveRole(
        pb.RelieveRoleRequest(
            request_id=request_id(),
            incident_id=incident_id,
            role="coordination_lead",
            subject="chen",
            reason="轮换",
        ),
        metadata=post.li.metadata,
    )
    await post.posts.LeaveUnifiedCommand(
        pb.LeaveUnifiedCommandRequest(
            request_id=request_id(), incident_id=incident_id, agency="武警", reason="任务完成"
        ),
        metadata=post.li.metadata,
    )
    closed = await post.posts.CloseHeadquarters(
        pb.CloseHeadquartersRequest(
            request_id=request_id(),
            incident_id=incident_id,
            headquarters_id=founded.headquarters_id,
            reason="响应终止",
        ),
        metadata=post.li.metadata,
    )

    now = await post.chart(incident_id, closed.position)
    former = await post.chart(incident_id, closed.position, include_former=True)
    then = await post.chart(incident_id, read=read_pb2.ReadOptions(as_of_position=joined.position))

    assert assigned.position < joined.position < relieved.position
    assert not [*now.headquarters, *now.holders, *now.unified_command]
    assert [holder.subject for holder in then.holders] == ["chen"]
    assert then.headquarters[0].holders[0].subject == "mayor.zhang"
    assert then.unified_command[0].member == "captain"
    assert former.headquarters[0].HasField("close_time")
    assert former.holders[0].HasField("until_time")


async def test_roles_are_enforced_once_command_is_established(post: Post) -> None:
    incident_id = await post.opened()
    grade = incident_pb.GradeIncidentRequest(
        request_id=request_id(),
        incident_id=incident_id,
        grade=incident_pb.GRADE_LARGER,
        basis="三人死亡",
    )
    await post.incidents.GradeIncident(grade, metadata=post.zhang.metadata)
    await post.incidents.EstablishCommand(
        incident_pb.EstablishCommandRequest(
            request_id=request_id(),
            incident_id=incident_id,
            commander="commander.li",
            command_post="安江镇政府",
        ),
        metadata=post.li.metadata,
    )
    grade.request_id, grade.grade = request_id(), incident_pb.GRADE_MAJOR

    refused = await refusal(post.incidents.GradeIncident(grade, metadata=post.zhang.metadata))
    by_desk = await post.incidents.GradeIncident(grade, metadata=post.desk.metadata)

    assert (refused.code, refused.reason) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "ROLE_REQUIRED",
    )
    assert refused.metadata["capability"] == "grade"
    assert "deputy_commander" in refused.metadata["roles"].split(",")
    assert by_desk.position


async def test_the_catalogue_is_told(post: Post) -> None:
    told = await post.posts.GetRoleCatalogue(
        pb.GetRoleCatalogueRequest(), metadata=post.observer.metadata
    )

    assert {"incident_commander", "rescue_lead"} <= {role.role for role in told.roles}
    assert told.version


async def test_an_incident_without_command_has_an_empty_post(post: Post) -> None:
    chart = await post.chart(await post.opened())
    unknown = await refusal(post.chart("nowhere"))

    assert not chart.commander
    assert not chart.succession
    assert (unknown.code, unknown.reason) == (grpc.StatusCode.NOT_FOUND, "NO_SUCH_INCIDENT")


BAD: dict[str, tuple[str, Any, str]] = {
    "a taking without a reason": ("TakeCommand", pb.TakeCommandRequest(incident_id="i"), "reason"),
    "an acknowledgement of nothing": (
        "AcknowledgeBriefing",
        pb.AcknowledgeBriefingRequest(incident_id="i"),
        "transfer_id",
    ),
    "a headquarters of no kind": (
        "EstablishHeadquarters",
        pb.EstablishHeadquartersRequest(incident_id="i", name="部", place="处", head="li"),
        "kind",
    ),
    "a role with a strange name": (
        "AssignRole",
        pb.AssignRoleRequest(incident_id="i", role="Chief!", subject="li"),
        "role",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_names_the_field(post: Post, name: str) -> None:
    method, request, field = BAD[name]
    request.request_id = request_id()

    refused = await refusal(getattr(post.posts, method)(request, metadata=post.li.metadata))

    assert (refused.code, refused.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELD",
    )
    assert refused.fields == (field,)


async def test_an_observer_passes_nothing_on(post: Post) -> None:
    incident_id = await post.commanded()

    refused = await refusal(post.take(incident_id, post.observer))

    assert refused.reason == "CAPABILITY_REQUIRED"


async def test_twenty_who_pass_command_on_at_once_leave_one_commander(post: Post) -> None:
    for _ in range(5):
        incident_id = await post.commanded()
        proposed = await post.propose(incident_id)
        await post.acknowledge(incident_id, proposed.transfer_id)

        outcomes = await asyncio.gather(
            *(post.accept(incident_id) for _ in range(7)),
            *(post.withdraw(incident_id, proposed.transfer_id) for _ in range(7)),
            *(post.take(incident_id) for _ in range(6)),
            return_exceptions=True,
        )

        refused = Counter(
            read_refusal(error).reason
            for error in outcomes
            if isinstance(error, grpc.aio.AioRpcError)
        )
        written = [answer.position for answer in outcomes if hasattr(answer, "position")]
        assert len(written) + refused.total() == len(outcomes)
        assert set(refused) <= {
            "NO_TRANSFER_PROPOSED",
            "TRANSFER_NOT_PENDING",
            "STALE_REVISION",
        }
        chart = await post.chart(incident_id, max(written))
        incident = await post.incident(incident_id, max(written))
        names = [tenure.commander for tenure in chart.succession]
        assert names[0] == "commander.li"
        assert names[1:] in (["prefect.hu"], ["mayor.zhang", "prefect.hu"])
        assert all(one.to_time == other.from_time for one, other in pairwise(chart.succession))
        assert incident.commander == chart.commander == names[-1]
        [transfer] = chart.transfers
        accepted = transfer.state == pb.TRANSFER_STATE_ACCEPTED
        assert accepted == ("mayor.zhang" in names)
        assert not chart.HasField("pending_transfer")
