"""Conversions that every servicer shares: times both ways, and what a request may leave out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from google.protobuf import timestamp_pb2

from eunoe_server.errors import InvalidRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_timestamp(moment: datetime) -> timestamp_pb2.Timestamp:
    """An aware datetime as a Timestamp, to the microsecond."""
    # `FromDatetime` takes twice as long, and a page of results holds hundreds of them.
    since = moment - _EPOCH
    return timestamp_pb2.Timestamp(
        seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000
    )


def from_timestamp(timestamp: timestamp_pb2.Timestamp) -> datetime:
    """A Timestamp as an aware datetime in UTC."""
    return timestamp.ToDatetime(tzinfo=UTC)


def optional(request: Any, field: str) -> Any:
    """The value of a field with presence; None when it is not set."""
    return getattr(request, field) if request.HasField(field) else None


def namespace_of(request: Any) -> str | None:
    """The namespace that a request names."""
    namespace: str | None = optional(request, "namespace")
    return namespace


def moment_of(
    request: Any, field: str, path: str, refusal: type[InvalidRequest]
) -> datetime | None:
    """The time in a Timestamp field, which can hold seconds that no calendar has."""
    stamp = optional(request, field)
    try:
        return None if stamp is None else from_timestamp(stamp)
    except ValueError:
        raise refusal.of(path, "is no time between the years 1 and 9999") from None
