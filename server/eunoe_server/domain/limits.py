"""What every kept thing may be called and how much may stand beside it (`options.proto`).

One function a kind of field; each gives back what is to be stored, or raises InvalidInput that
names the field. Nothing here is cut or repaired to fit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from eunoe_server.domain.json_document import parse
from eunoe_server.domain.limit_table import (
    MAX_ID_CHARACTERS,
    MAX_METADATA_BYTES,
    MAX_TAG_CHARACTERS,
    MAX_TAGS,
)
from eunoe_server.errors import InvalidInput

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def can_be_id(text: str) -> bool:
    """Whether anything may have this id: 1 to 256 characters, none a control character."""
    return 1 <= len(text) <= MAX_ID_CHARACTERS and not _CONTROL.search(text)


def checked_id(text: str, field: str = "id") -> str:
    """An id to give to something new."""
    if not can_be_id(text):
        raise InvalidInput.of(
            field, f"must be 1 to {MAX_ID_CHARACTERS} characters without control characters"
        )
    return text


def checked_text(text: str, field: str, max_characters: int) -> str:
    """Words for people: a label, a description."""
    if len(text) > max_characters:
        raise InvalidInput.of(field, f"must be at most {max_characters:,} characters")
    if "\x00" in text:
        raise InvalidInput.of(field, "must not contain U+0000")
    return text


def checked_tags(tags: Sequence[str], field: str = "tags") -> tuple[str, ...]:
    """In the order given, each once."""
    unique = tuple(dict.fromkeys(tags))
    if len(unique) > MAX_TAGS:
        raise InvalidInput.of(field, f"must be at most {MAX_TAGS} tags")
    for index, tag in enumerate(tags):
        if not tag:
            raise InvalidInput.of(f"{field}[{index}]", "must not be empty")
        checked_text(tag, f"{field}[{index}]", MAX_TAG_CHARACTERS)
    return unique


def checked_metadata(document: str, field: str = "metadata") -> str:
    """A JSON object as text. Nothing and `null` are the empty one."""
    if not document:
        return "{}"
    if len(document.encode()) > MAX_METADATA_BYTES:
        raise InvalidInput.of(field, f"must be at most {MAX_METADATA_BYTES // 1024} KiB")
    parsed = parse(document, field)
    if parsed is None:
        return "{}"
    if not isinstance(parsed, dict):
        raise InvalidInput.of(field, "must be a JSON object")
    return document
