"""Lots (批次): what came together and goes bad together; first expired, first out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

UNMARKED = ""
"""The lot of what was taken in without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """So many of one lot.  Says all that is known of it, so that it goes where they go."""

    lot_id: str
    quantity: int
    expires_on: date | None = None
    origin: str = ""
