"""What is promised and what comes for a need is counted there, once, whatever news are missed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from anlan.events.v1 import supply_request_events_pb2 as pb
from services.command.domain.incident import need_rules, needs, objectives
from services.command.domain.incident.needs import Need, Needs, NeedState
from services.command.policies.serving import Serving, next_step
from services.runtime.recorded import Recorded
from tests.command.incidents import LI, NOW, PLACE
from tests.command.shelters import Shelters, cause

RAISE = needs.RaiseNeed(
    by=LI,
    incident_id="i1",
    need_id="bags",
    category=needs.Category.SUPPLIES,
    item="编织袋",
    quantity=400,
    unit="条",
    place=PLACE,
    needed_by=None,
    objective_id="",
    note="",
    occurred_at=NOW,
)


def served(outstanding: int, received: int, incident_id: str = "i1", **changed: Any) -> Any:
    message = pb.NeedServed(
        supply_request_id="s1",
        incident_id=incident_id,
        need_id="bags",
        unit="条",
        depot_ids=["north"],
        outstanding=outstanding,
        received=received,
    )
    message.occur_time.FromDatetime(NOW + timedelta(hours=1))
    message.MergeFrom(pb.NeedServed(**changed))
    return message


class Count:
    """The needs of one incident, told of in memory."""

    def __init__(self) -> None:
        self.needs = Needs()
        self.do(RAISE)

    @property
    def need(self) -> Need:
        return self.needs.needs["bags"]

    @property
    def told(self) -> tuple[int, int]:
        return self.need.committed, self.need.fulfilled

    def do(self, command: needs.Command) -> None:
        aims = objectives.Objectives()
        for event in need_rules.decide(command, PLACE.adcode, self.needs, aims):
            self.needs = need_rules.evolve(self.needs, event)

    def hear(self, outstanding: int, received: int, revision: int) -> None:
        for _ in range(10):
            if self.need.state in needs.ENDED:
                return
            act = next_step(served(outstanding, received), revision, self.need, "i1", LI)
            if act is None:
                return
            self.do(act)
        raise AssertionError("it never comes to rest")


def test_promises_and_arrivals_are_counted() -> None:
    count = Count()
    count.hear(380, 0, 3)
    assert count.told == (380, 0)
    count.hear(190, 190, 5)
    assert count.told == (190, 190)
    assert [one.withdrawn for one in count.need.commitments.values()] == [False]


def test_another_depot_promises_beside_the_first() -> None:
    count = Count()
    count.hear(380, 0, 3)
    count.hear(400, 0, 4)
    assert [one.quantity for one in count.need.commitments.values()] == [380, 20]
    count.hear(385, 0, 6)
    assert count.told == (385, 0)
    assert [one.withdrawn for one in count.need.commitments.values()] == [False, True, False]


def test_what_was_lost_on_the_way_is_promised_no_more() -> None:
    count = Count()
    count.hear(400, 0, 3)
    count.hear(210, 180, 5)
    assert count.told == (210, 180)
    count.hear(0, 180, 7)
    assert count.told == (0, 180)


def test_news_that_were_missed_are_made_up_for_and_older_ones_say_nothing() -> None:
    count = Count()
    count.hear(100, 300, 9)
    assert count.told == (100, 300)
    count.hear(20, 0, 3)
    assert count.told == (100, 300)


def test_never_more_is_promised_than_nobody_else_has() -> None:
    count = Count()
    other = needs.CommitToNeed(
        by=LI,
        incident_id="i1",
        need_id="bags",
        commitment_id="neighbour",
        quantity=350,
        source=needs.Source(kind=needs.SourceKind.OTHER, reference="", provider="中方县"),
        expected_at=None,
        occurred_at=NOW,
    )
    count.do(other)
    count.hear(400, 0, 3)
    assert count.told == (400, 0)


def test_what_is_more_than_was_needed_meets_it() -> None:
    count = Count()
    count.hear(0, 500, 3)
    assert count.need.state is NeedState.MET


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 60)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_count_is_always_what_was_last_said(steps: list[tuple[int, int]]) -> None:
    count, received = Count(), 0
    for revision, (outstanding, more) in enumerate(steps):
        received += more
        count.hear(outstanding, received, revision)
        count.hear(outstanding, received, revision)
        if count.need.state is NeedState.MET:
            return
        assert count.told == (min(outstanding, 400 - received), received)


def news(message: Any, revision: int) -> Recorded:
    return Recorded(
        id=uuid4(),
        type=message.DESCRIPTOR.full_name,
        stream="supply_request-s1",
        revision=revision,
        position=30,
        created_at=NOW,
        data=message.SerializeToString(),
        metadata={"actor": "keeper", "role": "storekeeper", "command_id": str(uuid4())},
    )


async def test_it_is_entered_once_and_follows_a_merged_incident(shelters: Shelters) -> None:
    serving = Serving(shelters.incidents)
    here, there = await shelters.incident(), await shelters.incident()
    raise_ = replace(RAISE, incident_id=here)
    await shelters.incidents.handle(here, raise_, cause(here))
    first = news(served(380, 0, here), 3)

    await serving.react(first)
    await serving.react(first)
    await shelters.merge(here, there)
    await serving.react(news(served(190, 190, here), 5))
    await serving.react(news(served(0, 400, here, unit="包"), 7))  # of another unit: not comparable

    need = (await shelters.needs(there))["bags"]
    assert (need.committed, need.fulfilled) == (190, 190)
    assert len(need.commitments) == 1
