"""Instants: `datetime` with a time zone outside, `Timestamp` on the wire.

A `datetime` without a time zone is refused rather than guessed: the caller's machine and the
server's may be in different ones.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from eunoe.exceptions import InvalidRequest


def to_timestamp(moment: datetime | None, name: str) -> Timestamp | None:
    """What is sent. Raises InvalidRequest."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise InvalidRequest(f"{name} has no time zone: say datetime(..., tzinfo=UTC).")
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def from_timestamp(timestamp: Timestamp) -> datetime:
    """What was received, in UTC."""
    return timestamp.ToDatetime(UTC)


def optional_moment(holder: Message, field: str) -> datetime | None:
    """The instant of a field that may be absent."""
    return from_timestamp(getattr(holder, field)) if holder.HasField(field) else None


def to_text(moment: str | date | None) -> str:
    """An instant or a whole day, for a filter; empty for none. Raises InvalidRequest."""
    if isinstance(moment, datetime) and moment.tzinfo is None:
        raise InvalidRequest("created has no time zone: say datetime(..., tzinfo=UTC).")
    if isinstance(moment, date):
        return moment.isoformat()
    return moment or ""
