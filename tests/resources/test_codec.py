"""Every type string ever written still reads, as it was.  Golden files are never edited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.resources.codec import (
    DEPOTS,
    DEVICES,
    ENDED_INCIDENTS,
    EXPERTS,
    FORCES,
    HAZARD_AREAS,
    LANDING_POINTS,
    NEEDS,
    PLOTS,
    RELIEFS,
    RISK_SITES,
    SHELTERS,
    STOCKS,
    SUPPLY_REQUESTS,
    TRANSFERS,
    UNITS,
)
from services.runtime.codec import Codec

CODECS: list[Codec[Any]] = [
    FORCES,
    UNITS,
    DEPOTS,
    STOCKS,
    TRANSFERS,
    SUPPLY_REQUESTS,
    SHELTERS,
    NEEDS,
    DEVICES,
    ENDED_INCIDENTS,
    HAZARD_AREAS,
    PLOTS,
    RELIEFS,
    RISK_SITES,
    LANDING_POINTS,
    EXPERTS,
]
GOLDEN = sorted(Path(__file__).with_name("golden").glob("*.json"))


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_a_golden_event_reads_and_writes_as_it_was(file: Path) -> None:
    [codec] = [codec for codec in CODECS if file.stem in codec.known]

    event = codec.decode(file.stem, file.read_bytes())
    type_, data = codec.encode(event)

    if file.stem in codec.current:
        assert type_ == file.stem
        # Fields that were added since, each with a default, are written beside.
        assert json.loads(file.read_bytes()).items() <= json.loads(data).items()
    else:  # a retired one reads as what replaced it
        assert codec.decode(type_, data) == event


def test_every_type_string_has_a_golden_file() -> None:
    known = [name for codec in CODECS for name in codec.known]

    assert sorted(known) == [file.stem for file in GOLDEN]
