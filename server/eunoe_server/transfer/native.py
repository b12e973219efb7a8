"""Our own items, which are what the API shows, and DialogueDB's, which are nearly the same.

What only an answer holds (counts, status, `modified`) is left out. In files of our own a name that
the API does not know is an error, because it can only be a mistake; DialogueDB's answers hold more
than ours.

Nobody can write facts, they are found. So a fact comes back when its dialogue is committed; one
that rests on no dialogue is kept as a plain memory. Messages that a conversation has left would
come back to life, so they stay where they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, TypeVar

from google.protobuf.message import Message as Protobuf

from eunoe.v1 import dialogue_pb2, memory_pb2
from eunoe_server.domain.json_document import Parsed
from eunoe_server.domain.json_text import text_of
from eunoe_server.domain.turn import storable_text
from eunoe_server.errors import InvalidInput, InvalidRequest
from eunoe_server.transfer.items import Item
from eunoe_server.transfer.records import (
    DialogueRecord,
    LeftOut,
    MemoryRecord,
    MessageRecord,
    Passed,
    Record,
)
from eunoe_server.transport.http import codec

M = TypeVar("M", bound=Protobuf)

#: The name under which `eunoe export` says what an item is; DialogueDB's search does as well.
KIND = "object"

FACT_OF_DIALOGUE = "facts that are found again when their dialogues are committed"
FACT_OF_THE_PAST = "facts that no longer hold and rest on no dialogue"
FACT_AS_MEMORY = "types and sources of facts that rest on no dialogue and are plain memories now"
SUPERSEDED = "messages that their conversations had left"

_DIALOGUE = dialogue_pb2.Dialogue.DESCRIPTOR
_MESSAGE = dialogue_pb2.Message.DESCRIPTOR
_MEMORY = memory_pb2.Memory.DESCRIPTOR


def read_native(item: Item) -> Iterator[Record]:
    """The records of one item, or why there are none."""
    found = dict(item.members)
    kind = found.pop(KIND, None)
    try:
        if kind == "memory" or (kind is None and "value" in found):
            yield from _memory(item, found)
        elif kind == "message" or (kind is None and "role" in found):
            yield _message(item, found, found.get("dialogueId"), found.get("namespace"))
        elif kind == "dialogue" or (kind is None and "id" in found):
            yield from _dialogue(item, found)
        else:
            yield LeftOut(item.place, "is no dialogue, message or memory")
    except InvalidRequest as error:
        yield LeftOut(item.place, error.message)


def _dialogue(item: Item, found: dict[str, Parsed]) -> Iterator[Record]:
    # A hash of all of it: two dialogues without an id may differ in their messages alone.
    dialogue_id = found.get("id") or id_from(found)
    messages = found.pop("messages", None) or []
    if not isinstance(messages, list):
        raise InvalidInput.of("messages", "must be a list")
    new = _filled(dialogue_pb2.CreateDialogueRequest(), found, _DIALOGUE, is_ours=_is_ours(item))
    new.id = str(dialogue_id)
    yield DialogueRecord(item.place, new, is_ended=found.get("status") == "ended")
    for number, message in enumerate(messages):
        at = f"messages[{number}]"
        if not isinstance(message, dict):
            yield LeftOut(item.place, f"{at}: must be an object")
            continue
        message["id"] = message.get("id") or f"imported-{number}"
        try:
            yield _message(item, message, new.id, found.get("namespace"))
        except InvalidRequest as error:
            yield LeftOut(item.place, f"{at}.{error.message}")


def _message(
    item: Item, found: dict[str, Parsed], dialogue_id: Parsed, namespace: Parsed
) -> Record:
    if not isinstance(dialogue_id, str) or dialogue_id != storable_text(dialogue_id):
        raise InvalidInput.of("dialogueId", "must be the id of a dialogue")
    if found.get("isSuperseded") is True:
        return Passed(item.place, SUPERSEDED)
    new = _filled(dialogue_pb2.NewMessage(), found, _MESSAGE, is_ours=_is_ours(item))
    # People say the same thing twice, so the place counts as well.
    new.id = new.id or id_from([found, str(item.place.number)])
    return MessageRecord(item.place, dialogue_id, _namespace(namespace), new)


def _memory(item: Item, found: dict[str, Parsed]) -> Iterator[Record]:
    fact = found.get("fact")
    if isinstance(fact, dict):
        source = fact.get("source")
        if isinstance(source, dict) and source.get("dialogueId"):
            yield Passed(item.place, FACT_OF_DIALOGUE)
            return
        if fact.get("validTo"):
            yield Passed(item.place, FACT_OF_THE_PAST)
            return
        yield Passed(item.place, FACT_AS_MEMORY)
    new = _filled(memory_pb2.NewMemory(), found, _MEMORY, is_ours=_is_ours(item))
    new.id = new.id or id_from(found)
    yield MemoryRecord(item.place, _namespace(found.get("namespace")), new)


def _is_ours(item: Item) -> bool:
    return KIND in item.members


def _namespace(found: Parsed) -> str | None:
    if found is None or isinstance(found, str):
        return found
    raise InvalidInput.of("namespace", "must be a text")


def _filled(message: M, found: dict[str, Parsed], shown: Any, *, is_ours: bool) -> M:
    wanted = {field.json_name for field in message.DESCRIPTOR.fields if field.name != "request_id"}
    known = wanted | {field.json_name for field in shown.fields}
    if is_ours and (unknown := found.keys() - known):
        raise InvalidInput.of(min(unknown), "unknown field")
    kept = {name: value for name, value in found.items() if name in wanted}
    codec.read_object(text_of(kept).encode(), message)
    return message


def id_from(found: Parsed) -> str:
    """An id for what has none: the same one whenever the same thing is read again."""
    return f"imported-{hashlib.sha256(text_of(found).encode()).hexdigest()[:24]}"
