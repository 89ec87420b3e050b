"""One row per relief clock, and per village of which facts came first."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, select, update

from services.resources.codec import RELIEFS
from services.resources.domain import relief
from services.resources.domain.relief import Clock, Fact, Need, Relief
from services.resources.projections import exercises, tables
from services.resources.projections.tables import reliefs
from services.runtime.recorded import Recorded
from services.runtime.times import micros


class State(StrEnum):
    NONE = ""
    RUNNING = "running"
    MISSED = "missed"
    MET = "met"
    MET_LATE = "met_late"


class _Folded(msgspec.Struct):
    clock: Clock | None
    facts: list[tuple[tuple[Need, relief.Basis, str], Fact]]
    met: dict[Need, datetime]


def apply(connection: Connection, recorded: Recorded) -> None:
    event = RELIEFS.decode(recorded.type, recorded.data)
    column = reliefs.c
    mine = and_(column.incident_id == event.incident_id, column.adcode == event.adcode)
    row = connection.execute(select(reliefs).where(mine)).first()
    now = relief.evolve(folded(row) if row else relief.INITIAL, event)
    mark = now.clock.next_mark if now.clock else None
    changed: dict[str, Any] = {
        "folded": _unfold(now),
        "state": state_of(now).value,
        "due_at": micros(now.clock.due_at) if now.clock else None,
        "mark": mark[0] if mark else 0,
        "mark_at": micros(mark[1]) if mark else None,
        "cause_id": str(recorded.id),
        **tables.trace(recorded),
    }
    if isinstance(event, relief.VillageAffected):
        changed |= {"source": event.source, "rules_version": event.rules_version}
    elif isinstance(event, relief.AffectedFiguresRevised):
        changed["source"] = event.source
    if row is None:
        fresh = {
            "incident_id": event.incident_id,
            "adcode": event.adcode,
            "source": "",
            "rules_version": "",
        }
        connection.execute(reliefs.insert(), fresh | changed)
    else:
        connection.execute(update(reliefs).where(mine).values(**changed))
    exercises.tell(connection, recorded, event.occurred_at)


def state_of(now: Relief) -> State:
    clock = now.clock
    if clock is None:
        return State.NONE
    if clock.relieved_at is not None:
        return State.MET_LATE if clock.relieved_at > clock.due_at else State.MET
    return State.MISSED if clock.missed else State.RUNNING


def folded(row: Any) -> Relief:
    found = msgspec.json.decode(row.folded, type=_Folded)
    return Relief(clock=found.clock, facts=dict(found.facts), met=found.met)


def _unfold(now: Relief) -> str:
    kept = _Folded(clock=now.clock, facts=sorted(now.facts.items(), key=_key), met=dict(now.met))
    return msgspec.json.encode(kept, order="sorted").decode()


def _key(item: tuple[tuple[Need, relief.Basis, str], Fact]) -> tuple[Need, relief.Basis, str]:
    return item[0]
