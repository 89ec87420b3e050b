"""The broker accepts its configuration, and syncs before it acknowledges."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.certificates import Authority
from tests.deploy.rendering import DEPLOY


@pytest.mark.parametrize("folder", ["base", "overlays/dev"])
def test_the_broker_accepts_its_configuration(folder: str, tmp_path: Path) -> None:
    certificates = Authority().issue(tmp_path / "tls", "nats")
    text = (DEPLOY / "k8s" / folder / "nats.conf").read_text()
    configuration = tmp_path / "nats.conf"
    configuration.write_text(
        text.replace("/etc/nats/tls", str(certificates)).replace('"/data"', f'"{tmp_path}"')
    )

    done = subprocess.run(
        [server(), "-t", "-c", str(configuration)],
        env={**os.environ, "POD_NAME": "nats-0", "NATS_PASSWORD": "secret"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "  sync_interval: always\n" in text


def server() -> str:
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    assert found, "nats-server"
    return found
