"""Any sequence of writes: the node answers as the model does, and holds what the model holds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from esdbclient import EventStoreDBClient, NewEvent, StreamState
from esdbclient.exceptions import FailedPrecondition, NotFound, StreamIsDeleted, WrongCurrentVersion
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests import machines
from tests.eventstore.model import DELETED, Model, Version
from tests.node import Node

STATES = {
    "any": StreamState.ANY,
    "exists": StreamState.EXISTS,
    "no stream": StreamState.NO_STREAM,
}
NAMES = st.sampled_from(["a", "b"])
VERSIONS = st.one_of(st.sampled_from(list(STATES)), st.integers(0, 6))
POOL = st.integers(0, 5)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "$maxCount": st.integers(1, 4),
        "$tb": st.one_of(st.integers(0, 6), st.just(DELETED)),
        "note": st.text(max_size=3),
    },
)


class Machine(RuleBasedStateMachine):
    node: Node
    client: EventStoreDBClient

    def __init__(self) -> None:
        super().__init__()
        self.prefix = f"machine-{uuid4()}."
        self.pool = [uuid4() for _ in range(6)]
        self.model = Model(self.end())

    def end(self) -> int:
        return self.client.get_commit_position(filter_exclude=())

    @rule(name=NAMES, version=VERSIONS, numbers=st.lists(POOL, max_size=3))
    def append(self, name: str, version: Version, numbers: list[int]) -> None:
        ids = [self.pool[number] for number in numbers]
        self.check_append(name, version, ids)

    @rule(name=NAMES, version=VERSIONS, count=st.integers(1, 3))
    def append_new(self, name: str, version: Version, count: int) -> None:
        self.check_append(name, version, [uuid4() for _ in range(count)])

    @rule(name=NAMES, first=st.integers(0, 6), count=st.integers(1, 3))
    def repeat(self, name: str, first: int, count: int) -> None:
        there = self.model.stream(name).events[first : first + count]
        version: Version = first - 1 if first else "no stream"
        self.check_append(name, version, [event_id for event_id, _ in there])

    def check_append(self, name: str, version: Version, ids: list[UUID]) -> None:
        events = [NewEvent(type="T", data=b"{}", id=event_id) for event_id in ids]
        expected = self.model.append(name, version, ids)
        answer = self.answer(
            lambda: self.client.append_to_stream(
                self.prefix + name, current_version=esdb_version(version), events=events
            )
        )
        assert answer == expected

    @rule(name=NAMES, metadata=SETTINGS)
    def set_metadata(self, name: str, metadata: dict[str, Any]) -> None:
        expected = self.model.set_metadata(name, metadata)
        assert expected == self.answer(
            lambda: self.client.set_stream_metadata(self.prefix + name, metadata=metadata)
        )

    @rule(name=NAMES, version=VERSIONS)
    def delete(self, name: str, version: Version) -> None:
        expected = self.model.delete(name, version)
        assert expected == self.answer(
            lambda: self.client.delete_stream(
                self.prefix + name, current_version=esdb_version(version)
            )
        )

    @rule(version=VERSIONS)
    def tombstone(self, version: Version) -> None:
        """Of one stream only, so that the other goes on."""
        expected = self.model.tombstone("b", version)
        assert expected == self.answer(
            lambda: self.client.tombstone_stream(
                self.prefix + "b", current_version=esdb_version(version)
            )
        )

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        for name, stream in self.model.streams.items():
            expected = stream.visible()
            if isinstance(expected, list):
                expected_events = [(n, *stream.events[n]) for n in expected]
                assert self.answer(lambda name=name: self.read(name)) == expected_events  # type: ignore[misc]
            else:
                assert self.answer(lambda name=name: self.read(name)) == expected  # type: ignore[misc]
        assert self.end() == self.model.position

    def read(self, name: str) -> list[tuple[int, UUID, int | None]]:
        recorded = self.client.get_stream(self.prefix + name)
        return [(e.stream_position, e.id, e.commit_position) for e in recorded]

    @staticmethod
    def answer(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except WrongCurrentVersion:
            return "wrong"
        except (StreamIsDeleted, FailedPrecondition):  # as Append's refusals come out
            return "deleted"
        except NotFound:
            return "not found"


class RestartingMachine(Machine):
    """What is written, and what counts as a repetition, does not depend on the process."""

    @rule()
    def restart(self) -> None:
        self.node.kill()
        self.node.restart()


def esdb_version(version: Version) -> int | StreamState:
    return STATES[version] if isinstance(version, str) else version


def run(machine: type[Machine], runs: int, steps: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine.node = Node.start(Path(folder))
        machine.client = EventStoreDBClient(machine.node.uri)
        try:
            machines.run(machine, runs, steps)
        finally:
            machine.client.close()
            machine.node.kill()


def test_the_node_is_the_model() -> None:
    run(Machine, runs=25, steps=30)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_node_is_the_model_for_long() -> None:
    run(Machine, runs=400, steps=50)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_node_is_the_model_across_kills() -> None:
    run(RestartingMachine, runs=15, steps=30)
