"""Which state may follow which, by incident type: versioned data, and enforced."""

from __future__ import annotations

from dataclasses import dataclass

from services.dispatch.domain.events import Stage
from services.runtime.rejection import Rejection

ORDER = (
    Stage.DISPATCHED,
    Stage.ACKNOWLEDGED,
    Stage.EN_ROUTE,
    Stage.STAGED,
    Stage.ON_SCENE,
    Stage.TRANSPORTING,
    Stage.AT_DESTINATION,
)
"""From order to destination: what comes before the present state is behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The edges of one kind of incident.  A state that has none leads nowhere."""

    name: str
    version: str
    edges: dict[Stage, tuple[Stage, ...]]

    def leads(self, here: Stage, to: Stage) -> bool:
        return to in self.edges.get(here, ())

    def require(self, assignment_id: str, here: Stage, to: Stage) -> None:
        """Raise what may be said instead where no edge leads from ``here`` to ``to``."""
        if self.leads(here, to):
            return
        allowed = ", ".join(stage.upper() for stage in self.edges.get(here, ()))
        raise Rejection(
            "TRANSITION_NOT_ALLOWED",
            f"{assignment_id} is {here.upper()}: from there it may be {allowed or 'nothing'}, "
            f"not {to.upper()} (way {self.name} of {self.version}); override it if it must be",
            assignment_id=assignment_id,
            state=here.upper(),
            requested=to.upper(),
            allowed=allowed,
            way=self.name,
            ways_version=self.version,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """``types`` names the way of the type codes that begin so; the longest beginning counts."""

    version: str
    source: str
    ways: dict[str, dict[Stage, tuple[Stage, ...]]]
    types: dict[str, str]

    def of(self, type_code: str) -> Way:
        """Return the way of an incident's type; the type of one whose type is unknown is empty."""
        fitting = [beginning for beginning in self.types if type_code.startswith(beginning)]
        name = self.types[max(fitting, key=len)]
        return Way(name=name, version=self.version, edges=self.ways[name])

    def check(self) -> None:
        """Raise ValueError for a table by which an assignment could be stuck or have no way."""
        if "" not in self.types:
            raise ValueError("no way for an unknown type: types lacks the empty beginning")
        for beginning, name in self.types.items():
            if name not in self.ways:
                raise ValueError(f"type {beginning!r} goes the way {name}, which is not there")
        for name, edges in self.ways.items():
            if stuck := [stage for stage in ORDER if Stage.CLEARED not in edges.get(stage, ())]:
                raise ValueError(f"way {name} does not lead from {', '.join(stuck)} to cleared")
