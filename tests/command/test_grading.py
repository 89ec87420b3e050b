"""Grades by statute: every threshold at its boundary, who confirms or overrides, and what fits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given as each
from hypothesis import settings
from hypothesis import strategies as st

from services.command.codec import INCIDENT_CODEC
from services.command.domain.casualties import Casualties
from services.command.domain.grades import Grade
from services.command.domain.incident import decider, grading
from services.command.domain.incident.facts import Metric
from services.command.domain.incident.grade_tables import GradeTables, Table, propose
from services.command.domain.incident.response import Level
from tests.command import figured
from tests.command import incidents as known
from tests.command.incidents import NOW, RULES, given

TABLES = RULES.grading
HAZMAT, MINE, POLLUTION = "12D00", "12B00", "12Q00"
FLOOD, LANDSLIDE, QUAKE, FOREST_FIRE, EPIDEMIC = "11A01", "11D01", "11C00", "11G00", "13A00"
NONE = None
ORDINARY, LARGER = Grade.ORDINARY, Grade.LARGER
MAJOR, MOST = Grade.MAJOR, Grade.ESPECIALLY_MAJOR
WAN = 10_000

CASES: list[tuple[str, dict[str, int], Grade | None]] = [
    # 条例493 art. 3: dead, seriously injured, direct loss; 以上 includes its number, 以下 does not
    (HAZMAT, {"dead": 0}, ORDINARY),
    (HAZMAT, {"dead": 2}, ORDINARY),
    (HAZMAT, {"dead": 3}, LARGER),
    (HAZMAT, {"dead": 9}, LARGER),
    (HAZMAT, {"dead": 10}, MAJOR),
    (HAZMAT, {"dead": 29}, MAJOR),
    (HAZMAT, {"dead": 30}, MOST),
    (MINE, {"seriously_injured": 9}, ORDINARY),
    (MINE, {"seriously_injured": 10}, LARGER),
    (MINE, {"seriously_injured": 49}, LARGER),
    (MINE, {"seriously_injured": 50}, MAJOR),
    (MINE, {"seriously_injured": 99}, MAJOR),
    (MINE, {"seriously_injured": 100}, MOST),
    (HAZMAT, {"direct_loss_yuan": 1000 * WAN - 1}, ORDINARY),
    (HAZMAT, {"direct_loss_yuan": 1000 * WAN}, LARGER),
    (HAZMAT, {"direct_loss_yuan": 4999_9999}, LARGER),  # 4999.9999 万
    (HAZMAT, {"direct_loss_yuan": 5000 * WAN}, MAJOR),
    (HAZMAT, {"direct_loss_yuan": 9999_9999}, MAJOR),
    (HAZMAT, {"direct_loss_yuan": 10000 * WAN}, MOST),
    # any one measure is enough, and they are not added up
    (HAZMAT, {"dead": 2, "seriously_injured": 9, "direct_loss_yuan": 999 * WAN}, ORDINARY),
    (HAZMAT, {"dead": 2, "seriously_injured": 50}, MAJOR),
    (HAZMAT, {"dead": 3, "direct_loss_yuan": 10000 * WAN}, MOST),
    # in an accident the missing, the trapped and the slightly injured do not count
    (MINE, {"dead": 2, "missing": 20}, ORDINARY),
    (MINE, {"missing": 20}, NONE),
    (MINE, {"trapped": 12, "slightly_injured": 200}, NONE),
    (HAZMAT, {}, NONE),
    # natural disasters: the dead and the missing together
    (FLOOD, {"dead": 2, "missing": 0}, ORDINARY),
    (FLOOD, {"dead": 2, "missing": 1}, LARGER),
    (FLOOD, {"missing": 3}, LARGER),
    (FLOOD, {"dead": 4, "missing": 6}, MAJOR),
    (FLOOD, {"dead": 10, "missing": 19}, MAJOR),
    (FLOOD, {"dead": 10, "missing": 20}, MOST),
    (FLOOD, {"direct_loss_yuan": 5000 * WAN}, MOST),
    (FLOOD, {"people_moved": 50_000, "houses_collapsed": 400}, NONE),
    # geological: harm done, and danger by people to move and by what may be lost
    (LANDSLIDE, {"dead": 2}, ORDINARY),
    (LANDSLIDE, {"dead": 1, "missing": 2}, LARGER),
    (LANDSLIDE, {"direct_loss_yuan": 100 * WAN - 1}, ORDINARY),
    (LANDSLIDE, {"direct_loss_yuan": 100 * WAN}, LARGER),
    (LANDSLIDE, {"direct_loss_yuan": 500 * WAN}, MAJOR),
    (LANDSLIDE, {"direct_loss_yuan": 1000 * WAN}, MOST),
    (LANDSLIDE, {"people_threatened": 99}, ORDINARY),
    (LANDSLIDE, {"people_threatened": 100}, LARGER),
    (LANDSLIDE, {"people_threatened": 499}, LARGER),
    (LANDSLIDE, {"people_threatened": 500}, MAJOR),
    (LANDSLIDE, {"people_threatened": 999}, MAJOR),
    (LANDSLIDE, {"people_threatened": 1000}, MOST),
    (LANDSLIDE, {"threatened_loss_yuan": 500 * WAN}, LARGER),
    (LANDSLIDE, {"threatened_loss_yuan": 5000 * WAN - 1}, LARGER),
    (LANDSLIDE, {"threatened_loss_yuan": 10000 * WAN}, MOST),
    # earthquakes are counted in tens and hundreds
    (QUAKE, {"dead": 9}, ORDINARY),
    (QUAKE, {"dead": 10}, LARGER),
    (QUAKE, {"dead": 49, "missing": 1}, MAJOR),
    (QUAKE, {"dead": 299}, MAJOR),
    (QUAKE, {"dead": 300}, MOST),
    # forest fires: people, and the forest burned; nobody harmed is no grade by people
    (FOREST_FIRE, {"dead": 0, "seriously_injured": 0}, NONE),
    (FOREST_FIRE, {"forest_burned_square_metres": 9_999}, ORDINARY),
    (FOREST_FIRE, {"forest_burned_square_metres": 10_000}, LARGER),
    (FOREST_FIRE, {"forest_burned_square_metres": 1_000_000}, MAJOR),
    (FOREST_FIRE, {"forest_burned_square_metres": 10_000_000}, MOST),
    (FOREST_FIRE, {"forest_burned_square_metres": 10_000, "seriously_injured": 50}, MAJOR),
    # pollution: also by people moved
    (POLLUTION, {"people_moved": 4_999}, ORDINARY),
    (POLLUTION, {"people_moved": 5_000}, LARGER),
    (POLLUTION, {"people_moved": 50_000}, MOST),
    # no table: by hand
    (EPIDEMIC, {"dead": 300}, NONE),
    ("12T00", {"dead": 3}, NONE),
]


def proposed(type_code: str, figures: Mapping[Metric, int]) -> Grade | None:
    return propose(TABLES, type_code, figures, NOW).grade


@pytest.mark.parametrize(("type_code", "figures", "grade"), CASES)
def test_figures_reach_the_grade_of_the_law(
    type_code: str, figures: dict[str, int], grade: Grade | None
) -> None:
    assert proposed(type_code, {Metric(name): n for name, n in figures.items()}) is grade


def test_a_proposal_names_its_rule_its_numbers_and_its_edition() -> None:
    figures = {Metric.DEAD: 2, Metric.MISSING: 1, Metric.TRAPPED: 4}

    proposal = propose(TABLES, LANDSLIDE, figures, NOW)

    assert proposal.rule_id == "geological.larger.dead_missing"
    assert proposal.basis == "地质灾害防治条例第四条、国家突发地质灾害应急预案：死亡失踪 3"
    assert proposal.numbers == {Metric.DEAD: 2, Metric.MISSING: 1}
    assert (proposal.table_id, proposal.table_version) == ("geological", "2006")


def test_each_measure_says_how_far_it_is_from_the_next_grade() -> None:
    table = TABLES.table(HAZMAT, NOW)
    assert table is not None

    readings = {
        reading.measure.measure_id: (reading.value, reading.reached, reading.next, reading.short_by)
        for reading in table.read({Metric.DEAD: 2, Metric.DIRECT_LOSS_YUAN: 20000 * WAN})
    }

    assert readings == {
        "dead": (2, ORDINARY, LARGER, 1),
        "seriously_injured": (None, None, ORDINARY, 0),
        "direct_loss": (20000 * WAN, MOST, None, 0),
    }


def edition(version: str, year: int, larger: int) -> Table:
    return Table(
        table_id="t",
        version=version,
        name="",
        basis="",
        source="",
        note="",
        in_force=datetime(year, 1, 1, tzinfo=UTC),
        types=("12",),
        measures=(
            msgspec.convert(
                {
                    "measure_id": "dead",
                    "name": "死亡",
                    "counts": ["dead"],
                    "at_least": {"ordinary": 0, "larger": larger},
                },
                type=type(TABLES.tables[0].measures[0]),
            ),
        ),
    )


def test_the_edition_in_force_when_it_was_reported_grades_it() -> None:
    tables = GradeTables(tables=(edition("new", 2025, 5), edition("old", 2007, 3)))
    dead = {Metric.DEAD: 3}

    assert propose(tables, HAZMAT, dead, datetime(2024, 6, 1, tzinfo=UTC)).grade is LARGER
    assert propose(tables, HAZMAT, dead, datetime(2026, 6, 1, tzinfo=UTC)).grade is ORDINARY
    assert propose(tables, HAZMAT, dead, datetime(1999, 6, 1, tzinfo=UTC)).grade is NONE


def changed(change: Any) -> bytes:
    tables = json.loads(Path("reference/grading.json").read_bytes())
    change(tables)
    return json.dumps(tables).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t["tables"][0]["measures"][0]["at_least"].update(major=3),
        lambda t: t["tables"][0]["measures"][0].update(counts=["deaths"]),
        lambda t: t["tables"][0]["measures"][0].update(counts=[]),
        lambda t: t["fits"][0]["allowed"].update(larger=["V"]),
        lambda t: t["fits"][0]["allowed"].pop("larger"),
    ],
)
def test_a_table_that_makes_no_sense_is_not_loaded(change: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(changed(change), type=GradeTables)


figures = st.dictionaries(
    st.sampled_from(Metric), st.one_of(st.integers(0, 1200), st.integers(0, 20000 * WAN))
)


@settings(max_examples=400, deadline=None)
@each(
    st.sampled_from([HAZMAT, FLOOD, LANDSLIDE, QUAKE, FOREST_FIRE, POLLUTION, EPIDEMIC]),
    figures,
    st.sampled_from(Metric),
    st.integers(0, 20000 * WAN),
)
def test_more_harm_never_lowers_the_grade(
    type_code: str, known_figures: dict[Metric, int], metric: Metric, more: int
) -> None:
    def rank(grade: Grade | None) -> int:
        return 0 if grade is None else grade.rank

    worse = {**known_figures, metric: known_figures.get(metric, 0) + more}

    assert rank(proposed(type_code, worse)) >= rank(proposed(type_code, known_figures))


three = replace(figured.recorded, value=3)
two = replace(figured.corrected, value=2)
larger = grading.GradeProposed(
    incident_id="i1",
    adcode="431281102",
    grade=LARGER,
    previous=None,
    basis="地质灾害防治条例第四条、国家突发地质灾害应急预案：死亡失踪 3",
    table_id="geological",
    table_version="2006",
    rule_id="geological.larger.dead_missing",
    numbers={Metric.DEAD: 3},
    facts=("f1",),
    reached_at=NOW,
    occurred_at=NOW,
)
lowered = replace(
    larger,
    grade=ORDINARY,
    previous=LARGER,
    basis="地质灾害防治条例第四条、国家突发地质灾害应急预案：死亡失踪 2",
    rule_id="geological.ordinary.dead_missing",
    numbers={Metric.DEAD: 2},
    facts=("f2",),
    reached_at=figured.LATER,
    occurred_at=figured.LATER,
)
confirmed = replace(
    known.graded,
    basis=larger.basis,
    proposed=LARGER,
    table_id="geological",
    table_version="2006",
    rule_id=larger.rule_id,
    numbers=larger.numbers,
    facts=("f1",),
)
matched = grading.ResponseMatched(
    incident_id="i1", adcode="431281102", grade=LARGER, level=Level.III, occurred_at=NOW
)


def test_a_figure_that_reaches_a_grade_proposes_it_in_the_same_breath() -> None:
    given(known.opened).when(figured.record).then(three, larger)


def test_a_grade_that_a_belated_figure_reaches_was_reached_when_it_was_said() -> None:
    late = replace(figured.record, occurred_at=figured.EARLIER)

    given(known.opened).when(late).then(
        replace(three, occurred_at=figured.EARLIER),
        replace(larger, reached_at=figured.EARLIER, occurred_at=figured.EARLIER),
    )


def test_a_report_with_the_dead_proposes_a_grade_when_it_opens_or_joins() -> None:
    harmed = Casualties(dead=3)
    opening = replace(known.open_, casualties=harmed)
    joining = replace(known.attach, casualties=harmed)
    by_report = replace(larger, reached_at=known.CALLED)

    given().when(opening).then(
        replace(known.opened, casualties=harmed), replace(by_report, facts=("r1.dead",))
    )
    given(known.opened).when(joining).then(
        replace(known.attached, casualties=harmed), replace(by_report, facts=("r2.dead",))
    )


def test_a_figure_that_changes_no_grade_and_no_rule_proposes_nothing() -> None:
    fourth = replace(figured.record, fact_id="f4", value=4)

    given(known.opened, three, larger).when(fourth).then(replace(three, fact_id="f4", value=4))


def test_a_correction_downwards_and_a_withdrawal_are_proposed_too() -> None:
    given(known.opened, three, larger).when(figured.correct).then(two, lowered)
    given(known.opened, three, larger).when(figured.withdraw).then(
        figured.withdrawn,
        replace(
            lowered,
            grade=None,
            basis="",
            rule_id="",
            numbers={},
            facts=(),
            reached_at=figured.LATER,
        ),
    )


def test_the_townships_behind_a_sum_are_what_a_proposal_rests_on() -> None:
    first = replace(three, fact_id="t1", scope="431281102", value=2)
    second = replace(figured.record, fact_id="t2", scope="431281103", value=1)
    ordinary = replace(lowered, previous=None, facts=("t1",), reached_at=NOW)

    given(known.opened, first, ordinary).when(second).then(
        replace(three, fact_id="t2", scope="431281103", value=1),
        replace(larger, previous=ORDINARY, facts=("t1", "t2")),
    )


def test_confirming_needs_no_words_and_overriding_needs_a_reason() -> None:
    history = (known.opened, three, larger)
    confirm = replace(known.grade, basis="")
    override = replace(known.grade, grade=MAJOR, basis="又有一户失联")

    given(*history).when(confirm).then(confirmed, known.mismatched)
    given(*history).when(replace(override, basis="")).then_refused("GRADE_WITHOUT_BASIS")
    given(*history).when(override).then(
        replace(confirmed, grade=MAJOR, basis="又有一户失联"),
        replace(known.mismatched, grade=MAJOR, fitting=("II", "I")),
    )


def test_by_hand_where_nothing_is_proposed_and_then_with_a_basis() -> None:
    given(known.opened).when(known.grade).then(known.graded, known.mismatched)
    given(known.opened).when(replace(known.grade, basis="")).then_refused("GRADE_WITHOUT_BASIS")


def test_a_confirmed_grade_was_reached_when_its_figures_were_said() -> None:
    said = replace(three, occurred_at=figured.EARLIER)
    early = replace(larger, reached_at=figured.EARLIER)

    given(known.opened, said, early).when(known.grade).then(
        replace(confirmed, basis=known.grade.basis, reached_at=figured.EARLIER), known.mismatched
    )


def test_the_same_grade_is_given_again_only_to_answer_another_proposal() -> None:
    history = (known.opened, three, larger, confirmed, known.mismatched)
    keep = replace(known.grade, basis="其中一人抢救无效，待核", occurred_at=figured.LATER)

    given(*history).when(known.grade).then()
    given(*history, two, lowered).when(keep).then(
        replace(
            confirmed,
            previous=LARGER,
            basis=keep.basis,
            proposed=ORDINARY,
            rule_id=lowered.rule_id,
            numbers=lowered.numbers,
            facts=("f2",),
            reached_at=figured.LATER,
            occurred_at=figured.LATER,
        )
    )


def alarms(history: tuple[decider.Event, ...], command: decider.Command) -> list[grading.Event]:
    events = known.decide(command, decider.fold(history, decider.INITIAL))
    return [
        event
        for event in events
        if isinstance(event, grading.ResponseMismatched | grading.ResponseMatched)
    ]


def test_the_alarm_is_raised_once_and_ends_when_the_level_fits() -> None:
    graded = (known.opened, known.graded, known.mismatched)
    low = replace(known.mismatched, level=Level.IV)
    active = (*graded, known.activated, low)

    assert alarms(graded, known.activate) == [low]
    assert alarms(active, replace(known.grade, grade=MAJOR)) == [
        replace(low, grade=MAJOR, fitting=("II", "I"))
    ]
    assert alarms(active, known.raise_) == [matched]
    assert alarms((*active, known.raised, matched), known.terminate) == []


def test_a_response_that_was_terminated_is_no_alarm_but_a_higher_grade_is() -> None:
    low = replace(known.mismatched, level=Level.IV)
    ended = (known.opened, known.activated, known.graded, low, known.terminated)
    over = replace(matched, level=None)

    assert alarms(ended[:-1], known.terminate) == [over]
    assert alarms((*ended, over), replace(known.grade, grade=MAJOR)) == [
        replace(known.mismatched, grade=MAJOR, fitting=("II", "I"))
    ]


def test_a_natural_disaster_may_be_answered_above_its_grade_and_an_accident_may_not() -> None:
    assert "I" in TABLES.fitting(FLOOD, ORDINARY)
    assert TABLES.fitting(HAZMAT, ORDINARY) == ("none", "IV", "III")
    assert TABLES.fitting(EPIDEMIC, MOST) == ("I",)


def test_a_grade_of_the_time_before_proposals_reads_as_given_by_hand() -> None:
    old = Path("tests/command/golden/IncidentGraded.v1.json").read_bytes()

    event = INCIDENT_CODEC.decode("IncidentGraded.v1", old)

    assert isinstance(event, grading.IncidentGraded)
    assert (event.proposed, event.rule_id, event.reached_at) == (None, "", event.occurred_at)
