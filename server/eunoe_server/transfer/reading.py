"""Records out of a file, in the file's order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from eunoe_server.transfer.items import read_items
from eunoe_server.transfer.native import read_native
from eunoe_server.transfer.openai import (
    is_export,
    is_message_list,
    read_export,
    read_message_list,
)
from eunoe_server.transfer.records import LeftOut, Record


def read_records(path: Path) -> Iterator[Record]:
    """Every record of a file; what cannot be read is told, and the rest is read. Raises OSError."""
    for item in read_items(path):
        if isinstance(item, LeftOut):
            yield item
        elif is_export(item):
            yield from read_export(item)
        elif is_message_list(item):
            yield from read_message_list(item)
        else:
            yield from read_native(item)
