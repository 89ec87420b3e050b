"""力量调动权限: which classes of force somebody may order without asking for an approval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.runtime.actor import Actor

LEVELS = ("village", "township", "county", "prefecture", "province", "nation")
DIGITS = {12: "village", 9: "township"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Those with one of ``roles``, at ``level`` of jurisdiction or above, may order."""

    roles: tuple[str, ...]
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Class:
    order: tuple[Orders, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mobilisation:
    """reference/mobilisation.json, as far as dispatch needs it: resources enforce it."""

    version: str
    classes: Mapping[str, Class] = field(default_factory=dict)

    def needing_approval(self, by: Actor, adcode: str) -> tuple[str, ...]:
        """Return the classes that ``by`` may not order directly to a region."""
        height = LEVELS.index(level_of(by.jurisdiction))
        return tuple(
            name
            for name, force in self.classes.items()
            if not by.covers(adcode)
            or not any(
                set(orders.roles) & set(by.roles) and height >= LEVELS.index(orders.level)
                for orders in force.order
            )
        )


def level_of(jurisdiction: str) -> str:
    """Return the level of a GB/T 2260 or GB/T 10114 code."""
    if len(jurisdiction) in DIGITS:
        return DIGITS[len(jurisdiction)]
    zeros = (("000000", "nation"), ("0000", "province"), ("00", "prefecture"))
    return next((level for end, level in zeros if jurisdiction.endswith(end)), "county")
