"""What every servicer reads alike: fields that may be absent, and times.

Conversions of one service's own messages are in that service's file.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from eunoe_server.errors import InvalidRequest
from eunoe_server.transport.grpc.convert import from_timestamp


def text_given(request: Any, field: str) -> str | None:
    """A text with presence; None when it is not set."""
    text: str | None = getattr(request, field) if request.HasField(field) else None
    return text


def moment_given(
    request: Any, field: str, path: str, refusal: type[InvalidRequest]
) -> datetime | None:
    """A time, or None when it is not set. Raises `refusal`, naming `path`, for one that is none.

    A Timestamp can hold seconds that no calendar has.
    """
    if not request.HasField(field):
        return None
    try:
        return from_timestamp(getattr(request, field))
    except ValueError:
        raise refusal.of(path, "is no time between the years 1 and 9999") from None
