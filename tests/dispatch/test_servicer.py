"""Dispatch over real gRPC, on the real node, with resources that fail when told to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from anlan.events.v1 import incident_events_pb2 as incident_pb
from services.runtime.store import EventStore
from tests.dispatch.conftest import DYKE, Dispatch
from tests.service import refusal


def stamp(moment: datetime) -> Timestamp:
    written = Timestamp()
    written.FromDatetime(moment)
    return written


async def test_a_unit_is_reserved_confirmed_and_sent(dispatch: Dispatch) -> None:
    unit, incident = dispatch.unit(), dispatch.incident()

    answer = await dispatch.create(incident_id=incident, unit_id=unit, order="去大堤")
    found = await dispatch.get(answer.assignment_id, answer.position)
    assert 0 < found.open_position < found.position == answer.position

    assert dispatch.units.holder(unit) == answer.assignment_id
    assert found.state == pb.ASSIGNMENT_STATE_DISPATCHED
    assert (found.unit_kind, found.dispatched_by) == ("boat", "diao.lin")
    assert found.destination == DYKE
    assert found.call_time == dispatch.incidents.known[incident].report_time
    assert found.acknowledge_due_time == answer.acknowledge_due_time
    assert found.etag == answer.etag
    waits = answer.acknowledge_due_time.ToDatetime() - found.dispatch_time.ToDatetime()
    assert waits == timedelta(seconds=90)


async def test_of_two_consoles_one_is_told_who_has_the_unit(dispatch: Dispatch) -> None:
    unit, incident = dispatch.unit(), dispatch.incident()
    other = dispatch.tokens.caller("chen.wei", "dispatcher")

    answers = await asyncio.gather(
        *(
            refusal_or_answer(dispatch.create(by, incident_id=incident, unit_id=unit))
            for by in (dispatch.dispatcher, other)
        )
    )

    [won] = [a for a in answers if isinstance(a, pb.CreateAssignmentResponse)]
    [lost] = [a for a in answers if not isinstance(a, pb.CreateAssignmentResponse)]
    assert lost.reason == "UNIT_HELD"
    assert lost.code is grpc.StatusCode.FAILED_PRECONDITION
    assert lost.metadata["holder"] == won.assignment_id


async def test_the_same_request_gets_the_same_answer_and_writes_nothing(
    dispatch: Dispatch, store: EventStore
) -> None:
    request: dict[str, Any] = {
        "request_id": str(uuid4()),
        "incident_id": dispatch.incident(),
        "unit_id": dispatch.unit(),
    }
    first = await dispatch.create(**request)
    clear = pb.ClearAssignmentRequest(assignment_id=first.assignment_id, disposition="完成")
    await dispatch.ask("ClearAssignment", clear)
    length = len(await store.read(f"assignment-{first.assignment_id}"))

    assert await dispatch.create(**request) == first
    assert len(await store.read(f"assignment-{first.assignment_id}")) == length == 3


async def test_a_refused_request_is_refused_again_word_for_word(
    dispatch: Dispatch, store: EventStore
) -> None:
    unit, incident = dispatch.unit(), dispatch.incident()
    winner = await dispatch.create(incident_id=incident, unit_id=unit)
    request: dict[str, Any] = {
        "request_id": str(uuid4()),
        "assignment_id": str(uuid4()),
        "incident_id": incident,
        "unit_id": unit,
    }
    first = await refusal(dispatch.create(**request))
    cancel = pb.CancelAssignmentRequest(assignment_id=winner.assignment_id, reason="险情解除")
    await dispatch.ask("CancelAssignment", cancel)

    assert await refusal(dispatch.create(**request)) == first
    assert first.metadata["held_by"] == "diao.lin"
    assert len(await store.read(f"assignment-{request['assignment_id']}")) == 2
    found = await dispatch.get(request["assignment_id"])
    assert found.state == pb.ASSIGNMENT_STATE_REFUSED
    assert found.close_reason.startswith("UNIT_HELD")


async def test_an_id_that_is_taken_is_refused(dispatch: Dispatch) -> None:
    incident = dispatch.incident()
    first = await dispatch.create(incident_id=incident, unit_id=dispatch.unit())

    said = await refusal(
        dispatch.create(
            assignment_id=first.assignment_id, incident_id=incident, unit_id=dispatch.unit()
        )
    )

    assert (said.code, said.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ASSIGNMENT_EXISTS")


async def test_an_unknown_unit_is_refused_and_stays_so(dispatch: Dispatch) -> None:
    said = await refusal(dispatch.create(incident_id=dispatch.incident(), unit_id="nobody"))

    assert (said.code, said.reason) == (grpc.StatusCode.NOT_FOUND, "NO_SUCH_UNIT")


async def test_incidents_are_refused_for_what_they_are(dispatch: Dispatch) -> None:
    unit = dispatch.unit()
    drill = dispatch.tokens.caller("diao.lin", "dispatcher", exercise="drill-7")
    elsewhere = dispatch.tokens.caller("yang.bo", "dispatcher", "431271")

    async def reason(incident_id: str, by: Any = None) -> str:
        refused = await refusal(dispatch.create(by, incident_id=incident_id, unit_id=unit))
        return refused.reason

    assert await reason("unheard-of") == "NO_SUCH_INCIDENT"
    assert await reason(dispatch.incident(closed=True)) == "INCIDENT_CLOSED"
    assert await reason(dispatch.incident(), drill) == "EXERCISE_MISMATCH"
    assert await reason(dispatch.incident("drill-7")) == "EXERCISE_MISMATCH"
    assert await reason(dispatch.incident(), elsewhere) == "OUTSIDE_JURISDICTION"
    assert not dispatch.units.effects


async def test_an_override_needs_its_capability(dispatch: Dispatch) -> None:
    unit, incident = dispatch.unit(), dispatch.incident()
    first = await dispatch.create(incident_id=incident, unit_id=unit)
    override: dict[str, Any] = {
        "incident_id": incident,
        "unit_id": unit,
        "override_reason": "决口",
    }

    assert (await refusal(dispatch.create(**override))).reason == "CAPABILITY_REQUIRED"

    commander = dispatch.tokens.caller("long.zong", "commander")
    second = await dispatch.create(commander, **override)
    found = await dispatch.get(second.assignment_id, second.position)
    assert found.override_reason == "决口"
    assert first.assignment_id != second.assignment_id


async def test_what_was_heard_is_not_asked(dispatch: Dispatch) -> None:
    incident_id = str(uuid4())
    opened = incident_pb.IncidentOpened(incident_id=incident_id, place=DYKE)
    opened.call_time.FromDatetime(datetime(2026, 6, 18, 19, 0, tzinfo=UTC))
    await dispatch.hear(opened, 0)
    await dispatch.noted(incident_id, is_open=True)

    answer = await dispatch.create(incident_id=incident_id, unit_id=dispatch.unit())

    assert not dispatch.incidents.asked[incident_id]
    found = await dispatch.get(answer.assignment_id, answer.position)
    assert found.call_time == opened.call_time


async def test_a_closed_incident_takes_no_unit_until_it_is_reopened(dispatch: Dispatch) -> None:
    incident_id = dispatch.incident()
    await dispatch.create(incident_id=incident_id, unit_id=dispatch.unit())
    await dispatch.hear(incident_pb.IncidentClosed(incident_id=incident_id), 9)
    await dispatch.noted(incident_id, is_open=False)
    dispatch.incidents.down = True

    said = await refusal(dispatch.create(incident_id=incident_id, unit_id=dispatch.unit()))
    assert said.reason == "INCIDENT_CLOSED"

    dispatch.incidents.down = False
    dispatch.incidents.known[incident_id].etag = "10"  # reopened, and the news is on its way
    await dispatch.create(incident_id=incident_id, unit_id=dispatch.unit())


async def test_an_incident_that_nobody_can_be_asked_about_is_not_refused(
    dispatch: Dispatch,
) -> None:
    dispatch.incidents.down = True

    said = await refusal(dispatch.create(incident_id=str(uuid4()), unit_id=dispatch.unit()))

    assert said.code is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("down", "mute"),
    [
        ({"ReserveUnit"}, set()),
        (set(), {"ReserveUnit"}),
        ({"GetUnit"}, set()),
        ({"ConfirmReservation"}, set()),
        (set(), {"ConfirmReservation"}),
    ],
    ids=["reserve", "reserved", "kind", "confirm", "confirmed"],
)
async def test_an_order_outlives_whatever_fails_on_its_way(
    dispatch: Dispatch, down: set[str], mute: set[str]
) -> None:
    unit = dispatch.unit()
    request: dict[str, Any] = {
        "request_id": str(uuid4()),
        "assignment_id": str(uuid4()),
        "incident_id": dispatch.incident(),
        "unit_id": unit,
    }
    dispatch.units.down, dispatch.units.mute = down, mute

    said = await refusal(dispatch.create(**request))
    assert (said.code, said.reason) == (grpc.StatusCode.UNAVAILABLE, "RESOURCES_UNAVAILABLE")

    dispatch.units.down, dispatch.units.mute = set(), set()
    await dispatch.put_forward(16)
    found = await dispatch.until(
        request["assignment_id"], lambda a: a.state != pb.ASSIGNMENT_STATE_REQUESTED
    )

    assert found.state == pb.ASSIGNMENT_STATE_DISPATCHED
    assert dispatch.units.holder(unit) == request["assignment_id"]
    assert dispatch.units.effects["ReserveUnit", unit] == 1  # type: ignore[index]
    again = await dispatch.create(**request)
    assert again.acknowledge_due_time == found.acknowledge_due_time


async def test_a_retry_finishes_what_the_first_try_began(dispatch: Dispatch) -> None:
    unit = dispatch.unit()
    request: dict[str, Any] = {
        "request_id": str(uuid4()),
        "incident_id": dispatch.incident(),
        "unit_id": unit,
    }
    dispatch.units.down = {"ConfirmReservation"}
    await refusal(dispatch.create(**request))
    dispatch.units.down = set()

    answer = await dispatch.create(**request)

    assert dispatch.units.holder(unit) == answer.assignment_id


async def test_nobody_waits_for_ever(dispatch: Dispatch) -> None:
    unit = dispatch.unit()
    request: dict[str, Any] = {
        "request_id": str(uuid4()),
        "assignment_id": str(uuid4()),
        "incident_id": dispatch.incident(),
        "unit_id": unit,
    }
    dispatch.units.down = {"ConfirmReservation"}
    await refusal(dispatch.create(**request))
    await dispatch.put_forward(301)

    found = await dispatch.until(
        request["assignment_id"], lambda a: a.state != pb.ASSIGNMENT_STATE_REQUESTED
    )

    assert found.state == pb.ASSIGNMENT_STATE_REFUSED
    assert found.close_reason.startswith("RESOURCES_UNAVAILABLE")
    async with asyncio.timeout(20):
        await dispatch.units.let_go.wait()
    assert unit not in dispatch.units.holds
    said = await refusal(dispatch.create(**request))
    assert (said.code, said.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "RESOURCES_UNAVAILABLE",
    )


async def test_silence_comes_first_on_the_board(dispatch: Dispatch) -> None:
    incident = dispatch.incident()
    patient = await dispatch.create(
        incident_id=incident, unit_id=dispatch.unit(), acknowledge_within=Duration(seconds=3600)
    )
    silent = await dispatch.create(incident_id=incident, unit_id=dispatch.unit())
    board = pb.ListAssignmentsRequest(incident_id=incident)
    board.read.min_position = silent.position
    before = await dispatch.ask("ListAssignments", board)
    assert [a.assignment_id for a in before.assignments] == [
        patient.assignment_id,
        silent.assignment_id,
    ]

    await dispatch.put_forward(91)
    await dispatch.until(silent.assignment_id, lambda a: a.acknowledgement_overdue)

    late = await dispatch.ask("ListAssignments", board)
    assert [a.assignment_id for a in late.assignments] == [
        silent.assignment_id,
        patient.assignment_id,
    ]

    acknowledged = await dispatch.ask(
        "AcknowledgeAssignment",
        pb.AcknowledgeAssignmentRequest(assignment_id=silent.assignment_id),
    )
    found = await dispatch.get(silent.assignment_id, acknowledged.position)
    assert found.state == pb.ASSIGNMENT_STATE_ACKNOWLEDGED
    assert not found.acknowledgement_overdue


async def test_the_board_pages_in_its_order(dispatch: Dispatch) -> None:
    incident = dispatch.incident()
    made = [await dispatch.create(incident_id=incident, unit_id=dispatch.unit()) for _ in range(5)]
    cancel = pb.CancelAssignmentRequest(assignment_id=made[1].assignment_id, reason="改派")
    cancelled = await dispatch.ask("CancelAssignment", cancel)
    ids = [m.assignment_id for m in made]

    async def listed(**fields: Any) -> list[str]:
        request = pb.ListAssignmentsRequest(incident_id=incident, page_size=2, **fields)
        request.read.min_position = cancelled.position
        found: list[str] = []
        while True:
            page = await dispatch.ask("ListAssignments", request)
            found += [a.assignment_id for a in page.assignments]
            assert len(page.assignments) <= 2
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    open_ones = [ids[0], *ids[2:]]
    assert await listed() == open_ones
    assert await listed(include_closed=True) == [*open_ones, ids[1]]
    assert await listed(state=pb.ASSIGNMENT_STATE_CANCELLED) == [ids[1]]
    said = await refusal(
        dispatch.ask("ListAssignments", pb.ListAssignmentsRequest(page_token="nonsense"))
    )
    assert said.reason == "PAGE_TOKEN_INVALID"


async def test_times_come_late_and_are_kept_as_said(dispatch: Dispatch) -> None:
    answer = await dispatch.create(incident_id=dispatch.incident(), unit_id=dispatch.unit())
    key = answer.assignment_id
    arrived = stamp(datetime.now(UTC) - timedelta(minutes=20))
    en_route = await dispatch.ask("RecordEnRoute", pb.RecordEnRouteRequest(assignment_id=key))
    assert not en_route.late
    clear = pb.ClearAssignmentRequest(assignment_id=key, disposition="完成")
    await dispatch.ask("ClearAssignment", clear)

    said = pb.RecordOnSceneRequest(assignment_id=key, occur_time=arrived)
    late = await dispatch.ask("RecordOnScene", said)
    found = await dispatch.get(key, late.position)

    assert late.late
    assert await dispatch.ask("RecordOnScene", said) == late
    assert found.state == pb.ASSIGNMENT_STATE_CLEARED
    assert found.on_scene_time.ToMilliseconds() == arrived.ToMilliseconds()

    refused = await refusal(
        dispatch.ask(
            "DeclineAssignment", pb.DeclineAssignmentRequest(assignment_id=key, reason="迟了")
        )
    )
    assert (refused.reason, refused.metadata["state"]) == ("ASSIGNMENT_CLOSED", "CLEARED")


@pytest.mark.parametrize("ending", ["ClearAssignment", "DeclineAssignment", "CancelAssignment"])
async def test_whoever_ends_an_assignment_frees_its_unit(dispatch: Dispatch, ending: str) -> None:
    unit, incident = dispatch.unit(), dispatch.incident()
    answer = await dispatch.create(incident_id=incident, unit_id=unit)

    await dispatch.ask(ending, _ending(ending, answer.assignment_id))

    assert unit not in dispatch.units.holds
    await dispatch.create(incident_id=incident, unit_id=unit)


@pytest.mark.parametrize("ending", ["ClearAssignment", "DeclineAssignment", "CancelAssignment"])
async def test_a_unit_is_freed_later_and_once_when_resources_are_away(
    dispatch: Dispatch, ending: str
) -> None:
    unit = dispatch.unit()
    answer = await dispatch.create(incident_id=dispatch.incident(), unit_id=unit)
    dispatch.units.down = {"ReleaseUnit"}

    await dispatch.ask(ending, _ending(ending, answer.assignment_id))
    assert dispatch.units.holder(unit) == answer.assignment_id

    dispatch.units.down = set()
    async with asyncio.timeout(20):
        await dispatch.units.let_go.wait()
    assert unit not in dispatch.units.holds
    assert dispatch.units.effects["ReleaseUnit", unit] == 1  # type: ignore[index]


async def test_a_stale_console_is_told_to_look_again(dispatch: Dispatch) -> None:
    answer = await dispatch.create(incident_id=dispatch.incident(), unit_id=dispatch.unit())
    acknowledge = pb.AcknowledgeAssignmentRequest(assignment_id=answer.assignment_id)
    await dispatch.ask("AcknowledgeAssignment", acknowledge)

    said = await refusal(
        dispatch.ask(
            "RecordEnRoute",
            pb.RecordEnRouteRequest(assignment_id=answer.assignment_id, etag=answer.etag),
        )
    )

    assert said.code is grpc.StatusCode.ABORTED


async def test_a_drill_stays_a_drill(dispatch: Dispatch) -> None:
    drill = dispatch.tokens.caller("diao.lin", "dispatcher", exercise="drill-7")
    unit = dispatch.unit()
    answer = await dispatch.create(drill, incident_id=dispatch.incident("drill-7"), unit_id=unit)

    found = await dispatch.get(answer.assignment_id, answer.position)
    acknowledge = pb.AcknowledgeAssignmentRequest(assignment_id=answer.assignment_id)
    said = await refusal(dispatch.ask("AcknowledgeAssignment", acknowledge))

    assert found.exercise == "drill-7"
    assert dispatch.units.exercises == {"drill-7"}
    assert said.reason == "EXERCISE_MISMATCH"


async def test_a_watch_goes_on_where_it_was(dispatch: Dispatch) -> None:
    incident = dispatch.incident()
    first = await dispatch.create(incident_id=incident, unit_id=dispatch.unit())
    watch = dispatch.stub.WatchAssignments(
        pb.WatchAssignmentsRequest(incident_id=incident, resume_position=first.position),
        metadata=dispatch.dispatcher.metadata,
        timeout=20,
    )
    second = await dispatch.create(incident_id=incident, unit_id=dispatch.unit())

    async for news in watch:
        assert news.assignment.assignment_id == second.assignment_id
        assert news.position > first.position
        if news.assignment.state == pb.ASSIGNMENT_STATE_DISPATCHED:
            break
    watch.cancel()


async def test_the_board_of_another_instant(dispatch: Dispatch) -> None:
    answer = await dispatch.create(incident_id=dispatch.incident(), unit_id=dispatch.unit())
    clear = pb.ClearAssignmentRequest(assignment_id=answer.assignment_id, disposition="完成")
    await dispatch.ask("ClearAssignment", clear)
    then = pb.GetAssignmentRequest(assignment_id=answer.assignment_id)
    then.read.as_of_position = answer.position

    found = (await dispatch.ask("GetAssignment", then)).assignment

    assert found.state == pb.ASSIGNMENT_STATE_DISPATCHED


async def test_nobody_asks_about_what_is_not_there(dispatch: Dispatch) -> None:
    get = pb.GetAssignmentRequest(assignment_id="nothing")
    clear = pb.ClearAssignmentRequest(assignment_id="nothing", disposition="完成")

    assert (await refusal(dispatch.ask("GetAssignment", get))).reason == "NO_SUCH_ASSIGNMENT"
    assert (await refusal(dispatch.ask("ClearAssignment", clear))).reason == "NO_SUCH_ASSIGNMENT"


def _ending(name: str, assignment_id: str) -> Any:
    match name:
        case "ClearAssignment":
            return pb.ClearAssignmentRequest(assignment_id=assignment_id, disposition="完成")
        case "DeclineAssignment":
            return pb.DeclineAssignmentRequest(assignment_id=assignment_id, reason="故障")
        case _:
            return pb.CancelAssignmentRequest(assignment_id=assignment_id, reason="解除")


async def refusal_or_answer(calling: Any) -> Any:
    """Return the answer, or how it was refused."""
    answers: list[Any] = []

    async def kept() -> Any:
        answers.append(await calling)
        return ""

    try:
        return await refusal(kept())
    except AssertionError:
        return answers[0]
