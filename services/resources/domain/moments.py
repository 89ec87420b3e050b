"""Which of two moments is the later."""

from __future__ import annotations

from datetime import datetime

from services.runtime.rejection import Invalid


def require_after(start: datetime, end: datetime | None, reason: str, *, field: str) -> None:
    """Raise Invalid for ``reason`` unless ``end``, which came in ``field``, is after ``start``.

    What has no end does not end too early.
    """
    if end is not None and end <= start:
        raise Invalid(
            reason, field=field, got=end.isoformat(), allowed=f"after {start.isoformat()}"
        )
