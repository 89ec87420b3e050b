"""A drill's scenario: who does what and when, and the requests that come of it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from services.cli.exits import CannotGoOn, Exit
from services.cli.rpc import Rpc

REQUEST_IDS = uuid5(NAMESPACE_URL, "https://anlan.example/drills")
SHORTEST = timedelta(seconds=1)
OFFSET = re.compile(r"^\+(\d+):([0-5]\d)(?::([0-5]\d))?$")
FROM_NOW = re.compile(r"^now\+(\d+):([0-5]\d)$")
VARIABLE = re.compile(r"\$\{?([a-z][a-z0-9_]*)\}?")


class BadScenario(CannotGoOn):
    """The scenario cannot be played; says where and why."""

    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    name: str
    subject: str
    roles: tuple[str, ...]
    jurisdiction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One call of one person.  Without ``refusals`` it must be accepted, with them refused.

    ``answers`` are what the response must say; ``save`` names what later steps need of it.
    ``because`` is the id of the decision, or of the event, that leads to it.
    """

    number: str
    at: datetime
    person: Person
    rpc: Rpc
    fields: Mapping[str, Any]
    say: str = ""
    refusals: tuple[str, ...] = ()
    answers: Mapping[str, Any] = field(default_factory=dict)
    save: Mapping[str, str] = field(default_factory=dict)
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Acts at the same moment, of which exactly one succeeds; the others meet ``refusals``."""

    number: str
    at: datetime
    acts: tuple[Act, ...]
    refusals: tuple[str, ...]
    say: str = ""
    save: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Reads until one of ``until`` holds: of the answer, or of one element of its list ``each``."""

    number: str
    at: datetime
    person: Person
    rpc: Rpc
    fields: Mapping[str, Any]
    until: tuple[Mapping[str, Any], ...]
    within_s: float
    each: str = ""
    say: str = ""
    save: Mapping[str, str] = field(default_factory=dict)


Step = Act | Race | Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """``run`` is the exercise's id; everything that the drill creates is named after it.

    ``director`` advances the exercise's own clock; without one the exercise runs on the wall's.
    ``plans`` are the samples that it needs in force, by the names of their files.
    ``shrinks`` says whether durations shrink with the speed; else they are sent as they stand.
    """

    drill: str
    run: str
    title: str
    start: datetime
    incident: str
    receiver: bool
    director: Person | None
    steps: tuple[Step, ...]
    plans: tuple[str, ...] = ()
    shrinks: bool = True

    def request_id(self, number: str) -> UUID:
        """Return the id of a step's request: the same whenever this run is played again."""
        return uuid5(uuid5(REQUEST_IDS, self.run), number)

    @property
    def end(self) -> datetime:
        return max(step.at for step in self.steps)

    def acts(self) -> Iterator[Act | Wait]:
        """Return everything that makes a request, in order."""
        for step in self.steps:
            if isinstance(step, Race):
                yield from step.acts
            else:
                yield step


def build(
    scenario: Scenario, act: Act | Wait, variables: Mapping[str, str], speed: float
) -> Message:
    """Return the request of ``act``: its fields, its id, its time, its durations at ``speed``.

    Raises BadScenario for fields that the request does not have, or values it does not take.
    """
    known = {"run": scenario.run, **variables}
    values = filled(dict(act.fields), known, f"step {act.number}")
    names = act.rpc.request.DESCRIPTOR.fields_by_name
    if "request_id" in names:
        values.setdefault("request_id", str(scenario.request_id(act.number)))
    if "occur_time" in names:
        values.setdefault("occur_time", act.at.isoformat())
    request = act.rpc.request()
    try:
        json_format.ParseDict(
            _in_json_form(values, act.rpc.request.DESCRIPTOR, scenario.start), request
        )
    except json_format.ParseError as error:
        raise BadScenario(f"step {act.number}, {act.rpc}: {error}") from None
    for duration in _durations(request) if scenario.shrinks else ():
        duration.FromTimedelta(scaled(duration.ToTimedelta(), speed))
    return request


def cause(scenario: Scenario, act: Act, variables: Mapping[str, str]) -> str:
    """Return the id of what leads to ``act``.  Raises BadScenario for a variable nobody knows."""
    found = filled(act.because, {"run": scenario.run, **variables}, f"step {act.number}")
    return str(found)


def scaled(duration: timedelta, speed: float) -> timedelta:
    """Return how long it takes at ``speed``; at 0, which does not wait, as short as can be."""
    if speed == 0:
        return SHORTEST
    return max(min(SHORTEST, duration), duration / speed)


def instant(text: str, start: datetime | None, where: str) -> datetime:
    """Return the time of ``+hh:mm[:ss]`` after ``start``, of ``now+hh:mm``, or of an ISO time."""
    if ahead := FROM_NOW.match(text):
        return datetime.now(UTC) + timedelta(hours=int(ahead[1]), minutes=int(ahead[2]))
    if (offset := OFFSET.match(text)) and start is not None:
        hours, minutes, seconds = (int(part or 0) for part in offset.groups())
        return start + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadScenario(
            f"{where}: {text!r} is no time: want +hh:mm[:ss], now+hh:mm or 2026-06-18T01:10+08:00"
        ) from None
    if moment.tzinfo is None and start is not None:
        moment = moment.replace(tzinfo=start.tzinfo)
    if moment.tzinfo is None:
        raise BadScenario(f"{where}: {text!r} names no zone: want e.g. +08:00 at its end")
    return moment


def filled(value: Any, variables: Mapping[str, str], where: str) -> Any:
    """Put the variables' values into every string inside ``value``."""

    def put(found: re.Match[str]) -> str:
        if found[1] not in variables:
            raise BadScenario(f"{where}: nothing is known as ${found[1]}")
        return variables[found[1]]

    if isinstance(value, str):
        return VARIABLE.sub(put, value)
    if isinstance(value, dict):
        return {key: filled(inner, variables, where) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, variables, where) for inner in value]
    return value


def _in_json_form(
    values: Mapping[str, Any], descriptor: Descriptor, start: datetime
) -> dict[str, Any]:
    """Turn the scenario's times into the JSON form of Timestamps, and texts into that of bytes."""
    formed = dict(values)
    for name, value in values.items():
        field = descriptor.fields_by_name.get(name)
        if field is None:
            continue
        if field.type == field.TYPE_BYTES:
            formed[name] = b64encode(str(value).encode()).decode()
        inner = field.message_type
        if inner is None:
            continue
        if inner.full_name == "google.protobuf.Timestamp":
            # YAML may have read it as a time already
            text = value.isoformat() if isinstance(value, datetime) else str(value)
            formed[name] = instant(text, start, name).isoformat()
        elif isinstance(value, dict):
            formed[name] = _in_json_form(value, inner, start)
        elif isinstance(value, list):
            formed[name] = [_in_json_form(one, inner, start) for one in value]
    return formed


def _durations(message: Message) -> Iterator[Duration]:
    for _, value in message.ListFields():
        if isinstance(value, Duration):
            yield value
