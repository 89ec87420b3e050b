"""A unit (力量): whether it can be sent, and who holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.resources.domain import unit_make, unit_roster, unit_status, whereabouts
from services.resources.domain.mobilisation import Mandate
from services.resources.domain.unit_make import Make
from services.resources.domain.unit_roster import Roster
from services.resources.domain.unit_status import Said
from services.resources.domain.vocabulary import Rest
from services.resources.domain.whereabouts import Whereabouts
from services.runtime.actor import Actor
from services.runtime.place import Place

TAKEN_UP = "taken up"
TAKEN_OVER = "taken over"

# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterUnit:
    """Everything from ``type`` on may be said later as well."""

    by: Actor
    unit_id: str
    name: str
    kind: str
    capabilities: tuple[str, ...]
    home: Place
    staffing: int
    contact: str
    occurred_at: datetime
    type: str = ""
    attributes: tuple[str, ...] = ()
    minimum_staffing: int = 0
    vocabulary: str = ""
    force_id: str = ""
    force_class: str = ""


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
    """``occurred_at`` may be years back; the hold runs out ``ttl`` after ``now``.

    ``mandate`` is on what the order rests, if the unit belongs to a force.  With ``from_holder``
    the hold of that holder is taken over as it stands.
    """

    by: Actor
    unit_id: str
    holder: str
    incident_id: str
    ttl: timedelta
    override_reason: str
    occurred_at: datetime
    now: datetime
    mandate: Mandate | None = None
    from_holder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmReservation:
    by: Actor
    unit_id: str
    holder: str
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseUnit:
    """``rest`` is what a unit of its kind is owed after it was out too long."""

    by: Actor
    unit_id: str
    holder: str
    reason: str
    occurred_at: datetime
    rest: Rest | None = None


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
    | unit_make.Command
    | unit_roster.Command
    | unit_status.SetUnitStatus
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
    """``override_reason`` is empty for the exclusive hold.

    ``mandate`` is the basis on which a unit of a force was ordered (see `Mandate`), empty for a
    unit without a force.
    """

    unit_id: str
    adcode: str
    holder: str
    incident_id: str
    held_by: str
    expires_at: datetime
    override_reason: str
    occurred_at: datetime
    mandate: str = ""


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
Event = (
    UnitRegistered
    | UnitPutInService
    | UnitPutOutOfService
    | HoldEvent
    | unit_make.Event
    | unit_roster.Event
    | unit_status.Event
    | whereabouts.Event
)


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
    """``holds`` has the exclusive one first, then those that were overridden into place.

    ``out_since`` is when the first of them was confirmed, and ``said`` the newest status.
    """

    registered: UnitRegistered
    out_of_service: OutOfService | None = None
    holds: tuple[Hold, ...] = ()
    whereabouts: Whereabouts = field(default_factory=Whereabouts)
    out_since: datetime | None = None
    make: Make = field(default_factory=Make)
    roster: Roster = field(default_factory=Roster)
    said: Said | None = None

    @property
    def adcode(self) -> str:
        return self.registered.home.adcode

    def hold_of(self, holder: str) -> Hold | None:
        return next((hold for hold in self.holds if hold.holder == holder), None)


State = Unit | None
INITIAL: State = None
