"""Whether an answer holds what a case wants: exactly, but only what it names.

Answers are read so that nothing a JSON parser forgives or loses goes unseen: numbers stay the
characters they are written with, and the order of keys counts where a document is compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.contract.case import ABSENT, ANY, Document


class Numeral(str):
    """A number as it is written."""

    __slots__ = ()


def read_json(text: str) -> Any:
    """A JSON text, with numerals for numbers."""
    return json.loads(text, parse_int=Numeral, parse_float=Numeral)


def differences(wanted: Any, found: Any, text: str, path: str = "") -> Iterator[str]:
    """What is not as wanted, one line each. `text` is the answer as it came."""
    here = path or "the answer"
    if wanted == ANY:
        return
    if isinstance(wanted, Document):
        if not is_same(read_json(wanted), found):
            yield f"{here} is {found!r}, not the document {wanted[:200]}"
        elif wanted not in text:
            yield f"{here} is not word for word {wanted[:200]}"
    elif isinstance(wanted, dict) and isinstance(found, dict):
        for key, item in wanted.items():
            if item == ABSENT:
                if key in found:
                    yield f"{path}.{key} is there: {found[key]!r}"
            elif key not in found:
                yield f"{path}.{key} is not there"
            else:
                yield from differences(item, found[key], text, f"{path}.{key}")
    elif isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            yield f"{here} has {len(found)} items, not {len(wanted)}"
        for index, (item, other) in enumerate(zip(wanted, found, strict=False)):
            yield from differences(item, other, text, f"{path}[{index}]")
    elif not is_same(read_json(json.dumps(wanted)), found):
        yield f"{here} is {found!r}, not {wanted!r}"


def is_same(one: Any, other: Any) -> bool:
    """Equal in kind, in every digit and in the order of keys."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


def part(found: Any, path: str) -> str:
    """The text or number at `items.0.id`."""
    for step in path.split("."):
        found = found[int(step)] if isinstance(found, list) else found[step]
    return str(found)
