"""Every type string ever written still reads.  Golden files are never edited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.dispatch.codec import (
    AID_CODEC,
    ASSIGNMENT_CODEC,
    INCIDENT_REF_CODEC,
    NEED_REF_CODEC,
    PLANNED_START_CODEC,
    RECOMMENDATION_CODEC,
    ROLL_CALL_CODEC,
    RUN_CARD_CODEC,
    WITHDRAWAL_CODEC,
)
from services.runtime.codec import Codec
from tests.dispatch.aid import facts as aid
from tests.dispatch.cards import RUN_CARD_FACTS, made
from tests.dispatch.facts import ALL

CODECS: list[Codec[Any]] = [
    AID_CODEC,
    ASSIGNMENT_CODEC,
    INCIDENT_REF_CODEC,
    NEED_REF_CODEC,
    ROLL_CALL_CODEC,
    WITHDRAWAL_CODEC,
    RUN_CARD_CODEC,
    RECOMMENDATION_CODEC,
    PLANNED_START_CODEC,
]
GOLDEN = sorted(Path(__file__).with_name("golden").glob("*.json"))


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_golden_event_still_says_all_that_it_said(file: Path) -> None:
    [codec] = [codec for codec in CODECS if file.stem in codec.known]
    name, data = codec.encode(codec.decode(file.stem, file.read_bytes()))

    assert name == file.stem
    golden, now = json.loads(file.read_bytes()), json.loads(data)
    assert {field: now[field] for field in golden} == golden  # fields since then have defaults


def test_every_type_string_has_a_golden_file() -> None:
    known = [name for codec in CODECS for name in codec.known]

    assert sorted(known) == [file.stem for file in GOLDEN]


@pytest.mark.parametrize("event", ALL, ids=lambda event: type(event).__name__)
def test_what_is_written_is_read_back(event: object) -> None:
    assert ASSIGNMENT_CODEC.decode(*ASSIGNMENT_CODEC.encode(event)) == event  # type: ignore[arg-type]


@pytest.mark.parametrize("event", aid.ALL, ids=lambda event: type(event).__name__)
def test_what_is_said_of_mutual_aid_is_read_back(event: Any) -> None:
    assert AID_CODEC.decode(*AID_CODEC.encode(event)) == event


@pytest.mark.parametrize("event", RUN_CARD_FACTS, ids=lambda event: type(event).__name__)
def test_what_is_said_of_run_cards_is_read_back(event: Any) -> None:
    assert RUN_CARD_CODEC.decode(*RUN_CARD_CODEC.encode(event)) == event


def test_all_that_a_recommendation_rests_on_is_read_back() -> None:
    assert RECOMMENDATION_CODEC.decode(*RECOMMENDATION_CODEC.encode(made)) == made
