"""Every type string ever written still reads.  Golden files are never edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.dispatch.codec import ASSIGNMENT_CODEC, INCIDENT_REF_CODEC
from tests.dispatch.facts import ALL

GOLDEN = sorted(Path(__file__).with_name("golden").glob("*.json"))


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_golden_event_still_decodes(file: Path) -> None:
    if file.stem in ASSIGNMENT_CODEC.known:
        name, data = ASSIGNMENT_CODEC.encode(ASSIGNMENT_CODEC.decode(file.stem, file.read_bytes()))
    else:
        name, data = INCIDENT_REF_CODEC.encode(
            INCIDENT_REF_CODEC.decode(file.stem, file.read_bytes())
        )

    assert name == file.stem
    assert data == file.read_bytes().strip()


def test_every_type_string_has_a_golden_file() -> None:
    assert ASSIGNMENT_CODEC.known | INCIDENT_REF_CODEC.known == {file.stem for file in GOLDEN}


@pytest.mark.parametrize("event", ALL, ids=lambda event: type(event).__name__)
def test_what_is_written_is_read_back(event: object) -> None:
    assert ASSIGNMENT_CODEC.decode(*ASSIGNMENT_CODEC.encode(event)) == event  # type: ignore[arg-type]
