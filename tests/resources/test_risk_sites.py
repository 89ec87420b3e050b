"""Which sites are dangerous, who answers for them, and which lie near."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from anlan.resources.v1 import risk_site_service_pb2 as pb
from anlan.resources.v1.risk_site_service_pb2_grpc import RiskSiteServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from services.resources.domain.risk_site import (
    INITIAL,
    RecordPatrol,
    RegisterRiskSite,
    RiskSitePatrolled,
    RiskSiteRegistered,
    RiskSiteRevised,
    decide,
    evolve,
)
from services.runtime.actor import Actor
from services.runtime.rejection import Forbidden
from tests.resources import history
from tests.resources.conftest import Api
from tests.service import Service, request_id
from tests.spec import spec

given = spec(decide, evolve, INITIAL)
register, _, patrol = (command for _, _, command in history.of_sites())
assert isinstance(register, RegisterRiskSite)
assert isinstance(patrol, RecordPatrol)
said: dict[str, Any] = {"site_id": "slope", "occurred_at": register.occurred_at}
registered = RiskSiteRegistered(**said, entry=register.entry)
patrolled = RiskSitePatrolled(
    **said,
    adcode="431281102",
    state=patrol.state,
    finding=patrol.finding,
    patrolled_by=patrol.patrolled_by,
)


def test_a_list_that_is_loaded_twice_changes_nothing() -> None:
    given().when(register).then(registered)
    given(registered).when(register).then()
    other = replace(register.entry, threatened_people=99)
    given(registered).when(replace(register, entry=other)).then(
        RiskSiteRevised(**said, entry=other)
    )


def test_a_site_is_patrolled_by_its_own_region() -> None:
    given().when(patrol).then_refused("NO_SUCH_RISK_SITE")
    given(registered).when(patrol).then(patrolled)
    neighbour = Actor(subject="lu", roles=("registrar",), jurisdiction="431281101")
    for command in (replace(register, by=neighbour), replace(patrol, by=neighbour)):
        with pytest.raises(Forbidden):
            given(registered).when(command).outcome()


async def test_what_lies_near_an_incident_is_found(api: Api, resources: Service) -> None:
    near, far = (f"{name}-{uuid4().hex[:6]}" for name in ("near", "far"))
    async with resources.channel() as channel:
        sites = RiskSiteServiceStub(channel)
        for site_id, latitude in ((near, 27.30), (far, 27.36)):
            written = await sites.RegisterRiskSite(
                pb.RegisterRiskSiteRequest(
                    request_id=request_id(),
                    site_id=site_id,
                    kind=pb.RISK_SITE_KIND_RESERVOIR,
                    name=site_id,
                    place=place_pb2.Place(
                        adcode="431281102",
                        point=place_pb2.Point(latitude=latitude, longitude=110.2),
                    ),
                    responsible="某某",
                    key=site_id == far,
                ),
                metadata=api.registrar.metadata,
            )
        read = read_pb2.ReadOptions(min_position=written.position)

        async def found(**fields: Any) -> list[str]:
            answer = await sites.FindNearestRiskSites(
                pb.FindNearestRiskSitesRequest(
                    point=place_pb2.Point(latitude=27.301, longitude=110.2), read=read, **fields
                ),
                metadata=api.warden.metadata,
            )
            return [one.site.site_id for one in answer.candidates]

        assert await found(limit=2) == [near, far]
        assert await found(within_m=1000) == [near]
        assert await found(filter=pb.RiskSiteFilter(key=True), limit=1) == [far]
