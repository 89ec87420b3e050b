"""Orders to withdraw, by the incident that each is for: nobody is shown them, merges look there."""

from __future__ import annotations

from typing import assert_never

from sqlalchemy import Connection, update

from services.dispatch.codec import WITHDRAWAL_CODEC
from services.dispatch.domain import withdrawal
from services.dispatch.projections.tables import WITHDRAWALS
from services.runtime.recorded import Recorded


def apply(connection: Connection, recorded: Recorded) -> None:
    event = WITHDRAWAL_CODEC.decode(recorded.type, recorded.data)
    row = {"withdrawal_id": recorded.key, "incident_id": event.incident_id}
    match event:
        case withdrawal.WithdrawalOrdered():
            connection.execute(WITHDRAWALS.insert(), row)
        case withdrawal.WithdrawalMoved():
            mine = WITHDRAWALS.c.withdrawal_id == recorded.key
            connection.execute(update(WITHDRAWALS).where(mine).values(**row))
        case _:
            assert_never(event)
