"""The plans that come with the suite: samples that can be followed, in the words of its codes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import protovalidate
import pytest

from services.cli import plans as files
from services.command.domain.grades import Grade
from services.command.domain.incident.facts import Metric
from services.command.domain.levels import Level
from services.command.domain.plan.content import Content, PlanKind, check
from services.command.servicer import plan_messages

SHIPPED = {
    "general": PlanKind.GENERAL,
    "flood": PlanKind.SPECIAL,
    "geological": PlanKind.SPECIAL,
    "forest-fire": PlanKind.SPECIAL,
    "earthquake": PlanKind.SPECIAL,
    "work-safety": PlanKind.SPECIAL,
}
MANY = dict.fromkeys(Metric, 10**12)
EVERY = pytest.mark.parametrize("name", SHIPPED)


def reference(name: str) -> Any:
    return json.loads(Path("reference", f"{name}.json").read_text())


@cache
def content(name: str) -> Content:
    [path] = files.shipped([name])
    return plan_messages.content(files.read(path).content)


def test_there_are_one_general_and_five_special_plans() -> None:
    assert {path.stem for path in files.shipped()} == set(SHIPPED)
    assert {name: content(name).kind for name in SHIPPED} == SHIPPED
    assert {content(name).under for name in SHIPPED} == {"", "plan-general"}
    assert len({files.read(path).plan_id for path in files.shipped()}) == len(SHIPPED)


@EVERY
def test_it_is_a_sample_that_passes_every_rule(name: str) -> None:
    [path] = files.shipped([name])
    message = files.read(path).content

    assert protovalidate.Validator().collect_violations(message) == []
    check(content(name))
    assert content(name).sample
    assert "样本" in content(name).title
    assert "样本" in content(name).source
    assert plan_messages.content_message(content(name)) == message


@EVERY
def test_it_has_four_levels_each_with_steps_a_start_and_an_approver(name: str) -> None:
    plan = content(name)

    assert {rule.level for rule in plan.levels} == set(Level)
    assert len(plan.steps) >= 10
    roles = reference("authority")["roles"]
    for rule in plan.levels:
        assert any(step.level is rule.level for step in plan.steps)
        assert any(condition.is_judged for condition in rule.conditions)
        assert any(condition.holds(MANY, Grade.ESPECIALLY_MAJOR) for condition in rule.conditions)
        assert set(rule.approver.roles) <= set(roles)
        assert all("response.approve" in roles[role] for role in rule.approver.roles)
        assert rule.approver.adcode == ("" if rule.level is Level.IV else "431281")


@EVERY
def test_what_it_names_is_known(name: str) -> None:
    plan = content(name)
    types = reference("incident_types")["types"]
    posts = reference("command_post")["roles"]

    assert all(any(code.startswith(prefix) for code in types) for prefix in plan.types)
    assert {role.role for role in plan.roles} <= set(posts)
    assert all(step.department and step.instructions for step in plan.steps)


@EVERY
def test_a_higher_level_takes_more_to_start(name: str) -> None:
    """What starts a level by its figures starts every lower one that speaks of the same."""
    least: dict[tuple[Metric, ...], int] = {}
    for rule in sorted(content(name).levels, key=lambda rule: rule.level.rank):
        for condition in rule.conditions:
            for one in condition.thresholds:
                assert one.at_least > least.get(one.metrics, 0)
                least[one.metrics] = one.at_least


def test_a_file_that_is_no_sample_is_refused(tmp_path: Path) -> None:
    [path] = files.shipped(["flood"])
    tree = json.loads(path.read_text())
    adopted = tmp_path / "adopted.json"
    adopted.write_text(json.dumps({**tree, "content": {**tree["content"], "sample": False}}))
    for name, text in {"empty": "{}", "broken": "{", "strange": '{"plan_id": 1}'}.items():
        (tmp_path / f"{name}.json").write_text(text)
    (tmp_path / "unknown.json").write_text(json.dumps({**tree, "content": {"colour": "red"}}))
    (tmp_path / "undated.json").write_text(json.dumps({**tree, "issued": "soon"}))

    with pytest.raises(files.BadPlan, match="not marked as a sample"):
        files.read(adopted)
    for name in ("empty", "broken", "strange", "unknown", "undated", "missing"):
        with pytest.raises(files.BadPlan, match=name):
            files.read(tmp_path / f"{name}.json")
