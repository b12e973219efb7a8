"""What a server holds, as JSON Lines: the API's own JSON with the name of what each line is.

A line is a memory, a dialogue or a message; a dialogue's messages follow it in order. Messages of
branches that a conversation has left are written when asked for, to be read: an import passes them
over. One page is held at a time, whatever a namespace holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message as Protobuf

from eunoe.v1 import admin_pb2, dialogue_pb2, memory_pb2
from eunoe_server.transfer.connection import CallFailed, Connection
from eunoe_server.transfer.native import KIND
from eunoe_server.transport.http import codec

_PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One exported thing."""

    #: `memory`, `dialogue` or `message`.
    kind: str
    #: With its line feed.
    text: bytes


def namespaces_of(server: Connection) -> Sequence[str]:
    """Every namespace that the key administers. Raises CallFailed."""
    request = admin_pb2.ListNamespacesRequest(page_size=_PAGE_SIZE)
    pages = server.pages(server.admin.ListNamespaces, request)
    try:
        return [namespace.name for page in pages for namespace in page.namespaces]
    except CallFailed as error:
        if error.reason == "PERMISSION_DENIED":
            raise CallFailed(
                "This key may not list the namespaces; name them with --namespace.",
                reason=error.reason,
            ) from error
        raise


def export_lines(
    server: Connection, namespace: str, *, with_superseded: bool = False
) -> Iterator[Line]:
    """Every line of one namespace, oldest things first. Raises CallFailed."""
    memories = memory_pb2.ListMemoriesRequest(
        namespace=namespace, page_size=_PAGE_SIZE, order="asc", include_superseded=True
    )
    for page in server.pages(server.memories.ListMemories, memories):
        yield from (_line("memory", memory) for memory in page.memories)
    dialogues = dialogue_pb2.ListDialoguesRequest(
        namespace=namespace, page_size=_PAGE_SIZE, order="asc"
    )
    for page in server.pages(server.dialogues.ListDialogues, dialogues):
        for dialogue in page.dialogues:
            try:
                yield from _dialogue(server, dialogue.id, namespace, with_superseded)
            except CallFailed as error:
                # Deleted meanwhile.
                if error.reason != "DIALOGUE_NOT_FOUND":
                    raise


def _dialogue(
    server: Connection, dialogue_id: str, namespace: str, with_superseded: bool
) -> Iterator[Line]:
    get = dialogue_pb2.GetDialogueRequest(id=dialogue_id, namespace=namespace, message_limit=0)
    yield _line("dialogue", server.call(server.dialogues.GetDialogue, get).dialogue)
    messages = dialogue_pb2.ListMessagesRequest(
        dialogue_id=dialogue_id,
        namespace=namespace,
        page_size=_PAGE_SIZE,
        order="asc",
        include_superseded=with_superseded,
    )
    for page in server.pages(server.dialogues.ListMessages, messages):
        yield from (_line("message", message) for message in page.messages)


def _line(kind: str, message: Protobuf) -> Line:
    members = codec.print_message(message).removeprefix(b"{")
    return Line(kind, b'{"%b":"%b",%b\n' % (KIND.encode(), kind.encode(), members))
