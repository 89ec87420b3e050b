"""A refusal that is kept whole, so that it can be said again to whoever asks again."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from services.runtime.rejection import AlreadyExists, Forbidden, Invalid, NotFound, Rejection


class RefusalKind(StrEnum):
    RULE = "rule"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    FORBIDDEN = "forbidden"
    INVALID = "invalid"


_KINDS: dict[RefusalKind, type[Rejection]] = {
    RefusalKind.NOT_FOUND: NotFound,
    RefusalKind.ALREADY_EXISTS: AlreadyExists,
    RefusalKind.FORBIDDEN: Forbidden,
}


def kind_of(refusal: Rejection) -> RefusalKind:
    if isinstance(refusal, Invalid):
        return RefusalKind.INVALID
    found = (kind for kind, cls in _KINDS.items() if isinstance(refusal, cls))
    return next(found, RefusalKind.RULE)


def said_again(
    kind: RefusalKind, reason: str, message: str, context: Mapping[str, str]
) -> Rejection:
    """Return the refusal as it was pronounced the first time."""
    if kind is RefusalKind.INVALID:
        return Invalid(
            reason,
            field=context.get("field", ""),
            got=context.get("got", ""),
            allowed=context.get("allowed", ""),
        )
    return _KINDS.get(kind, Rejection)(reason, message, **context)
