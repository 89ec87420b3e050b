"""From a question to a recommendation: the card, the fleet, the roads, the engine, the areas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from services.dispatch.domain.mobilisation import Mobilisation
from services.dispatch.domain.recommendation import engine
from services.dispatch.domain.recommendation import inputs as facts_of
from services.dispatch.domain.recommendation.engine import Result
from services.dispatch.domain.recommendation.inputs import Candidate, Coverage, Inputs, Rules
from services.dispatch.domain.run_card.content import Want
from services.dispatch.domain.run_card.matching import Facts
from services.dispatch.policies.cards import Cards, Said
from services.dispatch.policies.fleet import Fleet
from services.dispatch.policies.routing import Routing
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.place import Place
from services.runtime.rejection import Invalid, NotFound, Rejection
from services.runtime.times import to_ms

LOST = frozenset({"UNIT_HELD", "UNIT_OUT_OF_SERVICE", "UNIT_NOT_AVAILABLE", "UNIT_RESTING"})
NEXT = 3
"""How many others the loser of a race is offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """``wants`` stand in place of a card; ``run_card_id`` empty takes the most specific."""

    said: Said
    run_card_id: str
    alarm_level: int
    wants: tuple[Want, ...]
    radius_m: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommending:
    cards: Cards
    fleet: Fleet
    routing: Routing
    rules: Rules
    coverage: Coverage
    mobilisation: Mobilisation
    now: Callable[[], datetime]

    async def answer(self, question: Question, by: Actor, cause: Cause) -> tuple[Inputs, Result]:
        """Return a recommendation and all that it rests on.

        Raises NotFound where no card answers, and Unavailable while no unit is known at all.
        """
        age_s = self.fleet.age_s()
        asks_type = not question.wants and not question.run_card_id
        facts = await self.cards.facts(question.said, cause, typed=asks_type)
        card, wants, radius_m = None, question.wants, 0
        if not wants:
            card, wants, radius_m = await self._card(question, facts)
        asked = Inputs(
            at=to_ms(self.now()),
            incident_id=question.said.incident_id,
            type_code=facts.type_code,
            place=facts.place,
            wants=wants,
            radius_m=question.radius_m or radius_m or self.rules.radius_m,
            candidates=(),
            rules=self.rules,
            coverage_version=self.coverage.version,
            card=card,
            fleet=facts_of.Fleet(position=self.fleet.position, age_s=round(age_s, 1)),
            approval_classes=self.mobilisation.needing_approval(by, facts.place.adcode),
        )
        muster = self.fleet.park(cause.exercise).muster(asked, routed=self.routing.asks)
        first = muster.inputs({})
        routed = await self.routing.times(first)
        if routed.seconds:
            first = muster.inputs(routed.seconds)
        picks, looked = engine.choose(first)
        muster.cover(self.coverage.areas, [one.unit for one in picks])
        inputs = replace(muster.inputs(routed.seconds), routing_fallback=routed.fallback)
        return inputs, engine.recommend(inputs, looked)

    async def _card(
        self, question: Question, facts: Facts
    ) -> tuple[facts_of.Card, tuple[Want, ...], int]:
        tied: tuple[str, ...] = ()
        if question.run_card_id:
            card = await self.cards.named(question.run_card_id, facts.exercise)
            reasons: tuple[str, ...] = ("asked for by its id",)
        else:
            answering = await self.cards.answering(facts)
            if not answering:
                raise NotFound(
                    "NO_RUN_CARD_ANSWERS",
                    f"no run card in force answers type {facts.type_code or '—'} in "
                    f"{facts.place.adcode}: say wants, or publish a card",
                    type_code=facts.type_code,
                    adcode=facts.place.adcode,
                )
            first = answering[0]
            card, reasons = first.card, first.reasons
            tied = tuple(
                one.card.run_card_id
                for one in answering[1:]
                if one.specificity == first.specificity
            )
        level = question.alarm_level or 1
        highest = len(card.content.levels)
        if level > highest:
            raise Invalid(
                "ALARM_LEVEL_UNKNOWN",
                field="alarm_level",
                got=str(level),
                allowed=f"1 to {highest}, the levels of {card.run_card_id}",
            )
        followed = facts_of.Card(
            run_card_id=card.run_card_id,
            version=card.version,
            alarm_level=level,
            reasons=reasons,
            tied=tied,
            planned_start_at=card.content.planned_start_at,
            instructions=card.content.instructions,
        )
        return followed, card.content.wants(level, facts.place.adcode), card.content.radius_m

    def offer(self, refusal: Rejection, unit_id: str, destination: Place) -> Rejection:
        """Return a refusal of a unit with who else of its kind could go, the first to arrive first.

        From memory alone: whoever lost a unit is answered at once.  ``next_best_unit_ids`` and
        ``next_best_arrivals_s`` go side by side; an unknown time is empty.
        """
        found = self.fleet.get(unit_id)
        if refusal.reason not in LOST or found is None:
            return refusal
        exercise, unit = found
        inputs = self._others(exercise, unit, destination)
        chosen, _ = engine.choose(inputs)
        picks, times = [one.unit.unit_id for one in chosen], [one.arrival_s for one in chosen]
        if not picks:
            return Rejection(
                refusal.reason,
                f"{refusal.message}; no other {unit.kind} can go",
                **refusal.context,
                next_best_unit_ids="",
            )
        first = "" if times[0] is None else f" in {times[0] / 60:.0f} min"
        return Rejection(
            refusal.reason,
            f"{refusal.message}; next best: {picks[0]}{first}",
            **refusal.context,
            next_best_unit_ids=",".join(picks),
            next_best_arrivals_s=",".join("" if at is None else f"{at:.0f}" for at in times),
        )

    def _others(self, exercise: str, unit: Candidate, destination: Place) -> Inputs:
        asked = Inputs(
            at=self.now(),
            incident_id="",
            type_code="",
            place=destination,
            wants=(Want(kinds=(unit.kind,), capabilities=unit.capabilities, number=NEXT),),
            radius_m=self.rules.radius_m,
            candidates=(),
            rules=self.rules,
            fleet=facts_of.Fleet(position=self.fleet.position, age_s=0.0),
        )
        others = self.fleet.park(exercise).muster(asked, routed=False).inputs({})
        left = tuple(one for one in others.candidates if one.unit_id != unit.unit_id)
        return replace(others, candidates=left)
