"""JSON documents that callers give us to keep: is it one, and what of it can be read.

A document is kept as the text it came as, so nothing here changes or re-encodes it. It is refused
when its readers would disagree about it or choke on it: NaN and the other things that RFC 8259 does
not have, a key that one object holds twice, nesting that overflows a parser's stack, a number so
long that parsers refuse it (Python's: beyond 4,300 digits). Escaped U+0000 and lone surrogates stay
in the document, and become U+FFFD in the text made from it, which Postgres could not store
otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from eunoe_server.domain.limit_table import MAX_DEPTH, MAX_NUMBER_CHARACTERS
from eunoe_server.domain.turn import storable_text
from eunoe_server.errors import InvalidInput

# A key of an object is repeated in every line below it.
_MAX_KEY_CHARACTERS = 128

#: What a document holds. Numbers are the characters they are written with.
Parsed: TypeAlias = "dict[str, Parsed] | list[Parsed] | str | Number | bool | None"


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written: `9007199254740993`, `1E400`."""

    literal: str


def parse(document: str, field: str) -> Parsed:
    """What `document` holds. Raises InvalidInput that names `field`."""

    def refuse(why: str) -> NoReturn:
        raise InvalidInput.of(field, why)

    def number(literal: str) -> Number:
        if len(literal) > MAX_NUMBER_CHARACTERS:
            refuse(f"holds a number of more than {MAX_NUMBER_CHARACTERS} characters")
        return Number(literal)

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            refuse("holds an object that has the same key twice")
        return found

    def constant(name: str) -> NoReturn:
        refuse(f"is not valid JSON: it holds {name}")

    try:
        parsed: Parsed = json.loads(
            document,
            object_pairs_hook=members,
            parse_int=number,
            parse_float=number,
            parse_constant=constant,
        )
    except json.JSONDecodeError as error:
        refuse(f"is not valid JSON: {error}")
    except RecursionError:
        refuse(f"is nested more than {MAX_DEPTH} levels deep")
    if _is_deeper(parsed, MAX_DEPTH):
        refuse(f"is nested more than {MAX_DEPTH} levels deep")
    return parsed


def _is_deeper(value: Parsed, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_is_deeper(item, levels - 1) for item in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_is_deeper(item, levels - 1) for item in value)
    return False


def readable_text(value: Parsed, max_characters: int) -> str:
    """The value in words, a line for each thing said, cut after `max_characters`.

    A string is itself. Of objects, each scalar follows its keys: `{"theme": "dark", "editor":
    {"fontSize": 16}}` gives "theme: dark" and "editor font Size: 16".
    """
    lines: list[str] = []
    left = max_characters
    for line in _lines(value, ""):
        lines.append(line[:left])
        left -= len(line) + 1
        if left <= 0:
            break
    return storable_text("\n".join(lines))


def _lines(value: Parsed, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _lines(item, f"{name} {_words(key)}" if name else _words(key))
    elif isinstance(value, list):
        if scalars := [item for item in value if not isinstance(item, dict | list)]:
            yield _said(name, ", ".join(map(_scalar, scalars)))
        for item in value:
            if isinstance(item, dict | list):
                yield from _lines(item, name)
    else:
        yield _said(name, _scalar(value))


def _said(name: str, what: str) -> str:
    return f"{name}: {what}" if name else what


def _scalar(value: Parsed) -> str:
    match value:
        case Number(literal):
            return literal
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case _:
            return str(value)


_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_-]+")


def _words(key: str) -> str:
    """A key as people would ask for it: `fontSize` and `font_size` are two words."""
    return _HUMP.sub(" ", key[:_MAX_KEY_CHARACTERS])
