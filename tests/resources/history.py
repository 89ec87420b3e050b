"""One night in every kind of fact that this service keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid5

from services.resources.codec import (
    DEPOT,
    DEVICE,
    EXPERT,
    FORCE,
    HAZARD_AREA,
    LANDING_POINT,
    PLOT,
    RELIEF,
    RISK_SITE,
    SHELTER,
    STOCK,
    SUPPLY_REQUEST,
    TRANSFER,
    UNIT,
)
from services.resources.domain import (
    depot,
    device,
    expert,
    force,
    hazard_area,
    landing_point,
    plot,
    relief,
    risk_site,
    route,
    shelter,
    supply_request,
    transfer,
    unit,
    unit_make,
    unit_roster,
    unit_status,
    whereabouts,
)
from services.resources.domain import stock_commands as stock
from services.resources.domain.lots import Portion
from services.resources.domain.mobilisation import Mobilisation
from services.resources.domain.vocabulary import Standing
from services.runtime import reference
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.decider import Decider
from services.runtime.handle import CommandHandler
from services.runtime.place import Place
from services.runtime.settings import REPOSITORY
from services.runtime.store import EventStore
from tests.resources.world import START

LI = Actor(subject="commander.li", roles=("administrator",), jurisdiction="431281")
HOME = Place(adcode="431281102", address="安江镇", latitude=27.3194, longitude=110.1031)
MINUTE = timedelta(minutes=1)
DAWN = START + timedelta(hours=2)
DAY = date(2026, 6, 30)

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
        *_kept(first),
    ]
    return [(UNIT, command.unit_id, command) for command in commands]


def _kept(said: dict[str, Any]) -> list[Any]:
    """Return what is said of one unit: what it is, who is on it, and its word."""
    paper = unit_roster.Qualification("boat_master", "1", START + MINUTE)
    return [
        unit_make.ClassifyUnit(
            **said, type="boat_1", attributes=("amphibious",), minimum_staffing=2, vocabulary="1"
        ),
        unit_make.AttachUnit(**said, force_id="blue-sky", force_class="social"),
        unit_make.EquipUnit(**said, item="救生衣", quantity=8, note=""),
        unit_roster.AssignCrew(**said, member=unit_roster.Member("wu", "吴某", "", (paper,))),
        unit_roster.ScheduleShift(
            **said,
            shift_id="night",
            starts_at=START,
            ends_at=START + 9 * MINUTE,
            member_ids=("wu",),
        ),
        unit_roster.KeepTime(unit_id=said["unit_id"], now=START + MINUTE),
        unit_status.SetUnitStatus(
            **said,
            word="用餐",
            codes=("Meal",),
            standing=Standing.CONDITIONAL,
            reassignable=False,
            source=unit_status.Source.CREW,
            vocabulary="1",
        ),
        unit_roster.RestUnit(
            **{**said, "unit_id": "boat-2"}, until=START + 60 * MINUTE, reason="轮换"
        ),
    ]


def of_forces() -> list[Act]:
    rules = reference.load(REPOSITORY / "reference", "mobilisation", Mobilisation)
    mayor = Actor(subject="mayor.chen", roles=("leader",), jurisdiction="431281")
    said: dict[str, Any] = {"by": mayor, "force_id": "blue-sky", "occurred_at": START}
    commands: list[force.Command] = [
        force.RegisterForce(
            **said,
            name="蓝天",
            force_class="social",
            adcode="431281",
            responsible="贺",
            contact="",
            rules=rules,
        ),
        force.RecogniseForce(
            **said,
            authority="市局",
            level=2,
            branches=("water_search",),
            document="",
            valid_until=START + 60 * MINUTE,
        ),
        force.ApproveMobilisation(
            **said,
            approval_id="ap1",
            incident_id="flood",
            unit_ids=(),
            document="",
            note="",
            valid_until=None,
            rules=rules,
        ),
        force.CallUpForce(
            **said,
            call_up_id="c1",
            incident_id="flood",
            task="转移",
            override_reason="被困",
            rules=rules,
        ),
        force.CompensateForce(
            **said,
            call_up_id="c1",
            compensation_id="v1",
            amount_fen=100,
            payer="财政局",
            basis="误工",
        ),
        *(
            force.MarkForceCallUp(
                force_id="blue-sky",
                call_up_id="c1",
                incident_id="flood",
                over=over,
                occurred_at=START,
            )
            for over in (True, False, True)
        ),
        force.MoveForceCallUp(
            force_id="blue-sky",
            call_up_id="c1",
            source="flood",
            incident_id="great-flood",
            occurred_at=START,
        ),
    ]
    return [(FORCE, "blue-sky", command) for command in commands]


def of_stocks() -> list[Act]:
    said: dict[str, Any] = {"depot_id": "north", "item": "bag", "occurred_at": START}
    legs = (
        route.Leg(stop=route.Stop(name="渡口", place=HOME), carrier="湘N12345"),
        route.Leg(stop=route.Stop(depot_id="south"), carrier="冲锋舟"),
    )
    sent: dict[str, Any] = {"to_depot_id": "south", "incident_id": "flood", "legs": legs}
    road: dict[str, Any] = {
        "item": "bag",
        "quantity": 40,
        "lots": (Portion(lot_id="a", quantity=40, expires_on=DAY, origin="省"),),
        "from_depot_id": "north",
        "supply_request_id": "s1",
        "waybill": "w1",
        **sent,
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
    counted: dict[str, Any] = {"counted_by": "sun", "witnessed_by": "qi"}
    for command in (
        stock.SetMinimumStock(**said, minimum=50, set_by="sun"),
        stock.ReceiveStock(**said, quantity=60, origin="省", lot_id="a", expires_on=DAY),
        stock.ReceiveStock(**said, quantity=40, origin="省"),
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
        stock.ShipStock(
            **said, **sent, quantity=40, transfer_id="t1", supply_request_id="s1", waybill="w1"
        ),
        stock.ShipStock(**said, **sent, quantity=1, transfer_id="t2"),
        stock.UndoShipment(**said, transfer_id="t2"),
        stock.WriteOffStock(**said, quantity=3, reason="霉变"),
        stock.CountStock(
            **said,
            **counted,
            stocktake_id="c1",
            counted=0,
            lots=(("a", 12), ("", 39)),
            reason="错发",
        ),
        stock.ExpireLots(**said, day=DAY + timedelta(days=1)),
    ):
        acts.append((STOCK, "north.bag", command))  # noqa: PERF401
    at: dict[str, Any] = {"transfer_id": "t1", "occurred_at": START}
    receipt: dict[str, Any] = {"received": 30, "lost": 1, "damaged": 1, "reason": "落水", **at}
    arrival: dict[str, Any] = {"depot_id": "south", "item": "bag", "from_depot_id": "north"}
    return [
        *acts,
        (TRANSFER, "t1", transfer.StartTransfer(transfer_id="t1", **road)),
        (
            TRANSFER,
            "t1",
            transfer.HandOverTransfer(
                **at,
                leg=1,
                counted=38,
                lost=2,
                damaged=0,
                reason="翻车",
                handed_by="王师傅",
                taken_by="qi",
            ),
        ),
        (
            TRANSFER,
            "t1",
            transfer.DepartTransfer(**at, leg=2, carrier="", expected_at=None),
        ),
        (
            TRANSFER,
            "t1",
            transfer.DivertTransfer(
                **at,
                to_depot_id="",
                incident_id="fire",
                supply_request_id="",
                legs=(),
                reason="桥断",
                diverted_by="zhao",
            ),
        ),
        (TRANSFER, "t1", transfer.TurnBackTransfer(**at, reason="路断", turned_by="zhao")),
        (
            TRANSFER,
            "t1",
            transfer.DivertTransfer(
                **at,
                to_depot_id="south",
                incident_id="flood",
                supply_request_id="",
                legs=(),
                reason="路通了",
                diverted_by="zhao",
            ),
        ),
        (
            TRANSFER,
            "t1",
            transfer.ReceiveTransfer(**receipt, said_by="qi", receipt_number="r1"),
        ),
        (
            STOCK,
            "south.bag",
            stock.TakeInShipment(
                **arrival,
                **receipt,
                receipt=1,
                lots=(Portion(lot_id="a", quantity=30, expires_on=DAY, origin="省"),),
            ),
        ),
    ]


def of_requests() -> list[Act]:
    by: dict[str, Any] = {"by": LI, "supply_request_id": "s1", "occurred_at": START}
    about: dict[str, Any] = {"supply_request_id": "s1", "occurred_at": START}

    def asked(id_: str) -> supply_request.SubmitSupplyRequest:
        return supply_request.SubmitSupplyRequest(
            **{**by, "supply_request_id": id_},
            item="bag",
            quantity=50,
            unit="条",
            item_class="3010101",
            incident_id="flood",
            need_id="n1",
            place=HOME,
            to_depot_id="south",
            needed_by=None,
            note="堵口",
        )

    commands: list[Any] = [
        asked("s1"),
        supply_request.ApproveSupplyRequest(**by, quantity=40, reason="不够"),
        supply_request.AcceptSupplyRequest(**by, depot_id="north", note=""),
        *(
            supply_request.CommitSupplies(
                **by, commitment_id=id_, depot_id="north", quantity=quantity, expected_at=None
            )
            for id_, quantity in (("c1", 30), ("c2", 10))
        ),
        supply_request.WithdrawCommitment(**about, commitment_id="c2", reason="进水"),
        supply_request.NoteShipment(**about, transfer_id="t1", depot_id="north", quantity=20),
        supply_request.NoteDelivery(**about, transfer_id="t1", count="leg 1", received=0, lost=2),
        supply_request.NoteDiversion(**about, transfer_id="t1", quantity=10),
        supply_request.NoteDelivery(
            **about, transfer_id="t1", count="receipt 1", received=8, lost=0
        ),
        supply_request.CompleteSupplyRequest(**by, reason="够了"),
        asked("s2"),
        supply_request.DeclineSupplyRequest(**{**by, "supply_request_id": "s2"}, reason="重复"),
        asked("s3"),
        supply_request.CancelSupplyRequest(**{**by, "supply_request_id": "s3"}, reason="退水"),
    ]
    return [(SUPPLY_REQUEST, command.supply_request_id, command) for command in commands]


def of_shelters() -> list[Act]:
    said: dict[str, Any] = {"by": LI, "shelter_id": "school", "occurred_at": START}
    gym = {**said, "shelter_id": "gym"}
    whole: dict[str, Any] = {"group_id": "h1", "people": 0, "care": shelter.NO_CARE, "reason": ""}
    here: dict[str, Any] = {"shelter_id": "school", "occurred_at": START}
    need: dict[str, Any] = {"item": "奶粉", "quantity": 6, "unit": "罐", "note": ""}
    inspected: dict[str, Any] = {"inspector": "镇应急办", "findings": ""}
    commands: list[shelter.Command] = [
        shelter.RegisterShelter(**said, name="学校", place=HOME, capacity=10),
        shelter.InspectShelter(**said, result=shelter.Result.FIT, **inspected),
        shelter.OpenShelter(**said, incident_id="flood", warden="he"),
        shelter.RegisterShelter(**gym, name="体育馆", place=HOME, capacity=5),
        shelter.OpenShelter(**gym, incident_id="flood", warden="he"),
        shelter.AdmitPeople(**said, group_id="h1", people=4, from_adcode="", head="向"),
        shelter.RaiseShelterNeed(**said, need_id="n1", needed_by=None, **need),
        shelter.SendPeopleOn(**said, move_id="m1", to_shelter_id="gym", **whole),
    ]
    moved = shelter.PeopleSentOn(
        **here,
        adcode=HOME.adcode,
        incident_id="flood",
        move_id="m1",
        to_shelter_id="gym",
        group_id="h1",
        people=4,
        head="向",
        care=shelter.NO_CARE,
        from_adcode="",
        reason="",
        occupancy=0,
        vacancies=10,
    )
    commands += [
        shelter.TakePeopleOver(shelter_id="gym", sent=moved),
        shelter.CompleteMove(**here, move_id="m1"),
        shelter.AdmitPeople(**said, group_id="h2", people=2, from_adcode=""),
        shelter.SendPeopleOn(
            **said, move_id="m2", to_shelter_id="gym", **whole | {"group_id": "h2"}
        ),
        shelter.TakePeopleOver(
            shelter_id="gym",
            sent=replace(moved, move_id="m2", group_id="h2", people=2),
        ),
        shelter.TurnPeopleBack(**here, move_id="m2", reason="SHELTER_FULL"),
        shelter.DischargePeople(**said, group_id="h2", people=2, destination="家"),
        shelter.CloseShelter(**said),
        shelter.OpenShelter(**said, incident_id="fire", warden="he"),
        shelter.AdmitPeople(**said, group_id="h2", people=3, from_adcode=""),
    ]
    return [(SHELTER, command.shelter_id, command) for command in commands]


def of_relief() -> list[Act]:
    village: dict[str, Any] = {"incident_id": "flood", "adcode": "431281102218"}
    told: dict[str, Any] = {"source": "镇", "note": ""}
    owed = (
        relief.Owed(need=relief.Need.BED, people=4),
        relief.Owed(need=relief.Need.FOOD, people=4),
    )
    affected = relief.RecordVillageAffected(
        by=LI,
        **village,
        households=1,
        people=4,
        owed=owed,
        source="镇",
        within=10 * 60 * MINUTE,
        warn_percent=(50, 80),
        rules_version="1",
        occurred_at=START,
    )
    bed = relief.CountRelief(
        **village,
        need=relief.Need.BED,
        people=4,
        basis=relief.Basis.ADMISSION,
        reference="h1",
        occurred_at=START,
        **told,
    )
    food = replace(bed, need=relief.Need.FOOD, basis=relief.Basis.STATEMENT, reference="s1")
    late = START + 11 * 60 * MINUTE
    commands: list[relief.Command] = [
        bed,
        affected,
        relief.RingRelief(**village, percent=50, occurred_at=START + 5 * 60 * MINUTE),
        relief.RingRelief(**village, percent=80, occurred_at=START + 8 * 60 * MINUTE),
        relief.RingRelief(**village, percent=100, occurred_at=START + 10 * 60 * MINUTE),
        replace(food, occurred_at=late),
        replace(affected, people=6, owed=(owed[0], replace(owed[1], people=6))),
        replace(food, people=2, reference="s2", occurred_at=late),
    ]
    return [(RELIEF, "flood.431281102218", command) for command in commands]


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


def of_sites() -> list[Act]:
    said: dict[str, Any] = {"by": LI, "site_id": "slope", "occurred_at": START}
    entry = risk_site.Entry(
        kind=risk_site.Kind.GEOLOGICAL,
        name="屋背滑坡",
        place=HOME,
        key=True,
        threatened_households=4,
        threatened_people=15,
        responsible="村主任",
        responsible_phone="",
        monitor="",
        monitor_phone="",
        instructions="沿村道向东撤",
        shelter_id="school",
        source="",
    )
    found: dict[str, Any] = {"finding": "裂缝加宽", "patrolled_by": "监测员"}
    return [
        (RISK_SITE, "slope", command)
        for command in (
            risk_site.RegisterRiskSite(**said, entry=entry),
            risk_site.RegisterRiskSite(**said, entry=replace(entry, threatened_people=17)),
            risk_site.RecordPatrol(**said, state=risk_site.Standing.DANGER, **found),
        )
    ]


def of_landing_points() -> list[Act]:
    words = reference.load(REPOSITORY / "reference", "landing_points", landing_point.Vocabulary)
    said: dict[str, Any] = {"by": LI, "landing_point_id": "pitch", "occurred_at": START}
    entry = landing_point.Entry(
        kind="sports_ground",
        name="安江一中操场",
        place=HOME,
        elevation_m=None,
        length_m=100,
        width_m=60,
        surface="artificial_turf",
        max_weight_kg=0,
        night_lighting=True,
        restrictions="北侧有旗杆",
        keeper="门卫",
        keeper_phone="",
        source="",
    )
    register = landing_point.RegisterLandingPoint(**said, entry=entry, vocabulary=words)
    close = landing_point.CloseLandingPoint(**said, reason="积水", expected_open_at=DAWN)
    return [
        (LANDING_POINT, "pitch", command)
        for command in (
            register,
            replace(register, entry=replace(entry, elevation_m=168.5, max_weight_kg=13_000)),
            close,
            replace(close, reason="停放车辆", expected_open_at=None),
            landing_point.OpenLandingPoint(**said, note="车已移走"),
            close,
        )
    ]


def of_experts() -> list[Act]:
    words = reference.load(REPOSITORY / "reference", "experts", expert.Vocabulary)
    paper = expert.Qualification(name="注册安全工程师", certificate="Z1", expires_at=DAWN)
    entry = expert.Entry(
        name="石工",
        adcode="431281",
        types=(expert.Type.ON_SCENE, expert.Type.TECHNICAL),
        fields=("geology", "tailings"),
        organisation="市地质队",
        phone="13900000000",
        second_contact="",
        qualifications=(paper, replace(paper, name="高级工程师", expires_at=None)),
        home=Place(adcode="431200", address="怀化市区"),
        source="",
    )
    acts: list[Act] = []
    for key in ("shi", "tang"):
        said: dict[str, Any] = {"by": LI, "expert_id": key, "occurred_at": START}
        register = expert.RegisterExpert(**said, entry=entry, vocabulary=words)
        away = expert.SetExpertAvailability(
            **said, available=False, reason="出差", expected_back_at=DAWN
        )
        call = expert.CallUpExpert(
            **said,
            call_up_id="c1",
            incident_id="flood",
            type=expert.Type.ON_SCENE,
            task="看滑坡",
            ordered_by="mayor.chen",
        )
        arrive = expert.RecordExpertArrival(**said, call_up_id="", place=HOME)
        release = expert.ReleaseExpert(**said, call_up_id="", reason="任务完成")
        acts += [
            (EXPERT, key, command)
            for command in (
                register,
                replace(register, entry=replace(entry, phone="13900000001")),
                away,
                replace(away, available=True, reason=""),
                call,
                *((arrive, release) if key == "shi" else (release,)),
                replace(call, call_up_id="c2", task="再看一次", ordered_by=""),
                replace(arrive, place=None),
                away,
            )
        ]
    out: dict[str, Any] = {"by": LI, "expert_id": "tang", "occurred_at": DAWN}
    over: dict[str, Any] = {"call_up_id": "c2", "occurred_at": DAWN}
    acts += [
        (
            EXPERT,
            "shi",
            expert.EndExpertCallUp(
                expert_id="shi", **over, incident_id="flood", reason="事件已关闭"
            ),
        ),
        (
            EXPERT,
            "tang",
            expert.MoveExpertCallUp(
                expert_id="tang", **over, source="flood", incident_id="great-flood"
            ),
        ),
        (EXPERT, "tang", expert.ReleaseExpert(**out, call_up_id="c2", reason="天亮换人")),
        (EXPERT, "tang", expert.RetireExpert(**out, reason="退休")),
    ]
    return acts


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
