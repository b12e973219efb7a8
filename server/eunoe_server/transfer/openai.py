"""Conversations from OpenAI's world: ChatGPT's data export, and lists of chat messages.

The export keeps a conversation as a tree, because people edit and regenerate. What is imported is
the branch that was open last; the others are counted, and left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from eunoe.v1 import dialogue_pb2
from eunoe_server.domain.json_document import Number, Parsed
from eunoe_server.domain.json_text import object_of, string_of, text_of
from eunoe_server.domain.limit_table import MAX_LABEL_CHARACTERS
from eunoe_server.domain.message_body import OWN_MEMBERS
from eunoe_server.domain.turn import ROLES, storable_text
from eunoe_server.errors import InvalidInput
from eunoe_server.transfer.items import Item
from eunoe_server.transfer.native import id_from
from eunoe_server.transfer.records import DialogueRecord, LeftOut, MessageRecord, Passed, Record

OTHER_BRANCHES = "messages of branches that were not open last"


def is_export(item: Item) -> bool:
    """A conversation of ChatGPT's data export."""
    return "mapping" in item.members


def is_message_list(item: Item) -> bool:
    """`{"messages": […]}` and no id: a request's body, or a line of a training file."""
    return "messages" in item.members and not {"id", "object"} & item.members.keys()


def read_export(item: Item) -> Iterator[Record]:
    """A dialogue and the messages of its last open branch."""
    found = item.members
    nodes = found["mapping"]
    try:
        if not isinstance(nodes, dict):
            raise InvalidInput.of("mapping", "must be an object")
        branch = list(_branch(nodes, found.get("current_node")))
    except InvalidInput as error:
        yield LeftOut(item.place, error.message)
        return
    dialogue_id = _text(found.get("conversation_id")) or _text(found.get("id")) or id_from(found)
    new = dialogue_pb2.CreateDialogueRequest(id=dialogue_id)
    if title := _text(found.get("title")):
        new.label = title[:MAX_LABEL_CHARACTERS]
    if moment := _moment(found.get("create_time")):
        new.create_time.FromDatetime(moment)
    yield DialogueRecord(item.place, new)
    for message in branch:
        if (read := _exported(message)) is not None:
            yield MessageRecord(item.place, dialogue_id, None, read)
    said = sum(1 for node in nodes.values() if isinstance(node, dict) and _says(node))
    if left := said - sum(1 for message in branch if _exported(message) is not None):
        yield Passed(item.place, OTHER_BRANCHES, left)


def _branch(nodes: dict[str, Parsed], leaf: Parsed) -> Iterator[dict[str, Parsed]]:
    """The messages from the first to `leaf`; without one, to the end of the newest children."""
    path: list[dict[str, Parsed]] = []
    seen: set[str] = set()
    at: Parsed = leaf if isinstance(leaf, str) else _newest_leaf(nodes)
    while isinstance(at, str) and at not in seen:
        seen.add(at)
        node = nodes.get(at)
        if not isinstance(node, dict):
            raise InvalidInput.of(f"mapping.{at}", "is not there")
        path.append(node)
        at = node.get("parent")
    for node in reversed(path):
        message = node.get("message")
        if isinstance(message, dict):
            yield message


def _newest_leaf(nodes: dict[str, Parsed]) -> str | None:
    leaves = [
        name for name, node in nodes.items() if isinstance(node, dict) and not node.get("children")
    ]
    return leaves[-1] if leaves else None


def _says(node: dict[str, Parsed]) -> bool:
    message = node.get("message")
    return isinstance(message, dict) and _exported(message) is not None


def _exported(message: dict[str, Parsed]) -> dialogue_pb2.NewMessage | None:
    """A node's message; None when it says nothing, as the root of each tree."""
    author, content = message.get("author"), message.get("content")
    if not isinstance(author, dict) or not isinstance(content, dict):
        return None
    role, said = _text(author.get("role")), _content(content)
    if role not in ROLES or said is None:
        return None
    new = dialogue_pb2.NewMessage(
        id=_text(message.get("id")) or id_from(message), role=role, content_json=said
    )
    if name := _text(author.get("name")):
        new.name = name
    if moment := _moment(message.get("create_time")):
        new.create_time.FromDatetime(moment)
    metadata = message.get("metadata")
    if isinstance(metadata, dict) and (model := _text(metadata.get("model_slug"))):
        new.metadata_json = object_of({"model": string_of(model)})
    return new


def _content(content: dict[str, Parsed]) -> str | None:
    """As JSON; None when it is empty."""
    parts = content.get("parts")
    if not isinstance(parts, list):
        said = content.get("text")
        if isinstance(said, str):
            return string_of(said) if said else None
        return text_of(_typed(content)) if content.keys() > {"content_type"} else None
    parts = [part for part in parts if part not in ("", None)]
    if not parts:
        return None
    if all(isinstance(part, str) for part in parts):
        return string_of("\n".join(str(part) for part in parts))
    return text_of([_part(part) for part in parts])


def _part(part: Parsed) -> Parsed:
    return _typed(part) if isinstance(part, dict) else {"type": "text", "text": part}


def _typed(part: dict[str, Parsed]) -> dict[str, Parsed]:
    """A part as OpenAI's API has it: what it is stands under `type`."""
    kind = _text(part.get("type")) or _text(part.get("content_type"))
    return {"type": kind, **{key: value for key, value in part.items() if key != "type"}}


def read_message_list(item: Item) -> Iterator[Record]:
    """A dialogue of these messages, and each of them with every field it has."""
    found = item.members["messages"]
    try:
        if not isinstance(found, list):
            raise InvalidInput.of("messages", "must be a list")
        messages = [_listed(message, number) for number, message in enumerate(found)]
    except InvalidInput as error:
        yield LeftOut(item.place, error.message)
        return
    dialogue_id = id_from(item.members)
    yield DialogueRecord(item.place, dialogue_pb2.CreateDialogueRequest(id=dialogue_id))
    for message in messages:
        yield MessageRecord(item.place, dialogue_id, None, message)


def _listed(message: Parsed, number: int) -> dialogue_pb2.NewMessage:
    if not isinstance(message, dict):
        raise InvalidInput.of(f"messages[{number}]", "must be an object")
    new = dialogue_pb2.NewMessage(id=f"imported-{number}", role=_text(message.get("role")))
    if "content" in message:
        new.content_json = text_of(message["content"])
    if (calls := message.get("tool_calls")) is not None:
        new.tool_calls_json = text_of(calls)
    if name := _text(message.get("name")):
        new.name = name
    if call_id := _text(message.get("tool_call_id")):
        new.tool_call_id = call_id
    extra = {key: text_of(value) for key, value in message.items() if key not in OWN_MEMBERS}
    if extra:
        new.extra_json = object_of(extra)
    return new


def _text(found: Parsed) -> str:
    return storable_text(found) if isinstance(found, str) else ""


def _moment(found: Parsed) -> datetime | None:
    """Seconds since 1970."""
    if not isinstance(found, Number):
        return None
    try:
        return datetime.fromtimestamp(float(found.literal), UTC)
    except (ValueError, OverflowError, OSError):
        return None
