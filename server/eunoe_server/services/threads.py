"""Where reading takes place: short texts at once, long ones in a thread, so that no call waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Measured: reading JSON takes up to 0.5 us a character.
_INLINE_CHARACTERS = 16_384


async def read_apart(characters: int, read: Callable[[], T]) -> T:
    """The result of `read`, which goes over that many characters."""
    return read() if characters <= _INLINE_CHARACTERS else await asyncio.to_thread(read)
