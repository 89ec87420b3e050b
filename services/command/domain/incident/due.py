"""Time limits that people set."""

from __future__ import annotations

from datetime import datetime

from services.runtime.rejection import Invalid


def require_ahead(field: str, due_at: datetime | None, occurred_at: datetime) -> None:
    """Refuse a time limit that had passed when it was set; None sets none."""
    if due_at is not None and due_at <= occurred_at:
        raise Invalid(
            "DUE_TIME_PAST",
            field=field,
            got=due_at.isoformat(),
            allowed=f"after {occurred_at.isoformat()}, when it was set",
        )
