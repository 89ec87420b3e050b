"""Where the generated stubs are: installed beside us, or in the checkout's second import root."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

GENERATED = Path(__file__).parents[2] / "proto" / "gen"


def reach() -> list[str]:
    """Make `anlan` importable, and return the import roots that a child needs for the same."""
    if importlib.util.find_spec("anlan") is None and GENERATED.is_dir():
        sys.path.append(str(GENERATED))
        importlib.invalidate_caches()
    roots = [_root(package) for package in ("services", "anlan", "buf")]
    return list(dict.fromkeys(filter(None, roots)))


def _root(package: str) -> str:
    found = importlib.util.find_spec(package)
    places = list(found.submodule_search_locations or ()) if found is not None else []
    return str(Path(places[0]).resolve().parent) if places else ""
