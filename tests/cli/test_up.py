"""`anlan up` and `anlan token` as a user meets them before anything runs."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import tokens
from services.cli.exits import Exit
from services.cli.main import app
from services.cli.suite import (
    PROCESSES,
    BadAddress,
    PortTaken,
    Suite,
    addresses,
    free_suite,
)
from services.runtime.identity import DevelopmentIssuer, Verifier

ROOT = Path(__file__).parents[2]
run = CliRunner()


@pytest.fixture
def taken() -> Iterator[int]:
    """Yield a base whose port +3, that of resources, somebody listens on."""
    suite = free_suite()
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", suite.port("resources")))
        somebody.listen()
        yield suite.base


def test_a_taken_port_is_named_with_whose_it_should_be(taken: int, tmp_path: Path) -> None:
    answer = run.invoke(app, ["up", "--data", str(tmp_path), "--port-base", str(taken)])
    assert answer.exit_code == Exit.IN_USE
    assert f"port {taken + 3}, meant for resources, is taken" in answer.stderr
    assert "--port-base" in answer.stderr
    assert not (tmp_path / "logs").exists(), "nothing was started"


def test_a_taken_port_is_found_by_the_suite_itself(taken: int) -> None:
    with pytest.raises(PortTaken) as refusal:
        Suite(taken).require_free()
    assert (refusal.value.port, refusal.value.name) == (taken + 3, "resources")


def test_data_in_use_names_its_holder(tmp_path: Path) -> None:
    with (tmp_path / "anlan.lock").open("w+") as lock:
        lock.write("process 123, ports 4310-4316\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = run.invoke(app, ["up", "--data", str(tmp_path), "--port-base", "0"])
    assert answer.exit_code == Exit.IN_USE
    assert "process 123, ports 4310-4316" in answer.stderr


def test_a_lock_left_by_a_dead_suite_is_no_hindrance(tmp_path: Path, taken: int) -> None:
    (tmp_path / "anlan.lock").write_text("process 123, ports 4310-4316\n")
    answer = run.invoke(app, ["up", "--data", str(tmp_path), "--port-base", str(taken)])
    assert "is taken" in answer.stderr, "it came as far as the ports"


def test_a_free_suite_is_free_as_a_whole() -> None:
    suite = free_suite()
    suite.require_free()
    assert [suite.port(name) - suite.base for name in PROCESSES] == list(range(7))


def test_addresses_come_from_the_base_the_environment_and_the_command_line() -> None:
    found = addresses(
        5000, ["audit=far:1"], {"ANLAN_COMMAND_ADDRESS": "near:2", "ANLAN_AUDIT_ADDRESS": "x:3"}
    )
    assert found == {
        "command": "near:2",
        "resources": "127.0.0.1:5003",
        "dispatch": "127.0.0.1:5004",
        "notify": "127.0.0.1:5005",
        "audit": "far:1",
    }


@pytest.mark.parametrize("wrong", ["audit", "audit=far", "audit=far:", "console=far:1", "=far:1"])
def test_an_address_that_names_no_service_is_refused(wrong: str) -> None:
    with pytest.raises(BadAddress, match="SERVICE=HOST:PORT"):
        addresses(5000, [wrong])


def test_a_token_verifies_against_the_issuer_of_its_data(tmp_path: Path) -> None:
    jwks = tokens.make_issuer(tmp_path)
    arguments = ["--role", "dispatcher", "--role", "crew", "--subject", "wang"]
    arguments += ["--jurisdiction", "431281102", "--data", str(tmp_path)]
    answer = run.invoke(app, ["token", *arguments])
    assert answer.exit_code == Exit.DONE
    verifier = Verifier(DevelopmentIssuer.NAME, str(jwks))
    actor = asyncio.run(verifier.verify(answer.stdout.strip()))
    assert (actor.subject, actor.roles, actor.jurisdiction) == (
        "wang",
        ("dispatcher", "crew"),
        "431281102",
    )


def test_a_token_wants_a_known_role_and_a_code(tmp_path: Path) -> None:
    tokens.make_issuer(tmp_path)
    data = ["--data", str(tmp_path)]
    unknown = run.invoke(app, ["token", "--role", "king", *data])
    assert unknown.exit_code == Exit.USAGE
    assert "no role 'king'; there are administrator," in unknown.stderr
    assert run.invoke(app, ["token", "--jurisdiction", "洪江", *data]).exit_code == Exit.USAGE


def test_without_keys_a_token_says_where_it_looked(tmp_path: Path) -> None:
    answer = run.invoke(app, ["token", "--data", str(tmp_path)])
    assert answer.exit_code == Exit.NOT_ALLOWED
    assert str(tmp_path) in answer.stderr
    assert "--token" in answer.stderr


def test_the_service_token_is_nobody_elses_to_read(tmp_path: Path) -> None:
    tokens.make_issuer(tmp_path)
    file = tmp_path / "service.token"
    tokens.write_service_token(tmp_path, file)
    tokens.write_service_token(tmp_path, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().count(".") == 2


def test_help_comes_without_loading_what_it_does_not_need() -> None:
    slow = ["grpc", "pydantic_settings", "sqlalchemy", "esdbclient", "nats", "jwt", "yaml"]
    program = (
        "import sys\nfrom services.cli.main import app\n"
        f"print([name for name in {slow} if name in sys.modules])"
    )
    started = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'proto/gen'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "[]"
    assert time.perf_counter() - started < 5
