"""Records held against the rules of what can be stored, before any of them is sent.

The server decides by the same rules, but it refuses a whole call for one bad message in it. So
what can be known here is said here, one record at a time and without a server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from eunoe.v1 import memory_pb2
from eunoe_server.domain.caller import check_namespace
from eunoe_server.domain.memory_draft import MemoryDraft
from eunoe_server.errors import InvalidInput, InvalidRequest
from eunoe_server.transfer.records import (
    DialogueRecord,
    LeftOut,
    MemoryRecord,
    MessageRecord,
    Record,
)
from eunoe_server.transport.grpc.convert import moment_of, optional
from eunoe_server.transport.grpc.dialogue_messages import read_dialogue, read_message


def checked(records: Iterable[Record]) -> Iterator[Record]:
    """The same records; those that no server would take have become what to say about them."""
    for record in records:
        try:
            _check(record)
        except InvalidRequest as error:
            yield LeftOut(record.place, error.message.removeprefix("."))
        else:
            yield record


def _check(record: Record) -> None:
    """Raises InvalidRequest."""
    match record:
        case DialogueRecord(new=new):
            check_namespace(new.namespace)
            read_dialogue(new).accepted(new.id)
        case MessageRecord(namespace=namespace, new=message):
            check_namespace(namespace or "")
            read_message(message, "").accepted(message.id, "")
        case MemoryRecord(namespace=namespace, new=memory):
            check_namespace(namespace or "")
            _memory_draft(memory).accepted(memory.id)


def _memory_draft(new: memory_pb2.NewMemory) -> MemoryDraft:
    return MemoryDraft(
        value=new.value_json,
        id=optional(new, "id"),
        label=optional(new, "label"),
        description=optional(new, "description"),
        tags=new.tags,
        metadata=new.metadata_json,
        created_at=moment_of(new, "create_time", "created", InvalidInput),
    )
