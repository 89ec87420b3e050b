"""The same recommendation computed again from what was stored, and where the result differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from services.dispatch.domain.recommendation import engine
from services.dispatch.domain.recommendation.decider import RecommendationMade
from services.dispatch.domain.recommendation.engine import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    about: str
    stored: str
    replayed: str


def replay(made: RecommendationMade) -> tuple[Result, list[Difference]]:
    """Return what today's engine makes of the stored inputs, and each difference."""
    result = engine.recommend(made.inputs)
    return result, list(_differences(made.result, result))


def _differences(stored: Result, replayed: Result) -> Iterator[Difference]:
    was, now = _said(stored), _said(replayed)
    for about in [*was, *(about for about in now if about not in was)]:
        if was.get(about) != now.get(about):
            yield Difference(about=about, stored=was.get(about, "—"), replayed=now.get(about, "—"))


def _said(result: Result) -> Mapping[str, str]:
    said = {
        f"unit {one.unit_id}": _words(one, "unit_id") for one in (*result.picks, *result.others)
    }
    said |= {f"want {one.want}": _words(one, "want") for one in result.shortfalls}
    said |= {
        f"area {one.adcode} {'/'.join(one.kinds)}": _words(one, "adcode") for one in result.gaps
    }
    return said | {"order of the picks": ", ".join(one.unit_id for one in result.picks)}


def _words(thing: object, key: str) -> str:
    parts = (
        f"{field.name}={getattr(thing, field.name)}"
        for field in fields(thing)  # type: ignore[arg-type]
        if field.name != key
    )
    return ", ".join(parts)
