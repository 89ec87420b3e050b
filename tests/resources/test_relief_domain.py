"""Ten hours for a village: what is owed, what is there, and what stays on the record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest

from services.resources.domain.relief import (
    INITIAL,
    Basis,
    CountRelief,
    Need,
    Owed,
    RecordVillageAffected,
    Relief,
    ReliefCounted,
    ReliefMissed,
    ReliefNeedMet,
    ReliefNeedReopened,
    ReliefWarned,
    RingRelief,
    VillageAffected,
    VillageRelieved,
    decide,
    evolve,
)
from services.runtime.actor import Actor
from services.runtime.rejection import Forbidden, Invalid, NotFound
from tests.spec import spec

given = spec(decide, evolve, INITIAL)

HIT = datetime(2026, 6, 17, 20, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIU = Actor(subject="informant.liu", roles=("information_officer",), jurisdiction="431281106")
HERE: dict[str, Any] = {"incident_id": "flood", "adcode": "431281106211"}
FIGURES: dict[str, Any] = {"households": 2, "people": 9, "source": "江市镇"}
BEDS = (Owed(need=Need.BED, people=9),)

affect = RecordVillageAffected(
    **HERE,
    **FIGURES,
    by=LIU,
    owed=BEDS,
    within=10 * HOUR,
    warn_percent=(50, 80),
    rules_version="1",
    occurred_at=HIT,
)
affected = VillageAffected(
    **HERE,
    **FIGURES,
    owed=BEDS,
    started_at=HIT,
    due_at=HIT + 10 * HOUR,
    marks=(50, 80, 100),
    rules_version="1",
    occurred_at=HIT,
)
FACT: dict[str, Any] = {
    "need": Need.BED,
    "people": 9,
    "basis": Basis.ADMISSION,
    "reference": "h1",
    "source": "school",
    "note": "",
}
count = CountRelief(**HERE, **FACT, occurred_at=HIT + 3 * HOUR)
counted = ReliefCounted(**HERE, **FACT, occurred_at=HIT + 3 * HOUR)
bed_met = ReliefNeedMet(**HERE, need=Need.BED, people=9, late=False, occurred_at=HIT + 3 * HOUR)
relieved = VillageRelieved(**HERE, late=False, occurred_at=HIT + 3 * HOUR)


def ring(percent: int) -> RingRelief:
    return RingRelief(**HERE, percent=percent, occurred_at=HIT + percent * HOUR / 10)


def state(*commands: Any) -> Relief:
    return reduce(lambda now, one: reduce(evolve, decide(one, now), now), commands, INITIAL)


def test_beds_stop_the_clock_whichever_is_known_first() -> None:
    given().when(affect).then(affected)
    given(affected).when(count).then(counted, bed_met, relieved)
    given(counted).when(affect).then(affected, bed_met, relieved)
    given(affected, counted, bed_met, relieved).when(count).then()


def test_the_clock_warns_then_misses_each_once() -> None:
    warned = ReliefWarned(
        **HERE,
        percent=50,
        open_needs=(Need.BED,),
        due_at=HIT + 10 * HOUR,
        occurred_at=HIT + 5 * HOUR,
    )
    missed = ReliefMissed(**HERE, open_needs=(Need.BED,), occurred_at=HIT + 10 * HOUR)
    given(affected).when(ring(50)).then(warned)
    given(affected, warned).when(ring(50)).then()
    given(affected).when(ring(100)).then()  # not before its warnings
    given(affected, warned, replace(warned, percent=80)).when(ring(100)).then(missed)
    given(affected, counted, bed_met, relieved).when(ring(50)).then()


def test_a_miss_stays_though_it_proves_to_have_been_in_time() -> None:
    now = state(affect, ring(50), ring(80), ring(100), count)
    assert now.clock is not None
    assert now.clock.missed
    assert now.clock.relieved_at == HIT + 3 * HOUR


def test_more_people_open_it_again() -> None:
    more = replace(affect, people=12, owed=(Owed(need=Need.BED, people=12),))
    [_, reopened] = decide(more, state(affect, count))
    assert reopened == ReliefNeedReopened(**HERE, need=Need.BED, short=3, occurred_at=HIT)


def test_another_need_opens_it_again() -> None:
    thirsty = replace(affect, owed=(*BEDS, Owed(need=Need.WATER, people=9)))
    now = state(affect, count, thirsty)
    assert now.clock is not None
    assert now.clock.relieved_at is None
    assert now.clock.next_mark == (50, HIT + 5 * HOUR)


def test_an_earlier_beginning_is_due_earlier_and_a_later_one_is_not_due_later() -> None:
    for said, due in ((HIT - HOUR, HIT + 9 * HOUR), (HIT + HOUR, HIT + 10 * HOUR)):
        now = state(affect, replace(affect, people=10, occurred_at=said))
        assert now.clock is not None
        assert now.clock.due_at == due


def test_a_household_that_is_admitted_twice_has_its_beds_once() -> None:
    now = state(affect, replace(count, people=5), replace(count, people=4))
    assert now.served(Need.BED) == 5


def test_who_may_say_what() -> None:
    stated = replace(count, by=LIU, basis=Basis.STATEMENT)
    with pytest.raises(NotFound):
        given().when(stated).outcome()
    elsewhere = replace(LIU, jurisdiction="431281101")
    for command in (replace(affect, by=elsewhere), replace(stated, by=elsewhere)):
        with pytest.raises(Forbidden):
            given(affected).when(command).outcome()
    with pytest.raises(Invalid):
        given().when(replace(affect, owed=BEDS + BEDS)).outcome()
