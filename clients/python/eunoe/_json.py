"""JSON values as plain Python, and back, without changing any.

Integers have any size. A number with a fraction or an exponent is a `float` where a float says
exactly that, else a `Decimal`. What JSON cannot hold is refused here, with the place it stands at:
NaN, keys that are not strings (`json.dumps` would turn them into some), sets, bytes, objects.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from eunoe.exceptions import NotJson

JsonValue: TypeAlias = (
    bool | int | float | Decimal | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None
)

# The server's own bound (options.proto); it also ends what contains itself.
_MAX_DEPTH = 128

# 1,000 digits, as the server has it. Python writes no more than 4,300.
_MAX_INTEGER_BITS = 3_322

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def dumps(value: JsonValue, name: str = "value") -> str:
    """One JSON document. `name` is what the value is called in the error. Raises NotJson."""
    return _text(value, name, 0)


def optional_object(value: Mapping[str, JsonValue] | None, name: str) -> str:
    """The document of an object that may be left out; empty when it is. Raises NotJson."""
    return "" if value is None else dumps(value, name)


def loads(document: str) -> Any:
    """The value of a document that the server sent; None for none."""
    return json.loads(document, parse_float=_number) if document else None


def with_moments_written(value: Any) -> Any:
    """The same with each date and instant in ISO 8601, for filters."""
    match value:
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return {key: with_moments_written(item) for key, item in value.items()}
        case list() | tuple():
            return [with_moments_written(item) for item in value]
        case _:
            return value


def _text(value: Any, path: str, depth: int) -> str:
    if depth > _MAX_DEPTH:
        raise NotJson(f"{path} nests deeper than {_MAX_DEPTH} levels, or contains itself.")
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value)
        case int() | float() | Decimal():
            return _numeral(value, path)
        case Mapping():
            members = []
            for key, item in value.items():
                if not isinstance(key, str):
                    raise NotJson(f"{path} has the key {key!r}: keys must be strings.")
                members.append(f"{_string(key)}:{_text(item, f'{path}.{key}', depth + 1)}")
            return "{" + ",".join(members) + "}"
        case list() | tuple():
            items = (_text(item, f"{path}[{at}]", depth + 1) for at, item in enumerate(value))
            return "[" + ",".join(items) + "]"
    raise NotJson(
        f"{path} is of type {type(value).__name__}, which JSON does not have. Use None, bool, int, "
        "float, str, list or dict."
    )


def _numeral(value: float | Decimal, path: str) -> str:
    if isinstance(value, int):
        if value.bit_length() > _MAX_INTEGER_BITS:
            raise NotJson(f"{path} is an integer of more than 1,000 digits, which no server keeps.")
        # Not str(): a subclass, such as an IntEnum, may say something else.
        return int.__repr__(value)
    # Not math.isfinite(): it makes a float of a Decimal, and 1e400 is no infinity.
    if not (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)):
        raise NotJson(f"{path} is {value}, which is no number in JSON. Use None or a string.")
    return float.__repr__(value) if isinstance(value, float) else str(value)


def _string(text: str) -> str:
    # Lone surrogates are escaped: as characters no encoding holds them.
    written = json.dumps(text, ensure_ascii=False)
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def _number(literal: str) -> float | Decimal:
    number, exact = float(literal), Decimal(literal)
    return number if math.isfinite(number) and Decimal(repr(number)) == exact else exact
