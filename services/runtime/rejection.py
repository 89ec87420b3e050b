"""Why a command was refused: the only vocabulary a domain may borrow.

Rejection                 a rule said no            FAILED_PRECONDITION
├── NotFound              no such thing             NOT_FOUND
├── AlreadyExists         it is already there       ALREADY_EXISTS
├── Invalid               never obeyable            INVALID_ARGUMENT
├── Forbidden             not this caller's to do   PERMISSION_DENIED
└── Unavailable           ask again later           UNAVAILABLE
"""

from __future__ import annotations


class Rejection(Exception):
    """A rule said no.  ``reason`` is UPPER_SNAKE_CASE and part of the public API.

    ``context`` carries every dynamic part (which unit, who holds it), so that a program
    never has to parse the sentence in ``message``.
    """

    def __init__(self, reason: str, message: str = "", **context: str) -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.message = message or reason.replace("_", " ").lower()
        self.context = context


class NotFound(Rejection):
    """The thing a command names does not exist."""


class AlreadyExists(Rejection):
    """The thing a command would create is already there."""


class Invalid(Rejection):
    """The command could never be obeyed, whatever the state.

    Names the ``field``, what came (``got``) and what is ``allowed``.
    """

    def __init__(self, reason: str, *, field: str, got: str, allowed: str) -> None:
        super().__init__(
            reason, f"{field}: got {got}, allowed: {allowed}", field=field, got=got, allowed=allowed
        )


class Forbidden(Rejection):
    """The caller may not do this here."""


class Unavailable(Rejection):
    """Nothing is wrong with the command; what it needs is out of reach for the moment."""
