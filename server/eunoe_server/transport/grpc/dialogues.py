"""DialogueServicer: read, do, answer. Conversions are in `dialogue_messages.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eunoe.v1 import dialogue_pb2, dialogue_pb2_grpc
from eunoe_server.domain.commit import MAX_COMMIT_AFTER_SECONDS
from eunoe_server.domain.created_filter import created_range
from eunoe_server.domain.dialogue import DialogueFilter, Message, MessageFilter
from eunoe_server.domain.limit_table import MAX_PAGE_SIZE
from eunoe_server.domain.listing import is_newest_first, page_limit
from eunoe_server.errors import InvalidParameter
from eunoe_server.services.dialogue_states import DialogueStates
from eunoe_server.services.dialogues import Dialogues
from eunoe_server.services.messages import Messages
from eunoe_server.transport.grpc.convert import moment_of, namespace_of, optional
from eunoe_server.transport.grpc.dialogue_messages import (
    dialogue_to_proto,
    message_to_proto,
    read_change,
    read_dialogue,
    read_first_messages,
    read_message,
)
from eunoe_server.transport.grpc.interceptors import caller

_DEFAULT_MESSAGES = 50


class DialogueServicer(dialogue_pb2_grpc.DialogueServiceServicer):
    """Dialogues, their messages and their state over gRPC."""

    def __init__(
        self,
        dialogues: Dialogues,
        messages: Messages,
        states: DialogueStates,
        commit_after_seconds: int,
    ) -> None:
        self._dialogues = dialogues
        self._messages = messages
        self._states = states
        self._commit_after_seconds = commit_after_seconds

    async def CreateDialogue(
        self, request: dialogue_pb2.CreateDialogueRequest, context: Any
    ) -> dialogue_pb2.CreateDialogueResponse:
        """One dialogue with its first messages."""
        del context
        messages, paths = read_first_messages(request)
        view = await self._dialogues.create(
            caller(),
            namespace_of(request),
            read_dialogue(request),
            messages,
            paths,
            self._commit_after(request),
        )
        return dialogue_pb2.CreateDialogueResponse(dialogue=dialogue_to_proto(view))

    async def GetDialogue(
        self, request: dialogue_pb2.GetDialogueRequest, context: Any
    ) -> dialogue_pb2.GetDialogueResponse:
        """One dialogue with its latest messages."""
        del context
        limit = optional(request, "message_limit")
        if limit is None:
            limit = _DEFAULT_MESSAGES
        if limit < 0:
            raise InvalidParameter.of("messageLimit", "must not be negative")
        view = await self._dialogues.get(
            caller(), namespace_of(request), request.id, min(limit, MAX_PAGE_SIZE)
        )
        return dialogue_pb2.GetDialogueResponse(dialogue=dialogue_to_proto(view))

    async def ListDialogues(
        self, request: dialogue_pb2.ListDialoguesRequest, context: Any
    ) -> dialogue_pb2.ListDialoguesResponse:
        """One page of a list."""
        del context
        created_from, created_before = _created(request)
        page = await self._dialogues.list_page(
            caller(),
            namespace_of(request),
            DialogueFilter(optional(request, "thread_of"), created_from, created_before),
            limit=page_limit(request.page_size),
            token=request.page_token,
            newest_first=is_newest_first(request.order),
        )
        return dialogue_pb2.ListDialoguesResponse(
            dialogues=[dialogue_to_proto(view, with_state=False) for view in page.items],
            next_page_token=page.next_token,
        )

    async def UpdateDialogue(
        self, request: dialogue_pb2.UpdateDialogueRequest, context: Any
    ) -> dialogue_pb2.UpdateDialogueResponse:
        """Another label, other tags, another state."""
        del context
        view = await self._dialogues.change(
            caller(), namespace_of(request), request.id, read_change(request)
        )
        return dialogue_pb2.UpdateDialogueResponse(dialogue=dialogue_to_proto(view))

    async def EndDialogue(
        self, request: dialogue_pb2.EndDialogueRequest, context: Any
    ) -> dialogue_pb2.EndDialogueResponse:
        """No more messages."""
        del context
        view = await self._dialogues.end(caller(), namespace_of(request), request.id)
        return dialogue_pb2.EndDialogueResponse(dialogue=dialogue_to_proto(view))

    async def DeleteDialogue(
        self, request: dialogue_pb2.DeleteDialogueRequest, context: Any
    ) -> dialogue_pb2.DeleteDialogueResponse:
        """Gone for good."""
        del context
        await self._dialogues.delete(
            caller(), namespace_of(request), request.id, keep_facts=request.keep_facts
        )
        return dialogue_pb2.DeleteDialogueResponse(success=True, id=request.id)

    async def CreateMessages(
        self, request: dialogue_pb2.CreateMessagesRequest, context: Any
    ) -> dialogue_pb2.CreateMessagesResponse:
        """All of them or none."""
        del context
        drafts = [
            read_message(message, f"messages[{at}]") for at, message in enumerate(request.messages)
        ]
        messages = await self._messages.create(
            caller(),
            namespace_of(request),
            request.dialogue_id,
            drafts,
            self._commit_after(request),
        )
        return dialogue_pb2.CreateMessagesResponse(messages=map(_shower(request), messages))

    async def GetMessage(
        self, request: dialogue_pb2.GetMessageRequest, context: Any
    ) -> dialogue_pb2.GetMessageResponse:
        """One message by its id."""
        del context
        message = await self._messages.get(
            caller(), namespace_of(request), request.dialogue_id, request.id
        )
        return dialogue_pb2.GetMessageResponse(message=_shower(request)(message))

    async def ListMessages(
        self, request: dialogue_pb2.ListMessagesRequest, context: Any
    ) -> dialogue_pb2.ListMessagesResponse:
        """One page of a transcript."""
        del context
        created_from, created_before = _created(request)
        page = await self._messages.list_page(
            caller(),
            namespace_of(request),
            request.dialogue_id,
            MessageFilter(created_from, created_before, request.include_superseded),
            limit=page_limit(request.page_size),
            token=request.page_token,
            newest_first=is_newest_first(request.order),
        )
        return dialogue_pb2.ListMessagesResponse(
            messages=map(_shower(request), page.items), next_page_token=page.next_token
        )

    async def UpdateMessage(
        self, request: dialogue_pb2.UpdateMessageRequest, context: Any
    ) -> dialogue_pb2.UpdateMessageResponse:
        """Other tags."""
        del context
        message = await self._messages.retag(
            caller(), namespace_of(request), request.dialogue_id, request.id, request.tags
        )
        return dialogue_pb2.UpdateMessageResponse(message=_shower(request)(message))

    async def DeleteMessage(
        self, request: dialogue_pb2.DeleteMessageRequest, context: Any
    ) -> dialogue_pb2.DeleteMessageResponse:
        """Gone for good."""
        del context
        await self._messages.delete(
            caller(), namespace_of(request), request.dialogue_id, request.id
        )
        return dialogue_pb2.DeleteMessageResponse(success=True, id=request.id)

    async def GetDialogueState(
        self, request: dialogue_pb2.GetDialogueStateRequest, context: Any
    ) -> dialogue_pb2.GetDialogueStateResponse:
        """The state and its version."""
        del context
        dialogue = await self._states.get(caller(), namespace_of(request), request.dialogue_id)
        return dialogue_pb2.GetDialogueStateResponse(
            state_json=dialogue.state, version=dialogue.state_version
        )

    async def PutDialogueState(
        self, request: dialogue_pb2.PutDialogueStateRequest, context: Any
    ) -> dialogue_pb2.PutDialogueStateResponse:
        """Another state in its place."""
        del context
        dialogue = await self._states.put(
            caller(),
            namespace_of(request),
            request.dialogue_id,
            request.state_json,
            optional(request, "if_version"),
        )
        return dialogue_pb2.PutDialogueStateResponse(
            state_json=dialogue.state, version=dialogue.state_version
        )

    async def PatchDialogueState(
        self, request: dialogue_pb2.PatchDialogueStateRequest, context: Any
    ) -> dialogue_pb2.PatchDialogueStateResponse:
        """Parts of it changed."""
        del context
        dialogue = await self._states.patch(
            caller(),
            namespace_of(request),
            request.dialogue_id,
            request.patch_json,
            optional(request, "if_version"),
        )
        return dialogue_pb2.PatchDialogueStateResponse(
            state_json=dialogue.state, version=dialogue.state_version
        )

    def _commit_after(
        self, request: dialogue_pb2.CreateDialogueRequest | dialogue_pb2.CreateMessagesRequest
    ) -> int:
        asked = optional(request, "commit_after_seconds")
        seconds: int = self._commit_after_seconds if asked is None else asked
        if seconds < 0:
            raise InvalidParameter.of("commitAfter", "must not be negative")
        return min(seconds, MAX_COMMIT_AFTER_SECONDS)


def _created(request: Any) -> tuple[Any, Any]:
    return created_range(
        request.created,
        moment_of(request, "start_time", "startDate", InvalidParameter),
        moment_of(request, "end_time", "endDate", InvalidParameter),
    )


def _shower(request: Any) -> Callable[[Message], dialogue_pb2.Message]:
    """Shows messages of the dialogue that a request names."""
    namespace = caller().namespace_for(namespace_of(request))
    return lambda message: message_to_proto(message, request.dialogue_id, namespace)
