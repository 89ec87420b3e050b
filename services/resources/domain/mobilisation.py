"""Who may order which force (力量调动权限), as versioned data (reference/mobilisation.json)."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.runtime.actor import NATION, Actor
from services.runtime.rejection import Invalid

LEVELS = ("village", "township", "county", "prefecture", "province", "nation")
COUNTY_DIGITS, TOWNSHIP_DIGITS = 6, 9
RECOGNITION, INSURANCE = "recognition", "insurance"


@dataclass(frozen=True, slots=True)
class Office:
    """Anybody with one of these token roles whose jurisdiction is of this level or above."""

    roles: tuple[str, ...]
    level: str

    def holds(self, person: Actor, adcode: str) -> bool:
        """Whether ``person`` holds it over a force of the region ``adcode``."""
        return (
            person.covers(adcode)
            and LEVELS.index(level_of(person.jurisdiction)) >= LEVELS.index(self.level)
            and not set(self.roles).isdisjoint(person.roles)
        )


@dataclass(frozen=True, slots=True)
class ForceClass:
    """``requires`` names what such a force must have, valid, before it is called up."""

    name: str
    order: tuple[Office, ...]
    approve: tuple[Office, ...]
    requires: tuple[str, ...] = ()
    compensated: bool = False


@dataclass(frozen=True, slots=True)
class Mobilisation:
    """The table.  ``levels``, ``roles`` and ``branches`` say codes in people's words."""

    version: str
    source: str
    levels: dict[str, str]
    roles: dict[str, str]
    branches: dict[str, str]
    classes: dict[str, ForceClass] = field(default_factory=dict)

    def of(self, class_: str) -> ForceClass:
        """Return the rules of a class.  Raises Invalid for one that is not in the table."""
        if class_ not in self.classes:
            raise Invalid(
                "FORCE_CLASS_UNKNOWN",
                field="force_class",
                got=class_,
                allowed=", ".join(self.classes),
            )
        return self.classes[class_]

    def may_order(self, class_: str, adcode: str, person: Actor) -> bool:
        return any(office.holds(person, adcode) for office in self.of(class_).order)

    def may_approve(self, class_: str, adcode: str, person: Actor) -> bool:
        """Whether the order of another may rest on this person's approval."""
        rules = self.of(class_)
        return any(office.holds(person, adcode) for office in (*rules.approve, *rules.order))

    def approvers(self, class_: str) -> str:
        """Return who may approve, in words, e.g. ``县（市、区）级 政府负责人、指挥长``."""
        return "；".join(
            f"{self.levels.get(office.level, office.level)} "
            f"{'、'.join(self.roles.get(role, role) for role in office.roles)}"
            for office in self.of(class_).approve
        )


def level_of(adcode: str) -> str:
    """Return the level of a region by its code (GB/T 2260, GB/T 10114)."""
    if len(adcode) > TOWNSHIP_DIGITS:
        return "village"
    if len(adcode) > COUNTY_DIGITS:
        return "township"
    if adcode == NATION:
        return "nation"
    if adcode.endswith("0000"):
        return "province"
    return "prefecture" if adcode.endswith("00") else "county"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """On what an order of a force's unit rests, as its force stood when it was given.

    ``basis`` is ``direct`` for whoever may order it, ``approval ID`` or ``call-up ID``, and empty
    where there is nothing.  ``lacks`` is what the force should have and has not.
    """

    force_id: str
    force_name: str
    basis: str
    lacks: tuple[str, ...]
    approvers: str
