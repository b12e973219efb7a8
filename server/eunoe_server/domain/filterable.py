"""What of some metadata a search can filter by (`search.proto`, `metadata_json`).

Filters name a field and compare scalars, or the elements of an array. So the copy that is kept for
them holds just those, and is something that Postgres' jsonb can hold; the metadata itself stays as
it came.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import msgspec

from eunoe_server.domain.json_document import Number, Parsed, parse
from eunoe_server.domain.turn import storable_text

# Larger than any double, smaller than what numeric holds, and short when written out.
MAX_EXPONENT = 400


def filterable(metadata: str) -> str:
    """A JSON object with the fields of `metadata` that are scalars or arrays of them."""
    if metadata == "{}":
        return metadata
    fields = parse(metadata, "metadata")
    if not isinstance(fields, dict):
        raise TypeError("metadata is checked before it is kept")
    kept: dict[str, object] = {}
    for name, value in fields.items():
        if isinstance(value, list):
            kept[storable_text(name)] = [_held(item) for item in value if _is_held(item)]
        elif _is_held(value):
            kept[storable_text(name)] = _held(value)
    return msgspec.json.encode(kept).decode()


def can_be_compared(number: Number) -> bool:
    """Whether it is of a size that Postgres compares: 1E-400 to 1E400, and 0."""
    try:
        return abs(Decimal(number.literal).adjusted()) <= MAX_EXPONENT
    except InvalidOperation:  # an exponent of twenty digits
        return False


def _is_held(value: Parsed) -> bool:
    if isinstance(value, Number):
        return can_be_compared(value)
    return not isinstance(value, dict | list)


def _held(value: Parsed) -> object:
    if isinstance(value, Number):
        return msgspec.Raw(value.literal.encode())
    return storable_text(value) if isinstance(value, str) else value
