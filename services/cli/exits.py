"""How a command ends: its exit code, and what it says on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer


class Exit(IntEnum):
    """What the exit code of `anlan` means; part of its interface."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    NOT_ALLOWED = 5
    IN_USE = 6
    INTERRUPTED = 130

    @classmethod
    def explained(cls) -> str:
        meanings = {
            cls.DONE: "done",
            cls.FAILED: "refused, or not as expected",
            cls.USAGE: "wrong use, or a file that cannot be read",
            cls.UNREACHABLE: "the suite is out of reach",
            cls.NOT_FOUND: "no such thing",
            cls.NOT_ALLOWED: "no token, or not allowed",
            cls.IN_USE: "port or data in use",
            cls.INTERRUPTED: "interrupted",
        }
        return "Exit codes: " + "; ".join(f"{code} {text}" for code, text in meanings.items()) + "."


class CannotGoOn(Exception):
    """Ends the command: with ``exit_code``, and its own words on stderr."""

    exit_code = Exit.FAILED


@contextmanager
def ends() -> Iterator[None]:
    """Turn what went wrong, as far as anybody foresaw it, into a sentence and an exit code."""
    try:
        yield
    except CannotGoOn as end:
        fail(end.exit_code, str(end))
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        fail(Exit.USAGE, str(error))
    except KeyboardInterrupt:
        fail(Exit.INTERRUPTED, "interrupted")


def fail(code: Exit, message: str) -> None:
    """Say why on stderr, and end."""
    print(f"anlan: {message}", file=sys.stderr)
    raise typer.Exit(code)
