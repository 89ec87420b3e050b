"""Whose business a place is (管辖)."""

from __future__ import annotations

from services.runtime.actor import Actor
from services.runtime.rejection import Forbidden


def require(by: Actor, adcode: str) -> None:
    """Raise Forbidden unless ``adcode`` lies inside the jurisdiction of ``by``."""
    if not by.covers(adcode):
        raise Forbidden(
            "OUTSIDE_JURISDICTION",
            f"{adcode} is outside {by.jurisdiction}, the jurisdiction of {by.subject}",
            adcode=adcode,
            jurisdiction=by.jurisdiction,
            subject=by.subject,
        )
