"""What dispatch alone is told from outside: where roads are known."""

from __future__ import annotations

from services.runtime.settings import Settings


class DispatchSettings(Settings):
    osrm_url: str = ""
    """An OSRM server for times of travel, e.g. http://osrm:5000; empty: great circle × factor."""
    osrm_profile: str = "driving"
