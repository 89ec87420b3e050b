"""What notify alone is told from outside: the mail server, and how patient it is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from services.notify.domain.notification import Persistence
from services.runtime.settings import Settings


class NotifySettings(Settings):
    smtp_host: str = ""
    """The mail server; without one every e-mail fails, and is parked for somebody to see."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_username: str = ""
    smtp_password_file: Path | None = None
    smtp_from: str = "anlan@localhost"
    smtp_starttls: bool = True
    delivery_backoff_s: float = Field(default=1.0, gt=0)
    """The wait after the first failure; it doubles with each further one, up to 60 s."""
    delivery_max_attempts: int = Field(default=6, ge=1, le=100)
    """After so many failures a notification is parked."""

    @property
    def persistence(self) -> Persistence:
        return Persistence(
            base=timedelta(seconds=self.delivery_backoff_s),
            max_attempts=self.delivery_max_attempts,
        )
