"""Recommendations as messages, from what was stored of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from anlan.dispatch.v1 import recommendation_pb2 as pb
from services.dispatch.domain.recommendation import gate
from services.dispatch.domain.recommendation.coverage import Gap
from services.dispatch.domain.recommendation.decider import RecommendationMade
from services.dispatch.domain.recommendation.engine import Count, Judged, Result, Shortfall
from services.dispatch.domain.recommendation.inputs import Candidate, Inputs, Verdict
from services.dispatch.servicer import card_messages
from services.runtime import place
from services.runtime.times import to_proto

UNKNOWN = -1.0
VERDICTS = {verdict: pb.Verdict.Value(f"VERDICT_{verdict.name}") for verdict in Verdict}
SHORT = {
    Verdict.HELD: pb.SHORTFALL_REASON_ALL_HELD,
    Verdict.OUT_OF_SERVICE: pb.SHORTFALL_REASON_ALL_OUT_OF_SERVICE,
    Verdict.NOT_AVAILABLE: pb.SHORTFALL_REASON_ALL_OUT_OF_SERVICE,
    Verdict.NOT_STAFFED: pb.SHORTFALL_REASON_UNITS_NOT_STAFFED,
    Verdict.IN_REST_PERIOD: pb.SHORTFALL_REASON_ALL_IN_REST_PERIOD,
    Verdict.NO_POSITION: pb.SHORTFALL_REASON_NO_LOCATION_DATA,
    Verdict.POSITION_TOO_OLD: pb.SHORTFALL_REASON_LOCATIONS_TOO_STALE,
    Verdict.OUTSIDE_RADIUS: pb.SHORTFALL_REASON_OUTSIDE_RADIUS,
}


def recommendation(made: RecommendationMade, result: Result) -> pb.Recommendation:
    """Return a result of the stored inputs: the stored one, or a replay's."""
    asked = made.inputs
    units = {unit.unit_id: unit for unit in asked.candidates}
    message = pb.Recommendation(
        recommendation_id=made.recommendation_id,
        incident_id=made.incident_id,
        type_code=asked.type_code,
        wants=card_messages.want_messages(asked.wants),
        picks=_verdicts(result.picks, units, asked),
        others=_verdicts(result.others, units, asked),
        rest=_rest(asked),
        shortfalls=[_shortfall(short) for short in result.shortfalls],
        uncovered=[_gap(gap) for gap in result.gaps],
        basis=_basis(asked, result),
        requested_by=made.requested_by,
        make_time=to_proto(made.occurred_at),
    )
    place.write(message.place, asked.place)
    if asked.card is not None:
        message.card_reasons.extend(asked.card.reasons)
        message.tied_run_card_ids.extend(asked.card.tied)
        message.instructions = asked.card.instructions
        if (planned := to_proto(asked.card.planned_start_at)) is not None:
            message.planned_start_time.CopyFrom(planned)
    return message


def _verdicts(
    judged: Iterable[Judged], units: Mapping[str, Candidate], asked: Inputs
) -> list[pb.UnitVerdict]:
    return [_verdict(one, units[one.unit_id], asked) for one in judged]


def _verdict(one: Judged, unit: Candidate, asked: Inputs) -> pb.UnitVerdict:
    source = pb.POSITION_SOURCE_UNSPECIFIED
    if unit.latitude is not None:
        live = unit.positioned_at is not None
        source = pb.POSITION_SOURCE_LIVE if live else pb.POSITION_SOURCE_HOME
    return pb.UnitVerdict(
        unit_id=unit.unit_id,
        name=unit.name,
        kind=unit.kind,
        verdict=VERDICTS[one.verdict],
        want=one.want,
        distance_m=UNKNOWN if one.distance_m is None else one.distance_m,
        arrival_s=UNKNOWN if one.arrival_s is None else one.arrival_s,
        routed=unit.routed_s is not None,
        needs_approval=gate.needs_approval(unit, asked),
        position_source=source,
        position_time=to_proto(unit.positioned_at),
        holder=unit.holder,
        held_for_incident_id=unit.held_for,
        position=unit.position,
    )


def _rest(asked: Inputs) -> list[pb.VerdictCount]:
    counts: dict[Verdict, int] = {}
    for rest in asked.rest:
        counts[rest.verdict] = counts.get(rest.verdict, 0) + rest.count
    return [
        pb.VerdictCount(verdict=VERDICTS[verdict], count=count) for verdict, count in counts.items()
    ]


def _shortfall(short: Shortfall) -> pb.Shortfall:
    return pb.Shortfall(
        want=short.want,
        missing=short.missing,
        reason=_why(short.counts),
        counts=[
            pb.VerdictCount(verdict=VERDICTS[one.verdict], count=one.count) for one in short.counts
        ],
    )


def _why(counts: Iterable[Count]) -> pb.ShortfallReason.ValueType:
    """Return the one reason, where one stands for all the units that could have gone."""
    barred = {SHORT[one.verdict] for one in counts if one.verdict in SHORT}
    if len(barred) == 1:
        return barred.pop()
    if barred:
        return pb.SHORTFALL_REASON_SEVERAL
    if any(one.count for one in counts):
        return pb.SHORTFALL_REASON_UNITS_EXHAUSTED
    return pb.SHORTFALL_REASON_NO_CANDIDATES_AVAILABLE


def _gap(gap: Gap) -> pb.CoverageGap:
    return pb.CoverageGap(
        adcode=gap.adcode,
        name=gap.name,
        kinds=gap.kinds,
        minimum=gap.minimum,
        left=gap.left,
        before=gap.before,
        move_ups=[pb.MoveUp(unit_id=one.unit_id, arrival_s=one.arrival_s) for one in gap.move_ups],
    )


def _basis(asked: Inputs, result: Result) -> pb.RecommendationBasis:
    routed = any(unit.routed_s is not None for unit in asked.candidates)
    return pb.RecommendationBasis(
        engine_version=result.engine_version,
        rules_version=asked.rules.version,
        coverage_version=asked.coverage_version,
        run_card_id=asked.card.run_card_id if asked.card else "",
        run_card_version=asked.card.version if asked.card else 0,
        alarm_level=asked.card.alarm_level if asked.card else 0,
        fleet_position=asked.fleet.position,
        fleet_age_s=asked.fleet.age_s,
        travel_method=pb.TRAVEL_METHOD_OSRM if routed else pb.TRAVEL_METHOD_GREAT_CIRCLE,
        routing_fallback=asked.routing_fallback,
    )
