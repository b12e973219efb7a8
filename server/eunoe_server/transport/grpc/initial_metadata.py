"""What a call tells at its beginning, by more than one and in one go: it can be sent only once.

Who knows something early holds it here; whoever sends first sends all of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

Pair = tuple[str, str]

#: A list, so that what one task of a call has sent is sent for all of them.
_held: ContextVar[list[Pair] | None] = ContextVar("held_initial_metadata", default=None)


def hold(pairs: Iterable[Pair]) -> None:
    """Keeps them for the first `send` of this call."""
    _held.set(list(pairs))


async def send(context: Any, *pairs: Pair) -> None:
    """Sends what is held and these; nothing if there is nothing."""
    held = _held.get() or []
    pairs = (*held, *pairs)
    held.clear()
    if pairs:
        await context.send_initial_metadata(pairs)
