"""Who may move supplies in which depot, asked by every API that does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.resources.domain import depot
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.rejection import Forbidden


@dataclass(frozen=True, slots=True)
class Depots:
    handler: CommandHandler[depot.Command, depot.State, depot.Event]

    async def enter(self, depot_id: str, cause: Cause) -> None:
        """Raise NotFound or Forbidden unless the caller may move supplies in this depot."""
        command = depot.EnterDepot(by=cause.actor, depot_id=depot_id)
        await self.handler.handle(depot_id, command, cause)

    async def enter_either(self, depot_id: str, other_id: str, cause: Cause) -> None:
        """Raise unless the caller may move supplies in one of two depots."""
        try:
            await self.enter(depot_id, cause)
        except Forbidden:
            await self.enter(other_id, cause)

    async def address(self, depot_ids: Iterable[str], cause: Cause) -> None:
        """Raise NotFound unless supplies can be sent to all of these."""
        for depot_id in filter(None, depot_ids):
            await self.handler.handle(depot_id, depot.AddressDepot(depot_id=depot_id), cause)
