"""Times of travel from an OSRM server, for the few units that a recommendation is about.

Never more than the rules allow are asked for, in one request with a short time limit: a router
that is away makes a recommendation coarser, and marked as such, never late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx
import msgspec
import structlog

from services.dispatch.domain.recommendation import gate
from services.dispatch.domain.recommendation.engine import rank
from services.dispatch.domain.recommendation.inputs import Candidate, Inputs
from services.runtime.place import Place

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """``seconds`` by unit; ``fallback`` says why there are none although a router is set."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    fallback: str = ""


class Routing:
    def __init__(self, url: str, profile: str) -> None:
        self._table = f"{url.rstrip('/')}/table/v1/{profile}" if url else ""
        self._client = httpx.AsyncClient(trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    @property
    def asks(self) -> bool:
        """Whether a router is set."""
        return bool(self._table)

    async def times(self, asked: Inputs) -> Routed:
        """Return the time of travel of the nearest that can go."""
        place, rules = asked.place, asked.rules
        if not self.asks or place.latitude is None:
            return Routed()
        looked = [gate.appraise(unit, asked) for unit in asked.candidates]
        able = [one for one in looked if one.why is None and one.distance_m is not None]
        able.sort(key=lambda one: rank(one, asked))
        nearest = [one.unit for one in able[: rules.routed]]
        if not nearest:
            return Routed()
        try:
            durations = await self._ask(nearest, place, rules.routing_timeout_s)
        except (httpx.HTTPError, msgspec.DecodeError, msgspec.ValidationError, ValueError) as why:
            log.warning("routing.away", error=repr(why))
            return Routed(fallback=f"OSRM_UNAVAILABLE: {type(why).__name__}")
        seconds = {
            unit.unit_id: float(found)
            for unit, found in zip(nearest, durations, strict=True)
            if found is not None
        }
        return Routed(seconds=seconds)

    async def _ask(
        self, units: Sequence[Candidate], place: Place, timeout_s: float
    ) -> list[float | None]:
        points = [f"{unit.longitude},{unit.latitude}" for unit in units]
        points.append(f"{place.longitude},{place.latitude}")
        sources = ";".join(map(str, range(len(units))))
        answer = await self._client.get(
            f"{self._table}/{';'.join(points)}",
            params={
                "sources": sources,
                "destinations": str(len(units)),
                "annotations": "duration",
            },
            timeout=timeout_s,
        )
        answer.raise_for_status()
        table = msgspec.json.decode(answer.content, type=_Table)
        if table.code != "Ok" or len(table.durations) != len(units):
            raise ValueError(table.code)
        return [row[0] for row in table.durations]


class _Table(msgspec.Struct):
    code: str
    durations: list[list[float | None]] = []
