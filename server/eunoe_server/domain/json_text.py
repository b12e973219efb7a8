"""JSON taken apart and put together again as text, so that every value stays what it was.

A parser gives numbers that it can hold and forgets how things were written. Here a number is the
characters it was written with and keys keep their order; `json_document` says what may be kept at
all, and has been asked before anything comes here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from eunoe_server.domain.json_document import Number, Parsed

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# Only where a value ends is of interest, and a number may be longer than Python likes to read.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


def members(document: str) -> dict[str, str]:
    """The members of a JSON object, each value word for word."""
    found: dict[str, str] = {}
    at = _after_blank(document, _after_blank(document, 0) + 1)
    while document[at] != "}":
        name, at = _DECODER.raw_decode(document, at)
        start = _after_blank(document, _after_blank(document, at) + 1)
        _, at = _DECODER.raw_decode(document, start)
        found[name] = document[start:at]
        at = _after_blank(document, at)
        if document[at] == ",":
            at = _after_blank(document, at + 1)
    return found


def object_of(found: Mapping[str, str]) -> str:
    """A JSON object whose values are JSON already."""
    return "{" + ",".join(f"{string_of(name)}:{value}" for name, value in found.items()) + "}"


def string_of(text: str) -> str:
    """A JSON string. Lone surrogates are escaped: as characters no encoding holds them."""
    return _LONE_SURROGATE.sub(
        lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False)
    )


def text_of(value: Parsed) -> str:
    """A whole document, without blanks."""
    match value:
        case dict():
            return object_of({name: text_of(item) for name, item in value.items()})
        case list():
            return "[" + ",".join(map(text_of, value)) + "]"
        case Number(literal):
            return literal
        case str():
            return string_of(value)
        case bool():
            return "true" if value else "false"
        case None:
            return "null"


def _after_blank(document: str, at: int) -> int:
    while document[at] in " \t\n\r":
        at += 1
    return at
