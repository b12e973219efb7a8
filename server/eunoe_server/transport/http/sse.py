"""Server-sent events as the OpenAI packages read them.

Never an `id:`, and a keep-alive is a comment with a single newline: after any `id:`, or with a
blank line behind it, current packages dispatch the comment as an event and fail to parse it
(openai/openai-python#2722).
"""

from __future__ import annotations

HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
}

DONE = b"data: [DONE]\n\n"
PING = b": ping\n"


def event(data: bytes, name: str = "") -> bytes:
    """One event. The bytes pass as they are; a line break in them starts a further `data:` line."""
    if b"\n" in data or b"\r" in data:
        lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        data = b"\ndata: ".join(lines)
    if name:
        return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
    return b"data: %b\n\n" % data
