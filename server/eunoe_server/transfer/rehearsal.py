"""An import that stores nothing (`eunoe import --dry-run`), and answers as the server would.

It asks the server what is there and remembers what would be there by now. What only a server can
refuse when it stores (a quota that is used up, a disk that is full) it cannot know, and messages
that stand in the files twice are counted twice.
"""

from __future__ import annotations

from eunoe.v1 import dialogue_pb2, memory_pb2
from eunoe_server.errors import DialogueEnded, DialogueNotFound, DuplicateId, EunoeError
from eunoe_server.transfer.connection import CallFailed, Connection
from eunoe_server.transfer.destination import RunningServer


class Rehearsal(RunningServer):
    """Stores nothing."""

    def __init__(self, server: Connection) -> None:
        super().__init__(server)
        #: Dialogues that would be there, by namespace and id, and whether they take messages.
        self._is_open: dict[tuple[str, str], bool] = {}
        #: Namespaces of memories that would be there, by id.
        self._memories: dict[str, str] = {}

    def create_dialogue(self, request: dialogue_pb2.CreateDialogueRequest) -> None:
        """Would create a dialogue."""
        home = (request.namespace, request.id)
        if home in self._is_open or self._is_there(*home):
            raise _refused(DuplicateId())
        parent = (request.namespace, request.thread_of)
        if request.thread_of and parent not in self._is_open and not self._is_there(*parent):
            raise _refused(DialogueNotFound(), "threadOf")
        self._is_open[home] = True

    def end_dialogue(self, request: dialogue_pb2.EndDialogueRequest) -> None:
        """Would end a dialogue."""
        self._is_open[request.namespace, request.id] = False

    def create_messages(self, request: dialogue_pb2.CreateMessagesRequest) -> None:
        """Would append messages."""
        home = (request.namespace, request.dialogue_id)
        if home not in self._is_open and not self._is_there(*home):
            raise _refused(DialogueNotFound())
        if not self._is_open[home]:
            raise _refused(DialogueEnded())
        ids = [message.id for message in request.messages]
        _refuse_twice(ids, "messages", "a message with this id already exists in this dialogue.")

    def create_memories(self, request: memory_pb2.BatchCreateMemoriesRequest) -> None:
        """Would keep memories."""
        ids = [memory.id for memory in request.memories]
        for number, memory_id in enumerate(ids):
            if self.has_memory_anywhere(memory_id):
                raise _refused(DuplicateId(), f"memories[{number}].id")
        _refuse_twice(ids, "memories", "a memory with this id already exists.")
        self._memories.update(dict.fromkeys(ids, request.namespace))

    def message_ids(self, dialogue_id: str, namespace: str | None) -> set[str]:
        """Of the messages that are there."""
        try:
            return super().message_ids(dialogue_id, namespace)
        except CallFailed as error:
            if error.reason != "DIALOGUE_NOT_FOUND":
                raise
            return set()

    def has_memory(self, memory_id: str, namespace: str | None) -> bool:
        """Whether it is or would be there."""
        would_be = self._memories.get(memory_id) == (namespace or "")
        return would_be or super().has_memory(memory_id, namespace)

    def has_memory_anywhere(self, memory_id: str) -> bool:
        """Whether it is or would be anywhere."""
        return memory_id in self._memories or super().has_memory_anywhere(memory_id)

    def _is_there(self, namespace: str, dialogue_id: str) -> bool:
        """Whether the server has it; remembers that, and whether it has ended."""
        request = dialogue_pb2.GetDialogueRequest(
            id=dialogue_id, namespace=namespace or None, message_limit=0
        )
        try:
            dialogue = self._server.call(self._server.dialogues.GetDialogue, request).dialogue
        except CallFailed as error:
            if error.reason != "DIALOGUE_NOT_FOUND":
                raise
            return False
        self._is_open[namespace, dialogue_id] = dialogue.status != "ended"
        return True


def _refuse_twice(ids: list[str], kind: str, why: str) -> None:
    seen: set[str] = set()
    for number, each in enumerate(ids):
        if each in seen:
            field = f"{kind}[{number}].id"
            raise _refused(DuplicateId(f"{field}: {why}"), field)
        seen.add(each)


def _refused(error: EunoeError, *fields: str) -> CallFailed:
    """What a caller sees of an error that the server raises."""
    return CallFailed(error.message, reason=error.reason, fields=fields)
