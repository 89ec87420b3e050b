"""Hypothesis's state machines, run with a count of the steps that they really took."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, run_state_machine_as_test


def run(machine: type[RuleBasedStateMachine], runs: int, steps: int) -> int:
    """Return how many steps were taken: hypothesis ends many a run long before ``steps``.

    Raises what the machine raises, once hypothesis has found the shortest way to it.
    """
    taken = 0

    class Counted(machine):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            nonlocal taken
            super().__init__()
            taken -= 1  # the invariants hold before the first step too

        @invariant()
        def count(self) -> None:
            nonlocal taken
            taken += 1

    Counted.__qualname__ = Counted.__name__ = machine.__name__
    run_state_machine_as_test(
        Counted,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"\n{machine.__name__}: {taken:,} steps")
    return taken
