"""The rows of the command post, and the chart and the succession that are drawn from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, create_engine, select

from anlan.command.v1 import command_post_service_pb2 as pb
from anlan.events.v1 import incident_events_pb2 as events_pb
from services.command.codec import INCIDENT_CODEC, UNNAMED_TRANSFER
from services.command.domain.incident import decider, organisation, post, transfer
from services.command.domain.incident.roles import Kind
from services.command.projections import COMMAND
from services.command.projections.command_post import HEADQUARTERS, HOLDINGS, TENURES, TRANSFERS
from services.command.projections.incidents import INCIDENTS
from services.command.projections.shared import METADATA
from services.command.relay import public
from services.command.servicer import post_messages
from services.runtime.times import from_proto, to_proto
from tests.command import incidents as known
from tests.command.posted import (
    EVENTS,
    TABLE,
    assigned,
    declined,
    disbanded,
    field,
    founded,
    joined,
    later,
    left,
    relieved,
    taken,
    withdrawn,
)
from tests.command.rows import recorded

BRIEFED = (known.opened, known.established, known.proposed, known.acknowledged)


def folded(events: Sequence[decider.Event]) -> post_messages.Rows:
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.begin() as connection:
        for event in recorded(events):
            COMMAND.apply(connection, event)

        found = post_messages.Rows(
            incident=of(connection, INCIDENTS)[0],
            tenures=of(connection, TENURES),
            transfers=of(connection, TRANSFERS),
            headquarters=of(connection, HEADQUARTERS),
            holdings=of(connection, HOLDINGS),
        )
    engine.dispose()
    return found


def of(connection: Connection, table: Table) -> list[object]:
    return [*connection.execute(select(table).order_by(table.c.position))]


def chart(*events: decider.Event, at: datetime = known.NOW, former: bool = False) -> pb.CommandPost:
    return post_messages.command_post(folded(events), TABLE, at, former=former)


def test_the_chart_is_a_tree_of_headquarters_with_their_heads_first() -> None:
    chief = replace(
        assigned,
        headquarters_id="h2",
        role="field_commander",
        title="现场指挥长",
        effective_at=later(20),
    )
    helper = replace(assigned, headquarters_id="h2", effective_at=later(10))
    gone = replace(
        relieved,
        headquarters_id="h2",
        role="field_commander",
        subject="head.anjiang",
        effective_at=later(20),
    )
    drawn = chart(
        known.opened,
        known.established,
        founded,
        field,
        assigned,
        helper,
        gone,
        replace(chief, subject="chen"),
        at=later(20),
    )

    [general] = drawn.headquarters
    [below] = general.under
    assert (general.kind, general.name) == (pb.HEADQUARTERS_KIND_GENERAL, founded.name)
    assert [holder.title for holder in general.holders] == ["总指挥"]
    assert [holder.subject for holder in below.holders] == ["chen", "chief.wang"]
    assert [holder.role for holder in drawn.holders] == ["rescue_lead"]
    assert (drawn.commander, drawn.place) == ("commander.li", "安江镇政府")


def test_the_chart_of_an_instant_shows_who_was_there_then() -> None:
    history = (
        known.opened,
        known.established,
        founded,
        replace(assigned, effective_at=later(10)),
        replace(joined, effective_at=later(10)),
        replace(relieved, effective_at=later(30)),
        replace(left, effective_at=later(30)),
        replace(disbanded, effective_at=later(40)),
    )

    before, during, after = (chart(*history, at=later(m)) for m in (5, 15, 45))
    assert (len(before.holders), len(during.holders), len(after.holders)) == (0, 1, 0)
    assert not during.holders[0].HasField("until_time")
    assert [member.agency for member in during.unified_command] == ["怀化市消防救援支队"]
    assert (len(during.headquarters), len(after.headquarters)) == (1, 0)
    former = chart(*history, at=later(45), former=True)
    assert from_proto(former.holders[0].until_time) == later(30)
    assert from_proto(former.unified_command[0].until_time) == later(30)
    assert from_proto(former.headquarters[0].close_time) == later(40)
    assert from_proto(former.headquarters[0].holders[0].until_time) == later(40)


def test_the_succession_runs_without_a_gap_from_establishment() -> None:
    passed = replace(known.transferred, effective_at=later(10))
    over = replace(taken, outgoing="mayor.zhang", effective_at=later(30))
    drawn = chart(*BRIEFED, passed, over, at=later(20))

    assert [tenure.commander for tenure in drawn.succession] == [
        "commander.li",
        "mayor.zhang",
        "prefect.hu",
    ]
    assert all(one.to_time == other.from_time for one, other in pairwise(drawn.succession))
    assert not drawn.succession[-1].HasField("to_time")
    assert [tenure.accession for tenure in drawn.succession] == [
        pb.ACCESSION_ESTABLISHED,
        pb.ACCESSION_ACCEPTED,
        pb.ACCESSION_TAKEN,
    ]
    assert (drawn.succession[1].transfer_id, drawn.succession[2].reason) == ("x1", "灾情扩大")
    assert (drawn.commander, drawn.commander_since_time) == (
        "mayor.zhang",
        to_proto(later(10)),
    )


def test_a_transfer_waits_until_its_own_instant() -> None:
    agreed = replace(known.transferred, effective_at=later(60))

    for history, at, state in (
        (BRIEFED[:3], known.NOW, pb.TRANSFER_STATE_PROPOSED),
        (BRIEFED, known.NOW, pb.TRANSFER_STATE_ACKNOWLEDGED),
        ((*BRIEFED, agreed), later(59), pb.TRANSFER_STATE_ACCEPTED),
    ):
        waiting = chart(*history, at=at)
        assert waiting.pending_transfer.state == state
        assert waiting.pending_transfer.details.potential == "坡体仍在动"
        assert waiting.commander == "commander.li"
    done = chart(*BRIEFED, agreed, at=later(60))
    assert not done.HasField("pending_transfer")
    assert done.commander == "mayor.zhang"


def test_what_was_agreed_for_later_and_then_voided_is_in_no_succession() -> None:
    agreed = replace(known.transferred, effective_at=later(60))
    voided = chart(*BRIEFED, agreed, replace(taken, effective_at=later(30)), at=later(45))

    assert [tenure.commander for tenure in voided.succession] == ["commander.li", "prefect.hu"]
    assert not voided.HasField("pending_transfer")
    assert voided.transfers[0].state == pb.TRANSFER_STATE_ACCEPTED


@pytest.mark.parametrize(
    ("ending", "state", "reason"),
    [
        (declined, pb.TRANSFER_STATE_DECLINED, "在另一现场"),
        (withdrawn, pb.TRANSFER_STATE_WITHDRAWN, "险情有变"),
        (taken, pb.TRANSFER_STATE_DISPLACED, ""),
        (
            replace(known.proposed, transfer_id="x2", incoming="chen"),
            pb.TRANSFER_STATE_DISPLACED,
            "",
        ),
    ],
)
def test_a_transfer_tells_how_it_ended(
    ending: decider.Event, state: pb.TransferState.ValueType, reason: str
) -> None:
    first = chart(*BRIEFED, ending).transfers[0]

    assert (first.state, first.end_reason) == (state, reason)
    assert first.HasField("end_time")


def test_an_incident_row_tells_who_commands_at_an_instant() -> None:
    agreed = replace(known.transferred, occurred_at=later(5), effective_at=later(60))
    row = folded((*BRIEFED, agreed)).incident
    waiting = post_messages.pending(row, later(59))

    assert post_messages.commander(row, later(59)) == "commander.li"
    assert post_messages.commander(row, later(60)) == "mayor.zhang"
    assert waiting is not None
    assert (waiting.to, waiting.transfer_id) == ("mayor.zhang", "x1")
    assert from_proto(waiting.accept_time) == later(5)
    assert from_proto(waiting.effective_time) == later(60)
    assert post_messages.pending(row, later(60)) is None
    offered = post_messages.pending(folded(BRIEFED).incident, known.NOW)
    assert offered is not None
    assert offered.HasField("acknowledge_time")
    assert not offered.HasField("accept_time")


def test_the_catalogue_says_what_each_role_may_and_each_act_needs() -> None:
    told = post_messages.catalogue(TABLE)
    roles = {role.role: role for role in told.roles}
    needs = {needed.act: needed for needed in told.requirements}

    assert list(roles["commander_in_chief"].kinds) == [pb.HEADQUARTERS_KIND_GENERAL]
    assert roles["commander_in_chief"].head
    assert not roles["incident_commander"].in_command_post
    assert "decide" in roles["incident_commander"].capabilities
    assert list(needs["SubmitSituationReport"].exempt_roles) == ["service", "duty_officer"]
    assert needs["RecordDecision"].superior
    assert not needs["AcceptTransfer"].capability


def told(event: decider.Event) -> Message:
    """Return what the world hears of an event."""
    [_, recording] = recorded([known.opened, event])
    published = public(recording)
    assert published is not None
    cls: type[Message] = getattr(events_pb, published.type.rpartition(".")[2])
    return cls.FromString(published.payload)


def test_the_world_hears_of_a_transfer_from_its_proposal_to_its_instant() -> None:
    named = replace(known.proposed, effective_at=later(60))
    agreed = replace(known.transferred, effective_at=later(60))

    assert told(named) == events_pb.TransferProposed(
        incident_id="i1",
        transfer_id="x1",
        outgoing="commander.li",
        incoming="mayor.zhang",
        proposed_by="commander.li",
        briefing="两人被困",
        effective_time=to_proto(later(60)),
        occur_time=to_proto(known.NOW),
    )
    assert told(agreed) == events_pb.CommandTransferred(
        incident_id="i1",
        outgoing="commander.li",
        incoming="mayor.zhang",
        occur_time=to_proto(known.NOW),
        effective_time=to_proto(later(60)),
        concerned=["commander.li", "mayor.zhang"],
    )
    assert told(replace(taken, instead_of="chen")) == events_pb.CommandTransferred(
        incident_id="i1",
        outgoing="commander.li",
        incoming="prefect.hu",
        occur_time=to_proto(known.NOW),
        effective_time=to_proto(known.NOW),
        taken=True,
        reason="灾情扩大",
        instead_of="chen",
        concerned=["commander.li", "prefect.hu"],
    )
    for ended in (declined, withdrawn):
        message = told(ended)
        assert isinstance(message, events_pb.TransferDeclined | events_pb.TransferWithdrawn)
        assert (message.outgoing, message.incoming) == ("commander.li", "mayor.zhang")
    [_, quiet] = recorded([known.opened, known.acknowledged])
    assert public(quiet) is None


def test_what_was_stored_before_transfers_had_steps_is_still_told() -> None:
    golden = Path(__file__).with_name("golden")
    old = [
        INCIDENT_CODEC.decode(type_, (golden / f"{type_}.json").read_bytes())
        for type_ in ("CommandEstablished.v1", "TransferProposed.v1", "CommandTransferred.v1")
    ]
    state = decider.there(decider.fold([known.opened, *old], decider.INITIAL))

    assert state is not None
    assert state.post.commander == "mayor.zhang"
    assert [tenure.since for tenure in state.post.succession.tenures] == [
        event.occurred_at for event in (old[0], old[2])
    ]
    waiting = decider.there(decider.fold([known.opened, *old[:2]], decider.INITIAL))
    assert waiting is not None
    reading = replace(known.acknowledge, transfer_id=UNNAMED_TRANSFER)
    assert known.decide(reading, waiting)


facts = st.lists(st.sampled_from([*known.EVENTS[1:-2], *EVENTS]), max_size=12)


def _once(events: Sequence[decider.Event]) -> list[decider.Event]:
    """Give every headquarters an id of its own, and every series its numbers."""
    return [
        replace(event, headquarters_id=f"h{n}", kind=Kind.FIELD)
        if isinstance(event, organisation.HeadquartersEstablished)
        else event
        for n, event in enumerate(events)
        if isinstance(event, post.Event)
    ]


@settings(max_examples=60, deadline=None)
@given(facts, st.integers(0, 90))
def test_the_rows_tell_what_the_log_tells(events: list[decider.Event], minutes: int) -> None:
    spread = [
        replace(event, effective_at=later((n * 37) % 90))
        if isinstance(event, post.CommandEstablished | transfer.CommandTransferred)
        else event
        for n, event in enumerate(_once(events))
    ]
    history = (known.opened, *spread)
    state = decider.there(decider.fold(history, decider.INITIAL))
    assert state is not None
    held = state.post.succession.at(later(minutes))

    drawn = chart(*history, at=later(minutes))

    assert drawn.commander == (held.commander if held is not None else "")
    assert [tenure.commander for tenure in drawn.succession] == [
        tenure.commander for tenure in state.post.succession.tenures
    ]
