"""What the built-in model's answers in every form have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping

from eunoe_server.errors import UpstreamAnsweredError

JSON_HEADERS: Mapping[str, str] = {"content-type": "application/json"}


def encode(document: object) -> bytes:
    """JSON in ASCII, so that a lone surrogate in what was said comes back as the escape it was."""
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def bad_request(message: str, param: str | None, code: str | None = None) -> UpstreamAnsweredError:
    """A refusal as an OpenAI-compatible endpoint would send it."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return UpstreamAnsweredError(400, encode({"error": error}), JSON_HEADERS)


def is_count(value: object) -> bool:
    """Whether it is a whole number from 1 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
