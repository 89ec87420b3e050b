"""A report that was verified has its incident, whoever died in between, and has it once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import grpc
import pytest

from anlan.command.v1 import incident_service_pb2 as pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.type.v1 import place_pb2
from services.command.codec import REPORT, incident_decider
from services.command.domain import report
from services.command.policies.reports import attach_report, open_incident
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection
from services.runtime.store import EventStore
from tests.command.incidents import WHOLE_RULES
from tests.command.test_report_domain import join, submit, verify
from tests.service import Caller, Service, Tokens, refusal, request_id

OFFICER = Actor(subject="duty.wang", roles=("duty_officer",), jurisdiction="431281")


@dataclass
class Desk:
    """Beside the running service, the streams as another process writes them."""

    store: EventStore
    reports: CommandHandler[report.Command, report.State, report.Event]
    incidents: CommandHandler[Any, Any, Any]
    channel: grpc.aio.Channel
    officer: Caller

    async def submitted(self, exercise: str = "") -> str:
        report_id = str(uuid4())
        await self.reports.handle(report_id, replace(submit, report_id=report_id), cause(exercise))
        return report_id

    async def verified(self, incident_id: str) -> tuple[str, Cause]:
        """Verify and die: nothing opens the incident but the reaction."""
        report_id, asked = await self.submitted(), cause()
        command = replace(verify, report_id=report_id, incident_id=incident_id)
        await self.reports.handle(report_id, command, asked)
        return report_id, asked

    async def arrival(self, stream: str, count: int = 1) -> list[Recorded]:
        """Wait until a stream holds so many events."""
        async with asyncio.timeout(20):
            while True:
                events = await self.store.read(stream)
                if len(events) >= count:
                    return events
                await asyncio.sleep(0.05)

    async def reactions_done(self) -> None:
        """Wait for one reaction more; they are done in order."""
        marker = str(uuid4())
        await self.verified(marker)
        await self.arrival(f"incident-{marker}")


TAKING_IN = {"IncidentOpened.v1", "ReportAttached.v1"}


def people_wrote(events: list[Recorded]) -> list[Recorded]:
    """Leave out what the law's clocks wrote."""
    return [event for event in events if event.metadata["actor"] == OFFICER.subject]


def cause(exercise: str = "") -> Cause:
    asked = uuid4()
    return Cause(
        command_id=asked,
        causation_id=str(asked),
        correlation_id=str(asked),
        actor=OFFICER,
        exercise=exercise,
    )


@pytest.fixture
async def desk(command: Service, tokens: Tokens) -> AsyncIterator[Desk]:
    store = EventStore(command.environment["ANLAN_ESDB_URI"])
    await store.connect()
    channel = command.channel()
    try:
        yield Desk(
            store,
            CommandHandler(store, REPORT),
            CommandHandler(store, incident_decider(WHOLE_RULES)),
            channel,
            tokens.caller("duty.wang", "duty_officer"),
        )
    finally:
        await channel.close()
        await store.close()


async def test_what_a_dead_process_verified_is_opened_by_the_next_and_once(desk: Desk) -> None:
    incident_id = str(uuid4())
    report_id, asked = await desk.verified(incident_id)

    opening = people_wrote(await desk.arrival(f"incident-{incident_id}"))
    again = await open_incident(desk.reports, desk.incidents, report_id, asked)
    await desk.reactions_done()

    assert opening[0].type == "IncidentOpened.v1"
    assert opening[0].metadata["actor"] == OFFICER.subject
    assert again.position == opening[-1].position
    assert people_wrote(await desk.store.read(f"incident-{incident_id}")) == opening


async def test_what_a_dead_process_joined_is_attached_by_the_next_and_once(desk: Desk) -> None:
    incident_id = str(uuid4())
    await desk.verified(incident_id)
    opening = people_wrote(await desk.arrival(f"incident-{incident_id}"))
    report_id, asked = await desk.submitted(), cause()
    await desk.reports.handle(
        report_id, replace(join, report_id=report_id, incident_id=incident_id), asked
    )

    await desk.reactions_done()
    events = people_wrote(await desk.store.read(f"incident-{incident_id}"))
    again = await attach_report(desk.reports, desk.incidents, report_id, asked)

    assert events[len(opening)].type == "ReportAttached.v1"
    assert again.position == events[-1].position
    assert people_wrote(await desk.store.read(f"incident-{incident_id}")) == events


async def test_rpc_and_reaction_together_open_each_incident_once(desk: Desk) -> None:
    stub = ReportServiceStub(desk.channel)
    report_ids = [await desk.submitted() for _ in range(15)]

    answers = await asyncio.gather(
        *(
            stub.VerifyReport(
                report_pb.VerifyReportRequest(
                    request_id=request_id(), report_id=report_id, title="安江滑坡"
                ),
                metadata=desk.officer.metadata,
            )
            for report_id in report_ids
        )
    )
    await desk.reactions_done()

    for answer in answers:
        opening = people_wrote(await desk.store.read(f"incident-{answer.incident_id}"))
        assert [event.type for event in opening].count("IncidentOpened.v1") == 1
        assert opening[-1].position == answer.position


async def test_two_reports_verified_at_once_as_one_incident_are_both_in_it(desk: Desk) -> None:
    incident_id = str(uuid4())
    (one, _), (other, _) = await asyncio.gather(
        desk.verified(incident_id), desk.verified(incident_id)
    )

    opening = people_wrote(await desk.arrival(f"incident-{incident_id}"))
    await desk.reactions_done()
    events = await desk.store.read(f"incident-{incident_id}")
    state = await desk.incidents.state(incident_id)

    took_in = [event.type for event in events if event.type in TAKING_IN]
    assert opening
    assert took_in == ["IncidentOpened.v1", "ReportAttached.v1"]
    assert state.reports == {one, other}


async def test_a_report_that_is_not_settled_opens_nothing(desk: Desk) -> None:
    report_id = await desk.submitted()

    with pytest.raises(Rejection) as refused:
        await open_incident(desk.reports, desk.incidents, report_id, cause())

    assert refused.value.reason == "REPORT_NOT_SETTLED"


async def test_a_report_that_the_incident_would_not_take_is_not_joined(
    desk: Desk, tokens: Tokens
) -> None:
    """Refused before anything is written: a joined report that hangs in no incident is lost."""
    stub = ReportServiceStub(desk.channel)
    incident_id = str(uuid4())
    await desk.verified(incident_id)
    await desk.arrival(f"incident-{incident_id}")
    townships_own = await stub.SubmitReport(
        report_pb.SubmitReportRequest(
            request_id=request_id(),
            source=report_pb.REPORT_SOURCE_POLICE_110,
            reporter="村民",
            type_code="11D01",
            place=place_pb2.Place(adcode="431281103"),
            text="x",
        ),
        metadata=tokens.caller("officer.tuokou", "duty_officer", "431281103").metadata,
    )
    drill = await desk.submitted(exercise="flood")

    async def joining(report_id: str, caller: Caller) -> str:
        request = report_pb.JoinReportRequest(
            request_id=request_id(), report_id=report_id, incident_id=incident_id
        )
        return (await refusal(stub.JoinReport(request, metadata=caller.metadata))).reason

    outside = await joining(
        townships_own.report_id, tokens.caller("officer.tuokou", "duty_officer", "431281103")
    )
    playing = await joining(drill, Caller(desk.officer.token, exercise="flood"))

    assert (outside, playing) == ("OUTSIDE_JURISDICTION", "EXERCISE_MISMATCH")
    assert len(await desk.store.read(f"report-{townships_own.report_id}")) == 1
    assert len(await desk.store.read(f"report-{drill}")) == 1


async def test_a_joining_repeated_after_the_closure_gets_its_first_answer(
    desk: Desk, tokens: Tokens
) -> None:
    stub, incidents = ReportServiceStub(desk.channel), IncidentServiceStub(desk.channel)
    incident_id, report_id = str(uuid4()), await desk.submitted()
    await desk.verified(incident_id)
    await desk.arrival(f"incident-{incident_id}")
    joining = report_pb.JoinReportRequest(
        request_id=request_id(), report_id=report_id, incident_id=incident_id
    )
    first = await stub.JoinReport(joining, metadata=desk.officer.metadata)
    await incidents.CloseIncident(
        pb.CloseIncidentRequest(request_id=request_id(), incident_id=incident_id, summary="结束"),
        metadata=tokens.caller("commander.li", "commander").metadata,
    )

    assert await stub.JoinReport(joining, metadata=desk.officer.metadata) == first
