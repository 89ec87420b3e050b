"""指挥权的承续: exactly one incident commander at every instant after establishment.

Who commands at an instant is the incoming of the last event on the log whose ``effective_at`` is
not later than it.  A later act rules from its own effective instant on, which is never before
anything that was done under the command then held; what came before stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.runtime.rejection import Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """``jurisdiction`` is the region at whose level command is held."""

    commander: str
    jurisdiction: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Succession:
    """In the order in which they begin; each ends where the next begins."""

    tenures: tuple[Tenure, ...] = ()

    def at(self, moment: datetime) -> Tenure | None:
        """Return who holds command then; None before it was established."""
        held = [tenure for tenure in self.tenures if tenure.since <= moment]
        return held[-1] if held else None

    def after(self, moment: datetime) -> Tenure | None:
        """Return who is to take over at a later instant that is agreed already."""
        coming = [tenure for tenure in self.tenures if tenure.since > moment]
        return coming[0] if coming else None

    def passed_to(self, tenure: Tenure) -> Succession:
        """Return what follows when ``tenure`` begins; what was agreed for later is void."""
        kept = tuple(earlier for earlier in self.tenures if earlier.since <= tenure.since)
        return Succession((*kept, tenure))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How things stand for an act: since when it can rule, who holds command then, who comes next.

    ``superior`` says whether the actor stands above both, ``concerned`` who has a part in the post.
    """

    moment: datetime
    holder: Tenure | None
    coming: Tenure | None
    superior: bool
    concerned: tuple[str, ...]

    def require_holder(self, incident_id: str) -> Tenure:
        """Return who holds command.  Raises the refusal of what needs that somebody does."""
        if self.holder is None:
            raise not_established(incident_id)
        return self.holder


def not_established(incident_id: str) -> Rejection:
    return Rejection(
        "COMMAND_NOT_ESTABLISHED",
        f"nobody commands incident {incident_id} yet: establish command first",
        incident_id=incident_id,
    )
