"""Who is recommended, who is not and why: rules by example, and what no fleet may break."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.dispatch.domain.recommendation import engine, gate
from services.dispatch.domain.recommendation.engine import Count
from services.dispatch.domain.recommendation.inputs import PICKED, Candidate, Inputs, Verdict
from services.dispatch.domain.recommendation.replay import replay
from services.dispatch.domain.run_card.content import Want
from services.dispatch.policies.park import Park
from services.runtime.place import Place
from tests.dispatch.cards import AREA, BOATS, MEDICAL, RULES, asked, boat, made
from tests.dispatch.facts import NOW, minute

SHORT = settings(max_examples=25, deadline=None)


def picks(inputs: Inputs) -> list[str]:
    return [one.unit_id for one in engine.recommend(inputs).picks]


def verdicts(inputs: Inputs) -> dict[str, Verdict]:
    result = engine.recommend(inputs)
    return {one.unit_id: one.verdict for one in (*result.picks, *result.others)}


def test_those_that_arrive_first_are_picked_and_the_next_best_named() -> None:
    night = asked(boat("far", 9), boat("near", 1), boat("middle", 3))

    assert picks(night) == ["near", "middle"]
    assert verdicts(night)["far"] is Verdict.FARTHER


def test_each_refusal_has_its_reason() -> None:
    night = asked(
        boat("out", out_of_service=True),
        boat("held", holder="a1", held_for="i9"),
        boat("lapsed", 2, holder="a1", held_for="i9", held_until=minute(-1)),
        boat("says_no", says_not_available=True),
        boat("resting", rest_until=minute(1)),
        boat("rested", 3, rest_until=minute(-1)),
        boat("few", crew=1),
        boat("nowhere", latitude=None, longitude=None),
        boat("silent", positioned_at=minute(-31)),
        boat("away", 90),
        boat("dry", capabilities=()),
    )

    assert verdicts(night) == {
        "out": Verdict.OUT_OF_SERVICE,
        "held": Verdict.HELD,
        "lapsed": Verdict.CLOSEST_BY_DISTANCE,
        "says_no": Verdict.NOT_AVAILABLE,
        "resting": Verdict.IN_REST_PERIOD,
        "rested": Verdict.CLOSEST_BY_DISTANCE,
        "few": Verdict.NOT_STAFFED,
        "nowhere": Verdict.NO_POSITION,
        "silent": Verdict.POSITION_TOO_OLD,
        "away": Verdict.OUTSIDE_RADIUS,
        "dry": Verdict.LACKS_CAPABILITY,
    }


def test_a_shortfall_says_what_keeps_the_others() -> None:
    [short] = engine.recommend(
        asked(boat("b1"), boat("b2", crew=0), boat("b3", crew=0), wants=(BOATS,))
    ).shortfalls

    assert (short.want, short.missing) == (0, 1)
    assert short.counts == (Count(verdict=Verdict.NOT_STAFFED, count=2),)


def test_an_approval_is_counted_in_the_arrival() -> None:
    night = asked(
        boat("social", 1, mobilisation_class="social"),
        boat("ours", 3),
        wants=(replace(BOATS, number=1),),
        approval_classes=("social",),
    )

    assert picks(night) == ["ours"]
    assert picks(replace(night, approval_classes=())) == ["social"]


def test_the_incidents_own_units_count() -> None:
    night = asked(boat("there", 1, holder="a1", held_for="i1"), boat("next", 2), boat("third", 3))

    assert picks(night) == ["next"]
    assert verdicts(night)["there"] is Verdict.ALREADY_ASSIGNED


def test_wants_are_exchanged_so_that_nothing_is_missing_that_could_be_there() -> None:
    able = boat("able", 1, attributes=("night_navigation",))
    night = asked(
        able,
        boat("plain", 2),
        wants=(
            Want(kinds=("boat",), number=1),
            Want(kinds=("boat",), attributes=("night_navigation",), number=1),
        ),
    )

    result = engine.recommend(night)

    assert [(one.unit_id, one.want) for one in result.picks] == [("plain", 0), ("able", 1)]
    assert result.shortfalls == ()


def test_without_a_point_the_region_decides() -> None:
    place = Place(adcode="431281102")
    night = asked(
        boat("town", 9, adcode="431281102"),
        boat("county", 1, adcode="431281101"),
        boat("nowhere", latitude=None, longitude=None, adcode="431281102"),
        place=place,
    )

    assert picks(night) == ["nowhere", "town"]
    assert verdicts(night)["town"] is Verdict.CLOSEST_BY_AREA


def test_what_the_picks_strip_bare_is_told_with_who_could_cover_it() -> None:
    night = asked(boat("b1", 1), boat("b2", 2), boat("cover", 60), wants=(BOATS,), areas=(AREA,))

    [gap] = engine.recommend(night).gaps

    assert (gap.name, gap.minimum, gap.left, gap.before) == ("安江镇", 1, 0, False)
    assert [one.unit_id for one in gap.move_ups] == ["cover"]
    assert gap.move_ups[0].arrival_s > AREA.within_s


def test_an_area_that_keeps_its_minimum_is_not_told() -> None:
    night = asked(boat("b1", 1), boat("b2", 2), boat("b3", 3), areas=(AREA,))

    assert engine.recommend(night).gaps == ()


def test_a_replay_of_what_was_stored_is_identical_and_tells_what_a_change_makes() -> None:
    assert replay(made) == (made.result, [])

    changed = replace(made, inputs=replace(made.inputs, radius_m=10))
    _, differences = replay(changed)

    assert "unit b3" in [one.about for one in differences]
    assert all(one.stored != one.replayed for one in differences)


# What no fleet may break.

KM = st.sampled_from([0.5, 1.0, 2.0, 2.0, 5.0, 20.0, 90.0])
FACTS: Any = st.fixed_dictionaries(
    {"km": KM},
    optional={
        "kind": st.sampled_from(["boat", "medical", "engine"]),
        "attributes": st.sampled_from([(), ("night_navigation",)]),
        "out_of_service": st.booleans(),
        "holder": st.sampled_from(["", "", "a1"]),
        "held_for": st.sampled_from(["", "i1", "i9"]),
        "held_until": st.sampled_from([None, minute(-1), minute(1)]),
        "rest_until": st.sampled_from([None, minute(-5), minute(5)]),
        "crew": st.integers(0, 4),
        "positioned_at": st.sampled_from([None, minute(-1), minute(-60)]),
        "mobilisation_class": st.sampled_from(["", "social"]),
        "latitude": st.just(None),
    },
)
WANTS = st.lists(
    st.sampled_from(
        [
            Want(kinds=("boat",), number=1),
            Want(kinds=("boat",), attributes=("night_navigation",), number=2),
            Want(kinds=("boat", "engine"), number=2),
            MEDICAL,
        ]
    ),
    min_size=1,
    max_size=4,
)


@st.composite
def nights(draw: st.DrawFn) -> Inputs:
    fleet = [
        boat(f"u{number}", **facts)
        for number, facts in enumerate(draw(st.lists(FACTS, max_size=12)))
    ]
    return asked(*fleet, wants=tuple(draw(WANTS)), areas=(AREA,), approval_classes=("social",))


@SHORT
@given(nights(), st.randoms(use_true_random=False))
def test_the_order_of_the_units_never_changes_the_result(night: Inputs, chance: Any) -> None:
    shuffled = list(night.candidates)
    chance.shuffle(shuffled)

    assert engine.recommend(replace(night, candidates=tuple(shuffled))) == engine.recommend(night)


@SHORT
@given(nights(), st.sampled_from([(), ("night_navigation",)]))
def test_a_farther_unit_never_takes_a_nearer_ones_place(
    night: Inputs, attributes: tuple[str, ...]
) -> None:
    farther = boat("z", 60, attributes=attributes, mobilisation_class="social")

    more = replace(night, candidates=(*night.candidates, farther))

    assert set(picks(night)) <= set(picks(more)) <= {*picks(night), "z"}


@SHORT
@given(nights(), WANTS)
def test_a_higher_alarm_level_only_adds_units(night: Inputs, added: list[Want]) -> None:
    higher = replace(night, wants=(*night.wants, *added))

    assert set(picks(night)) <= set(picks(higher))


@SHORT
@given(nights())
def test_every_unit_has_one_verdict_and_nobody_is_picked_who_cannot_go(night: Inputs) -> None:
    result = engine.recommend(night)
    judged = [one.unit_id for one in (*result.picks, *result.others)]
    units = {unit.unit_id: unit for unit in night.candidates}

    assert sorted(judged) == sorted(units)
    for one in result.picks:
        assert one.verdict in PICKED
        assert gate.refused(units[one.unit_id], night) is None
        assert gate.suits(units[one.unit_id], night.wants[one.want])
    assert not [one for one in result.others if one.verdict in PICKED]
    for number, want in enumerate(night.wants):
        filled = [one for one in result.picks if one.want == number]
        assert len(filled) <= want.number


@SHORT
@given(nights(), st.integers(1, 6))
def test_the_park_keeps_all_that_matters_and_counts_the_rest(night: Inputs, copies: int) -> None:
    """Ten thousand in columns or a dozen one by one: the picks are the same."""
    fleet = [
        replace(unit, unit_id=f"{unit.unit_id}-{number}")
        for number in range(copies)
        for unit in night.candidates
    ]
    rules = replace(RULES, routed=2, next_best=1, listed=3)
    park = Park()
    for unit in fleet:
        park.put(replace(unit, holder="before", held_for="i1"))
        park.put(unit)
    bare = replace(night, candidates=(), areas=(), rules=rules)

    mustered = park.muster(bare, routed=True)
    chosen, looked = engine.choose(mustered.inputs({}))
    mustered.cover([AREA], [one.unit for one in chosen])
    inputs = mustered.inputs({})

    whole = engine.recommend(replace(bare, candidates=tuple(fleet), areas=inputs.areas))
    found = engine.recommend(inputs)
    assert engine.recommend(inputs, looked) == found
    assert found.picks == whole.picks
    assert found.shortfalls == whole.shortfalls
    assert [(gap.left, gap.before) for gap in found.gaps] == [
        (gap.left, gap.before) for gap in whole.gaps
    ]
    kept, counted = len(inputs.candidates), sum(rest.count for rest in inputs.rest)
    assert kept + counted == len(fleet)


def test_what_is_stored_of_ten_thousand_units_stays_small() -> None:
    import msgspec  # noqa: PLC0415

    park = Park()
    for number in range(10_000):
        park.put(boat(f"u{number}", number / 100, holder="a" if number % 3 == 0 else ""))
    muster = park.muster(asked(wants=(replace(BOATS, number=20), MEDICAL)), routed=True)

    inputs = muster.inputs({})

    assert len(msgspec.json.encode(inputs)) < 200_000
    assert len(inputs.candidates) + sum(rest.count for rest in inputs.rest) == 10_000


def lapses(seconds: float) -> Candidate:
    return boat("b1", holder="a1", held_until=NOW + timedelta(seconds=seconds))


def test_a_reservation_that_lapses_frees_its_unit_without_any_news() -> None:
    park = Park()
    park.put(lapses(10))

    for at, free in ((NOW, False), (NOW + timedelta(seconds=11), True)):
        inputs = park.muster(asked(at=at), routed=True).inputs({})
        assert (picks(inputs) == ["b1"]) is free
