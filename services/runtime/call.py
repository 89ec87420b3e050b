"""The call being served: who makes it, in which story, in earnest or not."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote
from uuid import UUID

import structlog

from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.identity import Authority
from services.runtime.published import PLAIN
from services.runtime.rejection import Forbidden

SERVICE_ROLE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Read off the token and the headers.

    ``grants`` are the caller's capabilities, beside the one that the RPC itself needed.
    ``office`` is the jurisdiction of the person behind a service that calls for somebody, whose
    ``actor`` reaches as far as the service does; empty where nobody is behind the caller.
    """

    actor: Actor
    office: str = ""
    grants: frozenset[str] = frozenset()
    correlation_id: str = ""
    causation_id: str = ""
    exercise: str = ""
    traceparent: str = ""

    @property
    def person(self) -> Actor:
        """Whoever acts, with the jurisdiction that is their own."""
        return replace(self.actor, jurisdiction=self.office) if self.office else self.actor

    def cause(self, request_id: str, correlation_id: str = "") -> Cause:
        """Return the cause of the command in this request; ``correlation_id`` is its incident.

        What this call logs from here on names its story.
        """
        story = correlation_id or self.correlation_id or request_id
        structlog.contextvars.bind_contextvars(correlation_id=story)
        return Cause(
            command_id=UUID(request_id),
            causation_id=self.causation_id or request_id,
            correlation_id=story,
            actor=self.actor,
            exercise=self.exercise,
            traceparent=self.traceparent,
        )

    def require(self, capability: str) -> None:
        """Raise Forbidden unless the caller's roles grant ``capability``."""
        if capability not in self.grants:
            raise Forbidden(
                "CAPABILITY_REQUIRED",
                f"{self.actor.subject} lacks {capability}",
                capability=capability,
                subject=self.actor.subject,
            )

    def require_region(self, adcode: str) -> None:
        """Raise Forbidden unless ``adcode`` lies inside the caller's jurisdiction."""
        if not self.actor.covers(adcode):
            raise Forbidden(
                "OUTSIDE_JURISDICTION",
                f"{adcode} is outside {self.actor.jurisdiction}, "
                f"the jurisdiction of {self.actor.subject}",
                adcode=adcode,
                jurisdiction=self.actor.jurisdiction,
                subject=self.actor.subject,
            )


_CALL: ContextVar[Call] = ContextVar("call")


def current() -> Call:
    """Return the call that this task serves."""
    return _CALL.get()


def enter(call: Call) -> None:
    _CALL.set(call)


def of_headers(actor: Actor, headers: dict[str, str], authority: Authority) -> Call:
    """Return the call; a service may say on whose behalf it calls, nobody else may."""
    headers = {key: unquote(value) for key, value in headers.items() if isinstance(value, str)}
    office = ""
    if SERVICE_ROLE in actor.roles and "x-actor" in headers:
        actor = Actor(
            subject=headers["x-actor"],
            roles=tuple(headers.get("x-actor-roles", "").split(",")),
            jurisdiction=actor.jurisdiction,
        )
        office = headers.get("x-actor-jurisdiction", "")
    return Call(
        actor=actor,
        office=office,
        grants=authority.capabilities(actor),
        correlation_id=headers.get("x-correlation-id", ""),
        causation_id=headers.get("x-causation-id", ""),
        exercise=headers.get("x-exercise-id", ""),
        traceparent=headers.get("traceparent", ""),
    )


def headers_of(cause: Cause) -> tuple[tuple[str, str], ...]:
    """Return the headers that carry ``cause`` to another service.

    gRPC takes plain ASCII only, and a name may be Chinese: the rest is percent-encoded.
    """
    carried = {
        "x-actor": cause.actor.subject,
        "x-actor-roles": ",".join(cause.actor.roles),
        "x-actor-jurisdiction": cause.actor.jurisdiction,
        "x-correlation-id": cause.correlation_id,
        "x-causation-id": cause.causation_id,
        "x-exercise-id": cause.exercise,
        "traceparent": cause.traceparent,
    }
    return tuple((key, quote(value, safe=PLAIN)) for key, value in carried.items() if value)
