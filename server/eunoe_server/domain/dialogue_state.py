"""The state of a dialogue: one JSON object, kept verbatim, changed by merge patches (RFC 7396).

A patch changes nothing but what it names: 2^53 + 1 stays what it is, 1.0 does not become 1, and
keys stay where they stand.
"""

from __future__ import annotations

from eunoe_server.domain.json_document import Parsed, parse
from eunoe_server.domain.json_text import text_of
from eunoe_server.domain.limit_table import MAX_STATE_BYTES
from eunoe_server.errors import InvalidInput

NO_STATE = "{}"


def checked_state(document: str, field: str = "state") -> str:
    """A state to keep. Raises InvalidInput unless it is one JSON object of up to 1 MiB."""
    if _is_too_large(document):
        raise InvalidInput.of(field, "must be at most 1 MiB of JSON")
    _object(document, field)
    return document


def patched_state(state: str, patch: str) -> str:
    """`state` with `patch` merged into it. Raises InvalidInput."""
    patched = text_of(merge_patch(parse(state, "state"), _object(patch, "patch")))
    if _is_too_large(patched):
        raise InvalidInput.of("patch", "would make the state larger than 1 MiB of JSON")
    return patched


def merge_patch(target: Parsed, patch: Parsed) -> Parsed:
    """RFC 7396, section 2. Keys that stay keep their place; new ones follow."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def _object(document: str, field: str) -> Parsed:
    parsed = parse(document, field)
    if not isinstance(parsed, dict):
        raise InvalidInput.of(field, "must be a JSON object")
    return parsed


def _is_too_large(document: str) -> bool:
    return len(document.encode()) > MAX_STATE_BYTES
