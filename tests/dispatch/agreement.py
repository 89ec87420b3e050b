"""San Francisco's later fires, recommended by run cards of its first two years.

    python -m tests.dispatch.agreement

Nothing here is tuned; the method is fixed and simple, and its weaknesses are named:

- Run cards: for each call type, of the calls received in 2009 and 2010, the commonest set of unit
  kinds with their numbers is the card's only level.  A call type that first occurs later has none.
- Homes: the record does not say where stations are.  A unit's usual place is the median of the
  points of its first two years' calls, those of the quarter that it reached soonest.  A unit with
  fewer than four such calls has no place, and is counted as without a position.
- Held: a unit that the record has on another call at that time, from dispatch to available.  The
  record has one part of the city and fires only: most of what kept a unit busy is not in it.
- Travel: the suite's own rules for kinds it does not know, the same for all.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from statistics import median

from services.cli import sffd
from services.cli.sffd import Kind, Row
from services.dispatch.domain.recommendation import engine
from services.dispatch.domain.recommendation import inputs as facts_of
from services.dispatch.domain.recommendation.inputs import Candidate, Inputs
from services.dispatch.domain.run_card.content import Want
from services.runtime.place import Place
from tests.dispatch.cards import RULES

FILE = Path(__file__).parents[1] / "data" / "sffd-unit-responses-2009-2015.csv"
LEARNT = 2011
"""Calls received before this year teach; the others are replayed."""
FEWEST = 4


@dataclass(slots=True)
class Agreement:
    """Counts of calls, and of units over all calls."""

    learnt: int = 0
    replayed: int = 0
    no_card: int = 0
    no_pick: int = 0
    first_was_sent: int = 0
    first_was_first: int = 0
    sent: int = 0
    recommended: int = 0
    both: int = 0
    unplaced: int = 0
    by_type: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def told(self) -> str:
        asked = self.replayed - self.no_card
        lines = [
            f"run cards from {self.learnt} calls of 2009-2010",
            f"later calls: {self.replayed}, without a card {self.no_card}, no pick {self.no_pick}",
            f"first pick was among those really sent: {_share(self.first_was_sent, asked)}",
            f"first pick was the first really sent: {_share(self.first_was_first, asked)}",
            f"of the units really sent were recommended: {_share(self.both, self.sent)}",
            f"of the units recommended were really sent: {_share(self.both, self.recommended)}",
            f"{self.unplaced} units have no usual place",
        ]
        lines += [
            f"  {name}: {_share(counts['sent'], counts['calls'])}"
            for name, counts in sorted(self.by_type.items())
        ]
        return "\n".join(lines)


def measure(path: Path = FILE) -> Agreement:
    rows = sffd.read(path).rows
    calls: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        calls[row.call].append(row)
    ordered = sorted(calls.values(), key=_received)
    early = [call for call in ordered if _received(call).astimezone(sffd.ZONE).year < LEARNT]
    later = ordered[len(early) :]
    cards, homes = run_cards(early), usual_places(early)
    kinds = {row.unit: row.unit_type for row in rows}
    found = Agreement(learnt=len(early), replayed=len(later), unplaced=len(set(kinds) - set(homes)))
    busy = _busy(rows)
    for call in later:
        _compare(
            call, cards, [_unit(unit, kinds[unit], homes.get(unit)) for unit in kinds], busy, found
        )
    return found


def run_cards(calls: Sequence[Sequence[Row]]) -> Mapping[str, tuple[Want, ...]]:
    """Return the commonest set of unit kinds for each call type; of equals the smaller set."""
    sets: dict[str, Counter[tuple[tuple[str, int], ...]]] = defaultdict(Counter)
    for call in calls:
        sent = Counter(row.unit_type for row in call)
        sets[call[0].call_type][tuple(sorted(sent.items()))] += 1
    return {
        call_type: tuple(
            Want(kinds=(kind,), number=number)
            for kind, number in max(
                seen.items(), key=lambda item: (item[1], -sum(n for _, n in item[0]), item[0])
            )[0]
        )
        for call_type, seen in sets.items()
    }


def usual_places(calls: Sequence[Sequence[Row]]) -> Mapping[str, tuple[float, float]]:
    reached: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for call in calls:
        for row in call:
            if Kind.EN_ROUTE in row.times and Kind.ON_SCENE in row.times:
                took = (row.times[Kind.ON_SCENE] - row.times[Kind.EN_ROUTE]).total_seconds()
                if took >= 0:
                    reached[row.unit].append((took, row.latitude, row.longitude))
    places = {}
    for unit, found in reached.items():
        soonest = sorted(found)[: max(1, len(found) // 4)]
        if len(found) >= FEWEST:
            places[unit] = (median(p[1] for p in soonest), median(p[2] for p in soonest))
    return places


def _compare(
    call: Sequence[Row],
    cards: Mapping[str, tuple[Want, ...]],
    fleet: Sequence[Candidate],
    busy: Mapping[str, list[tuple[datetime, datetime, str]]],
    found: Agreement,
) -> None:
    first = min(call, key=lambda row: (row.times[Kind.DISPATCH], row.line))
    wants = cards.get(first.call_type)
    if wants is None:
        found.no_card += 1
        return
    at = first.times[Kind.DISPATCH]
    inputs = Inputs(
        at=at,
        incident_id="",
        type_code=first.call_type,
        place=Place(adcode=sffd.ADCODE, latitude=first.latitude, longitude=first.longitude),
        wants=wants,
        radius_m=RULES.radius_m,
        candidates=tuple(
            replace(unit, holder=_holder(busy[unit.unit_id], at, first.call)) for unit in fleet
        ),
        rules=RULES,
        fleet=facts_of.Fleet(position=0, age_s=0.0),
    )
    picks = sorted(
        engine.recommend(inputs).picks, key=lambda one: (one.arrival_s or 0, one.unit_id)
    )
    sent = {row.unit for row in call}
    found.sent += len(sent)
    found.recommended += len(picks)
    found.both += sum(one.unit_id in sent for one in picks)
    agreed = bool(picks) and picks[0].unit_id in sent
    found.no_pick += not picks
    found.first_was_sent += agreed
    found.first_was_first += bool(picks) and picks[0].unit_id == first.unit
    found.by_type[first.call_type]["calls"] += 1
    found.by_type[first.call_type]["sent"] += agreed


def _unit(unit_id: str, kind: str, home: tuple[float, float] | None) -> Candidate:
    return Candidate(
        unit_id=unit_id,
        kind=kind,
        latitude=None if home is None else home[0],
        longitude=None if home is None else home[1],
    )


def _busy(rows: Sequence[Row]) -> dict[str, list[tuple[datetime, datetime, str]]]:
    held: dict[str, list[tuple[datetime, datetime, str]]] = defaultdict(list)
    for row in rows:
        start = row.times[Kind.DISPATCH]
        held[row.unit].append((start, row.times.get(Kind.CLEAR, start), row.call))
    return held


def _holder(held: Sequence[tuple[datetime, datetime, str]], at: datetime, call: str) -> str:
    return next((other for start, end, other in held if start <= at < end and other != call), "")


def _received(call: Sequence[Row]) -> datetime:
    return min(row.received for row in call)


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.1%})" if whole else f"{part} of 0"


if __name__ == "__main__":
    print(measure().told())
