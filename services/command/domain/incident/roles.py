"""岗位: which roles a command post has, what each may do, and which act needs what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

COMMANDER, MEMBER = "incident_commander", "unified_command_member"


class Kind(StrEnum):
    """Where a role is held: the incident's own command post, or a headquarters of a kind."""

    POST = "post"
    GENERAL = "general"  # 总指挥部
    SPECIAL = "special"  # 专项指挥部
    FIELD = "field"  # 现场指挥部


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadquartersRule:
    """``head`` is the role that leads it; ``under`` are the kinds that it may be subordinate to."""

    name: str
    head: str
    under: tuple[Kind, ...] = ()
    single: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """``at`` is where it can be assigned; nowhere for one that is held by other means."""

    name: str
    capabilities: tuple[str, ...] = ()
    single: bool = False
    at: tuple[Kind, ...] = tuple(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What an act needs of its actor once command is established.

    No ``capability`` means no more than the RPC needs.  ``exempt`` are token roles that may do it
    without a role in the post, ``superior`` lets a superior of the commander do it.  What is
    ``on_record`` only puts down what was done: who might do it then may say so later.
    """

    capability: str = ""
    exempt: tuple[str, ...] = ()
    superior: bool = False
    on_record: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Superiors:
    """Who stands above the commander: a region strictly above theirs, or the holder of a role."""

    higher_jurisdiction: bool
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PostTable:
    """The versioned catalogue.  ``exempt`` are token roles that no requirement binds."""

    version: str
    source: str
    longest_notice_hours: int
    capabilities: Mapping[str, str]
    headquarters: Mapping[Kind, HeadquartersRule]
    roles: Mapping[str, Role]
    exempt: tuple[str, ...]
    superiors: Superiors
    commands: Mapping[str, Requirement]

    def granted(self, roles: Iterable[str]) -> frozenset[str]:
        """Return what the roles together may do; nothing for one that the catalogue has no more."""
        known = (self.roles[role] for role in roles if role in self.roles)
        return frozenset().union(*(role.capabilities for role in known))

    def granting(self, capability: str) -> tuple[str, ...]:
        """Return the roles that would do for ``capability``."""
        return tuple(id_ for id_, role in self.roles.items() if capability in role.capabilities)

    def is_head(self, role: str) -> bool:
        return any(rule.head == role for rule in self.headquarters.values())
