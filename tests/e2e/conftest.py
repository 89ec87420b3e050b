from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.suite import RunningSuite


@pytest.fixture
def start_suite(tmp_path: Path) -> Iterator[Callable[[], RunningSuite]]:
    """Start suites on this test's data, and stop whatever of them is left."""
    started: list[RunningSuite] = []

    def start() -> RunningSuite:
        suite = RunningSuite.start(tmp_path / "suite")
        started.append(suite)
        return suite

    yield start
    for suite in started:
        if suite.process.poll() is None:
            suite.stop()
