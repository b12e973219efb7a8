"""What the built-in model's answers in every form have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from eunoe_server.errors import UpstreamAnsweredError

JSON_HEADERS: Mapping[str, str] = {"content-type": "application/json"}


def encode(document: object) -> bytes:
    """JSON in ASCII, so that a lone surrogate in what was said comes back as the escape it was.

    Raises ValueError for a number that JSON does not have.
    """
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")


def bad_request(message: str, param: str | None, code: str | None = None) -> UpstreamAnsweredError:
    """A refusal as an OpenAI-compatible endpoint would send it."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return UpstreamAnsweredError(400, encode({"error": error}), JSON_HEADERS)


def read_object(raw: bytes) -> dict[str, Any]:
    """The body of a request. Raises a refusal when it is no JSON object."""
    try:
        asked = json.loads(raw)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        asked = None
    except ValueError:  # Python reads none of more than 4,300 digits
        raise bad_request("A number in the request body has too many digits.", None) from None
    if not isinstance(asked, dict):
        raise bad_request("The request body must be a JSON object.", None)
    return asked


def is_count(value: object) -> bool:
    """Whether it is a whole number from 1 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
