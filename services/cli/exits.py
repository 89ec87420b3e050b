"""How a command ends: its exit code, and what it says on stderr."""

from __future__ import annotations

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
        }
        return "Exit codes: " + "; ".join(f"{code} {text}" for code, text in meanings.items()) + "."


class CannotGoOn(Exception):
    """Ends the command with this code and this sentence."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def ends() -> Iterator[None]:
    """Turn what went wrong, as far as anybody foresaw it, into a sentence and an exit code."""
    from services.cli.suite import BadAddress, PortTaken  # noqa: PLC0415
    from services.cli.supervisor import NeverReady  # noqa: PLC0415
    from services.cli.tokens import NoIssuer, UnknownRole  # noqa: PLC0415
    from services.cli.up import DataInUse  # noqa: PLC0415

    codes: dict[type[Exception], Exit] = {
        PortTaken: Exit.IN_USE,
        DataInUse: Exit.IN_USE,
        NeverReady: Exit.FAILED,
        NoIssuer: Exit.NOT_ALLOWED,
        UnknownRole: Exit.USAGE,
        BadAddress: Exit.USAGE,
        FileNotFoundError: Exit.USAGE,
        PermissionError: Exit.USAGE,
        IsADirectoryError: Exit.USAGE,
    }
    try:
        yield
    except CannotGoOn as end:
        fail(end.code, str(end))
    except tuple(codes) as error:
        fail(next(codes[cls] for cls in type(error).__mro__ if cls in codes), str(error))
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        sys.stderr.close()
        raise typer.Exit(Exit.DONE) from None


def fail(code: Exit, message: str) -> None:
    """Say why on stderr, and end."""
    print(f"anlan: {message}", file=sys.stderr)
    raise typer.Exit(code)
