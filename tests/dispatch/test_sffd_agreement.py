"""The agreement with San Francisco's record is printed, not tuned."""

from __future__ import annotations

from tests.dispatch.agreement import measure


def test_the_first_pick_is_compared_with_who_was_really_sent() -> None:
    found = measure()
    print("\n" + found.told())

    assert found.learnt + found.replayed == 651
    assert found.sent >= found.both
    assert found.first_was_first <= found.first_was_sent <= found.replayed - found.no_card
