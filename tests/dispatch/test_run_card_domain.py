"""Run cards from draft to retirement, and which of them answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import reduce
from typing import Any

import pytest

from services.dispatch.domain.run_card import decider
from services.dispatch.domain.run_card.content import (
    AlarmLevel,
    Conditions,
    Grade,
    Hours,
    Override,
    ResponseLevel,
    Want,
)
from services.dispatch.domain.run_card.matching import Facts, Published, match
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, Forbidden, Invalid, NotFound, Rejection
from tests.dispatch.cards import BOATS, CARD, MEDICAL, drafted, published, retired, revised
from tests.dispatch.facts import DYKE, NEIGHBOUR, NOW

PLANNER = Actor(subject="planner.he", roles=("planner",), jurisdiction="431281")
OTHER = replace(CARD, title="另一张")
ABOUT: Any = {"run_card_id": "flood", "occurred_at": NOW}


def state(*events: decider.Event) -> decider.State:
    return reduce(decider.evolve, events, decider.INITIAL)


def draft(**changes: Any) -> decider.DraftRunCard:
    facts = {"by": PLANNER, "adcode": "431281", "content": CARD, **ABOUT}
    return decider.DraftRunCard(**{**facts, **changes})


def revise(content: Any = OTHER) -> decider.ReviseRunCard:
    return decider.ReviseRunCard(by=PLANNER, content=content, reason="推演", **ABOUT)


def publish(version: int) -> decider.PublishRunCard:
    return decider.PublishRunCard(by=PLANNER, version=version, body="部", reference="1", **ABOUT)


retire = decider.RetireRunCard(by=PLANNER, reason="改用新卡", **ABOUT)


def test_a_card_is_drafted_once() -> None:
    assert decider.decide(draft(), state()) == [drafted]
    assert decider.decide(draft(), state(drafted)) == []
    with pytest.raises(AlreadyExists, match="revise it"):
        decider.decide(draft(content=OTHER), state(drafted))


def test_what_was_published_is_never_changed() -> None:
    [draft_again] = decider.decide(revise(), state(drafted))
    [next_one] = decider.decide(revise(), state(drafted, published))

    assert isinstance(draft_again, decider.RunCardRevised)
    assert isinstance(next_one, decider.RunCardRevised)
    assert (draft_again.version, next_one.version) == (1, 2)


def test_one_version_is_in_force_until_the_next_is_published() -> None:
    two = state(drafted, published, revised)
    assert two is not None
    assert two.in_force == 1

    [event] = decider.decide(publish(2), two)

    assert isinstance(event, decider.RunCardPublished)
    assert (event.version, event.supersedes) == (2, 1)
    after = decider.evolve(two, event)
    assert after is not None
    assert after.in_force == 2
    assert decider.decide(publish(2), after) == []
    with pytest.raises(Rejection, match="superseded"):
        decider.decide(publish(1), after)


def test_a_retired_card_answers_nothing_and_stays_so() -> None:
    over = state(drafted, published, retired)

    assert over is not None
    assert over.in_force == 0
    assert decider.decide(retire, over) == []
    for command in (revise(), publish(1)):
        with pytest.raises(Rejection, match="retired"):
            decider.decide(command, over)


def test_only_who_is_responsible_for_the_region_may_write_its_cards() -> None:
    with pytest.raises(Forbidden):
        decider.decide(draft(by=NEIGHBOUR), state())
    with pytest.raises(NotFound):
        decider.decide(retire, state())
    with pytest.raises(NotFound, match="no version 7"):
        decider.decide(publish(7), state(drafted))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"levels": (AlarmLevel(alarm_level=2, wants=(BOATS,)),)}, "content.levels"),
        (
            {"overrides": (Override(adcode="431281", alarm_level=9, wants=(BOATS,), reason="x"),)},
            "content.overrides[0].alarm_level",
        ),
        (
            {"overrides": (Override(adcode="430000", alarm_level=1, wants=(BOATS,), reason="x"),)},
            "content.overrides[0].adcode",
        ),
        (
            {"conditions": Conditions(type_codes=("11A",), hours=Hours(start=3, end=3))},
            "content.conditions.hours",
        ),
        (
            {"conditions": Conditions(type_codes=("11A",), starts_at=NOW, ends_at=NOW)},
            "content.conditions.end_time",
        ),
    ],
)
def test_a_card_that_contradicts_itself_is_refused_by_its_field(
    wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        decider.decide(draft(content=replace(CARD, **wrong)), state())

    assert refused.value.context["field"] == field


def test_levels_add_up_and_a_township_has_its_own() -> None:
    assert CARD.wants(1, "431281101") == (BOATS,)
    assert CARD.wants(2, "431281101") == (BOATS, MEDICAL)
    assert CARD.wants(2, "431281102003") == (BOATS, MEDICAL, BOATS)


# Which card answers.

FACTS = Facts(
    type_code="11A04",
    grade=Grade.LARGER,
    response_level=ResponseLevel.III,
    place=DYKE,
    called_at=NOW,
    exercise="drill",
)


def card(run_card_id: str = "c", *, sample: bool = False, **conditions: Any) -> Published:
    content = replace(
        CARD, sample=sample, conditions=Conditions(**{"type_codes": ("11A",), **conditions})
    )
    return Published(run_card_id=run_card_id, version=1, adcode="431281", content=content)


def answering(*cards: Published, **changes: Any) -> list[str]:
    return [one.card.run_card_id for one in match(cards, replace(FACTS, **changes))]


@pytest.mark.parametrize(
    ("condition", "changes"),
    [
        ({"type_codes": ("11D",)}, {}),
        ({"minimum_grade": Grade.MAJOR}, {}),
        ({"minimum_grade": Grade.ORDINARY}, {"grade": None}),
        ({"minimum_response_level": ResponseLevel.II}, {}),
        ({"adcodes": ("431281101",)}, {}),
        ({"hours": Hours(start=6, end=18)}, {}),
        ({"hours": Hours(start=22, end=6)}, {"called_at": NOW.replace(hour=12)}),
        ({"months": (1, 2)}, {}),
        ({"address": "水库"}, {}),
        ({"latitude": 27.0, "longitude": 110.1, "within_m": 500}, {}),
        (
            {"latitude": 27.3, "longitude": 110.1, "within_m": 500},
            {"place": Place(adcode="431281102")},
        ),
        ({"starts_at": NOW + timedelta(hours=1)}, {}),
        ({"ends_at": NOW}, {}),
    ],
)
def test_every_condition_must_hold(condition: Any, changes: Any) -> None:
    assert answering(card(**condition), **changes) == []
    assert answering(card()) == ["c"]


def test_the_most_specific_card_comes_first_and_says_why() -> None:
    cards = [
        card("any"),
        card("type", type_codes=("11A04",)),
        card("town", type_codes=("11A04",), adcodes=("431281102",)),
        card("festival", starts_at=NOW, ends_at=NOW + timedelta(days=1)),
        card("dyke", latitude=27.3, longitude=110.1, within_m=2000, risk_site_id="dyke-1"),
    ]

    found = match(cards, FACTS)

    assert [one.card.run_card_id for one in found] == ["dyke", "festival", "town", "type", "any"]
    assert "planned for dyke-1" in found[0].reasons
    assert "inside 431281102" in found[2].reasons
    assert not any(one.tied for one in found)


def test_of_equals_the_lower_id_is_used_and_the_tie_is_named() -> None:
    found = match([card("b"), card("a")], FACTS)

    assert [(one.card.run_card_id, one.tied) for one in found] == [("a", False), ("b", True)]


def test_samples_and_cards_of_a_drill_stay_where_they_belong() -> None:
    of_drill = replace(card("d"), exercise="drill")

    assert answering(card("s", sample=True), exercise="") == []
    assert answering(card("s", sample=True)) == ["s"]
    assert answering(of_drill, exercise="other") == []
    assert answering(of_drill) == ["d"]
    assert answering(card(), place=Place(adcode="431225")) == []


def test_a_want_is_of_a_number() -> None:
    assert Want(kinds=("boat",), number=1) != Want(kinds=("boat",), number=2)
