"""What notify says of itself, and how urgent each event is: versioned reference data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.notify.domain.notification import Persistence, Urgency
from services.runtime.place import Region


@dataclass(frozen=True, slots=True)
class Manner:
    """How an urgency is sent: the longest wait between attempts, and how often it is tried.

    ``attempts_factor`` is times as often as notify is set to try.
    """

    name: str
    longest_wait_s: float
    attempts_factor: int

    def persistence(self, usual: Persistence) -> Persistence:
        longest = min(usual.longest, timedelta(seconds=self.longest_wait_s))
        return replace(
            usual,
            base=min(usual.base, longest),
            longest=longest,
            max_attempts=usual.max_attempts * self.attempts_factor,
        )


@dataclass(frozen=True, slots=True)
class Reference:
    """``above`` are the regions that the suite does not serve, but that its own lie in.

    ``urgency_of`` names every public event that somebody is told of.  What is read more than
    ``stale_after_hours`` after it was recorded is kept on record and not sent.  A shelter is nearly
    full from ``shelter_nearly_full_percent`` of its beds on.
    """

    version: str
    source: str
    sender: str
    sender_name: str
    above: dict[str, Region]
    stale_after_hours: float
    shelter_nearly_full_percent: int
    urgencies: dict[Urgency, Manner]
    urgency_of: dict[str, Urgency]

    def urgency(self, event_type: str) -> Urgency:
        """Return how urgent news of a public event is, by its full name."""
        return self.urgency_of[event_type.rpartition(".")[2]]

    def stale(self, recorded_at: datetime, now: datetime) -> bool:
        return now - recorded_at > timedelta(hours=self.stale_after_hours)
