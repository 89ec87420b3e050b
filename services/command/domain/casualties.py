"""People harmed, as far as a source knows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Casualties:
    dead: int = 0
    missing: int = 0
    seriously_injured: int = 0
    slightly_injured: int = 0
    trapped: int = 0
