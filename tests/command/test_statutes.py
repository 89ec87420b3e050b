"""The law's tables: when a period ends, whom a name means, and that every clock of C2 is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest

from services.command.domain.grades import Grade
from services.command.domain.incident.facts import Metric
from services.command.domain.incident.statutes import (
    Condition,
    Party,
    Period,
    Recipient,
    Rule,
    Statutes,
    Threshold,
    Unit,
)
from tests.command.clocked import STATUTES, china

RULES = {rule.rule: rule for rule in STATUTES.rules}
ANY = RULES["disaster-initial"]

WINDOWS = {
    # What the law says: period, from, until, in Beijing's time
    "two hours": (Unit.MINUTES, 120, "2026-06-18T23:10", "2026-06-19T01:10"),
    "the same day": (Unit.DAYS, 0, "2026-06-18T03:10", "2026-06-19T00:00"),
    "the same day, in its last minute": (Unit.DAYS, 0, "2026-06-18T23:59", "2026-06-19T00:00"),
    "the same day, at its first instant": (Unit.DAYS, 0, "2026-06-18T00:00", "2026-06-19T00:00"),
    "fifteen days": (Unit.DAYS, 15, "2026-06-18T10:00", "2026-07-04T00:00"),
    "two working days of a Monday": (Unit.WORKING_DAYS, 2, "2026-06-15T10:00", "2026-06-18T00:00"),
    "of a Thursday before 端午": (Unit.WORKING_DAYS, 2, "2026-06-18T10:00", "2026-06-24T00:00"),
    "of a Saturday": (Unit.WORKING_DAYS, 2, "2026-06-27T10:00", "2026-07-01T00:00"),
    "over 国庆, with a worked Saturday": (
        Unit.WORKING_DAYS,
        3,
        "2026-09-30T10:00",
        "2026-10-11T00:00",
    ),
    "into a worked Sunday": (Unit.WORKING_DAYS, 2, "2026-09-18T10:00", "2026-09-22T00:00"),
    "a year without a notice": (Unit.WORKING_DAYS, 2, "2027-10-01T10:00", "2027-10-06T00:00"),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_a_period_ends_when_the_law_says(name: str) -> None:
    unit, count, start, due = WINDOWS[name]
    rule = replace(ANY, period=Period(unit=unit, count=count))

    window = STATUTES.window(rule, china(start))

    assert window.opens_at == china(start)
    assert window.due_at == china(due)
    assert window.closes_at is None


SERIES = {
    # period, from, opens, due, closes
    "data to 24:00 by 09:00": (
        (Unit.HOUR, 9, "2026-06-18T01:10"),
        ("2026-06-19T00:00", "2026-06-19T09:00", "2026-06-20T00:00"),
    ),
    "at 24:00 sharp": (
        (Unit.HOUR, 9, "2026-06-18T00:00"),
        ("2026-06-19T00:00", "2026-06-19T09:00", "2026-06-20T00:00"),
    ),
    "once a day": (
        (Unit.TIMES_A_DAY, 1, "2026-06-18T23:59"),
        ("2026-06-19T00:00", "2026-06-20T00:00", "2026-06-20T00:00"),
    ),
    "twice a day, of a morning": (
        (Unit.TIMES_A_DAY, 2, "2026-06-18T11:59"),
        ("2026-06-18T12:00", "2026-06-19T00:00", "2026-06-19T00:00"),
    ),
    "twice a day, at noon": (
        (Unit.TIMES_A_DAY, 2, "2026-06-18T12:00"),
        ("2026-06-19T00:00", "2026-06-19T12:00", "2026-06-19T12:00"),
    ),
    "every ten days": (
        (Unit.DAYS, 10, "2026-06-18T08:00"),
        ("2026-06-18T08:00", "2026-06-29T00:00", "2026-06-29T00:00"),
    ),
}


@pytest.mark.parametrize("name", SERIES)
def test_a_series_has_windows(name: str) -> None:
    (unit, count, start), expected = SERIES[name]
    rule = replace(ANY, recurs=True, period=Period(unit=unit, count=count))

    window = STATUTES.window(rule, china(start))

    assert (window.opens_at, window.due_at, window.closes_at) == tuple(map(china, expected))


@pytest.mark.parametrize(
    ("unit", "count", "start", "dues"),
    [
        (Unit.HOUR, 9, "2026-06-18T01:10", ["06-19T09:00", "06-20T09:00", "06-21T09:00"]),
        (Unit.TIMES_A_DAY, 1, "2026-06-18T01:10", ["06-20T00:00", "06-21T00:00", "06-22T00:00"]),
        (Unit.TIMES_A_DAY, 2, "2026-06-18T01:10", ["06-19T00:00", "06-19T12:00", "06-20T00:00"]),
        (Unit.DAYS, 10, "2026-06-18T01:10", ["06-29T00:00", "07-09T00:00", "07-19T00:00"]),
    ],
)
def test_a_series_goes_on_in_its_rhythm_without_gap_or_overlap(
    unit: Unit, count: int, start: str, dues: list[str]
) -> None:
    rule = replace(ANY, recurs=True, period=Period(unit=unit, count=count))
    window = STATUTES.window(rule, china(start))
    found = [window]
    for _ in dues[1:]:
        window = STATUTES.following(rule, window.due_at)
        found.append(window)

    assert [one.due_at for one in found] == [china(f"2026-{due}") for due in dues]
    for before, after in pairwise(found):
        if unit is not Unit.DAYS:
            assert before.closes_at == after.opens_at
        assert after.opens_at < after.due_at


# Every clock of DOMAIN C2: rule, who owes it to whom, how long.
C2 = [
    ("disaster-initial", Party.COUNTY, "prefecture_department", Unit.MINUTES, 120),
    ("disaster-prefecture", Party.PREFECTURE, "province_department", Unit.MINUTES, 120),
    ("disaster-province", Party.PROVINCE, "state_department", Unit.MINUTES, 120),
    ("disaster-grave-province", Party.COUNTY, "province_department", Unit.MINUTES, 120),
    ("disaster-grave-state", Party.COUNTY, "state_department", Unit.MINUTES, 120),
    ("disaster-township", Party.TOWNSHIP, "county_department", Unit.MINUTES, 60),
    ("disaster-daily", Party.COUNTY, "prefecture_department", Unit.HOUR, 9),
    ("disaster-daily-prefecture", Party.PREFECTURE, "province_department", Unit.HOUR, 10),
    ("disaster-daily-province", Party.PROVINCE, "state_department", Unit.HOUR, 12),
    ("disaster-final", Party.COUNTY, "prefecture_department", Unit.WORKING_DAYS, 2),
    ("disaster-final-prefecture", Party.PREFECTURE, "province_department", Unit.WORKING_DAYS, 3),
    ("disaster-final-province", Party.PROVINCE, "state_department", Unit.WORKING_DAYS, 5),
    ("drought-follow-up", Party.COUNTY, "prefecture_department", Unit.DAYS, 10),
    ("geological-large", Party.COUNTY, "prefecture_resources", Unit.MINUTES, 240),
    ("geological-small", Party.COUNTY, "prefecture_resources", Unit.MINUTES, 720),
    ("accident-enterprise", Party.ENTERPRISE, "county_department", Unit.MINUTES, 60),
    ("accident-enterprise-province", Party.ENTERPRISE, "province_department", Unit.MINUTES, 60),
    ("accident-prefecture", Party.COUNTY, "prefecture_department", Unit.MINUTES, 120),
    ("accident-prefecture-up", Party.PREFECTURE, "province_department", Unit.MINUTES, 120),
    ("accident-province-up", Party.PROVINCE, "state_department", Unit.MINUTES, 120),
    ("accident-government", Party.COUNTY, "county_government", Unit.MINUTES, 120),
    ("accident-police", Party.COUNTY, "county_police", Unit.MINUTES, 120),
    ("accident-labour", Party.COUNTY, "county_labour", Unit.MINUTES, 120),
    ("accident-union", Party.COUNTY, "county_union", Unit.MINUTES, 120),
    ("accident-procuratorate", Party.COUNTY, "county_procuratorate", Unit.MINUTES, 120),
    ("accident-province-direct", Party.COUNTY, "province_department", Unit.MINUTES, 60),
    ("accident-follow-up", Party.COUNTY, "prefecture_department", Unit.TIMES_A_DAY, 1),
    ("accident-follow-up-major", Party.COUNTY, "prefecture_department", Unit.TIMES_A_DAY, 2),
    ("accident-change", Party.COUNTY, "prefecture_department", Unit.DAYS, 0),
    ("accident-change-fire-traffic", Party.COUNTY, "prefecture_department", Unit.DAYS, 0),
    ("accident-investigation", Party.COUNTY, "investigation_team", Unit.DAYS, 15),
    ("accident-investigation-largest", Party.COUNTY, "investigation_team", Unit.DAYS, 30),
    ("general-phone", Party.COUNTY, "prefecture_government", Unit.MINUTES, 20),
    ("general-written", Party.COUNTY, "prefecture_government", Unit.MINUTES, 40),
    ("general-prefecture", Party.COUNTY, "prefecture_department", Unit.MINUTES, 120),
    ("general-state-phone", Party.PROVINCE, "state_council", Unit.MINUTES, 30),
    ("general-state-written", Party.PROVINCE, "state_council", Unit.MINUTES, 60),
]


@pytest.mark.parametrize("expected", C2, ids=lambda expected: str(expected[0]))
def test_the_law_is_in_the_table(expected: tuple[str, Party, str, Unit, int]) -> None:
    rule = RULES[expected[0]]

    assert (
        rule.rule,
        rule.owed_by,
        rule.recipient,
        rule.period.unit,
        rule.period.count,
    ) == expected
    assert rule.law
    assert rule.provenance.startswith(("secondary: ", "recalled: "))


def test_a_headquarters_keeps_the_clocks_of_its_own_level_and_below() -> None:
    kept = {rule.owed_by for rules in STATUTES.clocks("11D01").values() for rule in rules}
    province = replace(STATUTES, keeps=(Party.PROVINCE,))

    assert kept == {Party.TOWNSHIP, Party.COUNTY}
    assert "disaster-daily-province" in province.clocks("11D01")
    assert "disaster-daily" not in province.clocks("11D01")


@pytest.mark.parametrize("type_code", ["11A51", "11B22"])
def test_a_drought_has_its_own_rhythm(type_code: str) -> None:
    assert "disaster-initial" not in STATUTES.clocks(type_code)
    assert "drought-follow-up" in STATUTES.clocks(type_code)


CONDITIONS = {
    "always by grade": (Condition(grade=Grade.LARGER), Grade.LARGER, {}, False, True),
    "a grade above": (Condition(grade=Grade.LARGER), Grade.MAJOR, {}, False, True),
    "a grade below": (Condition(grade=Grade.LARGER), Grade.ORDINARY, {}, False, False),
    "no grade": (Condition(grade=Grade.ORDINARY), None, {}, False, False),
    "another rule takes over": (
        Condition(grade=Grade.ORDINARY, below=Grade.MAJOR),
        Grade.MAJOR,
        {},
        False,
        False,
    ),
    "nine dead and missing": (
        Condition(figures=(Threshold(metrics=(Metric.DEAD, Metric.MISSING), at_least=10),)),
        None,
        {Metric.DEAD: 4, Metric.MISSING: 5},
        False,
        False,
    ),
    "ten dead and missing": (
        Condition(figures=(Threshold(metrics=(Metric.DEAD, Metric.MISSING), at_least=10),)),
        None,
        {Metric.DEAD: 4, Metric.MISSING: 6},
        False,
        True,
    ),
    "a response": (Condition(response=True), None, {}, True, True),
    "no response": (Condition(response=True), Grade.MAJOR, {}, False, False),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_holds_or_not(name: str) -> None:
    condition, grade, figures, responding, expected = CONDITIONS[name]

    assert condition.holds(grade, figures, responding=responding) is expected


@pytest.mark.parametrize(
    ("recipient", "said", "meant"),
    [
        ("prefecture_department", "prefecture_department", True),
        ("prefecture_department", "怀化市应急管理局", True),
        ("prefecture_department", " 怀化市应急管理局值班室", True),
        ("prefecture_department", "怀化市", True),
        ("prefecture_department", "怀化市教育局", False),
        ("prefecture_department", "洪江市应急管理局", False),
        ("prefecture_government", "怀化市委总值班室", True),
        ("province_department", "湖南省应急管理厅", True),
        ("province_department", "怀化市应急管理局", False),
        ("state_department", "应急管理部", True),
        ("nobody", "怀化市", False),
    ],
)
def test_a_name_means_a_recipient_or_not(recipient: str, said: str, *, meant: bool) -> None:
    assert STATUTES.is_recipient(recipient, said) is meant


def test_working_days_follow_the_notice_of_the_year() -> None:
    assert STATUTES.is_working_day(date(2026, 6, 18))
    assert not STATUTES.is_working_day(date(2026, 6, 19))  # 端午
    assert not STATUTES.is_working_day(date(2026, 6, 20))
    assert STATUTES.is_working_day(date(2026, 10, 10))  # a Saturday that is worked


@pytest.mark.parametrize(
    "broken",
    [
        (ANY, ANY),
        (replace(ANY, recipient="nobody"),),
        (replace(ANY, period=Period(unit=Unit.TIMES_A_DAY, count=2)),),
    ],
    ids=["twice", "to nobody", "so often, yet once"],
)
def test_a_table_that_contradicts_itself_is_refused(broken: tuple[Rule, ...]) -> None:
    with pytest.raises(ValueError, match=ANY.rule):
        replace(STATUTES, rules=broken)


def test_a_period_or_a_pattern_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="0 minutes"):
        Period(unit=Unit.MINUTES, count=0)
    with pytest.raises(ValueError, match="25 hour"):
        Period(unit=Unit.HOUR, count=25)
    with pytest.raises(ValueError, match="怀化"):
        Recipient(name="怀化", pattern="(")


def test_no_table_no_clock() -> None:
    assert Statutes().clocks("11D01") == {}
