"""One dialogue: what is known of it, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, Unpack

from google.protobuf.field_mask_pb2 import FieldMask

from eunoe._async.paging import AsyncPaged
from eunoe._dialogue import DialogueOptions
from eunoe._json import JsonValue, dumps, loads, optional_object
from eunoe._message import Message, NewMessage, Role, message, new_messages
from eunoe._moment import from_timestamp, optional_moment, to_text, to_timestamp
from eunoe._page import Page
from eunoe._uuid7 import uuid7
from eunoe.v1 import dialogue_pb2

if TYPE_CHECKING:
    from eunoe._async.wire import Wire


class AsyncDialogue:
    """A conversation, as it was when it was last read or changed through this object."""

    id: str
    namespace: str | None
    #: The dialogue that it is a thread of.
    thread_of: str | None
    label: str | None
    #: active, or ended once it takes no more messages
    status: str
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    #: Any JSON object. Changed here by `set_state`, on the server by `save_state`. Lists and
    #: searches leave it out: `load_state` fetches it.
    state: dict[str, Any]
    #: How often the state was written.
    state_version: int
    total_messages: int
    thread_count: int
    created: datetime
    modified: datetime
    #: When its latest message was said.
    last_message_created: datetime | None
    ended: datetime | None
    #: The session it is the history of.
    session_id: str | None
    #: The earliest first: all that were created with it, or the latest ones if it was got by id.
    messages: tuple[Message, ...]

    def __init__(self, wire: Wire, sent: dialogue_pb2.Dialogue) -> None:
        self._wire = wire
        self.messages = tuple(map(message, sent.messages))
        self.state = loads(sent.state_json) or {}
        self._read(sent)

    def __repr__(self) -> str:
        """For people."""
        kind, label = type(self).__name__, self.label
        return f"<{kind} {self.id!r} namespace={self.namespace!r} label={label!r} {self.status}>"

    def _read(self, sent: dialogue_pb2.Dialogue) -> None:
        """Everything but messages and state, which most answers leave out."""
        self.id = sent.id
        self.namespace = sent.namespace if sent.HasField("namespace") else None
        self.thread_of = sent.thread_of if sent.HasField("thread_of") else None
        self.label = sent.label if sent.HasField("label") else None
        self.status = sent.status
        self.tags = tuple(sent.tags)
        self.metadata = loads(sent.metadata_json) or {}
        self.state_version = sent.state_version
        self.total_messages = sent.total_messages
        self.thread_count = sent.thread_count
        self.created = from_timestamp(sent.create_time)
        self.modified = from_timestamp(sent.update_time)
        self.last_message_created = optional_moment(sent, "last_message_time")
        self.ended = optional_moment(sent, "end_time")
        self.session_id = sent.session_id if sent.HasField("session_id") else None

    async def save_message(
        self,
        role: Role,
        content: JsonValue = None,
        *,
        id: str | None = None,  # noqa: A002 - the API's name
        name: str | None = None,
        tool_calls: Sequence[JsonValue] = (),
        tool_call_id: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, JsonValue] | None = None,
        created: datetime | None = None,
        commit_after_seconds: int | None = None,
    ) -> Message:
        """Appends one message. Raises DialogueEnded, DuplicateId, NotFound, InvalidRequest."""
        new: NewMessage = {"role": role, "content": content, "tags": tags}
        if id is not None:
            new["id"] = id
        if name is not None:
            new["name"] = name
        if tool_calls:
            new["tool_calls"] = tool_calls
        if tool_call_id is not None:
            new["tool_call_id"] = tool_call_id
        if metadata is not None:
            new["metadata"] = metadata
        if created is not None:
            new["created"] = created
        [saved] = await self.save_messages([new], commit_after_seconds=commit_after_seconds)
        return saved

    async def save_messages(
        self, messages: Sequence[NewMessage], *, commit_after_seconds: int | None = None
    ) -> list[Message]:
        """Appends up to 1,000 messages in order, all or none. Raises as `save_message` does.

        After `commit_after_seconds` without another, facts are taken from the dialogue and chats
        of the namespace recall it.
        """
        request = dialogue_pb2.CreateMessagesRequest(
            dialogue_id=self.id,
            namespace=self.namespace,
            messages=new_messages(messages),
            commit_after_seconds=commit_after_seconds,
        )

        answer = await self._wire.write(self._wire.stubs.dialogue.CreateMessages, request)
        self.total_messages += len(answer.messages)
        return [message(each) for each in answer.messages]

    def load_messages(
        self,
        *,
        order: Literal["asc", "desc"] = "asc",
        created: str | date | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        include_superseded: bool = False,
        limit: int = 0,
        next: str | None = None,  # noqa: A002 - the API's name
    ) -> AsyncPaged[Message]:
        """The messages, the earliest first unless `order` says otherwise."""
        request = dialogue_pb2.ListMessagesRequest(
            dialogue_id=self.id,
            namespace=self.namespace,
            page_size=limit,
            order=order,
            created=to_text(created),
            start_time=to_timestamp(start, "start"),
            end_time=to_timestamp(end, "end"),
            include_superseded=include_superseded,
        )

        async def fetch(token: str) -> Page[Message]:
            request.page_token = token
            answer = await self._wire.read(self._wire.stubs.dialogue.ListMessages, request)
            return Page(tuple(map(message, answer.messages)), answer.next_page_token or None)

        return AsyncPaged(fetch, next)

    async def get_message(self, id: str) -> Message:  # noqa: A002 - the API's name
        """One message by its id. Raises NotFound."""
        stored = await self._wire.read(
            self._wire.stubs.dialogue.GetMessage,
            dialogue_pb2.GetMessageRequest(dialogue_id=self.id, id=id, namespace=self.namespace),
        )
        return message(stored.message)

    async def save_message_tags(self, id: str, tags: Sequence[str]) -> Message:  # noqa: A002
        """Gives a message these tags in place of all it has. Raises NotFound."""
        answer = await self._wire.write(
            self._wire.stubs.dialogue.UpdateMessage,
            dialogue_pb2.UpdateMessageRequest(
                dialogue_id=self.id, id=id, namespace=self.namespace, tags=tags
            ),
        )
        return message(answer.message)

    async def delete_message(self, id: str) -> None:  # noqa: A002 - the API's name
        """Deletes a message for good. Raises NotFound."""

        await self._wire.write(
            self._wire.stubs.dialogue.DeleteMessage,
            dialogue_pb2.DeleteMessageRequest(dialogue_id=self.id, id=id, namespace=self.namespace),
        )
        self.total_messages -= 1

    def set_state(self, changes: Mapping[str, JsonValue]) -> None:
        """Sets keys of `state` here; `save_state` writes them. Keys that are not named stay."""
        self.state = {**self.state, **changes}

    async def save_state(self, *, only_if_unchanged: bool = False) -> None:
        """Writes `state` in place of the server's.

        With `only_if_unchanged` it raises StateVersionMismatch when someone else has written since
        this object read it. Raises InvalidRequest, NotFound.
        """
        request = dialogue_pb2.PutDialogueStateRequest(
            dialogue_id=self.id,
            namespace=self.namespace,
            state_json=dumps(self.state, "state"),
            if_version=self.state_version if only_if_unchanged else None,
        )

        answer = await self._wire.write(self._wire.stubs.dialogue.PutDialogueState, request)
        self.state_version = answer.version

    async def patch_state(self, changes: Mapping[str, JsonValue]) -> None:
        """Changes the server's state by a JSON merge patch (RFC 7396), and `state` with it.

        Keys that are named are set, those that are None removed; what others have written stays.
        """
        answer = await self._wire.write(
            self._wire.stubs.dialogue.PatchDialogueState,
            dialogue_pb2.PatchDialogueStateRequest(
                dialogue_id=self.id,
                namespace=self.namespace,
                patch_json=dumps(changes, "changes"),
            ),
        )
        self.state, self.state_version = loads(answer.state_json), answer.version

    async def load_state(self) -> dict[str, Any]:
        """Reads the server's state into `state`. Raises NotFound."""
        now = await self._state()
        self.state, self.state_version = loads(now.state_json), now.version
        return self.state

    async def save_tags(self, tags: Sequence[str]) -> None:
        """Gives the dialogue these tags in place of all it has. Raises NotFound."""
        await self._update(dialogue_pb2.UpdateDialogueRequest(tags=tags), "tags")

    async def save_label(self, label: str) -> None:
        """Gives the dialogue another label; the empty one removes it. Raises NotFound."""
        await self._update(dialogue_pb2.UpdateDialogueRequest(label=label), "label")

    async def end(self) -> None:
        """Ends the dialogue: it takes no more messages and is committed at once."""
        answer = await self._wire.write(
            self._wire.stubs.dialogue.EndDialogue,
            dialogue_pb2.EndDialogueRequest(id=self.id, namespace=self.namespace),
        )
        self._read(answer.dialogue)

    async def create_thread(self, **options: Unpack[DialogueOptions]) -> AsyncDialogue:
        """Creates a dialogue that is a thread of this one. Raises as `dialogues.create` does."""
        return await create_dialogue(self._wire, self.namespace, self.id, options)

    def threads(
        self,
        *,
        limit: int = 0,
        next: str | None = None,  # noqa: A002 - the API's name
    ) -> AsyncPaged[AsyncDialogue]:
        """The dialogues that are threads of this one, the newest first."""
        request = dialogue_pb2.ListDialoguesRequest(
            namespace=self.namespace, thread_of=self.id, page_size=limit
        )
        return list_dialogues(self._wire, request, next)

    async def _update(self, request: dialogue_pb2.UpdateDialogueRequest, field: str) -> None:
        request.id = self.id
        if self.namespace is not None:
            request.namespace = self.namespace
        request.update_mask.CopyFrom(FieldMask(paths=[field]))
        answer = await self._wire.write(self._wire.stubs.dialogue.UpdateDialogue, request)
        self._read(answer.dialogue)

    async def _state(self) -> dialogue_pb2.GetDialogueStateResponse:
        return await self._wire.read(
            self._wire.stubs.dialogue.GetDialogueState,
            dialogue_pb2.GetDialogueStateRequest(dialogue_id=self.id, namespace=self.namespace),
        )


async def create_dialogue(
    wire: Wire, namespace: str | None, thread_of: str | None, options: DialogueOptions
) -> AsyncDialogue:
    """Creates one. Raises DuplicateId, NotFound, InvalidRequest."""
    request = dialogue_pb2.CreateDialogueRequest(
        id=options.get("id", uuid7()),
        namespace=namespace,
        thread_of=thread_of,
        label=options.get("label"),
        messages=new_messages(options.get("messages", ())),
        state_json=optional_object(options.get("state"), "state"),
        metadata_json=optional_object(options.get("metadata"), "metadata"),
        tags=options.get("tags", ()),
        create_time=to_timestamp(options.get("created"), "created"),
        commit_after_seconds=options.get("commit_after_seconds"),
    )

    answer = await wire.write(wire.stubs.dialogue.CreateDialogue, request)
    return AsyncDialogue(wire, answer.dialogue)


def list_dialogues(
    wire: Wire, request: dialogue_pb2.ListDialoguesRequest, next_token: str | None
) -> AsyncPaged[AsyncDialogue]:
    """Those that the request asks for."""

    async def fetch(token: str) -> Page[AsyncDialogue]:
        request.page_token = token
        answer = await wire.read(wire.stubs.dialogue.ListDialogues, request)
        dialogues = tuple(AsyncDialogue(wire, each) for each in answer.dialogues)
        return Page(dialogues, answer.next_page_token or None)

    return AsyncPaged(fetch, next_token)
