"""An image holds what its process needs, and nothing of another's."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.rendering import DEPLOY, ROOT

TEXT = (DEPLOY / "Dockerfile").read_text().replace("\\\n", "")
STAGE = re.compile(r"^FROM (\S+) AS (\w+)\n(.*?)(?=^FROM |\Z)", re.MULTILINE | re.DOTALL)
COPY = re.compile(r"^COPY (--from=build /app/)?(\S+) (\S+)$", re.MULTILINE)
STAGES = {name: (parent, body) for parent, name, body in STAGE.findall(TEXT)}
PROCESSES = sorted(path.parent.name for path in ROOT.glob("services/*/main.py"))


def copied(stage: str) -> set[str]:
    """Return what of the repository is in the image."""
    if stage not in STAGES:
        return set()
    parent, body = STAGES[stage]
    return copied(parent) | {source for build, source, _ in COPY.findall(body) if build}


def test_every_process_has_an_image() -> None:
    processes = {name for name, (_, body) in STAGES.items() if "ENTRYPOINT" in body}
    assert processes == set(PROCESSES)


@pytest.mark.parametrize("process", PROCESSES)
def test_an_image_starts_its_own_process(process: str) -> None:
    entry = re.search(r"^ENTRYPOINT (.*)$", STAGES[process][1], re.MULTILINE)
    assert entry is not None
    assert json.loads(entry[1]) == ["python", "-m", f"services.{process}.main"]


@pytest.mark.parametrize("process", PROCESSES)
def test_what_is_in_an_image_is_enough(process: str, tmp_path: Path) -> None:
    for path in copied(process):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(ROOT / path)

    done = subprocess.run(
        [sys.executable, "-S", "-c", f"{imports()}; import services.{process}.main"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{tmp_path / 'proto/gen'}"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr


def imports() -> str:
    """Return code that finds the packages, as `site` would, but not the repository."""
    packages = next(entry for entry in sys.path if entry.endswith("site-packages"))
    return f"import sys; sys.path.append({packages!r})"


def test_no_process_runs_as_root() -> None:
    assert "\nUSER 65532:65532\n" in STAGES["base"][1]
    assert not [name for name, (_, body) in STAGES.items() if "USER" in body and name != "base"]


def test_what_is_copied_is_there_and_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    sources = {source for build, source, _ in COPY.findall(STAGES["build"][1]) if not build}
    assert sources == kept
    assert [source for source in sources if not (ROOT / source).exists()] == []
    for stage in STAGES:
        for source in copied(stage):
            assert (ROOT / source).exists(), source
