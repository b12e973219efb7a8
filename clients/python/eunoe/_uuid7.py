"""Ids in the order of their making (UUID version 7, RFC 9562), which Python 3.11 does not have.

The client gives new things their ids itself: a create whose answer was lost can then be repeated
without making a second one.
"""

from __future__ import annotations

import os
import time
import uuid


def uuid7() -> str:
    """A new id."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))
