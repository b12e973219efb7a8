"""Page tokens: where the next page of one list starts, as opaque text.

A token belongs to one project's list with its filter and order, not to a page size (AIP-158). It
holds the place and a digest over place and list, so one that is torn, made up or from another list
is noticed. The digest needs no secret, because a token is not a permission: callers are authorised
afresh on every page, and who forges one only starts elsewhere in a list of their own. So tokens
hold on every replica and after a restart. They do not expire, and the row they name may be gone:
the list goes on behind its place.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from datetime import UTC, datetime, timedelta

import msgspec

from eunoe_server.domain.listing import Listing
from eunoe_server.domain.page import Place
from eunoe_server.errors import InvalidParameter

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Microseconds since 1970 and the key. With a digest of 14 bytes a token is 40 characters, without
#: padding and without spare bits, so that one place has one spelling.
_PLACE = struct.Struct(">qq")
_DIGEST_BYTES = 14


def write_token(place: Place, listing: Listing) -> str:
    """The token of the page behind `place`."""
    packed = _PLACE.pack((place.created_at - _EPOCH) // timedelta(microseconds=1), place.key)
    return base64.urlsafe_b64encode(packed + _digest(packed, listing)).decode("ascii")


def read_token(token: str, listing: Listing) -> Place:
    """The place that `write_token` was given for the same list. Raises InvalidParameter."""
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
        microseconds, key = _PLACE.unpack(raw[: _PLACE.size])
        place = Place(_EPOCH + timedelta(microseconds=microseconds), key)
    except (ValueError, OverflowError, struct.error):
        place = None
    if place is None or write_token(place, listing) != token:
        raise InvalidParameter.of(
            "next", "is no page token of this list; use it with the filters and order it came from"
        )
    return place


def _digest(packed: bytes, listing: Listing) -> bytes:
    return hashlib.blake2b(
        msgspec.json.encode(listing),
        digest_size=_DIGEST_BYTES,
        key=packed,
        person=b"eunoe page 1",
    ).digest()
