"""Dialogues and messages as the contract shows them, and as it lets callers write them."""

from __future__ import annotations

from eunoe.v1 import dialogue_pb2
from eunoe_server.domain.dialogue import Message
from eunoe_server.domain.dialogue_draft import DialogueChange, DialogueDraft
from eunoe_server.domain.dialogue_state import NO_STATE
from eunoe_server.domain.message_body import read_body
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.errors import InvalidInput, InvalidParameter
from eunoe_server.services.dialogues import DialogueView
from eunoe_server.transport.grpc.convert import moment_of, optional, to_timestamp

_CHANGEABLE = ("label", "tags", "state_json")


def read_dialogue(request: dialogue_pb2.CreateDialogueRequest) -> DialogueDraft:
    """The dialogue to create, without its messages. Raises InvalidInput."""
    return DialogueDraft(
        id=optional(request, "id"),
        thread_of=optional(request, "thread_of"),
        label=optional(request, "label"),
        state=request.state_json,
        metadata=request.metadata_json,
        tags=request.tags,
        created_at=moment_of(request, "create_time", "created", InvalidInput),
    )


def read_first_messages(
    request: dialogue_pb2.CreateDialogueRequest,
) -> tuple[list[MessageDraft], list[str]]:
    """The first messages and where each stands. Raises InvalidInput."""
    if not request.HasField("message"):
        paths = [f"messages[{at}]" for at in range(len(request.messages))]
        return [read_message(*each) for each in zip(request.messages, paths, strict=True)], paths
    if request.messages:
        raise InvalidInput.of("messages", "not together with message")
    return [read_message(request.message, "message")], ["message"]


def read_message(message: dialogue_pb2.NewMessage, path: str) -> MessageDraft:
    """A message to add, which stands at `path`. Raises InvalidInput."""
    return MessageDraft(
        role=message.role,
        content=message.content_json,
        id=optional(message, "id"),
        name=optional(message, "name"),
        tool_calls=message.tool_calls_json,
        tool_call_id=optional(message, "tool_call_id"),
        extra=message.extra_json,
        tags=message.tags,
        metadata=message.metadata_json,
        created_at=moment_of(message, "create_time", f"{path}.created", InvalidInput),
    )


def read_change(request: dialogue_pb2.UpdateDialogueRequest) -> DialogueChange:
    """What an update names: its mask's paths, else what is there. Raises InvalidParameter."""
    named = set(request.update_mask.paths)
    if unknown := named.difference(_CHANGEABLE):
        raise InvalidParameter.of("updateMask", f"must not hold {min(unknown)[:200]}")
    if not request.HasField("update_mask"):
        named = {field.name for field, _ in request.ListFields()}.intersection(_CHANGEABLE)
    return DialogueChange(
        label=request.label if "label" in named else None,
        tags=request.tags if "tags" in named else None,
        state=(request.state_json or NO_STATE) if "state_json" in named else None,
    )


def dialogue_to_proto(view: DialogueView, *, with_state: bool = True) -> dialogue_pb2.Dialogue:
    """A dialogue; lists leave its state out."""
    dialogue = view.dialogue
    last_message_at, ended_at = dialogue.last_message_at, dialogue.ended_at
    return dialogue_pb2.Dialogue(
        id=dialogue.id,
        namespace=dialogue.namespace or None,
        thread_of=dialogue.thread_of,
        label=dialogue.label,
        status=dialogue.status,
        tags=dialogue.tags,
        metadata_json=dialogue.metadata,
        state_json=dialogue.state if with_state else "",
        state_version=dialogue.state_version,
        total_messages=dialogue.total_messages,
        thread_count=view.thread_count,
        create_time=to_timestamp(dialogue.created_at),
        update_time=to_timestamp(dialogue.modified_at),
        last_message_time=to_timestamp(last_message_at) if last_message_at else None,
        end_time=to_timestamp(ended_at) if ended_at else None,
        messages=[
            message_to_proto(message, dialogue.id, dialogue.namespace) for message in view.messages
        ],
        session_id=dialogue.session_id,
    )


def message_to_proto(message: Message, dialogue_id: str, namespace: str) -> dialogue_pb2.Message:
    """A message of that dialogue."""
    fields = read_body(message.body)
    return dialogue_pb2.Message(
        id=message.id,
        dialogue_id=dialogue_id,
        namespace=namespace or None,
        role=message.role,
        content_json=fields.content,
        name=message.name,
        tool_calls_json=fields.tool_calls,
        tool_call_id=fields.tool_call_id,
        tags=message.tags,
        metadata_json=message.metadata,
        create_time=to_timestamp(message.created_at),
        update_time=to_timestamp(message.modified_at),
        finish_reason=message.finish_reason,
        is_interrupted=message.is_interrupted,
        is_superseded=message.superseded_at is not None,
        is_committed=message.committed_at is not None,
        position=message.position,
        extra_json=fields.extra,
    )
