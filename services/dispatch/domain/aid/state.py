"""Mutual aid as it stands: who replied what, which units are lent, what covers what was asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.dispatch.domain.aid.events import (
    AidAnswered,
    AidAnswerOverdue,
    AidCommitted,
    AidEnded,
    AidExtensionAnswered,
    AidExtensionRequested,
    AidMoved,
    AidOffered,
    AidRequested,
    AidRequisitioned,
    AidReturnAnswered,
    AidReturnRequested,
    AidStatusRequested,
    AidTermEnded,
    AidUnitReported,
    AidUnitsReleased,
    Authority,
    Direction,
    Ending,
    Event,
    Item,
    Reply,
    Unit,
    UnitState,
)


class Standing(StrEnum):
    """How far it has come.  No reply makes a difference here: only named units do."""

    REQUESTED = "requested"
    OFFERED = "offered"
    DECLINED = "declined"
    PARTLY_COMMITTED = "partly_committed"
    COMMITTED = "committed"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    EXPIRED = "expired"


LIVE = (UnitState.COMMITTED, UnitState.EN_ROUTE, UnitState.ARRIVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lent:
    """A unit that was committed; ``at`` is when it came into its state, as it was said."""

    helper: str
    unit: Unit
    state: UnitState
    at: datetime
    note: str = ""
    ever_arrived: bool = False

    @property
    def is_live(self) -> bool:
        return self.state in LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """``requisitioned`` are numbers by item.  What is ``asked`` was not answered yet."""

    authority: Authority
    until: datetime
    reply: Reply | None = None
    replied_at: datetime | None = None
    reason: str = ""
    requisitioned: dict[str, int] = field(default_factory=dict)
    extension_asked: datetime | None = None
    return_asked: tuple[str, ...] = ()
    return_reason: str = ""
    term_rung: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Aid:
    """``units`` by helper and the unit's own name, see `lent_key`.

    ``reply_due_at`` is None once it was rung, and of an offer.
    """

    aid_id: str
    incident_id: str
    adcode: str
    direction: Direction
    offered: bool
    requester: Authority
    items: dict[str, Item]
    until: datetime
    helpers: dict[str, Helper]
    rings: bool
    reply_due_at: datetime | None
    reply_overdue: bool = False
    units: dict[str, Lent] = field(default_factory=dict)
    ending: Ending | None = None
    end_reason: str = ""

    def live(self, helper: str) -> list[Lent]:
        return [lent for lent in self.units.values() if lent.helper == helper and lent.is_live]

    def committed(self, item_id: str) -> int:
        return sum(lent.is_live and lent.unit.item_id == item_id for lent in self.units.values())

    def arrived(self, item_id: str) -> int:
        return sum(
            lent.state is UnitState.ARRIVED and lent.unit.item_id == item_id
            for lent in self.units.values()
        )

    @property
    def is_covered(self) -> bool:
        return all(self.committed(key) >= item.quantity for key, item in self.items.items())

    @property
    def over_committed(self) -> bool:
        return any(self.committed(key) > item.quantity for key, item in self.items.items())

    @property
    def outstanding(self) -> tuple[str, ...]:
        """Who has neither committed anything nor declined."""
        return tuple(
            adcode
            for adcode, helper in self.helpers.items()
            if helper.reply is not Reply.DECLINE and not self.live(adcode)
        )

    @property
    def awaits_answer(self) -> bool:
        return bool(self.outstanding) and not self.is_covered

    @property
    def is_overdue(self) -> bool:
        return self.reply_overdue and self.awaits_answer

    @property
    def term_ended(self) -> bool:
        return any(one.term_rung and bool(self.live(key)) for key, one in self.helpers.items())

    @property
    def standing(self) -> Standing:
        if self.ending is not None:
            return Standing(self.ending)
        if self.is_covered:
            return Standing.COMMITTED
        if any(lent.is_live for lent in self.units.values()):
            return Standing.PARTLY_COMMITTED
        if all(helper.reply is Reply.DECLINE for helper in self.helpers.values()):
            return Standing.DECLINED
        ordered = any(helper.requisitioned for helper in self.helpers.values())
        return Standing.OFFERED if self.offered and not ordered else Standing.REQUESTED

    def dues(self) -> Iterable[datetime]:
        """Yield what rings next, if nothing is said before."""
        if self.ending is not None or not self.rings:
            return
        if self.reply_due_at is not None and self.awaits_answer:
            yield self.reply_due_at
        any_live = False
        for adcode, helper in self.helpers.items():
            if self.live(adcode):
                any_live = True
                if not helper.term_rung:
                    yield helper.until
        if not any_live:
            yield self.until


State = Aid | None
INITIAL: State = None


def lent_key(helper: str, unit_id: str) -> str:
    return f"{helper}-{unit_id}"


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case AidRequested():
            helpers = {
                one.adcode: Helper(authority=one, until=event.until) for one in event.recipients
            }
            return _begun(event, helpers, offered=False, reply_due_at=event.reply_due_at)
        case AidOffered():
            offering = Helper(authority=event.helper, until=event.until)
            return _begun(event, {event.helper.adcode: offering}, offered=True, reply_due_at=None)
    if state is None:
        return None
    match event:
        case AidAnswered(late=False):
            return _helper(
                state,
                event.helper,
                reply=event.reply,
                replied_at=event.occurred_at,
                reason=event.reason,
            )
        case AidAnswered() | AidStatusRequested():
            return state
        case AidRequisitioned():
            return _helper(state, event.helper, requisitioned=event.items)
        case AidCommitted():
            return _committed(state, event)
        case AidUnitReported(late=True):
            return state
        case AidUnitReported():
            return _moved(state, event.helper, (event.unit_id,), event.unit_state, event)
        case AidUnitsReleased():
            moved = _moved(state, event.helper, event.unit_ids, UnitState.RELEASED, event)
            return _wanted_no_more(moved, event.helper)
        case AidReturnRequested():
            return _helper(
                state, event.helper, return_asked=event.unit_ids, return_reason=event.reason
            )
        case (
            AidReturnAnswered(reply=Reply.ACKNOWLEDGE)
            | AidExtensionAnswered(reply=Reply.ACKNOWLEDGE)
        ):
            return state
        case AidReturnAnswered():
            return _helper(state, event.helper, return_asked=(), return_reason="")
        case AidExtensionRequested():
            return _helper(state, event.helper, extension_asked=event.until)
        case AidExtensionAnswered(reply=Reply.ACCEPT):
            longer = _helper(
                state, event.helper, extension_asked=None, until=event.until, term_rung=False
            )
            return replace(longer, until=max(longer.until, event.until))
        case AidExtensionAnswered():
            return _helper(state, event.helper, extension_asked=None)
        case AidAnswerOverdue():
            return replace(state, reply_due_at=None, reply_overdue=True)
        case AidTermEnded():
            return _helper(state, event.helper, term_rung=True)
        case AidEnded():
            return replace(state, ending=event.ending, end_reason=event.reason)
        case AidMoved():
            return replace(state, incident_id=event.incident_id)
        case _:
            assert_never(event)


def _begun(
    event: AidRequested | AidOffered,
    helpers: dict[str, Helper],
    *,
    offered: bool,
    reply_due_at: datetime | None,
) -> Aid:
    return Aid(
        aid_id=event.aid_id,
        incident_id=event.incident_id,
        adcode=event.adcode,
        direction=event.direction,
        offered=offered,
        requester=event.requester,
        items={item.item_id: item for item in event.items},
        until=event.until,
        helpers=helpers,
        rings=event.rings,
        reply_due_at=reply_due_at,
    )


def _helper(state: Aid, adcode: str, **changed: object) -> Aid:
    if adcode not in state.helpers:
        return state
    helper = replace(state.helpers[adcode], **changed)  # type: ignore[arg-type]
    return replace(state, helpers={**state.helpers, adcode: helper})


def _committed(state: Aid, event: AidCommitted) -> Aid:
    fresh = {
        lent_key(event.helper, unit.unit_id): Lent(
            helper=event.helper, unit=unit, state=UnitState.COMMITTED, at=event.occurred_at
        )
        for unit in event.units
    }
    before = state.helpers.get(event.helper)
    known = before.replied_at if before is not None else None
    latest = event.occurred_at if known is None else max(known, event.occurred_at)
    named = _helper(
        state, event.helper, reply=Reply.ACCEPT, replied_at=latest, reason="", term_rung=False
    )
    return replace(named, units={**state.units, **fresh})


def _moved(
    state: Aid,
    helper: str,
    unit_ids: Iterable[str],
    to: UnitState,
    event: AidUnitReported | AidUnitsReleased,
) -> Aid:
    note = event.reason if isinstance(event, AidUnitsReleased) else event.note
    moved = {
        key: replace(
            state.units[key],
            state=to,
            at=event.occurred_at,
            note=note,
            ever_arrived=state.units[key].ever_arrived or to is UnitState.ARRIVED,
        )
        for key in (lent_key(helper, unit_id) for unit_id in unit_ids)
        if key in state.units
    }
    return replace(state, units={**state.units, **moved})


def _wanted_no_more(state: Aid, adcode: str) -> Aid:
    """Forget what a helper wanted back that it has got."""
    if adcode not in state.helpers:
        return state
    asked = state.helpers[adcode].return_asked
    live = {lent.unit.unit_id for lent in state.live(adcode)}
    still = tuple(unit_id for unit_id in asked if unit_id in live)
    reason = state.helpers[adcode].return_reason if still else ""
    return _helper(state, adcode, return_asked=still, return_reason=reason)
