"""Reference data: codes and vocabularies as versioned files, so that an event can name one."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


def load(folder: Path, name: str, type_: type[T]) -> T:
    """Return ``folder/name.json`` as ``type_``; exits with what is wrong with the file."""
    path = folder / f"{name}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=type_)
    except (OSError, msgspec.DecodeError) as wrong:
        raise SystemExit(f"reference data {path}: {wrong}") from None
