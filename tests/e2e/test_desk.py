"""A dispatcher's short commands against the suite as it runs: recommend, dispatch, status."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner

from services.cli import main
from tests.suite import RunningSuite

SCENE = "tests/e2e/desk.yaml"
INCIDENT, BOAT, OTHER = "desk", "desk-boat-1", "desk-boat-2"


Ask = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSuite]:
    running = RunningSuite.start(tmp_path_factory.mktemp("desk") / "suite")
    try:
        played = running.run("drill", "play", SCENE, "--speed", "0")
        assert played.returncode == 0, played.stdout
        yield running
    finally:
        running.stop()


@pytest.fixture
def ask(suite: RunningSuite) -> Ask:
    """Run a command as the desk does, but in this process: a dozen would start for minutes."""

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main.app, [*arguments, *suite.options], env={"COLUMNS": "200"})
        return done.exit_code, done.output

    return run


def test_without_a_card_it_is_said_what_is_wanted(ask: Ask) -> None:
    code, told = ask("recommend", INCIDENT)
    assert code != 0
    assert "NO_RUN_CARD_ANSWERS" in told
    assert "Traceback" not in told


def test_a_recommendation_is_followed_in_two_lines(ask: Ask) -> None:
    """The drill is the incident's own: nobody at the desk has to say so."""
    code, told = ask("recommend", INCIDENT, "--kind", "boat:3")
    assert code == 0, told
    assert f"to send them: anlan dispatch {BOAT} {OTHER} --to {INCIDENT}" in told
    assert "MISSING 1 × boat" in told

    code, said = ask("recommend", INCIDENT, "--kind", "boat:1", "--json")
    assert code == 0, said
    found = json.loads(said)
    assert [one["unit_id"] for one in found["picks"]] == [BOAT]
    assert found["picks"][0]["arrival_s"] > 0

    code, told = ask("dispatch", BOAT, OTHER, "--to", INCIDENT, "--order", "接出堤后两户")
    assert code == 0, told
    code, told = ask("recommend", INCIDENT, "--kind", "boat:1")
    assert code == 0, told
    assert "NOBODY CAN BE SENT" in told
    assert f"for {INCIDENT}" in told  # who holds it, and for what

    for word, means in [("收到", "ack"), ("mayday", "mayday")]:
        code, told = ask("status", BOAT, word, "--note", "船翻")
        assert (code, f"): {means}" in told) == (0, True), told
    code, told = ask("status", BOAT, "用餐")
    assert (code, told.strip()) == (0, f"{BOAT}: 用餐")
    code, told = ask("status", BOAT, "吃饭")
    assert code == 2
    assert "用餐" in told
    assert "mayday/求救" in told


def test_what_is_wrong_with_a_want_is_said_in_one_line(ask: Ask) -> None:
    for arguments, words in [
        (("recommend", "no-such"), "NO_SUCH_INCIDENT"),
        (("recommend", INCIDENT, "--kind", "boat:x"), "want e.g. boat:3"),
        (("recommend", INCIDENT, "--kind", "boat:99"), "wants"),
    ]:
        code, told = ask(*arguments)
        assert code != 0
        assert words in told
        assert "Traceback" not in told
