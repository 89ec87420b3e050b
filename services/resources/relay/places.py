"""What the world may know of risk sites, landing points and areas of danger."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import hazard_events_pb2 as hazard_pb
from anlan.events.v1 import landing_point_events_pb2 as landing_point_pb
from anlan.events.v1 import risk_site_events_pb2 as risk_site_pb
from services.resources.domain import hazard_area, landing_point, risk_site
from services.resources.servicer import polygons
from services.runtime.times import to_proto


def of_site(event: risk_site.Event) -> tuple[str, Message | None]:
    match event:
        case risk_site.RiskSiteRegistered() | risk_site.RiskSiteRevised():
            return event.entry.place.adcode, None
        case risk_site.RiskSitePatrolled():
            return event.adcode, risk_site_pb.RiskSitePatrolled(
                site_id=event.site_id,
                adcode=event.adcode,
                state=event.state,
                finding=event.finding,
                occur_time=to_proto(event.occurred_at),
            )


def of_landing(event: landing_point.Event) -> tuple[str, Message | None]:
    match event:
        case landing_point.LandingPointRegistered() | landing_point.LandingPointRevised():
            return event.entry.place.adcode, None
        case landing_point.LandingPointClosed():
            return event.adcode, landing_point_pb.LandingPointClosed(
                landing_point_id=event.landing_point_id,
                adcode=event.adcode,
                reason=event.reason,
                expected_open_time=to_proto(event.expected_open_at),
                occur_time=to_proto(event.occurred_at),
            )
        case landing_point.LandingPointOpened():
            return event.adcode, landing_point_pb.LandingPointOpened(
                landing_point_id=event.landing_point_id,
                adcode=event.adcode,
                note=event.note,
                occur_time=to_proto(event.occurred_at),
            )


def of_area(event: hazard_area.Event) -> tuple[str, Message | None]:
    occur_time = to_proto(event.occurred_at)
    match event:
        case hazard_area.HazardAreaDeclared():
            return event.adcode, hazard_pb.HazardAreaDeclared(
                hazard_area_id=event.hazard_area_id,
                name=event.name,
                kind=event.kind,
                reason=event.reason,
                incident_id=event.incident_id,
                polygon=polygons.message(event.rings),
                end_time=to_proto(event.ends_at),
                occur_time=occur_time,
            )
        case hazard_area.HazardAreaRedrawn():
            return event.adcode, hazard_pb.HazardAreaRedrawn(
                hazard_area_id=event.hazard_area_id,
                reason=event.reason,
                incident_id=event.incident_id,
                polygon=polygons.message(event.rings),
                end_time=to_proto(event.ends_at),
                occur_time=occur_time,
            )
        case hazard_area.HazardAreaLifted():
            return event.adcode, hazard_pb.HazardAreaLifted(
                hazard_area_id=event.hazard_area_id,
                incident_id=event.incident_id,
                reason=event.reason,
                occur_time=occur_time,
            )
