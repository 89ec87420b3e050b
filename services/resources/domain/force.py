"""A force (力量): an organisation that units belong to, and on whose word they may be ordered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.resources.domain import ended_incident
from services.resources.domain.mobilisation import INSURANCE, RECOGNITION, Mobilisation
from services.runtime.actor import Actor

# Commands.  ``rules`` is the table of the day: who may order and approve, and what is required.


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterForce:
    by: Actor
    force_id: str
    name: str
    force_class: str
    adcode: str
    responsible: str
    contact: str
    rules: Mobilisation
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointForceLead:
    by: Actor
    force_id: str
    responsible: str
    contact: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecogniseForce:
    """``level`` is 1 to 3, 1 the highest; ``branches`` are what it was assessed in."""

    by: Actor
    force_id: str
    authority: str
    level: int
    branches: tuple[str, ...]
    document: str
    valid_until: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawRecognition:
    by: Actor
    force_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InsureForce:
    """``people`` is how many the policy covers."""

    by: Actor
    force_id: str
    insurer: str
    policy: str
    people: int
    valid_until: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveMobilisation:
    """``unit_ids`` empty means every unit of the force."""

    by: Actor
    force_id: str
    approval_id: str
    incident_id: str
    unit_ids: tuple[str, ...]
    document: str
    note: str
    valid_until: datetime | None
    rules: Mobilisation
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawMobilisation:
    by: Actor
    force_id: str
    approval_id: str
    reason: str
    rules: Mobilisation
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallUpForce:
    """``override_reason`` says why a force is called up that lacks what its class requires.

    ``heard`` is whether the incident is known to be over.
    """

    by: Actor
    force_id: str
    call_up_id: str
    incident_id: str
    task: str
    override_reason: str
    rules: Mobilisation
    occurred_at: datetime
    heard: ended_incident.Heard = ended_incident.INITIAL


@dataclass(frozen=True, slots=True, kw_only=True)
class StandDownForce:
    by: Actor
    force_id: str
    call_up_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensateForce:
    """``amount_fen`` is in hundredths of a yuan."""

    by: Actor
    force_id: str
    call_up_id: str
    compensation_id: str
    amount_fen: int
    payer: str
    basis: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveForceCallUp:
    """The incident ``source`` was merged into ``incident_id``: no order, but command's news."""

    force_id: str
    call_up_id: str
    source: str
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkForceCallUp:
    """Whether the incident that a force is called up for is ``over``.  Again command's news."""

    force_id: str
    call_up_id: str
    incident_id: str
    over: bool
    occurred_at: datetime


Command = (
    RegisterForce
    | AppointForceLead
    | RecogniseForce
    | WithdrawRecognition
    | InsureForce
    | ApproveMobilisation
    | WithdrawMobilisation
    | CallUpForce
    | StandDownForce
    | CompensateForce
    | MoveForceCallUp
    | MarkForceCallUp
)


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceRegistered:
    force_id: str
    name: str
    force_class: str
    adcode: str
    responsible: str
    contact: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceLeadAppointed:
    force_id: str
    adcode: str
    responsible: str
    contact: str
    previous: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceRecognised:
    force_id: str
    adcode: str
    authority: str
    level: int
    branches: tuple[str, ...]
    document: str
    valid_until: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceRecognitionWithdrawn:
    force_id: str
    adcode: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceInsured:
    force_id: str
    adcode: str
    insurer: str
    policy: str
    people: int
    valid_until: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MobilisationApproved:
    """``rules_version`` names the table by which ``approved_by`` might."""

    force_id: str
    adcode: str
    approval_id: str
    incident_id: str
    unit_ids: tuple[str, ...]
    approved_by: str
    document: str
    note: str
    valid_until: datetime | None
    rules_version: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MobilisationWithdrawn:
    force_id: str
    adcode: str
    approval_id: str
    incident_id: str
    withdrawn_by: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceCalledUp:
    """``lacked`` is what the force should have had and had not; ``mandate`` as of `Mandate`."""

    force_id: str
    adcode: str
    call_up_id: str
    incident_id: str
    task: str
    called_by: str
    mandate: str
    lacked: tuple[str, ...]
    override_reason: str
    rules_version: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceCallUpMoved:
    """Its incident ``from_incident_id`` was merged into ``incident_id``, which the force serves."""

    force_id: str
    adcode: str
    call_up_id: str
    from_incident_id: str
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceCallUpOutlasted:
    """The incident is over and the force still called up: somebody has to stand it down."""

    force_id: str
    adcode: str
    name: str
    call_up_id: str
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceCallUpResumed:
    """The incident that a call-up had outlasted goes on."""

    force_id: str
    adcode: str
    call_up_id: str
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceStoodDown:
    force_id: str
    adcode: str
    call_up_id: str
    incident_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceCompensated:
    """``total_fen`` is all that was paid for the call-up, this payment included."""

    force_id: str
    adcode: str
    call_up_id: str
    incident_id: str
    compensation_id: str
    amount_fen: int
    total_fen: int
    payer: str
    basis: str
    occurred_at: datetime


Event = (
    ForceRegistered
    | ForceLeadAppointed
    | ForceRecognised
    | ForceRecognitionWithdrawn
    | ForceInsured
    | MobilisationApproved
    | MobilisationWithdrawn
    | ForceCalledUp
    | ForceCallUpMoved
    | ForceCallUpOutlasted
    | ForceCallUpResumed
    | ForceStoodDown
    | ForceCompensated
)


# State.


@dataclass(frozen=True, slots=True)
class Approval:
    approval_id: str
    incident_id: str
    unit_ids: tuple[str, ...]
    approved_by: str
    valid_until: datetime | None

    def covers(self, unit_id: str, incident_id: str, at: datetime) -> bool:
        """Whether it lets ``unit_id`` be ordered for an incident; an empty id is the force."""
        return (
            self.incident_id == incident_id
            and (not self.unit_ids or unit_id in self.unit_ids)
            and (self.valid_until is None or at < self.valid_until)
        )


@dataclass(frozen=True, slots=True)
class Payment:
    compensation_id: str
    amount_fen: int
    payer: str
    basis: str


@dataclass(frozen=True, slots=True)
class CallUp:
    """``incident_id`` is the one that it serves; ``called_for`` the one that it was made for.

    ``outlasted_at`` is when that incident ended under it; None while it goes on.
    """

    call_up_id: str
    incident_id: str
    task: str
    overridden: bool
    called_at: datetime
    stood_down_at: datetime | None = None
    payments: tuple[Payment, ...] = ()
    called_for: str = ""
    outlasted_at: datetime | None = None

    @property
    def runs(self) -> bool:
        return self.stood_down_at is None

    def serves(self, incident_id: str) -> bool:
        """Whether it runs for just this incident."""
        return self.runs and self.incident_id == incident_id

    @property
    def paid_fen(self) -> int:
        return sum(payment.amount_fen for payment in self.payments)


@dataclass(frozen=True, slots=True)
class Force:
    registered: ForceRegistered
    recognised: ForceRecognised | None = None
    insured: ForceInsured | None = None
    approvals: dict[str, Approval] = field(default_factory=dict)
    withdrawn: frozenset[str] = frozenset()
    call_ups: dict[str, CallUp] = field(default_factory=dict)

    def lacks(self, rules: Mobilisation, at: datetime) -> tuple[str, ...]:
        """Return what its class requires and it does not have, or has no longer."""
        until = {
            RECOGNITION: self.recognised.valid_until if self.recognised else None,
            INSURANCE: self.insured.valid_until if self.insured else None,
        }
        return lacking(rules.of(self.registered.force_class).requires, until, at)


def lacking(
    requires: tuple[str, ...], until: Mapping[str, datetime | None], at: datetime
) -> tuple[str, ...]:
    """Return what of ``requires`` does not hold at an instant; ``until`` says how long it does."""
    held = {need for need, end in until.items() if end is not None and at < end}
    return tuple(need for need in requires if need not in held)


State = Force | None
INITIAL: State = None
