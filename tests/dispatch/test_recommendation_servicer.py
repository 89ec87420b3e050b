"""Run cards and recommendations over real gRPC, with resources and command that fail when told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

from anlan.command.v1 import incident_pb2
from anlan.command.v1 import incident_service_pb2 as command_pb
from anlan.dispatch.v1 import assignment_service_pb2 as assignment_pb
from anlan.dispatch.v1 import recommendation_pb2 as shape
from anlan.dispatch.v1 import recommendation_service_pb2 as pb
from anlan.dispatch.v1 import run_card_service_pb2 as card_pb
from anlan.dispatch.v1.recommendation_service_pb2_grpc import RecommendationServiceStub
from anlan.dispatch.v1.run_card_service_pb2_grpc import RunCardServiceStub
from anlan.resources.v1 import unit_service_pb2 as unit_pb
from anlan.type.v1 import place_pb2
from services.dispatch import codec
from services.dispatch.domain import planned_start
from services.dispatch.policies.fleet import Fix, Fleet
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.peer import Peer
from services.runtime.place import Place
from services.runtime.store import EventStore
from tests.dispatch.conftest import Dispatch
from tests.dispatch.facts import DISPATCHER
from tests.service import Caller, refusal, request_id

ANJIANG = place_pb2.Place(
    adcode="431281102", address="安江镇大堤", point=place_pb2.Point(latitude=27.3, longitude=110.1)
)
CONTENT: dict[str, Any] = {
    "title": "大堤",
    "source": "演练",
    "conditions": {"type_codes": ["11A"]},
    "levels": [
        {"alarm_level": 1, "wants": [{"kinds": ["boat"], "number": 1}]},
        {"alarm_level": 2, "wants": [{"kinds": ["boat"], "number": 1}]},
    ],
}


class Desk:
    """Asks as a person would, and lets units be known."""

    def __init__(self, dispatch: Dispatch, channel: grpc.aio.Channel) -> None:
        self.dispatch = dispatch
        self.recommendations: Any = RecommendationServiceStub(channel)
        self.cards: Any = RunCardServiceStub(channel)
        self.planner = dispatch.tokens.caller("he", "planner,leader,dispatcher")

    async def boat(self, km: float, **changes: Any) -> str:
        unit_id = f"boat-{uuid4()}"
        home = place_pb2.Place(adcode="431281102")
        home.point.latitude, home.point.longitude = 27.3 + km / 111.195, 110.1
        unit = unit_pb.Unit(unit_id=unit_id, kind="boat", home=home, crew_on_duty=4, **changes)
        await self.dispatch.units.tell(unit)
        return unit_id

    async def card(self, **changes: Any) -> str:
        run_card_id = f"card-{uuid4()}"
        request = card_pb.DraftRunCardRequest(
            request_id=request_id(), run_card_id=run_card_id, adcode="431281"
        )
        json_format.ParseDict(CONTENT | changes, request.content)
        await self.cards.DraftRunCard(request, metadata=self.planner.metadata)
        published = card_pb.PublishRunCardRequest(
            request_id=request_id(), run_card_id=run_card_id, version=1, body="部", reference="1"
        )
        answer = await self.cards.PublishRunCard(published, metadata=self.planner.metadata)
        read = card_pb.GetRunCardRequest(run_card_id=run_card_id)
        read.read.min_position = answer.position
        await self.cards.GetRunCard(read, metadata=self.planner.metadata)
        return run_card_id

    async def recommend(self, by: Caller | None = None, **fields: Any) -> pb.RecommendUnitsResponse:
        fields = {"request_id": request_id(), **fields}
        fields.setdefault("min_position", self.dispatch.units.position)
        answer: pb.RecommendUnitsResponse = await self.recommendations.RecommendUnits(
            pb.RecommendUnitsRequest(**fields),
            metadata=(by or self.dispatch.dispatcher).metadata,
            timeout=20,
        )
        return answer


@pytest.fixture
async def desk(dispatch: Dispatch) -> AsyncIterator[Desk]:
    async with grpc.aio.insecure_channel(dispatch.address) as channel:
        yield Desk(dispatch, channel)


def wants(number: int) -> list[dict[str, Any]]:
    return [{"kinds": ["boat"], "number": number}]


def ids(units: Any) -> list[str]:
    return [one.unit_id for one in units]


async def test_an_incident_gets_what_its_card_says_and_why(desk: Desk) -> None:
    near, far = await desk.boat(1), await desk.boat(9)
    broken = await desk.boat(0.5, status=unit_pb.UNIT_STATUS_OUT_OF_SERVICE)
    incident = desk.dispatch.incident()
    desk.dispatch.incidents.known[incident].place.CopyFrom(ANJIANG)
    desk.dispatch.incidents.known[incident].type_code = "11A04"
    card = await desk.card(conditions={"type_codes": ["11A04"]})  # nobody else's

    one = (await desk.recommend(incident_id=incident)).recommendation
    two = (await desk.recommend(incident_id=incident, alarm_level=2)).recommendation

    assert one.basis.run_card_id == card
    assert "type 11A04" in one.card_reasons
    assert ids(one.picks) == [near]
    assert one.picks[0].verdict == shape.VERDICT_CLOSEST_BY_DISTANCE
    assert one.picks[0].arrival_s > 0
    why = {unit.unit_id: unit.verdict for unit in one.others}
    assert why[broken] == shape.VERDICT_OUT_OF_SERVICE
    assert why[far] == shape.VERDICT_FARTHER
    assert ids(two.picks) == [near, far]


async def test_a_repetition_gets_the_first_answer_and_a_replay_the_same_units(desk: Desk) -> None:
    near = await desk.boat(1)
    fields: dict[str, Any] = {"request_id": request_id(), "place": ANJIANG, "wants": wants(1)}
    first = await desk.recommend(**fields)
    await desk.boat(0.1)

    assert await desk.recommend(**fields) == first
    assert near in ids(first.recommendation.picks)
    key = first.recommendation.recommendation_id
    metadata = desk.dispatch.dispatcher.metadata
    get = pb.GetRecommendationRequest(recommendation_id=key)
    get.read.min_position = first.position
    found = await desk.recommendations.GetRecommendation(get, metadata=metadata)
    assert found.recommendation == first.recommendation
    replayed = await desk.recommendations.ReplayRecommendation(
        pb.ReplayRecommendationRequest(recommendation_id=key), metadata=metadata
    )
    assert replayed.identical
    assert not replayed.differences
    assert replayed.recommendation.picks == first.recommendation.picks


async def test_a_repetition_gets_its_answer_though_its_card_is_retired_by_then(desk: Desk) -> None:
    await desk.boat(1)
    card = await desk.card()
    fields: dict[str, Any] = {"request_id": request_id(), "place": ANJIANG, "run_card_id": card}
    first = await desk.recommend(**fields)

    retired = card_pb.RetireRunCardRequest(
        request_id=request_id(), run_card_id=card, reason="改用新卡"
    )
    answer = await desk.cards.RetireRunCard(retired, metadata=desk.planner.metadata)
    read = card_pb.GetRunCardRequest(run_card_id=card)
    read.read.min_position = answer.position
    await desk.cards.GetRunCard(read, metadata=desk.planner.metadata)

    assert await desk.recommend(**fields) == first
    assert await refusal(desk.recommend(**{**fields, "request_id": request_id()}))


async def test_a_sample_answers_in_exercises_only(desk: Desk) -> None:
    card = await desk.card(sample=True)

    drill = desk.dispatch.tokens.caller("diao.lin", "dispatcher", exercise="drill-1")
    answer = await desk.recommend(drill, place=ANJIANG, run_card_id=card)
    earnest = await refusal(desk.recommend(place=ANJIANG, run_card_id=card))

    assert answer.recommendation.exercise == "drill-1"
    assert answer.recommendation.picks == [], "no unit of earnest goes to a drill"
    assert answer.recommendation.shortfalls[0].reason == (
        shape.SHORTFALL_REASON_NO_CANDIDATES_AVAILABLE
    )
    assert earnest.reason == "RUN_CARD_IS_A_SAMPLE"


async def test_no_card_is_said_and_so_is_what_to_do(desk: Desk) -> None:
    lost = await refusal(desk.recommend(place=ANJIANG, type_code="99X"))

    assert lost.code is grpc.StatusCode.NOT_FOUND
    assert lost.reason == "NO_RUN_CARD_ANSWERS"
    assert "say wants" in lost.message


async def test_ties_between_cards_are_named(desk: Desk) -> None:
    first, second = sorted([await desk.card(), await desk.card()])
    request = card_pb.MatchRunCardsRequest(
        type_code="11A01", place=ANJIANG, grade=incident_pb2.GRADE_MAJOR
    )

    answer = await desk.cards.MatchRunCards(request, metadata=desk.planner.metadata)

    tied = {one.run_card_id: one.tied for one in answer.matches}
    assert tied[second]
    assert ids_of(answer.matches).index(first) < ids_of(answer.matches).index(second)


def ids_of(matches: Any) -> list[str]:
    return [one.run_card_id for one in matches]


async def test_the_loser_of_a_unit_is_offered_the_next_best(desk: Desk) -> None:
    incident = desk.dispatch.incident()
    wanted, other = await desk.boat(1), await desk.boat(2)
    await desk.recommend(place=ANJIANG, wants=wants(1))  # both are known by now
    await desk.dispatch.create(incident_id=incident, unit_id=wanted, destination=ANJIANG)
    request: dict[str, Any] = {
        "request_id": request_id(),
        "incident_id": incident,
        "unit_id": wanted,
        "destination": ANJIANG,
    }

    lost = await refusal(desk.dispatch.create(**request))

    assert lost.reason == "UNIT_HELD"
    offered = lost.metadata["next_best_unit_ids"].split(",")
    assert other in offered
    assert wanted not in offered
    assert all(float(at) > 0 for at in lost.metadata["next_best_arrivals_s"].split(","))
    await desk.boat(0.1)
    assert await refusal(desk.dispatch.create(**request)) == lost, "said again word for word"
    assert assignment_pb.ASSIGNMENT_STATE_REFUSED


async def test_an_old_picture_says_its_age_and_an_unknown_one_is_no_empty_list(
    dispatch: Dispatch, desk: Desk
) -> None:
    await desk.boat(1)
    fresh = (await desk.recommend(place=ANJIANG, wants=wants(1))).recommendation
    dispatch.units.down.add("ListUnits")
    dispatch.ahead += datetime(2026, 1, 1, 0, 5, tzinfo=UTC) - datetime(2026, 1, 1, tzinfo=UTC)

    old = (await desk.recommend(place=ANJIANG, wants=wants(1))).recommendation

    assert fresh.basis.fleet_age_s < 60 < old.basis.fleet_age_s
    assert len(old.picks) == 1
    unknown = Fleet(Peer("127.0.0.1:1", dispatch.settings), dispatch.now)
    with pytest.raises(Exception, match="does not mean that there is none"):
        unknown.age_s()
    await unknown._peer.close()


async def test_a_live_position_counts_and_an_older_one_never_replaces_it(
    dispatch: Dispatch,
) -> None:
    fleet = Fleet(Peer("127.0.0.1:1", dispatch.settings), dispatch.now)
    home = place_pb2.Place(adcode="431281102", point=place_pb2.Point(latitude=27, longitude=110))
    newer, older = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    fleet.move("b", Fix(latitude=27.3, longitude=110.1, fixed_at=newer))
    fleet.put(unit_pb.Unit(unit_id="b", kind="boat", home=home))
    fleet.move("b", Fix(latitude=1.0, longitude=1.0, fixed_at=older))

    found = fleet.get("b")

    assert found is not None
    assert (found[1].latitude, found[1].positioned_at) == (27.3, newer)
    await asyncio.wait_for(fleet._peer.close(), 5)


# Planned starts.


async def planned(desk: Desk, boats: int = 2, **fields: Any) -> tuple[list[str], str, Any]:
    """Recommend by a card that starts in an hour; return its picks, its incident and its id."""
    units = [await desk.boat(1 + number) for number in range(boats)]
    incident = desk.dispatch.incident()
    desk.dispatch.incidents.known[incident].place.CopyFrom(ANJIANG)
    start = datetime.now(UTC) + timedelta(hours=1)
    card = await desk.card(
        levels=[{"alarm_level": 1, "wants": wants(boats)}],
        planned_start_time=start.isoformat(),
        instructions="预先到岗",
        **fields,
    )
    made = (await desk.recommend(incident_id=incident, run_card_id=card)).recommendation
    assert ids(made.picks) == units
    return units, incident, made


async def preplan(desk: Desk, recommendation_id: str, **fields: Any) -> Any:
    request = pb.PreplanRecommendationRequest(
        **{"request_id": request_id(), "recommendation_id": recommendation_id, **fields}
    )
    return await desk.recommendations.PreplanRecommendation(
        request, metadata=desk.dispatch.dispatcher.metadata, timeout=20
    )


async def test_the_picks_of_a_card_are_sent_when_it_says_and_not_before(desk: Desk) -> None:
    units, _, made = await planned(desk)

    plan = await preplan(desk, made.recommendation_id)
    waiting = [await desk.dispatch.get(one, plan.position) for one in plan.assignment_ids]
    await desk.dispatch.put_forward(3601)
    sent = [
        await desk.dispatch.until(
            one, lambda found: found.state == assignment_pb.ASSIGNMENT_STATE_DISPATCHED
        )
        for one in plan.assignment_ids
    ]

    assert list(plan.unit_ids) == units
    assert plan.dispatch_time == made.planned_start_time
    assert {one.state for one in waiting} == {assignment_pb.ASSIGNMENT_STATE_PREPLANNED}
    assert [desk.dispatch.units.holder(one) for one in units] == list(plan.assignment_ids)
    assert [desk.dispatch.units.effects["ConfirmReservation", one] for one in units] == [1, 1]  # type: ignore[index]
    assert {one.asks for one in sent} == {False}


async def test_a_start_is_planned_once_and_a_repetition_gets_the_first_answer(desk: Desk) -> None:
    units, incident, made = await planned(desk)
    asked = request_id()

    first = await preplan(desk, made.recommendation_id, request_id=asked, unit_ids=units[:1])
    desk.dispatch.incidents.known[incident].state = command_pb.INCIDENT_STATE_CLOSED
    again = await preplan(desk, made.recommendation_id, request_id=asked, unit_ids=units[:1])
    refused = await refusal(preplan(desk, made.recommendation_id))

    assert list(again.assignment_ids) == list(first.assignment_ids)
    assert refused.reason == "START_PLANNED"
    assert refused.metadata["planned_by"] == "diao.lin"


async def test_a_plan_that_was_left_half_done_is_carried_out(desk: Desk, store: EventStore) -> None:
    units, incident, made = await planned(desk)
    command_id = uuid4()
    plan = planned_start.PlanStart(
        by=DISPATCHER,
        recommendation_id=made.recommendation_id,
        incident_id=incident,
        incident_type="",
        units=(planned_start.Planned(assignment_id=str(uuid4()), unit_id=units[0]),),
        picked=tuple(units),
        start_at=datetime.now(UTC) + timedelta(hours=1),
        planned_start_at=None,
        destination=Place(adcode="431281102"),
        order="",
        call_at=None,
        acknowledge_within_s=90,
        occurred_at=datetime.now(UTC),
    )
    cause = Cause(
        command_id=command_id,
        causation_id=str(command_id),
        correlation_id=incident,
        actor=DISPATCHER,
    )

    # Whoever wrote it down died before it preplanned anything.
    await CommandHandler(store, codec.PLANNED_START).handle(made.recommendation_id, plan, cause)

    found = await desk.dispatch.until(
        plan.units[0].assignment_id,
        lambda one: one.state == assignment_pb.ASSIGNMENT_STATE_PREPLANNED,
    )
    assert found.unit_id == units[0]


async def test_a_unit_that_cannot_be_had_at_its_time_asks_somebody_until_that_is_answered(
    desk: Desk,
) -> None:
    _, incident, made = await planned(desk, boats=1)
    plan = await preplan(desk, made.recommendation_id)
    [assignment_id] = plan.assignment_ids
    other = await desk.dispatch.create(
        incident_id=desk.dispatch.incident(), unit_id=plan.unit_ids[0]
    )

    await desk.dispatch.put_forward(3601)
    asking = await desk.dispatch.until(assignment_id, lambda found: found.asks)
    board = await desk.dispatch.ask(
        "ListAssignments", assignment_pb.ListAssignmentsRequest(incident_id=incident)
    )
    answer = assignment_pb.AnswerRefusalRequest(
        request_id=request_id(), assignment_id=assignment_id, answer="改派江市二号艇"
    )
    said = await desk.dispatch.ask("AnswerRefusal", answer)
    again = await desk.dispatch.ask("AnswerRefusal", answer)
    answered = await desk.dispatch.get(assignment_id, said.position)

    assert asking.state == assignment_pb.ASSIGNMENT_STATE_REFUSED
    assert other.assignment_id in asking.close_reason
    assert [one.assignment_id for one in board.assignments] == [assignment_id]
    assert (answered.asks, answered.refusal_answer) == (False, "改派江市二号艇")
    assert again.position == said.position


async def test_what_cannot_be_planned_is_said(desk: Desk) -> None:
    units, _, made = await planned(desk)
    stranger = await desk.boat(3)
    of_place = (await desk.recommend(place=ANJIANG, wants=wants(1))).recommendation
    at_once = (await desk.recommend(incident_id=made.incident_id, wants=wants(1))).recommendation
    past = Timestamp()
    past.FromDatetime(datetime.now(UTC) - timedelta(minutes=1))

    reasons = [
        (await refusal(preplan(desk, key, **fields))).reason
        for key, fields in (
            ("no-such", {}),
            (of_place.recommendation_id, {}),
            (at_once.recommendation_id, {}),
            (made.recommendation_id, {"unit_ids": [units[0], stranger]}),
            (made.recommendation_id, {"dispatch_time": past}),
        )
    ]

    assert reasons == [
        "NO_SUCH_RECOMMENDATION",
        "RECOMMENDATION_WITHOUT_INCIDENT",
        "DISPATCH_TIME_MISSING",
        "UNIT_NOT_RECOMMENDED",
        "DISPATCH_TIME_PAST",
    ]
