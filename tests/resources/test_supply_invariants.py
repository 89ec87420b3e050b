"""No interleaving, crash or repetition makes supplies out of nothing, or lets any vanish."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import func, select

from services.resources.codec import STOCK, SUPPLY_REQUEST, TRANSFER
from services.resources.domain import stock_commands as stock
from services.resources.domain import supply_request, transfer
from services.resources.domain.lots import day_of
from services.resources.domain.route import Leg, Stop, straight
from services.resources.domain.stock import holder
from services.resources.domain.supply_request import Stage
from services.resources.domain.transfer_receipts import receipt
from services.resources.policies.promises import Promises
from services.resources.policies.shipping import Shipping, stock_key
from services.resources.projections import tables
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.decider import Decider
from services.runtime.handle import Written
from services.runtime.place import Place
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection
from tests import machines
from tests.resources.world import START, World

LI = Actor(subject="commander.li", roles=("administrator",), jurisdiction="431281")
HERE = Place(adcode="431281102")
DEPOTS, ITEMS = ["north", "south", "west"], ["bag", "water"]
depots, items = strategies.sampled_from(DEPOTS), strategies.sampled_from(ITEMS)
incidents = strategies.sampled_from(["", "flood", "fire"])
quantities, counts = strategies.integers(1, 20), strategies.integers(0, 20)
lot_names = strategies.sampled_from(["", "a", "b", "c"])
picks = strategies.integers(0, 1000)
crashes = strategies.sampled_from([-1, -1, 0, 1, 2, 3])


class Crash(Exception):
    """The process is gone; what it wrote stays."""


class Counted(World):
    """A world in which the count of every item is held to close after each single event."""

    def happen(
        self, decider: Decider[Any, Any, Any], key: str, event: Any, exercise: str = ""
    ) -> Recorded:
        recorded = super().happen(decider, key, event, exercise)
        for item in ITEMS:
            self.close_count(item)
        return recorded

    def close_count(self, item: str) -> None:
        of, road = tables.stocks.c, tables.transfers.c
        put_in, kept = self.connection.execute(
            select(
                func.coalesce(func.sum(of.received + of.gained), 0),
                func.coalesce(func.sum(of.on_hand + of.in_transit + of.consumed + of.lost), 0),
            ).where(of.item == item)
        ).one()
        arriving = self.connection.execute(
            select(func.coalesce(func.sum(road.arriving), 0)).where(road.item == item)
        ).scalar_one()
        least = self.connection.execute(select(func.min(road.arriving))).scalar_one()
        assert (least or 0) >= 0, f"{item}: more came in than was received"
        assert put_in == kept + arriving, f"{item}: {put_in} put in, {kept} and {arriving} found"


class Handler:
    """Obeys commands in a world as `CommandHandler` does in the store, until the process dies."""

    def __init__(self, machine: Supplies, decider: Decider[Any, Any, Any]) -> None:
        self.machine, self.decider = machine, decider
        self.answered: dict[tuple[str, UUID], Written] = {}

    async def handle(self, key: str, command: Any, cause: Cause, *, etag: str = "") -> Written:
        del etag
        if self.machine.steps_left == 0:
            raise Crash
        self.machine.steps_left -= 1
        if first := self.answered.get((key, cause.command_id)):
            return first
        new = self.machine.world.obey(self.decider, key, command)
        if not new:
            return Written(0, 0)
        event = self.decider.codec.decode(new[-1].type, new[-1].data)
        written = Written(new[-1].revision, new[-1].position, event)
        self.answered[key, cause.command_id] = written
        return written

    async def obeyed(self, key: str, cause: Cause) -> Written | None:
        return self.answered.get((key, cause.command_id))

    async def state(self, key: str) -> Any:
        return self.machine.world.state(self.decider, key)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run what waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")


class Supplies(RuleBasedStateMachine):
    """Three depots, two items, four lots; the process dies between any two steps.

    What the broker would deliver waits in ``news``: in any order, any number of times.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = Counted()
        self.now = START
        self.number = 0
        self.steps_left = -1
        self.news: list[Callable[[], Coroutine[Any, Any, Any]]] = []
        self.stocks, self.transfers, self.requests = (
            Handler(self, decider) for decider in (STOCK, TRANSFER, SUPPLY_REQUEST)
        )
        handlers: Any = (self.stocks, self.transfers, self.requests)
        self.shipping = Shipping(*handlers)
        self.promises = Promises(handlers[2], handlers[0])
        self.sent: list[str] = []
        self.asked: list[str] = []
        for depot in DEPOTS:
            for item in ITEMS:
                self.receive(depot, item, 100, "a", 30, "")
        for item in ITEMS:
            self.ask(item, 40, 40)
            self.promise(0 if item == "bag" else 1, "north", 10, -1)
            for request in (False, True):
                self.ship(
                    "north",
                    "south",
                    item,
                    15,
                    "flood",
                    2,
                    len(self.asked) - 1,
                    -1,
                    for_request=request,
                    taken=False,
                )

    def cause(self) -> Cause:
        self.number += 1
        id_ = uuid5(UUID(int=1), str(self.number))
        return Cause(command_id=id_, causation_id=str(id_), correlation_id="i", actor=LI)

    def serve(self, work: Coroutine[Any, Any, Any], steps: int = -1) -> Any:
        """Serve a request: refused, done, or cut off after so many steps (-1: never)."""
        self.steps_left = steps
        try:
            return run(work)
        except (Rejection, Crash):
            return None
        finally:
            work.close()
            self.steps_left = -1

    def keep(self, command: stock.Command) -> Any:
        key = stock_key(command.depot_id, command.item)
        return self.serve(self.stocks.handle(key, command, self.cause()))

    def of(self, depot: str, item: str) -> dict[str, Any]:
        return {"depot_id": depot, "item": item, "occurred_at": self.now}

    @rule(
        depot=depots,
        item=items,
        quantity=quantities,
        lot=lot_names,
        days=strategies.integers(0, 20),
        waybill=strategies.sampled_from(["", "w1", "w2"]),
    )
    def receive(
        self, depot: str, item: str, quantity: int, lot: str, days: int, waybill: str
    ) -> None:
        expires = day_of(self.now) + timedelta(days=days) if lot else None
        self.keep(
            stock.ReceiveStock(
                **self.of(depot, item),
                quantity=quantity,
                origin="省",
                lot_id=lot,
                expires_on=expires,
                waybill=waybill,
            )
        )

    @rule(depot=depots, item=items, quantity=quantities, incident=incidents.filter(bool))
    def reserve(self, depot: str, item: str, quantity: int, incident: str) -> None:
        of = {**self.of(depot, item), "quantity": quantity, "incident_id": incident}
        self.keep(stock.ReserveStock(**of))

    @rule(depot=depots, item=items, quantity=quantities, incident=incidents.filter(bool))
    def release(self, depot: str, item: str, quantity: int, incident: str) -> None:
        of = {**self.of(depot, item), "quantity": quantity, "incident_id": incident}
        self.keep(stock.ReleaseStock(**of, reason="够了"))

    @rule(
        depot=depots,
        item=items,
        quantity=quantities,
        incident=incidents,
        lots=strategies.lists(lot_names, max_size=2),
        reason=strategies.sampled_from(["", "急"]),
    )
    def consume(
        self, depot: str, item: str, quantity: int, incident: str, lots: list[str], reason: str
    ) -> None:
        self.keep(
            stock.ConsumeStock(
                **self.of(depot, item),
                quantity=quantity,
                incident_id=incident,
                purpose="堵口",
                lot_ids=tuple(lots),
                expired_reason=reason,
            )
        )

    @rule(depot=depots, item=items, quantity=quantities)
    def write_off(self, depot: str, item: str, quantity: int) -> None:
        self.keep(stock.WriteOffStock(**self.of(depot, item), quantity=quantity, reason="霉变"))

    @rule(depot=depots, item=items, quantity=quantities, incident=incidents)
    def take_back(self, depot: str, item: str, quantity: int, incident: str) -> None:
        of = {**self.of(depot, item), "quantity": quantity, "incident_id": incident}
        self.keep(stock.ReturnStock(**of))

    @rule(
        depot=depots,
        item=items,
        counted=strategies.integers(0, 250),
        lots=strategies.dictionaries(lot_names, counts, max_size=4),
        number=strategies.integers(1, 5),
    )
    def take_stock(
        self, depot: str, item: str, counted: int, lots: dict[str, int], number: int
    ) -> None:
        done = self.keep(
            stock.CountStock(
                **self.of(depot, item),
                stocktake_id=f"c{number}",
                counted=counted,
                lots=tuple(lots.items()),
                reason="错发",
                counted_by="sun",
                witnessed_by="qi",
            )
        )
        if done is not None and done.event is not None:
            state = self.world.state(STOCK, stock_key(depot, item))
            assert state.on_hand == (sum(lots.values()) if lots else counted)

    @rule(depot=depots, item=items, minimum=strategies.integers(0, 150))
    def set_minimum(self, depot: str, item: str, minimum: int) -> None:
        self.keep(stock.SetMinimumStock(**self.of(depot, item), minimum=minimum, set_by="sun"))

    @rule(days=strategies.integers(1, 8))
    def days_pass(self, days: int) -> None:
        self.now += timedelta(days=days)
        for depot in DEPOTS:
            for item in ITEMS:
                self.keep(stock.ExpireLots(**self.of(depot, item), day=day_of(self.now)))

    @rule(
        depot=depots,
        to=depots,
        item=items,
        quantity=quantities,
        incident=incidents,
        legs=strategies.integers(1, 3),
        for_request=strategies.booleans(),
        taken=strategies.booleans(),
        pick=picks,
        steps=crashes,
    )
    def ship(
        self,
        depot: str,
        to: str,
        item: str,
        quantity: int,
        incident: str,
        legs: int,
        pick: int,
        steps: int,
        *,
        for_request: bool,
        taken: bool,
    ) -> None:
        id_ = self.sent[pick % len(self.sent)] if taken and self.sent else f"t{self.number}"
        request = self.asked[pick % len(self.asked)] if for_request and self.asked else ""
        stops = [Leg(stop=Stop(name=f"渡口{n}")) for n in range(1, legs)]
        command = stock.ShipStock(
            **self.of(depot, item),
            quantity=quantity,
            to_depot_id=to,
            transfer_id=id_,
            incident_id=incident,
            supply_request_id=request,
            legs=(*stops, *straight(to, "")),
        )
        cause, key = self.cause(), stock_key(depot, item)

        async def served() -> None:
            if request:
                address = supply_request.AddressSupplyRequest(
                    supply_request_id=request, item=item, quantity=quantity, transfer_id=id_
                )
                await self.requests.handle(request, address, cause)
            written = await self.stocks.handle(key, command, cause)
            if written.event is not None:
                self.sent.append(id_)
                self.news.append(lambda: self.shipping.depart(key, id_, cause))
            await self.shipping.depart(key, id_, cause)

        self.serve(served(), steps)

    def transfer(self, pick: int) -> tuple[str, transfer.Transfer | None]:
        """Return one that is on the road, or now and then any."""
        states = {id_: self.world.state(TRANSFER, id_) for id_ in self.sent}
        moving = [id_ for id_, state in states.items() if state is None or state.outstanding]
        among = moving if moving and pick % 5 else self.sent
        id_ = among[pick % len(among)]
        return id_, states[id_]

    @precondition(lambda self: self.sent)
    @rule(pick=picks, lost=counts, damaged=counts, steps=crashes)
    def hand_over(self, pick: int, lost: int, damaged: int, steps: int) -> None:
        id_, state = self.transfer(pick)
        if state is None:
            return
        lost, leg = min(lost, state.outstanding), state.departed
        damaged = min(damaged, state.outstanding - lost)
        command = transfer.HandOverTransfer(
            transfer_id=id_,
            leg=leg,
            counted=state.outstanding - lost - damaged,
            lost=lost,
            damaged=damaged,
            reason="翻车",
            handed_by="王",
            taken_by="qi",
            occurred_at=self.now,
        )
        cause = self.cause()

        async def served() -> None:
            await self.transfers.handle(id_, command, cause)
            self.news.append(lambda: self.shipping.handed_over(id_, leg, cause))
            await self.shipping.handed_over(id_, leg, cause)

        self.serve(served(), steps)

    @precondition(lambda self: self.sent)
    @rule(pick=picks, leg=strategies.integers(1, 4))
    def leave_on_a_leg(self, pick: int, leg: int) -> None:
        id_, _ = self.transfer(pick)
        command = transfer.DepartTransfer(
            transfer_id=id_, leg=leg, carrier="", expected_at=None, occurred_at=self.now
        )
        self.serve(self.transfers.handle(id_, command, self.cause()))

    @precondition(lambda self: self.sent)
    @rule(pick=picks, to=depots, incident=incidents, back=strategies.booleans(), steps=crashes)
    def divert(self, pick: int, to: str, incident: str, steps: int, *, back: bool) -> None:
        id_, _ = self.transfer(pick)
        turned: transfer.Command = (
            transfer.TurnBackTransfer(
                transfer_id=id_, reason="路断", turned_by="zhao", occurred_at=self.now
            )
            if back
            else transfer.DivertTransfer(
                transfer_id=id_,
                to_depot_id=to,
                incident_id=incident,
                supply_request_id="",
                legs=(),
                reason="桥断",
                diverted_by="zhao",
                occurred_at=self.now,
            )
        )
        cause = self.cause()

        async def served() -> None:
            event = (await self.transfers.handle(id_, turned, cause)).event
            if event is not None:
                self.news.append(lambda: self.shipping.diverted(event, cause))
                await self.shipping.diverted(event, cause)

        self.serve(served(), steps)

    @precondition(lambda self: self.sent)
    @rule(
        pick=picks,
        received=counts,
        lost=strategies.integers(0, 5),
        damaged=strategies.integers(0, 5),
        number=strategies.sampled_from(["", "r1", "r2"]),
        all_of_it=strategies.booleans(),
        steps=crashes,
    )
    def take_in(
        self,
        pick: int,
        received: int,
        lost: int,
        damaged: int,
        number: str,
        steps: int,
        *,
        all_of_it: bool,
    ) -> None:
        id_, state = self.transfer(pick)
        if all_of_it and state is not None:
            received = max(0, state.outstanding - lost - damaged)
        self.enter(id_, received, lost, damaged, number, steps)

    def enter(
        self, id_: str, received: int, lost: int, damaged: int, number: str, steps: int
    ) -> None:
        command = transfer.ReceiveTransfer(
            transfer_id=id_,
            received=received,
            lost=lost,
            damaged=damaged,
            reason="落水",
            said_by="qi",
            receipt_number=number,
            occurred_at=self.now,
        )
        cause = self.cause()

        async def served() -> None:
            event = (await self.transfers.handle(id_, command, cause)).event
            if event is None:
                event = receipt(self.world.state(TRANSFER, id_), number)
            count = event.number
            self.news.append(lambda: self.shipping.arrive(id_, count, cause))
            await self.shipping.arrive(id_, count, cause)

        self.serve(served(), steps)

    @precondition(lambda self: self.sent)
    @rule(pick=picks, steps=crashes)
    def another_desk_enters_the_same_receipt(self, pick: int, steps: int) -> None:
        for id_ in self.sent:
            state = self.world.state(TRANSFER, id_)
            numbered = [one for one in state.receipts if one.receipt_number] if state else []
            if numbered:
                same = numbered[pick % len(numbered)]
                self.enter(id_, same.received, same.lost, same.damaged, same.receipt_number, steps)

    @rule(item=items, quantity=quantities, approved=quantities)
    def ask(self, item: str, quantity: int, approved: int) -> None:
        id_ = f"s{len(self.asked) + 1}"
        self.asked.append(id_)
        of: dict[str, Any] = {"by": LI, "supply_request_id": id_, "occurred_at": self.now}
        submit = supply_request.SubmitSupplyRequest(
            **of,
            item=item,
            quantity=quantity,
            unit="条",
            item_class="",
            incident_id="flood",
            need_id="",
            place=HERE,
            to_depot_id="",
            needed_by=None,
            note="",
        )
        approve = supply_request.ApproveSupplyRequest(**of, quantity=approved, reason="不够")
        for command in (submit, approve):
            self.serve(self.requests.handle(id_, command, self.cause()))

    @precondition(lambda self: self.asked)
    @rule(pick=picks, depot=depots, quantity=quantities, steps=crashes)
    def promise(self, pick: int, depot: str, quantity: int, steps: int) -> None:
        id_ = self.asked[pick % len(self.asked)]
        cause = self.cause()
        made = f"c{self.number}"
        command = supply_request.CommitSupplies(
            by=LI,
            supply_request_id=id_,
            commitment_id=made,
            depot_id=depot,
            quantity=quantity,
            expected_at=None,
            occurred_at=self.now,
        )

        async def served() -> None:
            await self.requests.handle(id_, command, cause)
            self.news.append(lambda: self.promises.set_aside(id_, made, cause))
            await self.promises.set_aside(id_, made, cause)

        self.serve(served(), steps)

    @precondition(lambda self: self.asked)
    @rule(
        pick=picks, how=strategies.sampled_from(["withdraw", "complete", "cancel"]), steps=crashes
    )
    def end(self, pick: int, how: str, steps: int) -> None:
        id_ = self.asked[pick % len(self.asked)]
        of: dict[str, Any] = {"supply_request_id": id_, "reason": "够了", "occurred_at": self.now}
        made = list(self.world.state(SUPPLY_REQUEST, id_).commitments)
        command: supply_request.Command
        if how == "complete":
            command = supply_request.CompleteSupplyRequest(**of, by=LI)
        elif how == "cancel":
            command = supply_request.CancelSupplyRequest(**of, by=LI)
        elif made:
            command = supply_request.WithdrawCommitment(**of, commitment_id=made[pick % len(made)])
        else:
            return
        cause, at = self.cause(), self.now

        async def served() -> None:
            await self.requests.handle(id_, command, cause)
            self.news.append(lambda: self.promises.let_go(id_, at, cause))
            await self.promises.let_go(id_, at, cause)

        self.serve(served(), steps)

    @precondition(lambda self: self.news)
    @rule(pick=picks, again=strategies.booleans(), steps=crashes)
    def news_comes(self, pick: int, steps: int, *, again: bool) -> None:
        number = pick % len(self.news)
        told = self.news[number]
        self.serve(told(), steps if again else -1)
        if not again:
            self.news.remove(told)

    @invariant()
    def no_row_is_below_nothing_and_rows_are_what_streams_say(self) -> None:
        rows = self.world.connection.execute(select(tables.stocks)).all()
        lots = self.world.connection.execute(select(tables.lots)).all()
        for row in rows:
            sums = (row.on_hand, row.in_transit, row.received, row.consumed, row.lost, row.gained)
            assert min(sums) >= 0
            assert 0 <= row.reserved <= row.on_hand
            state = self.world.state(STOCK, stock_key(row.depot_id, row.item))
            assert (row.on_hand, row.reserved) == (state.on_hand, state.set_aside)
            assert row.consumed == sum(used.quantity for used in state.consumed.values())
            assert row.below == state.below == (state.usable < state.minimum)
            assert {
                one.lot_id: one.quantity
                for one in lots
                if (one.depot_id, one.item) == (row.depot_id, row.item)
            } == {lot_id: lot.quantity for lot_id, lot in state.lots.items()}
            assert all(lot.quantity > 0 for lot in state.lots.values())

    def teardown(self) -> None:
        """When all news has come at last, nothing is left half done, and nothing is held."""
        for _ in range(2):
            for told in list(self.news):
                self.serve(told())
        for id_ in self.asked:
            done = supply_request.CompleteSupplyRequest(
                by=LI, supply_request_id=id_, reason="够了", occurred_at=self.now
            )
            self.serve(self.requests.handle(id_, done, self.cause()))
            self.serve(self.promises.let_go(id_, self.now, self.cause()))
        connection = self.world.connection
        transfers = connection.execute(select(tables.transfers)).all()
        stocks = connection.execute(select(tables.stocks)).all()
        states = {row.transfer_id: self.world.state(TRANSFER, row.transfer_id) for row in transfers}
        assert all(row.arriving == 0 for row in transfers)
        assert sum(row.in_transit for row in stocks) == sum(
            state.outstanding for state in states.values()
        )
        for row in transfers:
            state = states[row.transfer_id]
            assert row.quantity - row.received - row.lost - row.damaged == state.outstanding
            assert row.closed == (state.outstanding == 0)
        for id_ in self.asked:
            state = self.world.state(SUPPLY_REQUEST, id_)
            if state.stage in {Stage.COMPLETED, Stage.CANCELLED}:
                held = [
                    self.world.state(STOCK, stock_key(depot, item)).reserved.get(holder("", id_), 0)
                    for depot in DEPOTS
                    for item in ITEMS
                ]
                assert not any(held), f"{id_} is over, and {held} are still held for it"
        self.world.close()


def test_the_count_closes() -> None:
    machines.run(Supplies, runs=15, steps=40)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_count_closes_for_long() -> None:
    """In runs long enough for lots to expire and requests to end."""
    assert machines.run(Supplies, runs=100, steps=100) >= 5_000
