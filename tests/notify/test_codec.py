"""Every type string that was ever written can still be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.notify.codec import (
    BRIEFING_CODEC,
    CONTACT_CODEC,
    MATTER_CODEC,
    NOTIFICATION_CODEC,
    WARNING_CODEC,
)
from services.runtime.codec import Codec

GOLDEN = Path(__file__).parent / "golden"
CODECS: tuple[Codec[Any], ...] = (
    BRIEFING_CODEC,
    CONTACT_CODEC,
    MATTER_CODEC,
    NOTIFICATION_CODEC,
    WARNING_CODEC,
)
FILES = sorted(GOLDEN.glob("*.json"))


def test_every_type_has_its_golden_file() -> None:
    known: set[str] = set().union(*(codec.known for codec in CODECS))
    assert known == {file.stem for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_was_written_is_read_and_written_again(file: Path) -> None:
    [codec] = [codec for codec in CODECS if file.stem in codec.known]
    event = codec.decode(file.stem, file.read_bytes())
    type_, data = codec.encode(event)
    if type_ == file.stem:
        # Fields that were added since, each with a default, are written beside.
        was, written = msgspec.json.decode(file.read_bytes()), msgspec.json.decode(data)
        assert was.items() <= written.items()
