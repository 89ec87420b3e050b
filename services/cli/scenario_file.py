"""Reads a scenario from its YAML file, and tries every request before the first is played."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from services.cli import rpc as rpcs
from services.cli.scenario import (
    Act,
    BadScenario,
    Person,
    Race,
    Scenario,
    Step,
    Wait,
    build,
    cause,
    filled,
    instant,
)

STEP_KEYS = {"at", "actor", "say", "call", "with", "because", "expect", "save", "race", "await"}
RACER_KEYS = {"actor", "call", "with", "because"}
AWAIT_KEYS = {"call", "with", "each", "until", "within"}
RUN_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")
WAIT_WITHIN_S = 30.0
DURATIONS = {"shrink": True, "as said": False}


def load(path: Path, run: str = "", start: datetime | None = None) -> Scenario:
    """Read the scenario in ``path``, as exercise ``run``.  Raises BadScenario."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(tree, dict):
            raise BadScenario("not a scenario: want a mapping")  # noqa: TRY301
        scenario = _scenario(tree, run, start)
        _rehearse(scenario)
    except (BadScenario, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadScenario(f"{path}: {error}") from None
    return scenario


def _scenario(tree: Mapping[str, Any], run: str, start: datetime | None) -> Scenario:
    drill = str(_need(tree, "drill", "the scenario"))
    run = run or drill
    if not RUN_ID.match(run):
        raise BadScenario(f"exercise id {run!r}: want up to 40 of A-Z a-z 0-9 _ and -")
    begin = start or instant(_time(_need(tree, "start", "the scenario")), None, "start")
    people = {
        name: Person(
            name=name,
            subject=str(_need(person, "subject", f"actor {name}")),
            roles=tuple(_need(person, "roles", f"actor {name}")),
            jurisdiction=str(_need(person, "jurisdiction", f"actor {name}")),
        )
        for name, person in _need(tree, "actors", "the scenario").items()
    }
    return Scenario(
        drill=drill,
        run=run,
        title=str(_need(tree, "title", "the scenario")),
        start=begin,
        incident=filled(str(_need(tree, "incident", "the scenario")), {"run": run}, "incident"),
        receiver=bool(tree.get("receiver", False)),
        plans=tuple(str(name) for name in tree.get("plans", ())),
        shrinks=_shrinks(str(tree.get("durations", "shrink"))),
        director=_actor(tree["director"], people, "director") if "director" in tree else None,
        steps=tuple(
            _step(str(number), entry, people, begin)
            for number, entry in enumerate(_need(tree, "steps", "the scenario"), 1)
        ),
    )


def _shrinks(durations: str) -> bool:
    if durations not in DURATIONS:
        raise BadScenario(f"durations {durations!r}: want {' or '.join(DURATIONS)}")
    return DURATIONS[durations]


def _step(number: str, entry: Any, people: Mapping[str, Person], start: datetime) -> Step:
    where = f"step {number}"
    _only(entry, STEP_KEYS, where)
    at = instant(_time(_need(entry, "at", where)), start, where)
    say, save = str(entry.get("say", "")), dict(entry.get("save", {}))
    expected = entry.get("expect", {})
    answers = expected if isinstance(expected, dict) else {}
    refusals = (expected,) if isinstance(expected, str) else tuple(() if answers else expected)
    if "race" in entry:
        racers = enumerate(entry["race"])
        acts = tuple(
            _act(f"{number}{chr(ord('a') + n)}", at, _only(racer, RACER_KEYS, where), people)
            for n, racer in racers
        )
        return Race(number=number, at=at, acts=acts, refusals=refusals, say=say, save=save)
    if "await" in entry:
        return _wait(number, at, entry, people, say, save)
    return _act(number, at, entry, people, say, refusals, answers, save)


def _act(
    number: str,
    at: datetime,
    entry: Mapping[str, Any],
    people: Mapping[str, Person],
    say: str = "",
    refusals: tuple[str, ...] = (),
    answers: Mapping[str, Any] | None = None,
    save: Mapping[str, str] | None = None,
) -> Act:
    return Act(
        number=number,
        at=at,
        person=_person(entry, people, number),
        rpc=_rpc(entry, number),
        fields=entry.get("with", {}),
        say=say,
        refusals=refusals,
        answers=answers or {},
        save=save or {},
        because=str(entry.get("because", "")),
    )


def _wait(
    number: str,
    at: datetime,
    entry: Mapping[str, Any],
    people: Mapping[str, Person],
    say: str,
    save: Mapping[str, str],
) -> Wait:
    where = f"step {number}"
    awaited = _only(entry["await"], AWAIT_KEYS, where)
    until = _need(awaited, "until", where)
    return Wait(
        number=number,
        at=at,
        person=_person(entry, people, number),
        rpc=_rpc(awaited, number),
        fields=awaited.get("with", {}),
        until=tuple(until) if isinstance(until, list) else (until,),
        within_s=float(awaited.get("within", WAIT_WITHIN_S)),
        each=str(awaited.get("each", "")),
        say=say,
        save=save,
    )


def _rehearse(scenario: Scenario) -> None:
    """Build every request once, with something in place of what the play will find out."""
    saved = {name: "x" for step in scenario.steps for name in step.save}
    for act in scenario.acts():
        build(scenario, act, {"receiver": "http://127.0.0.1:1/", **saved}, 0)
        if isinstance(act, Act):
            cause(scenario, act, saved)
    for earlier, later in pairwise(scenario.steps):
        if later.at < earlier.at:
            raise BadScenario(f"step {later.number} comes before step {earlier.number} in time")
    now = datetime.now(UTC)
    if scenario.end > now:
        raise BadScenario(
            f"it ends at {scenario.end.isoformat()}, and nothing may be recorded before it "
            "happens: play it with an earlier --start"
        )


def _person(entry: Mapping[str, Any], people: Mapping[str, Person], number: str) -> Person:
    where = f"step {number}"
    return _actor(_need(entry, "actor", where), people, where)


def _actor(name: str, people: Mapping[str, Person], where: str) -> Person:
    if name not in people:
        raise BadScenario(f"{where}: no actor {name!r}; there are {', '.join(people)}")
    return people[name]


def _rpc(entry: Mapping[str, Any], number: str) -> rpcs.Rpc:
    try:
        found = rpcs.find(str(_need(entry, "call", f"step {number}")))
    except rpcs.UnknownRpc as unknown:
        raise BadScenario(f"step {number}: {unknown}") from None
    if found.streams:
        raise BadScenario(f"step {number}: {found} streams; a step wants one answer")
    return found


def _need(entry: Any, key: str, where: str) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        raise BadScenario(f"{where}: {key!r} is missing")
    return entry[key]


def _only(entry: Any, keys: set[str], where: str) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise BadScenario(f"{where}: want a mapping, got {entry!r}")
    if strange := set(entry) - keys:
        raise BadScenario(f"{where}: unknown {', '.join(sorted(strange))}; known: {sorted(keys)}")
    return entry


def _time(value: Any) -> str:
    # YAML reads 2026-06-18T01:10:00+08:00 as a time.
    return value.isoformat() if isinstance(value, datetime) else str(value)
