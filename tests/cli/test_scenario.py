"""Scenarios: read, checked, scaled and numbered before anything is played."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from services.cli.rpc import UnknownRpc, dig, find, public, same
from services.cli.scenario import Act, BadScenario, Race, Scenario, Wait, build, instant, scaled
from services.cli.scenario_file import load

DRILL = Path(__file__).parents[2] / "drills" / "flood-2026.yaml"
HEAD = """
drill: small
title: 小演练
start: "2026-01-05T01:00:00+08:00"
incident: $run
actors:
  duty: {subject: duty.one, roles: [duty_officer], jurisdiction: "431281"}
  other: {subject: duty.two, roles: [duty_officer], jurisdiction: "431281"}
steps:
"""
ORDER = """
  - at: "+00:10"
    actor: duty
    call: CreateAssignment
    with: {assignment_id: $run-a1, incident_id: $run, unit_id: u1, acknowledge_within: 90s}
"""


def written(folder: Path, steps: str = ORDER, head: str = HEAD) -> Path:
    file = folder / "drill.yaml"
    file.write_text(head + steps, encoding="utf-8")
    return file


def first(scenario: Scenario) -> Act:
    act = scenario.steps[0]
    assert isinstance(act, Act)
    return act


def test_the_flood_drill_tells_the_whole_story() -> None:
    scenario = load(DRILL)
    methods = [act.rpc.method for act in scenario.acts()]
    assert scenario.start == datetime(2026, 6, 17, 17, 10, tzinfo=UTC)
    for method in [
        "RegisterUnit",
        "SubmitReport",
        "JoinReport",
        "RejectReport",
        "VerifyReport",
        "CreateAssignment",
        "DeclineAssignment",
        "CancelAssignment",
        "ClearAssignment",
        "EstablishCommand",
        "ProposeTransfer",
        "AcceptTransfer",
        "GradeIncident",
        "ActivateResponse",
        "ChangeResponseLevel",
        "RecordDecision",
        "DraftWarning",
        "OpenShelter",
        "AdmitPeople",
        "CloseShelter",
        "ShipStock",
        "ReceiveTransfer",
        "SubmitSituationReport",
        "TerminateResponse",
        "CloseIncident",
        "AcknowledgeNotification",
    ]:
        assert method in methods
    assert any(isinstance(step, Race) for step in scenario.steps)
    assert any(isinstance(step, Wait) for step in scenario.steps)
    refused = {
        reason for step in scenario.steps if isinstance(step, Act) for reason in step.refusals
    }
    assert "OUTSIDE_JURISDICTION" in refused


def test_initial_report_goes_up_within_two_hours() -> None:
    scenario = load(DRILL)
    reports = [act for act in scenario.acts() if act.rpc.method == "SubmitSituationReport"]
    assert reports[0].at - scenario.start <= timedelta(hours=2)
    kinds = [str(act.fields["kind"]).rpartition("_")[2] for act in reports]
    assert kinds[0] == "INITIAL"
    assert kinds[-1] == "FINAL"


def test_another_exercise_id_names_everything_else_anew(tmp_path: Path) -> None:
    scenario = load(written(tmp_path), "again-1")
    request = build(scenario, first(scenario), {}, 1)
    assert scenario.incident == "again-1"
    assert request.assignment_id == "again-1-a1"  # type: ignore[attr-defined]


def test_a_step_asks_with_the_same_id_each_time_and_another_in_another_run(tmp_path: Path) -> None:
    file = written(tmp_path)
    once, twice, other = load(file), load(file), load(file, "other")
    assert once.request_id("1") == twice.request_id("1")
    assert len({once.request_id("1"), once.request_id("2"), other.request_id("1")}) == 3
    request = build(once, first(once), {}, 60)
    assert UUID(request.request_id) == once.request_id("1")  # type: ignore[attr-defined]


def test_an_act_happens_at_its_own_time(tmp_path: Path) -> None:
    scenario = load(written(tmp_path))
    request = build(scenario, first(scenario), {}, 600)
    at = request.occur_time.ToDatetime(UTC)  # type: ignore[attr-defined]
    assert at == datetime(2026, 1, 4, 17, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("speed", "seconds"), [(1, 90), (10, 9), (60, 1.5), (600, 1), (0, 1), (0.5, 180)]
)
def test_durations_shrink_with_the_speed_but_not_below_a_second(
    tmp_path: Path, speed: float, seconds: float
) -> None:
    scenario = load(written(tmp_path))
    request = build(scenario, first(scenario), {}, speed)
    within = request.acknowledge_within.ToTimedelta()  # type: ignore[attr-defined]
    assert within == timedelta(seconds=seconds)


def test_durations_stand_as_said_where_the_drill_says_so(tmp_path: Path) -> None:
    scenario = load(written(tmp_path, head="durations: as said\n" + HEAD))
    request = build(scenario, first(scenario), {}, 600)
    within = request.acknowledge_within.ToTimedelta()  # type: ignore[attr-defined]
    assert within == timedelta(seconds=90)
    with pytest.raises(BadScenario, match="durations 'long': want shrink or as said"):
        load(written(tmp_path, head="durations: long\n" + HEAD))


def test_what_is_shorter_than_a_second_stays_as_short() -> None:
    half = timedelta(seconds=0.5)
    assert scaled(half, 10) == half


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("+00:12", datetime(2026, 1, 1, 0, 12, tzinfo=UTC)),
        ("+30:00:05", datetime(2026, 1, 2, 6, 0, 5, tzinfo=UTC)),
        ("2026-01-01T08:00:00+08:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T08:00:00", datetime(2026, 1, 1, 8, tzinfo=UTC)),
    ],
)
def test_times_are_offsets_or_instants(text: str, moment: datetime) -> None:
    assert instant(text, datetime(2026, 1, 1, tzinfo=UTC), "here") == moment


def step(more: str, at: str = "+00:00", call: str = "CloseIncident", who: str = "duty") -> str:
    return f'\n  - {{at: "{at}", actor: {who}, call: {call}, with: {{{more}}}}}'


CLOSE = "incident_id: $run, summary: 完"


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        (step(CLOSE, who="king"), "step 1: no actor 'king'; there are duty, other"),
        (step(CLOSE, call="CloseEverything"), "no RPC 'CloseEverything'"),
        (step(CLOSE, call="WatchIncidents"), "step 1: .*WatchIncidents streams"),
        (step(CLOSE, at="noon"), "step 1: 'noon' is no time"),
        (step("incident_id: $run, sumary: 完"), "step 1, .*CloseIncident: .*sumary"),
        (step("incident_id: $who, summary: 完"), "step 1: nothing is known as \\$who"),
        (step(CLOSE) + step(CLOSE, at="+00:01") + step(CLOSE), "step 3 comes before step 2"),
        (step(CLOSE, at="+99999:00"), "it ends at .*--start"),
        ("\n  - {actor: duty}", "step 1: 'at' is missing"),
        ('\n  - {at: "+00:00", actor: duty, cal: x}', "step 1: unknown cal"),
        ("\n  - [", "drill.yaml: "),
    ],
)
def test_what_cannot_be_played_is_said_with_its_step(
    tmp_path: Path, steps: str, complaint: str
) -> None:
    with pytest.raises(BadScenario, match=complaint):
        load(written(tmp_path, steps))


def test_rpcs_are_found_by_long_and_short_names() -> None:
    wanted = find("command.ReportService/SubmitReport")
    assert wanted.path == "/anlan.command.v1.ReportService/SubmitReport"
    assert find("SubmitReport") == wanted
    assert find("ReportService/SubmitReport") == wanted
    assert find(wanted.path) == wanted
    with pytest.raises(UnknownRpc, match=r"command\.ReportService/GetReport"):
        find("audit.ReportService/GetReport")


def test_every_rpc_has_its_own_short_name() -> None:
    methods = [rpc.method for rpc in public()]
    assert len(methods) == len(set(methods)) > 50


def test_fields_are_dug_out_and_compared_as_json_has_them() -> None:
    tree = {"entries": [{"position": "12", "late": False}]}
    assert same(dig(tree, "entries.0.position"), 12)
    assert same(dig(tree, "entries.0.late"), [False])
    assert not same(dig(tree, "entries.0.late"), "False")
    assert dig(tree, "entries.1.late") is None
    assert same("B", ["A", "B"])


def test_a_drill_names_the_sample_plans_that_it_needs(tmp_path: Path) -> None:
    assert load(written(tmp_path)).plans == ()
    assert load(written(tmp_path, head="plans: [general, flood]\n" + HEAD)).plans == (
        "general",
        "flood",
    )
