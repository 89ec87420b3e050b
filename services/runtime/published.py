"""A public event on JetStream: CloudEvents 1.0 in binary mode, plus what our readers need."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote
from uuid import UUID

from nats.js.api import Header

from services.runtime.cause import CAUSATION, COMMAND, CORRELATION
from services.runtime.recorded import Recorded

POSITION, REVISION = "anlan-position", "anlan-revision"
METADATA = {
    CORRELATION: "anlan-correlation",
    CAUSATION: "anlan-causation",
    COMMAND: "anlan-command",
    "actor": "anlan-actor",
    "role": "anlan-role",
    "jurisdiction": "anlan-jurisdiction",
    "exercise": "anlan-exercise",
    "traceparent": "traceparent",
}

# The CloudEvents bindings percent-encode whatever is not plain printable ASCII; a Chinese name
# would otherwise come back from a stored message as an undecoded mail header.
PLAIN = string.punctuation.translate(str.maketrans("", "", '%"'))


@dataclass(frozen=True, slots=True)
class Publication:
    """What the world may know of an event: where, under which public type, in which bytes."""

    subject: str
    type: str
    payload: bytes


def headers(event: Recorded, publication: Publication, source: str) -> dict[str, str]:
    """Return the headers from which ``received`` rebuilds the event."""
    written = {
        "ce-specversion": "1.0",
        "ce-id": str(event.id),
        "ce-type": publication.type,
        "ce-source": source,
        "ce-subject": event.stream,
        "ce-time": event.created_at.isoformat().replace("+00:00", "Z"),
        "content-type": "application/protobuf",
        Header.MSG_ID.value: str(event.id),
        POSITION: str(event.position),
        REVISION: str(event.revision),
        **{ours: event.metadata.get(key, "") for key, ours in METADATA.items()},
    }
    return {key: quote(value, safe=PLAIN) for key, value in written.items() if value}


def received(headers: Mapping[str, str], payload: bytes) -> Recorded:
    """Return the public event: the envelope of the private one, the public type and payload."""
    read = {key: unquote(value) for key, value in headers.items()}
    return Recorded(
        id=UUID(read["ce-id"]),
        type=read["ce-type"],
        stream=read["ce-subject"],
        revision=int(read[REVISION]),
        position=int(read[POSITION]),
        created_at=datetime.fromisoformat(read["ce-time"]),
        data=payload,
        metadata={key: read[ours] for key, ours in METADATA.items() if ours in read},
    )
