"""What many ask for at once is found once: five hundred who watch one board are one question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Shared:
    """Answers by question, as long as nothing changes."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, asyncio.Task[Any]] = {}

    def forget(self) -> None:
        """Let every question from now on be answered anew; who asked before is answered still."""
        self._answers = {}

    async def answer(self, question: Hashable, find: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what ``find`` found for whoever asked first.  An error is told, and not kept."""
        answers = self._answers
        finding: asyncio.Task[T] | None = answers.get(question)
        if finding is None:
            finding = answers[question] = asyncio.create_task(find())

            def drop(found: asyncio.Task[T]) -> None:
                if found.cancelled() or found.exception() is not None:
                    answers.pop(question, None)

            finding.add_done_callback(drop)
        return await asyncio.shield(finding)  # whoever goes away takes it from nobody else
