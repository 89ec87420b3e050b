"""The samples that come with the suite are whole, and a recommendation reads at a glance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import protovalidate
import pytest
from rich.console import Console

from services.cli import recommend, run_cards
from services.cli.rpc import find, plain
from services.dispatch.domain.recommendation.inputs import Coverage, Rules
from services.dispatch.domain.run_card.content import check
from services.dispatch.servicer.card_messages import content, content_message
from services.runtime import reference
from services.runtime.place import Regions
from services.runtime.settings import REPOSITORY

NOW = datetime(2026, 6, 17, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize("path", run_cards.shipped(), ids=lambda path: path.stem)
def test_each_sample_is_a_card_that_can_be_drafted(path: Path) -> None:
    request = run_cards.read(path)
    request.request_id = "00000000-0000-4000-8000-000000000000"

    protovalidate.validate(request)
    said = content(request.content)
    check(said, request.adcode)
    assert content_message(said) == request.content


def test_a_card_that_is_no_sample_is_not_loaded_by_a_command(tmp_path: Path) -> None:
    file = tmp_path / "card.json"
    text = run_cards.shipped()[0].read_text(encoding="utf-8").replace("true", "false")
    file.write_text(text, encoding="utf-8")

    with pytest.raises(run_cards.BadRunCard, match="by people"):
        run_cards.read(file)


def test_the_rules_and_the_areas_are_what_the_engine_reads() -> None:
    folder = REPOSITORY / "reference"
    regions = reference.load(folder, "regions", Regions).regions

    assert reference.load(folder, "recommendation", Rules).routed <= 25
    areas = reference.load(folder, "coverage", Coverage).areas
    assert all(regions[area.adcode].name == area.name for area in areas)


def text(**fields: Any) -> str:
    answer = plain(find("RecommendUnits").response(recommendation=fields))["recommendation"]
    console = Console(width=240, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(recommend.recommendation(answer))
    return capture.get()


def test_what_is_missing_and_uncovered_cannot_be_overlooked() -> None:
    boat = {"unit_id": "boat-1", "kind": "boat", "verdict": "VERDICT_CLOSEST_BY_DISTANCE"}
    held = {"unit_id": "boat-2", "verdict": "VERDICT_HELD", "holder": "a9", "arrival_s": -1}
    told = text(
        incident_id="flood",
        wants=[{"kinds": ["boat"], "capabilities": ["water_rescue"], "number": 2}],
        picks=[{**boat, "arrival_s": 372.0, "distance_m": 2400.0, "needs_approval": True}],
        others=[held],
        shortfalls=[
            {
                "missing": 1,
                "reason": "SHORTFALL_REASON_ALL_HELD",
                "counts": [{"verdict": "VERDICT_HELD", "count": 3}],
            }
        ],
        uncovered=[
            {
                "name": "安江镇",
                "kinds": ["boat"],
                "minimum": 1,
                "move_ups": [{"unit_id": "boat-7", "arrival_s": 1500.0}],
            }
        ],
        basis={"travel_method": "TRAVEL_METHOD_GREAT_CIRCLE", "fleet_age_s": 0.4},
    )

    assert "to send them: anlan dispatch boat-1 --to flood" in told
    assert "6 min" in told
    assert "2.4 km" in told
    assert "needs approval" in told
    assert "MISSING 1 × boat+water_rescue: all held (3 held)" in told
    assert "UNCOVERED 安江镇 (boat): 0 left of 1" in told
    assert "boat-7 in 25 min" in told
    assert "held by a9" in told


def test_an_old_picture_is_shouted() -> None:
    assert "AS KNOWN 95 s AGO" in text(basis={"fleet_age_s": 95.0})
    assert "AGO: resources" not in text(basis={"fleet_age_s": 1.0})


def test_a_start_that_is_planned_says_how_to_plan_it() -> None:
    told = text(basis={}, recommendation_id="r1", planned_start_time=NOW + timedelta(hours=5))
    assert "STARTS" in told
    assert "anlan preplan r1" in told


def test_with_nobody_to_send_no_empty_table_is_shown() -> None:
    told = text(
        wants=[{"kinds": ["boat"], "number": 2}],
        shortfalls=[{"missing": 2}],
        basis={"fleet_age_s": 1.0},
    )
    assert "NOBODY CAN BE SENT" in told
    assert "arrives" not in told
    assert "not sent" not in told
