"""The three ways our HTTP routes speak, told apart by the path and nothing else.

Each belongs to a seed: OpenAI's (000, 001, 003), the native one (002), the memories one (004).
A path that no route answers still has a dialect, so that a typo is answered in the language of
the client that made it.
"""

from __future__ import annotations

import enum
import re


class Dialect(enum.StrEnum):
    """Whose JSON a route speaks, in answers and in errors."""

    OPENAI = "openai"
    NATIVE = "native"
    MEMORIES = "memories"


#: Ours, although it is below /v1: administration is no part of OpenAI's surface.
_NATIVE_PREFIX = "/v1/admin"

_PREFIXES = (
    (_NATIVE_PREFIX, Dialect.NATIVE),
    ("/v1", Dialect.OPENAI),
    ("/api/publicLLM", Dialect.OPENAI),
    ("/api/v1", Dialect.MEMORIES),
)

#: What OpenAI's clients put behind their `base_url`; it is theirs also where that is wrong.
_OPENAI_ENDPOINT = re.compile(r"/(chat/completions|completions|responses|embeddings|models)/?$")


def is_openai_endpoint(path: str) -> bool:
    """Whether a path ends as those of OpenAI's clients do."""
    return _OPENAI_ENDPOINT.search(path) is not None


def dialect_of(path: str) -> Dialect:
    """The dialect of a request path."""
    for prefix, dialect in _PREFIXES:
        if path == prefix or path.startswith(f"{prefix}/"):
            return dialect
    return Dialect.OPENAI if is_openai_endpoint(path) else Dialect.NATIVE
