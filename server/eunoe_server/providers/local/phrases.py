"""What the built-in model says when it has nothing to quote.

These sentences state nothing about anybody, so they are never taken for something that was said.
"""

from __future__ import annotations

UNKNOWN = "I don't have that information."
NOTED = "Noted."
GREETING = "Hello! Tell me something, or ask me about what you told me earlier."
THANKED = "You're welcome!"
IDENTITY = (
    "I am eunoe-local, the built-in model of this memory server. I am no language model: I answer "
    "by rules from this conversation and from the notes of earlier ones."
)
CANNOT = (
    "I am eunoe-local, which answers by rules from what was said, and I cannot do that. Set "
    "EUNOE_UPSTREAM_BASE_URL to use a language model."
)

PHRASES = frozenset({UNKNOWN, NOTED, GREETING, THANKED, IDENTITY, CANNOT})
