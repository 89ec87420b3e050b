"""A command is obeyed once, whichever process it reaches and however often it comes."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from services.runtime import handle
from services.runtime.handle import Written
from services.runtime.rejection import Rejection
from services.runtime.store import EventStore, StaleRevision
from tests.runtime.tally import ROOM, Admit, Fill, cause, handler


async def stored(store: EventStore, key: str) -> int:
    return len(await store.read(f"hall-{key}"))


async def test_written_tells_revision_and_position(store: EventStore, key: str) -> None:
    halls = handler(store)

    first = await halls.handle(key, Admit(), cause())
    second = await halls.handle(key, Admit(people=3, one_by_one=True), cause())
    events = await store.read(f"hall-{key}")

    assert first == Written(0, events[0].position)
    assert second == Written(3, events[-1].position)
    assert second.etag == "3"


async def test_an_event_tells_whether_its_command_wrote_nothing_before_it(
    store: EventStore, key: str
) -> None:
    halls = handler(store)
    await halls.handle(key, Admit(), cause())
    await halls.handle(key, Admit(people=3, one_by_one=True), cause())

    events = await store.read(f"hall-{key}")

    assert [handle.is_first_of_command(event) for event in events] == [True, True, False, False]


async def test_a_stale_process_decides_again_on_the_newest_state(
    store: EventStore, second: EventStore, key: str
) -> None:
    one, other = handler(store), handler(second)
    await one.handle(key, Admit(people=50), cause())
    await other.handle(key, Admit(people=30), cause())

    await one.handle(key, Admit(people=20), cause())

    assert (await other.state(key)).people == 100


async def test_a_refusal_is_pronounced_only_after_reading_to_the_end(
    store: EventStore, second: EventStore, key: str
) -> None:
    one, other = handler(store), handler(second)
    await one.handle(key, Admit(people=ROOM), cause())

    with pytest.raises(Rejection) as full:
        await other.handle(key, Admit(), cause())

    assert (full.value.reason, full.value.context) == ("HALL_FULL", {"people": "100"})


async def test_nothing_to_do_is_said_only_after_reading_to_the_end(
    store: EventStore, second: EventStore, key: str
) -> None:
    one, other = handler(store), handler(second)
    await one.handle(key, Admit(people=10), cause())
    written = await other.handle(key, Admit(people=10), cause())

    assert await one.handle(key, Fill(people=20), cause()) == written
    assert await stored(store, key) == 2


async def test_nothing_to_do_on_a_stream_that_is_not_there(store: EventStore, key: str) -> None:
    assert await handler(store).handle(key, Fill(people=0), cause()) == Written(-1, 0)


@pytest.mark.parametrize("people", [1, 3])
async def test_a_repeated_command_is_answered_the_same_by_any_process(
    store: EventStore, second: EventStore, key: str, people: int
) -> None:
    one, other = handler(store), handler(second)
    asked = cause()
    command = Admit(people=people, one_by_one=True)
    first = await one.handle(key, command, asked)
    await one.handle(key, Admit(), cause())

    assert await one.handle(key, command, asked) == first
    assert await other.handle(key, command, asked) == first
    assert await handler(second).handle(key, command, asked) == first
    assert await stored(store, key) == people + 1


async def test_a_repetition_is_answered_even_where_it_would_now_be_refused(
    store: EventStore, second: EventStore, key: str
) -> None:
    asked = cause()
    first = await handler(store).handle(key, Admit(people=ROOM), asked)

    assert await handler(second).handle(key, Admit(people=ROOM), asked) == first


async def test_a_process_that_lags_believes_the_store_and_not_its_own_repetition(
    store: EventStore, second: EventStore, key: str
) -> None:
    """The same command id with another note, at a process that has not seen the first."""
    one, other = handler(store), handler(second)
    await one.handle(key, Admit(note="a"), cause())
    await other.state(key)
    asked = cause()
    first = await one.handle(key, Admit(note="said first"), asked)

    again = await other.handle(key, Admit(note="said again"), asked)
    await other.handle(key, Admit(note="z"), cause())

    assert again == first
    assert (await other.state(key)).notes == ("a", "said first", "z")


async def test_an_etag_of_another_state_is_refused_at_once(
    store: EventStore, second: EventStore, key: str
) -> None:
    one, other = handler(store), handler(second)
    seen = await one.handle(key, Admit(), cause())
    await other.handle(key, Admit(), cause())

    with pytest.raises(StaleRevision):
        await one.handle(key, Admit(), cause(), etag=seen.etag)

    assert await stored(store, key) == 2


async def test_an_etag_of_the_newest_state_is_obeyed_by_a_process_that_lags(
    store: EventStore, second: EventStore, key: str
) -> None:
    one, other = handler(store), handler(second)
    await one.handle(key, Admit(), cause())
    newest = await other.handle(key, Admit(), cause())

    assert (await one.handle(key, Admit(), cause(), etag=newest.etag)).revision == 2


async def test_a_repetition_with_its_old_etag_gets_its_first_answer(
    store: EventStore, key: str
) -> None:
    halls = handler(store)
    seen = await halls.handle(key, Admit(), cause())
    asked = cause()
    first = await halls.handle(key, Admit(), asked, etag=seen.etag)

    assert await halls.handle(key, Admit(), asked, etag=seen.etag) == first


@pytest.mark.parametrize(("mark", "other_mark"), [("", "flood"), ("flood", ""), ("flood", "fire")])
async def test_a_drill_and_earnest_never_share_a_stream(
    store: EventStore, second: EventStore, key: str, mark: str, other_mark: str
) -> None:
    await handler(store).handle(key, Admit(), cause(mark))

    with pytest.raises(Rejection) as mismatch:
        await handler(second).handle(key, Admit(), cause(other_mark))

    assert mismatch.value.reason == "EXERCISE_MISMATCH"
    assert mismatch.value.context == {"exercise": mark, "requested": other_mark}
    assert await stored(store, key) == 1


async def test_two_processes_that_race_for_one_stream_lose_and_double_nothing(
    store: EventStore, second: EventStore, key: str
) -> None:
    handlers = (handler(store), handler(second))
    asked = [cause() for _ in range(60)]

    outcomes = await asyncio.gather(
        *(handlers[n % 2].handle(key, Admit(note=str(n)), c) for n, c in enumerate(asked)),
        return_exceptions=True,
    )
    obeyed = {str(n) for n, outcome in enumerate(outcomes) if isinstance(outcome, Written)}
    refused = [outcome for outcome in outcomes if not isinstance(outcome, Written)]
    notes = (await handler(store).state(key)).notes

    assert all(isinstance(outcome, StaleRevision) for outcome in refused)
    assert sorted(notes) == sorted(obeyed)
    assert len(refused) <= len(asked) // 10


async def test_two_processes_fill_a_hall_to_the_last_place_and_no_further(
    store: EventStore, second: EventStore, key: str
) -> None:
    handlers = (handler(store), handler(second))

    async def admit(n: int) -> bool:
        asked = cause()
        while True:
            try:
                await handlers[n % 2].handle(key, Admit(people=4), asked)
            except StaleRevision:
                continue
            except Rejection:
                return False
            return True

    admitted = await asyncio.gather(*(admit(n) for n in range(40)))

    assert sum(admitted) == ROOM // 4
    assert (await handlers[0].state(key)).people == ROOM


async def test_the_same_command_at_both_processes_at_once_is_obeyed_once(
    store: EventStore, second: EventStore, key: str
) -> None:
    one, other = handler(store), handler(second)
    await one.handle(key, Admit(), cause())
    await other.state(key)
    for _ in range(20):
        asked = cause()
        command = Admit(people=2, one_by_one=True)

        answers = await asyncio.gather(
            *(h.handle(key, command, asked) for h in (one, other, one, other))
        )

        assert len(set(answers)) == 1
    assert await stored(store, key) == 41


async def test_streams_are_forgotten_beyond_a_bound_and_read_again(
    store: EventStore, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle, "KEPT_STREAMS", 3)
    halls = handler(store)
    asked = cause()
    first = await halls.handle(f"{key}0", Admit(), asked)
    for n in range(1, 10):
        await halls.handle(f"{key}{n}", Admit(), cause())

    assert len(halls._kept) == 3
    assert await halls.handle(f"{key}0", Admit(), asked) == first


async def test_a_command_given_up_midway_is_not_remembered_wrongly(
    store: EventStore, key: str
) -> None:
    """Its caller went away while the append was under way; nobody knows whether it was stored."""
    halls = handler(store)
    await halls.handle(key, Admit(note="a"), cause())
    asked, later = cause(), 0.0
    for n in range(30):
        asked = cause(command_id=uuid4())
        task = asyncio.create_task(halls.handle(key, Admit(note=f"{n} first"), asked))
        await asyncio.sleep(later)
        later += 0.0001
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await halls.handle(key, Admit(note=f"{n} again"), asked)
    kept = (await halls.state(key)).notes
    true = (await handler(store).state(key)).notes

    assert kept == true
    assert len(true) == 31
