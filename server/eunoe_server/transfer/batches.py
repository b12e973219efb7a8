"""Records gathered into what one call can carry, in the order of their file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from eunoe_server.transfer.records import (
    DialogueRecord,
    LeftOut,
    MemoryRecord,
    MessageRecord,
    Passed,
    Record,
)

MAX_RECORDS = 1_000
#: A quarter of what a server takes by default.
MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of one dialogue."""

    records: tuple[MessageRecord, ...]


@dataclass(frozen=True, slots=True)
class Memories:
    """Memories of one namespace."""

    records: tuple[MemoryRecord, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing more of this dialogue follows."""

    dialogue: DialogueRecord


Batch: TypeAlias = DialogueRecord | Messages | Memories | Close | LeftOut | Passed


def in_batches(records: Iterable[Record]) -> Iterator[Batch]:
    """Each dialogue, its messages, then its close; memories and what is not imported in between."""
    opened: DialogueRecord | None = None
    waiting: list[MessageRecord | MemoryRecord] = []
    waiting_bytes = 0
    for record in records:
        if isinstance(record, LeftOut | Passed):
            yield record
            continue
        record_bytes = record.new.ByteSize()
        is_full = len(waiting) == MAX_RECORDS or waiting_bytes + record_bytes > MAX_BYTES
        if waiting and (is_full or _home(record) != _home(waiting[-1])):
            yield _batch(waiting)
            waiting, waiting_bytes = [], 0
        if isinstance(record, DialogueRecord):
            if opened is not None:
                yield Close(opened)
            opened = record
            yield record
        else:
            waiting.append(record)
            waiting_bytes += record_bytes
    if waiting:
        yield _batch(waiting)
    if opened is not None:
        yield Close(opened)


def _home(record: DialogueRecord | MessageRecord | MemoryRecord) -> tuple[object, ...]:
    """Equal for records that one call can carry."""
    match record:
        case DialogueRecord():
            return ("dialogue",)
        case MessageRecord():
            return ("message", record.namespace, record.dialogue_id)
        case MemoryRecord():
            return ("memory", record.namespace)


def _batch(waiting: list[MessageRecord | MemoryRecord]) -> Messages | Memories:
    messages = tuple(each for each in waiting if isinstance(each, MessageRecord))
    if messages:
        return Messages(messages)
    return Memories(tuple(each for each in waiting if isinstance(each, MemoryRecord)))
