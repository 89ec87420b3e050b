"""What a situation report must say, which figures it may give, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.command.domain.grades import Grade
from services.command.domain.incident import decider, drafting, figures, series, series_rules
from services.command.domain.incident.contents import COURSE, Large, SituationReportTable
from services.command.domain.incident.facts import Metric, SourceKind
from services.command.domain.incident.series import SituationReportKind
from services.runtime.rejection import Rejection
from tests.command.incidents import (
    LI,
    NOW,
    RULES,
    closed,
    graded,
    opened,
    receive,
    received,
    reopened,
    send,
    sent,
    told,
)
from tests.command.situation_reports import (
    figure,
    final,
    finished,
    follow_up,
    followed_up,
    given,
    initial,
    zero,
    zeroed,
)

TABLE = RULES.situation_reports
mine = replace(opened, type_code="12A00")  # 煤矿事故


def refused(*history: decider.Event, when: series.Command) -> Rejection:
    with pytest.raises(Rejection) as refusal:
        given(*history).when(when).outcome()
    return refusal.value


def test_the_series_is_one_initial_then_follow_ups_and_one_final() -> None:
    given(opened).when(initial).then(told)
    given(opened, told).when(follow_up).then(followed_up)
    given(opened, told).when(final).then(finished)
    given(opened, told, followed_up).when(final).then(replace(finished, number=3))


def test_what_is_drawn_need_not_be_typed() -> None:
    moved = figure(Metric.PEOPLE_MOVED, 43, "f1")
    given(opened, moved).when(initial).then(
        replace(
            told,
            contents={**told.contents, "affected": "被困2人，转移43人"},
            figures={Metric.TRAPPED: 2, Metric.PEOPLE_MOVED: 43},
            fact_ids={Metric.TRAPPED: ("r1.trapped",), Metric.PEOPLE_MOVED: ("f1",)},
        )
    )


def test_what_is_typed_goes_before_what_could_be_drawn() -> None:
    typed = replace(initial, contents={**initial.contents, "disaster_kind": "降雨引发的滑坡"})
    given(opened).when(typed).then(
        replace(told, contents={**told.contents, "disaster_kind": "降雨引发的滑坡"})
    )


def test_a_sum_of_townships_names_every_fact_in_it() -> None:
    history = (
        opened,
        told,
        figure(Metric.PEOPLE_MOVED, 30, "f1", scope="431281102"),
        figure(Metric.PEOPLE_MOVED, 13, "f2", scope="431281103"),
    )
    [event] = given(*history).when(follow_up).outcome()

    assert isinstance(event, series.SituationReportSubmitted)
    assert event.figures[Metric.PEOPLE_MOVED] == 43
    assert event.fact_ids[Metric.PEOPLE_MOVED] == ("f1", "f2")


def test_a_report_with_content_missing_is_refused_and_told_which() -> None:
    bare = replace(initial, contents={"course": "塌方", "measures": "  "}, claimed={})
    refusal = refused(mine, when=bare)

    assert refusal.reason == "CONTENT_MISSING"
    assert refusal.context == {
        "kind": "initial",
        "missing": "unit_profile, time_place_scene, direct_loss, measures",
    }
    assert "unit_profile 事故发生单位概况" in refusal.message
    assert "measures 已经采取的措施" in refusal.message


WANTED = {
    ("12A00", "initial"): {
        "unit_profile",
        "time_place_scene",
        "course",
        "casualties",
        "direct_loss",
        "measures",
    },
    ("12D00", "follow_up"): {"course", "casualties", "measures"},
    ("11A01", "initial"): {"time_place_extent", "course", "affected", "measures"},
    ("11D01", "follow_up"): {"course", "affected", "measures"},
    ("14A00", "initial"): {
        "information_source",
        "time_place",
        "cause_and_nature",
        "course",
        "consequences",
        "trend",
        "measures",
    },
}


@pytest.mark.parametrize(("type_code", "kind"), WANTED)
def test_each_class_of_incidents_has_its_own_contents(type_code: str, kind: str) -> None:
    form = TABLE.form(type_code)
    wanted = {c.key for c in form.contents if SituationReportKind(kind) in c.required}

    assert wanted - {"disaster_kind"} == WANTED[type_code, kind]


def test_casualties_that_nobody_knows_must_be_said_in_words() -> None:
    unknown = replace(opened, casualties=replace(opened.casualties, trapped=0))
    silent = replace(initial, claimed={})

    assert refused(unknown, when=silent).context["missing"] == "affected"
    given(unknown).when(
        replace(silent, contents={**silent.contents, "affected": "伤亡正在核实"})
    ).then(
        replace(
            told,
            contents={**told.contents, "affected": "伤亡正在核实"},
            figures={},
            fact_ids={},
        )
    )


def test_a_content_that_the_form_does_not_have_is_refused_and_told_which_it_has() -> None:
    refusal = refused(opened, when=replace(initial, contents={"unit_profile": "某矿"}))

    assert refusal.reason == "CONTENT_UNKNOWN"
    assert refusal.context["got"] == "unit_profile"
    assert "course 灾害过程和现场情况" in refusal.context["allowed"]


def test_a_final_report_repeats_what_an_earlier_one_said_and_nobody_typed_again() -> None:
    [event] = given(opened, told, followed_up).when(final).outcome()

    assert isinstance(event, series.SituationReportSubmitted)
    assert event.contents["time_place_extent"] == told.contents["time_place_extent"]


@pytest.mark.parametrize(
    ("claimed", "standing"),
    [
        ({Metric.TRAPPED: 3}, "2 (r1.trapped)"),
        ({Metric.DEAD: 1}, "nothing"),
        ({Metric.PEOPLE_MOVED: 43}, "nothing"),
    ],
)
def test_a_figure_that_no_fact_stands_for_is_refused(
    claimed: dict[Metric, int], standing: str
) -> None:
    [(metric, value)] = claimed.items()
    refusal = refused(opened, when=replace(initial, claimed=claimed))

    assert refusal.reason == "FIGURE_WITHOUT_SOURCE"
    assert refusal.context == {"metric": metric, "got": str(value), "standing": standing}


JUMPS = [
    (Metric.DEAD, 0, 2, False),
    (Metric.DEAD, 0, 3, True),
    (Metric.DEAD, 3, 2, True),
    (Metric.SLIGHTLY_INJURED, 40, 59, False),
    (Metric.SLIGHTLY_INJURED, 40, 60, True),
    (Metric.PEOPLE_MOVED, 600, 1199, False),
    (Metric.PEOPLE_MOVED, 600, 1200, True),
    (Metric.PEOPLE_MOVED, 600, 550, False),
    (Metric.PEOPLE_MOVED, 600, 545, True),
    (Metric.DIRECT_LOSS_YUAN, 10_000_000, 14_999_999, False),
    (Metric.DIRECT_LOSS_YUAN, 10_000_000, 15_000_000, True),
]


@pytest.mark.parametrize(("metric", "before", "after", "large"), JUMPS)
def test_a_large_rise_or_drop_needs_a_written_explanation(
    metric: Metric, before: int, after: int, *, large: bool
) -> None:
    first = replace(told, figures={Metric.TRAPPED: 2, **({metric: before} if before else {})})
    history = (opened, first, figure(metric, after, "f1"))
    explained = replace(follow_up, explanations={metric: "核实后更正"})

    if not large:
        assert given(*history).when(follow_up).outcome()
        return
    refusal = refused(*history, when=follow_up)
    count = TABLE.counts[metric]
    threshold = count.rise if after > before else count.drop
    assert refusal.reason == "EXPLANATION_REQUIRED"
    assert refusal.context == {
        "metric": metric,
        "before": str(before),
        "after": str(after),
        "threshold": str(threshold),
    }
    assert refused(*history, when=replace(follow_up, explanations={metric: " "}))
    [event] = given(*history).when(explained).outcome()
    assert isinstance(event, series.SituationReportSubmitted)
    assert event.explanations == {metric: "核实后更正"}


def test_a_figure_that_nobody_gives_any_more_has_dropped_to_none() -> None:
    first = replace(told, figures={Metric.TRAPPED: 2, Metric.DEAD: 1})
    refusal = refused(opened, first, when=follow_up)

    assert (refusal.reason, refusal.context["metric"]) == ("EXPLANATION_REQUIRED", "dead")
    assert refusal.context["after"] == "0"


def test_the_first_report_has_nothing_to_jump_from() -> None:
    given(opened, figure(Metric.DEAD, 30, "f1")).when(initial).then(
        replace(
            told,
            contents={**told.contents, "affected": "死亡30人，被困2人"},
            figures={Metric.TRAPPED: 2, Metric.DEAD: 30},
            fact_ids={Metric.TRAPPED: ("r1.trapped",), Metric.DEAD: ("f1",)},
        )
    )


def test_a_zero_report_needs_no_words() -> None:
    given(opened, told).when(zero).then(zeroed)


def test_a_zero_report_is_a_follow_up_and_counts_as_one() -> None:
    given(opened, told, zeroed).when(replace(follow_up, situation_report_id="s3")).then(
        replace(followed_up, situation_report_id="s3", number=3)
    )
    given(opened, told).when(replace(zero, kind=SituationReportKind.FINAL)).then_refused(
        "FOLLOW_UP_ONLY"
    )


def test_nothing_changed_is_not_said_of_figures_that_have() -> None:
    refusal = refused(opened, told, figure(Metric.TRAPPED, 1, "f1"), when=zero)

    assert refusal.reason == "NOT_UNCHANGED"
    assert refusal.context == {"metric": "trapped", "before": "2", "after": "1"}


def test_a_figure_of_none_is_no_change_from_silence() -> None:
    [event] = given(opened, told, figure(Metric.DEAD, 0, "f1")).when(zero).outcome()

    assert isinstance(event, series.SituationReportSubmitted)
    assert event.figures == {Metric.TRAPPED: 2, Metric.DEAD: 0}


def test_a_correction_is_a_follow_up_that_names_what_it_corrects() -> None:
    correction = replace(follow_up, corrects="s1", correction_reason="村名有误")

    given(opened, told).when(correction).then(
        replace(followed_up, corrects="s1", correction_reason="村名有误")
    )
    given(opened, told).when(replace(correction, corrects="s7")).then_refused(
        "NO_SUCH_SITUATION_REPORT"
    )
    given(opened, told).when(replace(correction, kind=SituationReportKind.FINAL)).then_refused(
        "FOLLOW_UP_ONLY"
    )


def test_a_report_of_the_time_when_figures_were_typed_is_followed_up() -> None:
    old = replace(told, form="", contents={COURSE: "初报"}, fact_ids={}, table_version="")
    given(opened, old).when(follow_up).then(followed_up)


OWED = [
    ("12A00", None, "prefecture_department", "province_department"),
    ("12A00", Grade.LARGER, "province_department", "state_department"),
    ("12A00", Grade.MAJOR, "state_department", None),
    ("11D01", Grade.ORDINARY, "prefecture_department", "province_department"),
    ("11D01", Grade.MAJOR, "state_department", None),
]


@pytest.mark.parametrize(("type_code", "grade", "owed", "not_owed"), OWED)
def test_the_graver_the_higher_a_report_climbs(
    type_code: str, grade: Grade | None, owed: str, not_owed: str | None
) -> None:
    keys = TABLE.form(type_code).owed[grade or Grade.ORDINARY]

    assert owed in keys
    assert not_owed not in keys


def test_a_report_says_to_whom_it_was_owed_at_the_grade_of_then() -> None:
    [event] = given(opened, replace(graded, grade=Grade.MAJOR)).when(initial).outcome()

    assert isinstance(event, series.SituationReportSubmitted)
    assert event.owed_to == TABLE.form("11D01").owed[Grade.MAJOR]


def test_a_grade_that_is_only_proposed_sends_a_report_as_high() -> None:
    said = figures.RecordFigure(
        by=LI,
        incident_id="i1",
        fact_id="f1",
        metric=Metric.DEAD,
        value=30,
        source_kind=SourceKind.SCENE,
        source="现场指挥部",
        scope="",
        note="",
        basis="",
        occurred_at=NOW,
    )
    state = decider.fold([opened], decider.INITIAL)
    state = decider.fold(decider.decide(RULES, said, state), state)
    assert isinstance(state, decider.Open)

    assert state.grading.grade is None
    assert "state_department" in decider.report_ground(RULES, state).owed_to


def test_a_call_and_the_paper_after_it_are_two_sendings() -> None:
    written = replace(send, sending_id="s1-paper", means=series.Means.WRITTEN)

    given(opened, told).when(send).then(sent)
    given(opened, told, sent).when(written).then(
        replace(sent, sending_id="s1-paper", means=series.Means.WRITTEN)
    )


def test_a_sending_is_recorded_once() -> None:
    given(opened, told, sent).when(send).then()
    given(opened, told, sent).when(replace(send, recipient="省应急厅")).then_refused(
        "SENDING_EXISTS"
    )


def test_a_recipient_may_be_another_than_those_of_the_table() -> None:
    elsewhere = replace(send, recipient="会同县应急管理局", recipient_key="")
    given(opened, told).when(elsewhere).then(
        replace(sent, recipient="会同县应急管理局", recipient_key="", tier=None)
    )
    refusal = refused(opened, told, when=replace(send, recipient_key="the_moon"))
    assert refusal.reason == "RECIPIENT_UNKNOWN"
    assert "prefecture_department 市（州）应急管理局" in refusal.context["allowed"]


def test_only_a_report_that_was_submitted_is_sent_and_only_what_was_sent_received() -> None:
    given(opened).when(send).then_refused("NO_SUCH_SITUATION_REPORT")
    given(opened).when(receive).then_refused("NO_SUCH_SITUATION_REPORT")
    given(opened, told).when(receive).then_refused("NO_SUCH_SENDING")


def test_a_receipt_is_recorded_once() -> None:
    given(opened, told, sent).when(receive).then(received)
    given(opened, told, sent, received).when(receive).then()
    given(opened, told, sent, received).when(replace(receive, reference_number="9")).then_refused(
        "RECEIPT_EXISTS"
    )


def test_nothing_is_received_before_it_was_sent() -> None:
    early = replace(receive, occurred_at=NOW - timedelta(minutes=1))
    refusal = refused(opened, told, sent, when=early)

    assert refusal.reason == "ACKNOWLEDGED_BEFORE_SENT"
    assert refusal.context["sent_at"] == sent.sent_at.isoformat()


def test_a_reopened_incident_goes_on_with_its_series() -> None:
    state = decider.fold([opened, told, finished, closed, reopened], decider.INITIAL)

    assert isinstance(state, decider.Open)
    assert series_rules.expected(state.series) == (
        SituationReportKind.FOLLOW_UP,
        SituationReportKind.FINAL,
    )


def test_after_the_final_nothing_is_expected() -> None:
    state = decider.fold([opened, told, finished], decider.INITIAL)

    assert isinstance(state, decider.Open)
    assert series_rules.expected(state.series) == ()
    with pytest.raises(Rejection, match="expected none"):
        series_rules.next_kind("i1", None, state.series)


def test_a_draft_names_all_that_a_person_must_add() -> None:
    history = (opened, told, figure(Metric.DEAD, 3, "f1"))
    state = decider.fold(history, decider.INITIAL)
    assert isinstance(state, decider.Open)
    ground = decider.report_ground(RULES, state)
    draft = drafting.draft(SituationReportKind.FOLLOW_UP, {COURSE: "x"}, ground, state.series)

    assert [content.key for content in draft.missing] == ["measures"]
    assert [(jump.metric, jump.before, jump.after) for jump in draft.jumps] == [(Metric.DEAD, 0, 3)]
    assert draft.contents == {"course": "x", "affected": "死亡3人，被困2人"}


def table(**changes: Any) -> Any:
    stored = msgspec.json.decode(Path("reference/situation_reports.json").read_bytes())
    return {**stored, **changes}


def test_the_table_leaves_no_question_open() -> None:
    stored = table()
    works = stored["forms"][0]
    wrong = {
        "no count for dead": table(
            counts={m: c for m, c in stored["counts"].items() if m != "dead"}
        ),
        "no form for the types": table(forms=[works]),
        "has no course": table(forms=[{**form, "contents": []} for form in stored["forms"]]),
        "for every grade": table(forms=[{**form, "owed": {}} for form in stored["forms"]]),
        "unknown county_government": table(
            recipients={
                key: known
                for key, known in stored["recipients"].items()
                if key != "county_government"
            }
        ),
    }
    for what, content in wrong.items():
        with pytest.raises(msgspec.ValidationError, match=what):
            msgspec.convert(content, SituationReportTable)


def test_a_large_change_is_a_change() -> None:
    with pytest.raises(ValueError, match="at least by 1"):
        Large(by=0, times=1)
