"""Any one process dies in the middle of the drill, and nothing is lost, doubled or stuck."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import pytest

from services.cli.suite import PROCESSES
from services.runtime.recorded import Recorded
from tests.e2e.story import gaps, log_of, timeline
from tests.e2e.test_drill import DRILL
from tests.suite import RunningSuite, anlan_process

KILL_AT_LINE = 60
SETTLE_SECONDS = 100
QUIET_SECONDS = 12
TRIES = {"AttemptStarted.v1", "DeliveryFailed.v1"}
"""How often a delivery was tried may differ; what came of it may not."""
RACERS = ("flood-2026-a8", "flood-2026-a7")
"""Two dispatchers want one boat: either may get it."""
PARKED, SENT = "NotificationParked.v1", "NotificationSent.v1"
"""What is tried again after the drill, and its receiver, have ended is parked: seen, not lost."""
SUPPRESSED, SETTLED = "NotificationSuppressed.v1", b'"reason":"SETTLED"'
"""What was over before it could be sent is not sent: which alarms that befalls is a race."""
OVERDUE = "AcknowledgementOverdue"
"""A crew answers later than its limit when what it calls is down: true, and so recorded."""


class Told(msgspec.Struct):
    contact_id: str
    event_type: str


def effects(log: Sequence[Recorded]) -> Counter[tuple[str, str]]:
    """Count what happened by stream and type; notifications by whom they told of what."""
    found: Counter[tuple[str, str]] = Counter()
    told: dict[str, Told] = {}
    for event in log:
        subject = event.stream.replace(*RACERS)
        if event.category == "notification":
            if event.revision == 0:
                told[event.stream] = msgspec.json.decode(event.data, type=Told)
            about = told[event.stream]
            subject = f"{about.contact_id} of {about.event_type}"
        if event.type not in TRIES and OVERDUE not in f"{event.type} {subject}":
            settled = event.type == SUPPRESSED and SETTLED in event.data
            found[subject, SENT if event.type == PARKED or settled else event.type] += 1
    return found


async def quiet(suite: RunningSuite) -> list[Recorded]:
    """Return the log once nothing has been added for as long as a reaction may wait to retry."""
    log, since = await log_of(suite), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        await asyncio.sleep(0.5)
        newer = await log_of(suite)
        if len(newer) > len(log):
            log, since = newer, time.monotonic()
    return log


async def settled(suite: RunningSuite, expected: Counter[tuple[str, str]]) -> list[Recorded]:
    """Return the log once it has the expected effects, or when time is up."""
    deadline = time.monotonic() + SETTLE_SECONDS
    log = await log_of(suite)
    while effects(log) != expected and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        log = await log_of(suite)
    return log


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Counter[tuple[str, str]]:
    """Return what the drill comes to when nothing dies."""
    suite = RunningSuite.start(tmp_path_factory.mktemp("undisturbed"))
    try:
        played = suite.run("drill", "play", DRILL, "--speed", "0")
        assert played.returncode == 0, played.stdout
        return effects(asyncio.run(quiet(suite)))
    finally:
        suite.stop()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", PROCESSES)
async def test_the_drill_survives_the_death_of(
    victim: str,
    start_suite: Callable[[], RunningSuite],
    undisturbed: Counter[tuple[str, str]],
) -> None:
    suite = start_suite()
    drill = anlan_process("drill", "play", DRILL, "--speed", "0", *suite.options)
    assert drill.stdout is not None
    said = []
    with drill.stdout:
        for line in drill.stdout:
            said.append(line)
            if len(said) == KILL_AT_LINE:
                suite.kill(victim)
    assert drill.wait(120) == 0, "".join(said)
    suite.await_line(f"{victim} died")
    suite.await_line(f"{victim}.* ready")

    log = await settled(suite, undisturbed)
    assert gaps(log) == []
    assert effects(log) == undisturbed
    told = await timeline(suite, "flood-2026", log[-1].position)
    assert "IncidentClosed.v1" in {entry.type for entry in told}
