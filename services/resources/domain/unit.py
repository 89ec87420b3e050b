"""A unit (力量): whether it can be sent, and who holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.resources.domain import whereabouts
from services.resources.domain.whereabouts import Whereabouts
from services.runtime.actor import Actor
from services.runtime.place import Place

TAKEN_UP = "taken up"

# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterUnit:
    by: Actor
    unit_id: str
    name: str
    kind: str
    capabilities: tuple[str, ...]
    home: Place
    staffing: int
    contact: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PutUnitInService:
    by: Actor
    unit_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PutUnitOutOfService:
    by: Actor
    unit_id: str
    reason: str
    expected_back_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveUnit:
    """``occurred_at`` may be years back; the hold runs out ``ttl`` after ``now``."""

    by: Actor
    unit_id: str
    holder: str
    incident_id: str
    ttl: timedelta
    override_reason: str
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmReservation:
    by: Actor
    unit_id: str
    holder: str
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseUnit:
    by: Actor
    unit_id: str
    holder: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireReservation:
    """Frees the unit of every hold that has run out by ``now``."""

    unit_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveHold:
    """Lets a hold follow its holder, which belongs to ``incident_id`` now."""

    unit_id: str
    holder: str
    incident_id: str
    occurred_at: datetime


Command = (
    RegisterUnit
    | PutUnitInService
    | PutUnitOutOfService
    | ReserveUnit
    | ConfirmReservation
    | ReleaseUnit
    | ExpireReservation
    | MoveHold
    | whereabouts.Command
)


# Events.  Each names the region of the unit's home, so that whoever serves it can listen for it.


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRegistered:
    unit_id: str
    name: str
    kind: str
    capabilities: tuple[str, ...]
    home: Place
    staffing: int
    contact: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPutInService:
    unit_id: str
    adcode: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPutOutOfService:
    unit_id: str
    adcode: str
    reason: str
    expected_back_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReserved:
    """``override_reason`` is empty for the exclusive hold."""

    unit_id: str
    adcode: str
    holder: str
    incident_id: str
    held_by: str
    expires_at: datetime
    override_reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReservationConfirmed:
    unit_id: str
    adcode: str
    holder: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReservationExpired:
    """``occurred_at`` is when the hold ran out, however late that was noticed."""

    unit_id: str
    adcode: str
    holder: str
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReleased:
    unit_id: str
    adcode: str
    holder: str
    incident_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitHoldMoved:
    unit_id: str
    adcode: str
    holder: str
    incident_id: str
    from_incident_id: str
    occurred_at: datetime


HoldEvent = (
    UnitReserved | UnitReservationConfirmed | UnitReservationExpired | UnitReleased | UnitHoldMoved
)
Event = UnitRegistered | UnitPutInService | UnitPutOutOfService | HoldEvent | whereabouts.Event


# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """``expires_at`` is None once confirmed."""

    holder: str
    incident_id: str
    held_by: str
    expires_at: datetime | None
    override_reason: str

    def lapsed(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class OutOfService:
    reason: str
    expected_back_at: datetime | None


@dataclass(frozen=True, slots=True)
class Unit:
    """``holds`` has the exclusive one first, then those that were overridden into place."""

    registered: UnitRegistered
    out_of_service: OutOfService | None = None
    holds: tuple[Hold, ...] = ()
    whereabouts: Whereabouts = field(default_factory=Whereabouts)

    @property
    def adcode(self) -> str:
        return self.registered.home.adcode

    def hold_of(self, holder: str) -> Hold | None:
        return next((hold for hold in self.holds if hold.holder == holder), None)


State = Unit | None
INITIAL: State = None
