"""Every stored event reads as a sentence, and no sentence asks for what is not there."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.audit.phrases import Phrases
from services.runtime import reference
from services.runtime.settings import REPOSITORY

PHRASES = reference.load(REPOSITORY / "reference", "phrases", Phrases)
GOLDEN = sorted(Path(__file__).parents[1].glob("*/golden/*.json"))


def fields(phrase: str) -> list[str]:
    return [field for _, field, _, _ in string.Formatter().parse(phrase) if field]


def has(event: dict[str, Any], field: str) -> bool:
    value: Any = event
    for name in field.split("."):
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return True


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_the_event_has_a_sentence_and_the_fields_that_it_says(file: Path) -> None:
    event = msgspec.json.decode(file.read_bytes())

    phrase = PHRASES.phrases[file.stem]

    assert [field for field in fields(phrase) if not has(event, field)] == []
    assert PHRASES.say(file.stem, file.read_text()).strip()


def test_each_of_several_coded_values_is_said_and_so_is_none_of_them() -> None:
    phrases = Phrases("1", "ours", {"X.v1": "缺 {open}"}, {"open": {"a": "甲", "": "无"}})

    assert phrases.say("X.v1", '{"open": ["a", "b"]}') == "缺 甲、b"
    assert phrases.say("X.v1", '{"open": []}') == "缺 无"


def test_every_sentence_is_of_an_event_that_is_stored() -> None:
    assert set(PHRASES.phrases) == {file.stem for file in GOLDEN}


def test_an_event_that_nobody_phrased_is_told_by_its_fields() -> None:
    assert PHRASES.say("New.v1", '{"a": 1, "b": "x", "c": []}') == "New.v1: a=1, b=x"


def test_instants_are_said_in_the_time_of_the_people() -> None:
    phrases = Phrases("1", "", {"Due.v1": "须于 {due_at} 前报"}, {})
    said = phrases.say("Due.v1", '{"due_at": "2026-06-17T19:12:00Z"}')
    assert said == "须于 2026-06-18 03:12 前报"
