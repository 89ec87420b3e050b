"""Every type string ever written still reads.  Golden files are never edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.command.codec import INCIDENT_CODEC, REPORT_CODEC

GOLDEN = sorted(Path(__file__).with_name("golden").glob("*.json"))


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_golden_event_still_decodes(file: Path) -> None:
    codec = REPORT_CODEC if file.stem in REPORT_CODEC.known else INCIDENT_CODEC
    event = codec.decode(file.stem, file.read_bytes())

    assert codec.encode(event)[0] == file.stem  # type: ignore[arg-type]


def test_every_type_string_has_a_golden_file() -> None:
    assert REPORT_CODEC.known | INCIDENT_CODEC.known == {file.stem for file in GOLDEN}
