"""Where records go: a running server, through its public API."""

from __future__ import annotations

from typing import Protocol

from eunoe.v1 import dialogue_pb2, memory_pb2
from eunoe_server.transfer.connection import CallFailed, Connection

_PAGE_SIZE = 200


class Destination(Protocol):
    """What an import needs. Every call raises CallFailed, with the server's reasons."""

    def create_dialogue(self, request: dialogue_pb2.CreateDialogueRequest) -> None:
        """A dialogue without messages."""

    def end_dialogue(self, request: dialogue_pb2.EndDialogueRequest) -> None:
        """No more messages."""

    def create_messages(self, request: dialogue_pb2.CreateMessagesRequest) -> None:
        """All of them or none."""

    def create_memories(self, request: memory_pb2.BatchCreateMemoriesRequest) -> None:
        """All of them or none."""

    def message_ids(self, dialogue_id: str, namespace: str | None) -> set[str]:
        """Of every message of a dialogue, superseded ones included."""

    def has_memory(self, memory_id: str, namespace: str | None) -> bool:
        """Whether it is in that namespace; None: the global one, or the key's own."""

    def has_memory_anywhere(self, memory_id: str) -> bool:
        """Whether it is in any namespace that the key sees."""


class RunningServer:
    """Stores what it is given."""

    def __init__(self, server: Connection) -> None:
        self._server = server

    def create_dialogue(self, request: dialogue_pb2.CreateDialogueRequest) -> None:
        """A dialogue without messages."""
        self._server.call(self._server.dialogues.CreateDialogue, request)

    def end_dialogue(self, request: dialogue_pb2.EndDialogueRequest) -> None:
        """No more messages."""
        self._server.call(self._server.dialogues.EndDialogue, request)

    def create_messages(self, request: dialogue_pb2.CreateMessagesRequest) -> None:
        """All of them or none."""
        self._server.call(self._server.dialogues.CreateMessages, request)

    def create_memories(self, request: memory_pb2.BatchCreateMemoriesRequest) -> None:
        """All of them or none."""
        self._server.call(self._server.memories.BatchCreateMemories, request)

    def message_ids(self, dialogue_id: str, namespace: str | None) -> set[str]:
        """Of every message of a dialogue, superseded ones included."""
        request = dialogue_pb2.ListMessagesRequest(
            dialogue_id=dialogue_id,
            namespace=namespace,
            page_size=_PAGE_SIZE,
            include_superseded=True,
        )
        pages = self._server.pages(self._server.dialogues.ListMessages, request)
        return {message.id for page in pages for message in page.messages}

    def has_memory(self, memory_id: str, namespace: str | None) -> bool:
        """Whether it is in that namespace; None: the global one, or the key's own."""
        try:
            return self._finds(memory_pb2.GetMemoryRequest(id=memory_id, namespace=namespace or ""))
        except CallFailed as error:
            # The key is bound to one namespace, and sees nothing else.
            if error.reason != "CONFLICTING_PARAMETERS" or namespace is not None:
                raise
        return self._finds(memory_pb2.GetMemoryRequest(id=memory_id))

    def has_memory_anywhere(self, memory_id: str) -> bool:
        """Whether it is in any namespace that the key sees."""
        try:
            return self._finds(memory_pb2.GetMemoryRequest(id=memory_id))
        except CallFailed as error:
            # A key that is bound to a prefix may not look everywhere.
            if error.reason != "PERMISSION_DENIED":
                raise
        return False

    def _finds(self, request: memory_pb2.GetMemoryRequest) -> bool:
        try:
            self._server.call(self._server.memories.GetMemory, request)
        except CallFailed as error:
            if error.reason != "MEMORY_NOT_FOUND":
                raise
            return False
        return True
