"""Incident types after GB/T 35561, as reference data."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.rejection import Invalid


@dataclass(frozen=True, slots=True)
class IncidentTypes:
    """Names by code, with the version of the table and where it comes from."""

    version: str
    source: str
    types: dict[str, str]

    def check(self, code: str, field: str) -> None:
        """Raise Invalid for a code that the table does not have."""
        if code not in self.types:
            alike = [known for known in self.types if known[:2] == code[:2]] or list(self.types)
            raise Invalid(
                "TYPE_CODE_UNKNOWN",
                field=field,
                got=code,
                allowed=f"a code of {self.version}, such as {', '.join(alike[:5])}",
            )

    def name(self, code: str) -> str:
        return self.types.get(code, "")
