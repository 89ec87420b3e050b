"""Instants on the wire and in the domain: UTC, to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.runtime.rejection import Invalid

EPOCH = datetime.fromtimestamp(0, UTC)
MAX_AGE = timedelta(days=50 * 365)
MAX_SKEW = timedelta(minutes=5)
DAY_SECONDS = 24 * 60 * 60


def from_proto(stamp: Timestamp) -> datetime:
    """Return the instant to the millisecond, which is what is kept."""
    return to_ms(stamp.ToDatetime(UTC))


def to_ms(moment: datetime) -> datetime:
    """Return the instant as it is kept: what is below a millisecond is cut off."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def to_proto(moment: datetime | None) -> Timestamp | None:
    """Return the stamp; None stays absent from a message."""
    if moment is None:
        return None
    since = moment - EPOCH
    return Timestamp(
        seconds=since.days * DAY_SECONDS + since.seconds, nanos=since.microseconds * 1000
    )


def said(request: Message, field: str, now: datetime) -> datetime:
    """Return when the caller says that it happened; ``now`` where nothing is said.

    Late is normal.  Raises Invalid for what lies more than 5 minutes ahead of the server's clock
    or more than 50 years back.
    """
    if not request.HasField(field):
        return to_ms(now)
    moment = known(request, field)
    if not now - MAX_AGE <= moment <= now + MAX_SKEW:
        raise Invalid(
            "TIME_OUT_OF_RANGE",
            field=field,
            got=moment.isoformat(),
            allowed=f"{(now - MAX_AGE).isoformat()} to {(now + MAX_SKEW).isoformat()}",
        )
    return moment


def known(request: Message, field: str) -> datetime:
    """Return the instant in ``field``.  Raises Invalid for one that no calendar has."""
    stamp: Timestamp = getattr(request, field)
    try:
        return from_proto(stamp)
    except (ValueError, OverflowError):
        raise Invalid(
            "TIME_OUT_OF_RANGE", field=field, got=f"{stamp.seconds} s", allowed="a calendar time"
        ) from None


def micros(moment: datetime) -> int:
    """Return microseconds since 1970, the form in which read models keep time."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def stamp(value: int | None) -> Timestamp | None:
    """Return microseconds since 1970 as a stamp: half the price of one made from an instant."""
    if value is None:
        return None
    seconds, rest = divmod(value, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def of_micros(value: int | None) -> datetime | None:
    return None if value is None else EPOCH + timedelta(microseconds=value)
