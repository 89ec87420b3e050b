"""One night in every kind of fact that this service keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from services.resources.codec import (
    DEPOT,
    DEVICE,
    HAZARD_AREA,
    PLOT,
    SHELTER,
    STOCK,
    TRANSFER,
    UNIT,
)
from services.resources.domain import (
    depot,
    device,
    hazard_area,
    plot,
    shelter,
    stock,
    transfer,
    unit,
    whereabouts,
)
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.decider import Decider
from services.runtime.handle import CommandHandler
from services.runtime.place import Place
from services.runtime.store import EventStore
from tests.resources.world import START

LI = Actor(subject="commander.li", roles=("administrator",), jurisdiction="431281")
HOME = Place(adcode="431281102", address="安江镇", latitude=27.3194, longitude=110.1031)
MINUTE = timedelta(minutes=1)
DAWN = START + timedelta(hours=2)

Act = tuple[Decider[Any, Any, Any], str, Any]


def of_units() -> list[Act]:
    said: dict[str, Any] = {"by": LI, "occurred_at": START}
    commands: list[Any] = []
    for number in range(3):
        mine = {"unit_id": f"boat-{number}", **said}
        commands += [
            unit.RegisterUnit(
                **mine,
                name="冲锋舟",
                kind="boat",
                capabilities=("swift_water", "night"),
                home=HOME,
                staffing=4,
                contact="",
            ),
            unit.ReserveUnit(
                **mine,
                holder=f"a{number}",
                incident_id="flood",
                ttl=MINUTE,
                override_reason="",
                now=START,
            ),
        ]
    first: dict[str, Any] = {"unit_id": "boat-0", **said}
    commands += [
        unit.ConfirmReservation(**first, holder="a0", now=START),
        unit.ReserveUnit(
            **first,
            holder="a9",
            incident_id="fire",
            ttl=MINUTE,
            override_reason="急",
            now=START,
        ),
        unit.PutUnitOutOfService(**first, reason="漏水", expected_back_at=START + MINUTE),
        unit.ExpireReservation(unit_id="boat-1", now=START + MINUTE),
        unit.ReleaseUnit(unit_id="boat-2", **said, holder="a2", reason="返回"),
        unit.PutUnitInService(**first),
    ]
    return [(UNIT, command.unit_id, command) for command in commands]


def of_stocks() -> list[Act]:
    said: dict[str, Any] = {"depot_id": "north", "item": "bag", "occurred_at": START}
    sent: dict[str, Any] = {"to_depot_id": "south", "incident_id": "flood", "carrier": ""}
    road: dict[str, Any] = {
        "item": "bag",
        "quantity": 40,
        "from_depot_id": "north",
        "to_depot_id": "south",
        "incident_id": "flood",
        "occurred_at": START,
    }
    acts: list[Act] = [
        (
            DEPOT,
            depot_id,
            depot.RegisterDepot(
                by=LI,
                depot_id=depot_id,
                name="库",
                place=HOME,
                keeper="sun",
                occurred_at=START,
            ),
        )
        for depot_id in ("north", "south")
    ]
    for command in (
        stock.ReceiveStock(**said, quantity=100, origin="省"),
        stock.ReserveStock(**said, quantity=50, incident_id="flood"),
        stock.ReleaseStock(**said, quantity=10, incident_id="flood", reason="够了"),
        stock.ConsumeStock(
            **said,
            quantity=10,
            incident_id="flood",
            purpose="安置",
            adcode="431281102218",
            group_id="竹滩一组",
            unit="箱",
            relief="water",
        ),
        stock.ReturnStock(**said, quantity=4, incident_id="flood"),
        stock.ShipStock(**said, **sent, quantity=40, transfer_id="t1"),
        stock.ShipStock(**said, **sent, quantity=1, transfer_id="t2"),
        stock.UndoShipment(**said, transfer_id="t2"),
        stock.WriteOffStock(**said, quantity=3, reason="霉变"),
    ):
        acts.append((STOCK, "north.bag", command))  # noqa: PERF401
    receipt: dict[str, Any] = {"received": 30, "lost": 2, "reason": "落水", "occurred_at": START}
    arrival: dict[str, Any] = {"depot_id": "south", "item": "bag", "from_depot_id": "north"}
    return [
        *acts,
        (TRANSFER, "t1", transfer.StartTransfer(transfer_id="t1", **road)),
        (TRANSFER, "t1", transfer.ReceiveTransfer(transfer_id="t1", **receipt)),
        (
            STOCK,
            "south.bag",
            stock.TakeInShipment(transfer_id="t1", receipt=1, **arrival, **receipt),
        ),
    ]


def of_shelters() -> list[Act]:
    said: dict[str, Any] = {"by": LI, "shelter_id": "school", "occurred_at": START}
    return [
        (SHELTER, "school", command)
        for command in (
            shelter.RegisterShelter(**said, name="学校", place=HOME, capacity=10),
            shelter.OpenShelter(**said, incident_id="flood", warden="he"),
            shelter.AdmitPeople(**said, group_id="h1", people=4, from_adcode=""),
            shelter.DischargePeople(**said, group_id="h1", people=4, destination="家"),
            shelter.CloseShelter(**said),
            shelter.OpenShelter(**said, incident_id="fire", warden="he"),
            shelter.AdmitPeople(**said, group_id="h2", people=3, from_adcode=""),
        )
    ]


def of_places() -> list[Act]:
    """Return what is told of whereabouts, once `of_units` is there."""
    said: dict[str, Any] = {"by": LI, "occurred_at": START}
    ring = ((110.0, 27.2), (110.2, 27.2), (110.2, 27.4), (110.0, 27.4), (110.0, 27.2))
    phone: dict[str, Any] = {"device_id": "phone", **said}
    dyke: dict[str, Any] = {"hazard_area_id": "dyke", **said, "reason": "管涌"}
    boat: dict[str, Any] = {
        "unit_id": "boat-0",
        "incident_id": "flood",
        "latitude": 27.3194,
        "longitude": 110.1031,
        "source": "phone",
        "occurred_at": START,
    }
    cross: dict[str, Any] = {**boat, "hazard_area_id": "dyke"}
    flood: dict[str, Any] = {"incident_id": "flood", "occurred_at": START}
    noted = whereabouts.NotePosition(**boat, accuracy_m=8.0, fixed_at=START, because="UnitReserved")
    registered = device.RegisterDevice(
        **phone,
        unit_id="boat-0",
        adcode="431281102",
        secret_digest="d",
        description="手机",
    )
    declared = hazard_area.DeclareHazardArea(
        **dyke,
        name="大堤",
        kind="flood",
        adcode="431281102",
        incident_id="flood",
        rings=(ring,),
        ends_at=None,
    )
    return [
        (UNIT, "boat-0", noted),
        (DEVICE, "phone", registered),
        (DEVICE, "phone", device.RevokeDevice(**phone, reason="遗失")),
        (DEVICE, "phone", replace(registered, unit_id="boat-1")),
        (HAZARD_AREA, "dyke", declared),
        (HAZARD_AREA, "gate", replace(declared, hazard_area_id="gate")),
        (UNIT, "boat-0", whereabouts.EnterHazardArea(**cross, accuracy_m=None)),
        (
            UNIT,
            "boat-1",
            whereabouts.EnterHazardArea(**{**cross, "unit_id": "boat-1"}, accuracy_m=5.0),
        ),
        (UNIT, "boat-0", whereabouts.LeaveHazardArea(**cross, why=whereabouts.Left.MOVED)),
        (HAZARD_AREA, "dyke", hazard_area.RedrawHazardArea(**dyke, rings=(ring,), ends_at=DAWN)),
        (HAZARD_AREA, "gate", hazard_area.LiftHazardArea(**{**dyke, "hazard_area_id": "gate"})),
        (
            PLOT,
            "flood",
            plot.ChangePlot(**flood, aspect=plot.Aspect.GRADE, value="major", version=3),
        ),
        (
            PLOT,
            "flood",
            plot.PlotIncident(**flood, title="洪水", type_code="11A", place=HOME, version=1),
        ),
    ]


async def live(store: EventStore, acts: list[Act]) -> int:
    """Obey the commands one after the other; return the position of the last."""
    handlers: dict[str, CommandHandler[Any, Any, Any]] = {}
    position = 0
    for number, (decider, key, command) in enumerate(acts):
        handler = handlers.setdefault(decider.category, CommandHandler(store, decider))
        command_id = uuid5(UUID(int=0), f"{decider.category} {number}")
        cause = Cause(
            command_id=command_id,
            causation_id=str(command_id),
            correlation_id="flood",
            actor=LI,
        )
        position = (await handler.handle(key, command, cause)).position
    return position
