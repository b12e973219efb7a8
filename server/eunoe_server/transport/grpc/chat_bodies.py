"""OpenAI's JSON and the typed chat messages, each turned into the other.

Reading is lenient: what an upstream leaves out stays unset, and an answer that is no completion at
all (an error object inside a stream) has no typed half; its bytes still travel.
"""

from __future__ import annotations

from typing import Any

import msgspec

from eunoe.v1 import chat_pb2
from eunoe_server.errors import InvalidInput

_TYPED_FIELDS = (
    "model",
    "messages",
    "temperature",
    "top_p",
    "max_completion_tokens",
    "stop",
    "seed",
    "tools_json",
    "tool_choice_json",
    "response_format_json",
    "user",
)


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function = msgspec.field(default_factory=_Function)


class _Message(msgspec.Struct):
    role: str | None = None
    content: str | list[Any] | None = None
    tool_calls: list[_ToolCall] | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    message: _Message = msgspec.field(default_factory=_Message)
    delta: _Message = msgspec.field(default_factory=_Message)
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class _Completion(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    created: float | None = None
    choices: list[_Choice] = []
    usage: _Usage | None = None


class _Model(msgspec.Struct):
    id: str
    owned_by: str | None = None
    created: float | None = None


_decode_completion = msgspec.json.Decoder(_Completion, strict=False).decode
_decode_model = msgspec.json.Decoder(_Model).decode


class _ModelList(msgspec.Struct):
    data: list[msgspec.Raw] = []


def typed_request_to_body(
    request: chat_pb2.CompleteChatRequest | chat_pb2.StreamChatRequest, *, is_stream: bool
) -> bytes | None:
    """The OpenAI body that the typed fields stand for; None when none of them is set."""
    if not any(
        request.HasField(name) if _has_presence(request, name) else getattr(request, name)
        for name in _TYPED_FIELDS
    ):
        return None
    body: dict[str, Any] = {
        "model": request.model or "default",
        "messages": [_message_to_json(message) for message in request.messages],
    }
    for name in ("temperature", "top_p", "max_completion_tokens", "seed"):
        if request.HasField(name):
            body[name] = getattr(request, name)
    if request.stop:
        body["stop"] = list(request.stop)
    if request.user:
        body["user"] = request.user
    for name in ("tools", "tool_choice", "response_format"):
        if document := getattr(request, f"{name}_json"):
            body[name] = _raw(document, name)
    if is_stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return msgspec.json.encode(body)


def _has_presence(request: Any, name: str) -> bool:
    return bool(request.DESCRIPTOR.fields_by_name[name].has_presence)


def _message_to_json(message: chat_pb2.ChatMessage) -> dict[str, Any]:
    if message.HasField("content") and message.content_parts_json:
        raise InvalidInput.of("messages.content", "send either text or parts, not both")
    parts = message.content_parts_json
    content: Any = message.content if message.HasField("content") else None
    if parts:
        content = _raw(parts, "messages.content_parts_json")
    body: dict[str, Any] = {"role": message.role, "content": content}
    for name in ("name", "tool_call_id", "refusal"):
        if message.HasField(name):
            body[name] = getattr(message, name)
    if message.tool_calls:
        body["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    return body


def _raw(document: str, field: str) -> msgspec.Raw:
    try:
        msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput.of(field, "is not valid JSON") from error
    return msgspec.Raw(document.encode())


def fill_completion(response: chat_pb2.CompleteChatResponse, body: bytes) -> None:
    """Sets the typed half of a whole answer."""
    completion = _read(body)
    if completion is None:
        return
    response.id = completion.id or ""
    response.model = completion.model or ""
    if completion.created is not None:
        response.create_time.seconds = int(completion.created)
    for choice in completion.choices:
        response.choices.append(
            chat_pb2.ChatChoice(
                index=choice.index,
                message=_message_to_proto(choice.message),
                finish_reason=choice.finish_reason or "",
            )
        )
    if completion.usage is not None:
        response.usage.CopyFrom(_usage_to_proto(completion.usage))


def fill_chunk(chunk: chat_pb2.ChatChunk, body: bytes) -> None:
    """Sets the typed half of one piece of an answer."""
    completion = _read(body)
    if completion is None:
        return
    chunk.id = completion.id or ""
    chunk.model = completion.model or ""
    for choice in completion.choices:
        delta = chat_pb2.ChatDelta(
            index=choice.index,
            role=choice.delta.role or "",
            finish_reason=choice.finish_reason or "",
            tool_calls=[
                chat_pb2.ToolCallDelta(
                    index=call.index,
                    id=call.id or "",
                    name=call.function.name or "",
                    arguments=call.function.arguments or "",
                )
                for call in choice.delta.tool_calls or ()
            ],
        )
        if isinstance(choice.delta.content, str):
            delta.content = choice.delta.content
        if choice.delta.refusal is not None:
            delta.refusal = choice.delta.refusal
        chunk.deltas.append(delta)
    if completion.usage is not None:
        chunk.usage.CopyFrom(_usage_to_proto(completion.usage))


def read_models(body: bytes) -> list[chat_pb2.Model]:
    """The typed half of a model list."""
    return [_model_to_proto(_decode_model(raw)) for raw in _raw_models(body)]


def find_model(body: bytes, model_id: str) -> tuple[chat_pb2.Model, bytes] | None:
    """One model of a list, typed and verbatim."""
    for raw in _raw_models(body):
        model = _decode_model(raw)
        if model.id == model_id:
            return _model_to_proto(model), bytes(raw)
    return None


def _raw_models(body: bytes) -> list[msgspec.Raw]:
    return msgspec.json.decode(body, type=_ModelList).data


def _read(body: bytes) -> _Completion | None:
    try:
        return _decode_completion(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _message_to_proto(message: _Message) -> chat_pb2.ChatMessage:
    proto = chat_pb2.ChatMessage(
        role=message.role or "assistant",
        tool_calls=[
            chat_pb2.ToolCall(
                id=call.id or "",
                name=call.function.name or "",
                arguments=call.function.arguments or "",
            )
            for call in message.tool_calls or ()
        ],
    )
    if isinstance(message.content, str):
        proto.content = message.content
    elif message.content is not None:
        proto.content_parts_json = msgspec.json.encode(message.content).decode()
    if message.refusal is not None:
        proto.refusal = message.refusal
    return proto


def _usage_to_proto(usage: _Usage) -> chat_pb2.ChatUsage:
    return chat_pb2.ChatUsage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
    )


def _model_to_proto(model: _Model) -> chat_pb2.Model:
    proto = chat_pb2.Model(id=model.id, owned_by=model.owned_by or "")
    if model.created is not None:
        proto.create_time.seconds = int(model.created)
    return proto
