"""Statutory clocks: what starts, moves, rings, meets and lifts them, and what is suspected."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.command.domain.casualties import Casualties
from services.command.domain.grades import Grade
from services.command.domain.incident import (
    deadline_rules,
    deadlines,
    decider,
    lifecycle,
    merge,
    split,
)
from services.command.domain.incident.deadlines import (
    ConcealmentSuspected,
    DeadlineLifted,
    DeadlineMet,
    DeadlineMissed,
    DeadlineRebased,
    DeadlineStarted,
    DeadlineWarned,
    Why,
)
from services.command.domain.incident.facts import Metric, SourceKind
from services.command.domain.incident.series import Means, SituationReportKind
from services.command.domain.incident.statutes import Milestone, Party
from services.runtime.rejection import Rejection
from tests.command import incidents as known
from tests.command.clocked import (
    ZERO,
    Story,
    at,
    china,
    figure,
    milestone,
    notice,
    of,
    opening,
    report,
    ring,
    sending,
)

FOLLOW_UP, FINAL = SituationReportKind.FOLLOW_UP, SituationReportKind.FINAL
LANDSLIDE, CHEMICALS, FIRE, DROUGHT = "11D01", "12D00", "12G00", "11A51"

activate = replace(known.activate, occurred_at=at(30))
terminate = replace(known.terminate, occurred_at=at(600))
grade = known.grade
close = replace(known.close, occurred_at=at(700))


def graded(value: Grade, minutes: float) -> decider.Act:
    return replace(grade, grade=value, basis="会商", occurred_at=at(minutes))


# What starts a clock.


def test_a_disaster_owes_its_first_report_from_the_first_call_on() -> None:
    story = Story()
    story.do(
        replace(opening(LANDSLIDE), occurred_at=at(20))
    )  # verified later than it was called in

    [started, *_] = [e for e in story.events if isinstance(e, DeadlineStarted)]

    assert started.deadline_id == "disaster-initial-1"
    assert (started.started_at, started.due_at) == (ZERO, at(120))
    assert started.rules_version == known.WHOLE_RULES.deadlines.version
    assert started.recipient_name == "怀化市应急管理局"
    assert set(story.clocks) == {"disaster-initial", "disaster-leaders"}


STARTS = {
    # type, casualties: which clocks start at once
    "a fire without victims is no accident to report": (FIRE, {}, set()),
    "nor one with two people trapped": (FIRE, {"trapped": 2}, set()),
    "a fire with a victim": (FIRE, {"dead": 1}, {"accident-prefecture"}),
    "a mine accident nobody was hurt in": ("12A00", {}, set()),
    "a mine accident with one dead": (
        "12A00",
        {"dead": 1},
        {
            "accident-enterprise",
            "accident-prefecture",
            "accident-government",
            "accident-police",
            "accident-labour",
            "accident-union",
            "accident-procuratorate",
            "accident-follow-up",
        },
    ),
    "three trapped: 较大涉险": (
        "12A00",
        {"trapped": 3},
        {
            "accident-enterprise",
            "accident-enterprise-province",
            "accident-prefecture",
            "accident-government",
            "accident-province-direct",
            "accident-follow-up",
        },
    ),
    "a flood with nine dead and missing": (
        "11A01",
        {"dead": 4, "missing": 5},
        {"disaster-initial", "disaster-leaders", "general-phone", "general-written"},
    ),
    "a flood with ten": (
        "11A01",
        {"dead": 4, "missing": 6},
        {
            "disaster-initial",
            "disaster-leaders",
            "disaster-grave-province",
            "disaster-grave-state",
            "disaster-daily",
            "general-phone",
            "general-written",
        },
    ),
    "a drought": (DROUGHT, {}, {"drought-follow-up"}),
    "a landslide with a victim": (
        LANDSLIDE,
        {"dead": 1},
        {"disaster-initial", "disaster-leaders", "geological-express"},
    ),
}


@pytest.mark.parametrize("name", STARTS)
def test_what_starts_which_clocks(name: str) -> None:
    type_code, casualties, expected = STARTS[name]

    assert set(Story(opening(type_code, **casualties)).clocks) == expected


def test_the_stated_time_of_occurrence_moves_clocks_back_and_starts_the_townships() -> None:
    story = Story(opening(LANDSLIDE))
    events = story.do(milestone(Milestone.OCCURRED, -80))

    assert of(events, DeadlineRebased, DeadlineStarted, DeadlineMissed, DeadlineMet) == [
        "DeadlineStarted disaster-township-1",
        "DeadlineMissed disaster-township-1",
        "DeadlineMet disaster-township-1",
        "DeadlineRebased disaster-initial-1",
        "DeadlineRebased disaster-leaders-1",
    ]
    assert story.clocks["disaster-initial"].due_at == at(40)
    [met] = [e for e in events if isinstance(e, DeadlineMet)]
    assert (met.evidence, met.occurred_at, met.late) == ("r1", ZERO, True)


def test_a_later_occurrence_moves_nothing() -> None:
    story = Story(opening(LANDSLIDE), milestone(Milestone.OCCURRED, -30))
    events = story.do(milestone(Milestone.OCCURRED, -10))

    assert of(events, DeadlineRebased) == []
    assert story.clocks["disaster-initial"].due_at == at(90)


# Marks.


def test_each_mark_rings_once_and_in_order() -> None:
    story = Story(opening(LANDSLIDE))
    started = story.clocks["disaster-initial"]
    half = ring(started)
    first = story.do(half)

    assert story.do(half) == []
    assert story.do(replace(half, occurred_at=at(100))) == []
    story.ring_all(at(200))
    rung = [
        (e.percent, e.occurred_at) if isinstance(e, DeadlineWarned) else (100, e.occurred_at)
        for e in story.events
        if isinstance(e, DeadlineWarned | DeadlineMissed) and e.deadline_id == "disaster-initial-1"
    ]
    assert isinstance(first[0], DeadlineWarned)
    assert rung == [(50, at(60)), (80, at(96)), (100, at(120))]
    assert story.do(ring(replace(started, rung=80))) == []


def test_a_mark_does_not_ring_before_its_time_nor_after_the_clock_was_met() -> None:
    story = Story(opening(LANDSLIDE), notice("n1", 30, "prefecture_department"))
    met = story.clocks["disaster-initial"]
    running = story.clocks["disaster-leaders"]

    assert story.do(ring(met)) == []
    assert story.do(replace(ring(running), occurred_at=at(59))) == []
    assert story.do(replace(ring(running), deadline_id="nobody-1")) == []


# Meeting.


def test_a_report_meets_a_clock_when_it_was_sent_not_when_it_was_written() -> None:
    story = Story(opening(LANDSLIDE, trapped=2), report("s1", 90, type_code=LANDSLIDE))
    written = [e for e in story.events if isinstance(e, DeadlineMet)]
    [met] = [e for e in story.do(sending("s1", 119)) if isinstance(e, DeadlineMet)]

    assert written == []
    assert (met.deadline_id, met.kind, met.evidence, met.number) == (
        "disaster-initial-1",
        "situation_report",
        "s1",
        1,
    )
    assert (met.late, met.means, met.occurred_at) == (False, "fax", at(119))


def test_it_meets_only_the_clocks_of_whom_it_was_sent_to() -> None:
    story = Story(opening(LANDSLIDE), report("s1", 10, type_code=LANDSLIDE))
    to_resources = replace(
        sending("s1", 20), recipient_key="", recipient="怀化市自然资源局", sending_id="x"
    )
    elsewhere = story.do(to_resources)
    by_name = story.do(replace(to_resources, recipient="怀化市应急管理局值班室", sending_id="y"))

    assert of(elsewhere, DeadlineMet) == []
    assert of(by_name, DeadlineMet) == ["DeadlineMet disaster-initial-1"]


def test_a_call_meets_the_phones_clock_and_paper_the_papers() -> None:
    story = Story(opening(LANDSLIDE), graded(Grade.LARGER, 5))
    called = story.do(notice("n1", 20, "怀化市委总值班室"))
    faxed = story.do(notice("n2", 50, "prefecture_government", means=Means.FAX))

    assert of(called, DeadlineMet) == ["DeadlineMet general-phone-1"]
    assert of(faxed, DeadlineMissed, DeadlineMet) == [
        "DeadlineMissed general-written-1",
        "DeadlineMet general-written-1",
    ]


def test_an_enterprises_clock_is_met_by_its_own_word_only() -> None:
    story = Story(opening(CHEMICALS, dead=1))
    ours = story.do(notice("n1", 10, "county_department", Party.COUNTY))
    theirs = story.do(notice("n2", 20, "洪江市应急管理局", Party.ENTERPRISE))
    other = Story(opening(CHEMICALS, dead=1))
    figures = other.do(figure("f1", 30, Metric.DEAD, 1, SourceKind.ENTERPRISE))

    assert of(ours, DeadlineMet) == []
    assert of(theirs, DeadlineMet) == ["DeadlineMet accident-enterprise-1"]
    assert of(figures, DeadlineMet) == ["DeadlineMet accident-enterprise-1"]


def test_what_comes_late_is_missed_first_and_stays_so() -> None:
    story = Story(opening(LANDSLIDE), report("s1", 130, type_code=LANDSLIDE))
    events = story.do(sending("s1", 131))
    deadline = story.clocks["disaster-initial"]

    assert of(story.events, DeadlineMissed)[0] == "DeadlineMissed disaster-initial-1"
    [met] = [e for e in events if isinstance(e, DeadlineMet)]
    assert met.late
    assert (deadline.missed, deadline.met_at) == (True, at(131))


def test_what_was_said_in_time_but_recorded_after_the_miss_keeps_the_miss() -> None:
    story = Story(opening(LANDSLIDE))
    story.ring_all(at(121))
    [met] = [
        e
        for e in story.do(notice("n1", 119, "prefecture_department"))
        if isinstance(e, DeadlineMet)
    ]

    assert not met.late
    assert story.clocks["disaster-initial"].missed
    assert of(story.do(notice("n2", 122, "prefecture_department")), DeadlineMet) == []


# Moving back.


def test_a_belated_earlier_report_moves_the_clock_back() -> None:
    story = Story(opening(LANDSLIDE))
    earlier = replace(known.attach, reported_at=at(-45), occurred_at=at(30))
    [rebased, _] = [e for e in story.do(earlier) if isinstance(e, DeadlineRebased)]

    assert (rebased.previous_due_at, rebased.due_at) == (at(120), at(75))
    assert rebased.why is Why.EARLIER_START


def test_a_clock_that_is_moved_back_goes_on_with_the_marks_that_it_has_not_rung() -> None:
    story = Story(opening(LANDSLIDE))
    story.ring_all(at(60))
    earlier = replace(known.attach, reported_at=at(-30), occurred_at=at(61))
    [rebased, _] = [e for e in story.do(earlier) if isinstance(e, DeadlineRebased)]
    story.ring_all(at(90))

    assert rebased.percent == 50
    assert of(story.events, DeadlineWarned).count("DeadlineWarned disaster-initial-1") == 2
    assert story.clocks["disaster-initial"].missed


def test_a_grade_raised_two_hours_late_is_missed_at_once() -> None:
    """Three dead were known at 30 minutes; that they were, is put down with the grade."""
    story = Story(opening(CHEMICALS, dead=1))
    raised = story.do(graded(Grade.LARGER, 150))
    known_then = story.do(figure("f1", 30, Metric.DEAD, 3))
    later = story.do(figure("f2", 151, Metric.SLIGHTLY_INJURED, 1))

    assert "DeadlineStarted general-phone-1" in of(raised, DeadlineStarted)
    assert "DeadlineRebased general-phone-1" in of(known_then, DeadlineRebased)
    assert story.clocks["general-phone"].due_at == at(50)
    assert "DeadlineMissed general-phone-1" in of(later, DeadlineMissed)


def test_figures_that_reach_a_grade_start_its_clocks_before_anybody_confirms_it() -> None:
    story = Story(opening(CHEMICALS, dead=1), figure("f1", 30, Metric.DEAD, 3))
    [phone] = [
        e for e in story.events if isinstance(e, DeadlineStarted) and e.clock == "general-phone"
    ]
    confirmed = story.do(graded(Grade.LARGER, 150))

    assert (phone.started_at, phone.due_at) == (at(30), at(50))
    assert "DeadlineMissed general-phone-1" in of(confirmed, DeadlineMissed)


def test_a_higher_grade_brings_a_shorter_rule() -> None:
    story = Story(opening(LANDSLIDE, dead=1))
    [rebased] = [e for e in story.do(graded(Grade.MAJOR, 60)) if isinstance(e, DeadlineRebased)]

    assert rebased.deadline_id == "geological-express-1"
    assert (rebased.previous_rule, rebased.rule) == ("geological-small", "geological-large")
    assert (rebased.previous_due_at, rebased.due_at) == (at(720), at(240))
    assert rebased.why is Why.GRADE


def test_it_may_be_too_late_already_for_the_shorter_rule() -> None:
    story = Story(opening(LANDSLIDE, dead=1), notice("n1", 300, "prefecture_resources"))
    in_time = story.clocks["geological-express"]
    events = story.do(graded(Grade.MAJOR, 360))

    assert not in_time.missed
    assert of(events, DeadlineRebased, DeadlineMissed)[:2] == [
        "DeadlineRebased geological-express-1",
        "DeadlineMissed geological-express-1",
    ]
    assert story.clocks["geological-express"].met_at == at(300)


def test_a_grade_taken_back_lifts_what_runs_and_a_new_one_is_based_back_again() -> None:
    story = Story(opening(CHEMICALS, dead=1), figure("f1", 30, Metric.DEAD, 3))
    lowered = story.do(graded(Grade.ORDINARY, 40))
    raised = story.do(graded(Grade.LARGER, 45))

    assert "DeadlineLifted general-phone-1" in of(lowered, DeadlineLifted)
    assert "DeadlineStarted general-phone-2" in of(raised, DeadlineStarted)
    assert story.clocks["general-phone"].due_at == at(50)


def test_a_miss_is_not_lifted() -> None:
    story = Story(opening(CHEMICALS, dead=1), figure("f1", 30, Metric.DEAD, 3))
    story.ring_all(at(60))
    events = story.do(graded(Grade.ORDINARY, 70))

    assert "DeadlineLifted general-phone-1" not in of(events, DeadlineLifted)
    assert story.clocks["general-phone"].missed
    assert story.clocks["general-phone"].owed


# Series.


def flood() -> Story:
    """Return a flood under an active response, first reported: each morning it owes another."""
    told = report("s1", 60, type_code="11A01"), sending("s1", 61)
    return Story(opening("11A01", dead=1), activate, *told)


def minutes(text: str) -> float:
    return (china(text) - ZERO) / timedelta(minutes=1)


def follow(story: Story, report_id: str, moment: str) -> list[decider.Event]:
    told = minutes(moment)
    story.do(report(report_id, told, FOLLOW_UP, "11A01"))
    return story.do(sending(report_id, told))


def test_the_morning_report_needs_the_data_up_to_midnight() -> None:
    story = flood()
    too_early = follow(story, "s2", "2026-06-18T22:00")
    in_time = follow(story, "s3", "2026-06-19T08:59")

    assert "DeadlineMet disaster-daily-1" not in of(too_early, DeadlineMet)
    assert of(in_time, DeadlineMet, DeadlineStarted) == [
        "DeadlineMet disaster-daily-1",
        "DeadlineStarted disaster-daily-2",
    ]
    assert story.clocks["disaster-daily"].due_at == china("2026-06-20T09:00")


def test_a_morning_report_at_ten_is_late_and_one_next_morning_does_not_make_it_good() -> None:
    late, skipped = flood(), flood()
    late.ring_all(china("2026-06-19T09:30"))
    skipped.ring_all(china("2026-06-19T09:30"))
    at_ten = follow(late, "s2", "2026-06-19T10:00")
    next_day = follow(skipped, "s2", "2026-06-20T08:00")

    assert of(at_ten, DeadlineMet) == ["DeadlineMet disaster-daily-1"]
    assert of(next_day, DeadlineMet) == ["DeadlineMet disaster-daily-2"]
    assert of(skipped.events, DeadlineLifted) == ["DeadlineLifted disaster-daily-1"]


def test_a_report_that_is_sent_a_day_late_makes_no_morning_good_but_its_own() -> None:
    story = flood()
    story.do(report("s2", minutes("2026-06-19T08:00"), FOLLOW_UP, "11A01"))
    story.ring_all(china("2026-06-19T10:00"))
    sent = story.do(sending("s2", minutes("2026-06-20T08:00")))

    assert of(sent, DeadlineMet) == ["DeadlineMet disaster-daily-2"]


def test_every_missed_morning_is_missed_once() -> None:
    story = flood()
    story.ring_all(china("2026-06-22T12:00"))

    missed = [m for m in of(story.events, DeadlineMissed) if "daily" in m]
    assert missed == [f"DeadlineMissed disaster-daily-{number}" for number in (1, 2, 3, 4)]
    assert story.clocks["disaster-daily"].number == 5


def test_a_major_accident_owes_two_reports_a_day() -> None:
    story = Story(opening(CHEMICALS, dead=1))
    before = story.clocks["accident-follow-up"].due_at
    [rebased] = [
        e
        for e in story.do(figure("f1", 120, Metric.DEAD, 10))
        if isinstance(e, DeadlineRebased) and "follow-up" in e.deadline_id
    ]
    story.ring_all(rebased.due_at)

    assert before == china("2026-06-20T00:00")
    assert rebased.due_at == china("2026-06-19T00:00")
    assert story.clocks["accident-follow-up"].due_at == china("2026-06-19T12:00")


def test_a_drought_is_reported_every_ten_days_until_it_ends() -> None:
    story = Story(opening(DROUGHT))
    first = story.clocks["drought-follow-up"].due_at
    story.ring_all(first)
    second = story.clocks["drought-follow-up"].due_at
    ended = story.do(milestone(Milestone.STABLE, 30 * 1440))

    assert (first, second) == (china("2026-06-29T00:00"), china("2026-07-09T00:00"))
    assert "DeadlineLifted drought-follow-up-2" in of(ended, DeadlineLifted)


def test_the_end_of_the_response_ends_the_series_and_asks_for_the_final_report() -> None:
    story = flood()
    ended = story.do(terminate)
    final = story.clocks["disaster-final"]
    story.do(report("s2", 620, FINAL, "11A01"))
    sent = story.do(sending("s2", 621))

    assert of(ended, DeadlineLifted, DeadlineStarted) == [
        "DeadlineLifted disaster-daily-1",
        "DeadlineStarted disaster-final-1",
    ]
    assert final.due_at == china("2026-06-24T00:00")  # 端午 lies between
    assert of(sent, DeadlineMet) == ["DeadlineMet disaster-final-1"]


def test_what_flares_up_again_owes_no_final_report_yet() -> None:
    story = flood()
    story.do(terminate)
    again = story.do(replace(activate, decision_id="again", occurred_at=at(660)))

    assert of(again, DeadlineLifted, DeadlineStarted) == [
        "DeadlineStarted disaster-daily-2",
        "DeadlineLifted disaster-final-1",
    ]


# Changed casualties.


def test_changed_casualties_are_reported_the_same_day() -> None:
    story = Story(opening(CHEMICALS, dead=1), report("s1", 10))
    story.do(sending("s1", 11))
    changed = story.do(figure("f1", 300, Metric.DEAD, 2))
    change = story.clocks["accident-change"]
    story.do(report("s2", 400, FOLLOW_UP))
    told = story.do(sending("s2", 401))
    again = story.do(figure("f2", 500, Metric.SERIOUSLY_INJURED, 1))

    assert "DeadlineStarted accident-change-1" in of(changed, DeadlineStarted)
    assert change.due_at == china("2026-06-19T00:00")
    assert "DeadlineMet accident-change-1" in of(told, DeadlineMet)
    assert "DeadlineStarted accident-change-2" in of(again, DeadlineStarted)


@pytest.mark.parametrize(
    ("type_code", "days", "owed"),
    [(CHEMICALS, 29, True), (CHEMICALS, 31, False), (FIRE, 6, True), (FIRE, 8, False)],
)
def test_only_for_so_many_days(type_code: str, days: int, *, owed: bool) -> None:
    story = Story(opening(type_code, dead=1), report("s1", 10, type_code=type_code))
    story.do(sending("s1", 11))
    story.do(figure("f1", days * 1440, Metric.DEAD, 2))

    assert ("accident-change" in story.clocks) is owed


def test_figures_that_return_to_what_was_reported_need_no_supplement() -> None:
    story = Story(opening(CHEMICALS, dead=1), report("s1", 10))
    story.do(sending("s1", 11))
    story.do(figure("f1", 300, Metric.DEAD, 2))
    events = story.do(figure("f2", 310, Metric.DEAD, 1))

    assert of(events, DeadlineLifted) == ["DeadlineLifted accident-change-1"]


def test_the_answer_to_an_investigation_has_fifteen_days() -> None:
    story = Story(opening(CHEMICALS, dead=1), milestone(Milestone.INVESTIGATED, 60 * 1440))
    due = story.clocks["accident-investigation"].due_at
    answered = story.do(milestone(Milestone.INVESTIGATION_ANSWERED, 70 * 1440))

    assert due == china("2026-09-02T00:00")
    assert of(answered, DeadlineMet) == ["DeadlineMet accident-investigation-1"]


# The end of an incident.


def test_closing_ends_the_series_and_leaves_what_is_owed_on_the_board() -> None:
    story = flood()
    story.do(terminate)
    story.do(close)
    leaders = story.clocks["disaster-leaders"]

    assert isinstance(story.state, decider.Closed)
    assert leaders.missed
    assert leaders.owed
    assert story.clocks["disaster-final"].running


def test_clocks_ring_on_when_the_incident_is_closed_but_nothing_else_is_done_to_it() -> None:
    story = Story(opening(LANDSLIDE), replace(close, occurred_at=at(30)))
    final = story.clocks["disaster-final"]
    story.ring_all(final.due_at)

    assert of(story.events, DeadlineMissed) == [
        "DeadlineMissed disaster-initial-1",
        "DeadlineMissed disaster-leaders-1",
        "DeadlineMissed disaster-final-1",
    ]
    with pytest.raises(Rejection) as refused:
        story.do(notice("n1", 40, "prefecture_department"))
    assert refused.value.reason == "INCIDENT_CLOSED"


def test_a_reopened_incident_can_still_make_good_what_was_missed() -> None:
    story = Story(opening(LANDSLIDE), replace(close, occurred_at=at(30)))
    story.ring_all(at(130))
    reopened = story.do(replace(known.reopen, occurred_at=at(200)))
    told = story.do(notice("n1", 210, "prefecture_department"))

    assert of(reopened, DeadlineLifted) == ["DeadlineLifted disaster-final-1"]
    assert of(told, DeadlineMet) == ["DeadlineMet disaster-initial-1"]
    assert story.clocks["disaster-initial"].missed


# Merging and splitting.


def test_who_replaces_an_incident_takes_over_its_running_clocks() -> None:
    went, goes_on = Story(opening(LANDSLIDE, -60)), Story(opening(LANDSLIDE))
    begin = merge.BeginMerge(
        by=known.LI,
        incident_id="i1",
        into="i2",
        reason="同一滑坡",
        replacing=merge.Standing(level=None, commander=None),
        ancestors=(),
        occurred_at=at(10),
    )
    begun = went.do(begin)
    was = decider.there(went.state)
    assert was is not None
    brought = merge.bring("i0", at(-60), was.reports, was.merges, decider.holdings(was))
    brought = replace(brought, clocks=deadline_rules.handed_over(was.deadlines))
    taken = goes_on.do(
        merge.AbsorbIncident(by=known.LI, incident_id="i1", brought=brought, occurred_at=at(11))
    )

    assert of(begun, DeadlineLifted) == [
        "DeadlineLifted disaster-initial-1",
        "DeadlineLifted disaster-leaders-1",
    ]
    assert "DeadlineRebased disaster-initial-1" in of(taken, DeadlineRebased)
    assert goes_on.clocks["disaster-initial"].due_at == at(60)


def split_off(story: Story, reported: float, when: float) -> Story:
    """Split one report off the incident of ``story`` and return the story of the new one."""
    begun, *_ = story.do(
        split.BeginSplit(
            by=known.LI,
            incident_id="i1",
            new_incident_id="i2",
            title="另一处滑坡",
            type_code=LANDSLIDE,
            place=known.PLACE,
            reports=(
                split.Leaving(
                    report_id="r2", casualties=Casualties(dead=1), reported_at=at(reported)
                ),
            ),
            tasks=(),
            assignments=(),
            reason="两处",
            occurred_at=at(when),
        )
    )
    assert isinstance(begun, split.SplitBegun)
    return Story(split.OpenSplit(by=known.LI, incident_id="i2", begun=begun, occurred_at=at(when)))


def joined(reported: float) -> lifecycle.AttachReport:
    return replace(known.attach, report_id="r2", reported_at=at(reported), occurred_at=at(reported))


def test_nobody_gains_time_by_splitting() -> None:
    story = Story(opening(LANDSLIDE), joined(5))
    new = split_off(story, 5, 200)

    assert new.clocks["disaster-initial"].started_at == at(5)
    assert new.clocks["geological-express"].started_at == at(5)
    assert "DeadlineMissed disaster-initial-1" in of(new.events, DeadlineMissed)


def test_what_was_told_of_the_whole_was_told_of_what_is_split_off() -> None:
    story = Story(
        opening(LANDSLIDE), joined(5), report("s1", 40, type_code=LANDSLIDE), sending("s1", 50)
    )
    new = split_off(story, 5, 200)

    assert new.clocks["disaster-initial"].met_at == at(50)
    assert "DeadlineMissed disaster-initial-1" not in of(new.events, DeadlineMissed)


# Suspicion.


def disagreeing() -> Story:
    """Let a hospital say three dead, and the township an hour later one: that stands."""
    return Story(
        opening(LANDSLIDE),
        figure("f1", 20, Metric.DEAD, 3, SourceKind.HOSPITAL, "市一医院"),
        figure("f2", 80, Metric.DEAD, 1, SourceKind.TOWNSHIP, "安江镇"),
    )


def suspicions(events: list[decider.Event]) -> list[ConcealmentSuspected]:
    return [event for event in events if isinstance(event, ConcealmentSuspected)]


def test_a_report_that_says_less_than_was_known_is_suspected_once() -> None:
    story = disagreeing()
    [suspected] = suspicions(story.do(report("s1", 90, type_code=LANDSLIDE)))
    again = suspicions(story.do(report("s2", 100, FOLLOW_UP, LANDSLIDE)))

    assert (suspected.fact_id, suspected.source, suspected.metric) == (
        "f1",
        "市一医院",
        Metric.DEAD,
    )
    assert (suspected.known_value, suspected.reported_value) == (3, 1)
    assert (suspected.known_at, suspected.situation_report_id) == (at(20), "s1")
    assert again == []


def test_a_source_that_corrected_itself_is_not_suspected() -> None:
    story = Story(
        opening(LANDSLIDE),
        figure("f1", 20, Metric.DEAD, 3, SourceKind.HOSPITAL, "市一医院"),
        figure("f2", 80, Metric.DEAD, 1, SourceKind.HOSPITAL, "市一医院"),
    )

    assert suspicions(story.do(report("s1", 90, type_code=LANDSLIDE))) == []


def test_the_missing_may_turn_out_dead_but_not_vanish() -> None:
    found = Story(
        opening(LANDSLIDE),
        figure("f1", 20, Metric.MISSING, 2, source="甲"),
        figure("f2", 80, Metric.DEAD, 2, source="乙"),
        figure("f3", 80, Metric.MISSING, 0, source="乙"),
    )
    vanished = Story(
        opening(LANDSLIDE),
        figure("f1", 20, Metric.MISSING, 2, source="甲"),
        figure("f3", 80, Metric.MISSING, 0, source="乙"),
    )

    assert suspicions(found.do(report("s1", 90, type_code=LANDSLIDE))) == []
    assert len(suspicions(vanished.do(report("s1", 90, type_code=LANDSLIDE)))) == 1


def test_what_became_known_after_the_report_is_no_concealment() -> None:
    story = Story(opening(LANDSLIDE), figure("f1", 20, Metric.DEAD, 1))
    first = suspicions(story.do(report("s1", 90, type_code=LANDSLIDE)))
    story.do(figure("f2", 95, Metric.DEAD, 3, source="另"))

    assert first == []
    assert suspicions(story.do(report("s2", 100, FOLLOW_UP, LANDSLIDE))) == []


def test_what_was_said_after_the_report_is_none_even_if_it_was_recorded_before() -> None:
    story = Story(opening(LANDSLIDE), figure("f2", 95, Metric.DEAD, 3, source="甲"))
    story.do(figure("f3", 96, Metric.DEAD, 1, source="乙"))

    assert suspicions(story.do(report("s1", 90, type_code=LANDSLIDE))) == []


# Records.


def test_what_is_recorded_twice_is_recorded_once_and_never_changed() -> None:
    story = Story(
        opening(LANDSLIDE),
        milestone(Milestone.OCCURRED, -30),
        notice("n1", 30, "prefecture_department"),
    )

    assert story.do(milestone(Milestone.OCCURRED, -30)) == []
    assert story.do(notice("n1", 30, "prefecture_department")) == []
    with pytest.raises(Rejection) as refused:
        story.do(notice("n1", 31, "prefecture_department"))
    assert refused.value.reason == "NOTICE_EXISTS"


def test_nobody_rings_from_outside() -> None:
    story = Story(opening(LANDSLIDE))
    stranger = replace(ring(story.clocks["disaster-initial"]), by=known.STRANGER)

    with pytest.raises(Rejection) as refused:
        story.do(stranger)

    assert refused.value.reason == "OUTSIDE_JURISDICTION"
    assert deadlines.MARKS == (50, 80, 100)
