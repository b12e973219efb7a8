"""Chats as values: what is asked, what is answered, what memory did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Required, TypedDict

from eunoe._json import JsonValue, dumps
from eunoe._message import Role
from eunoe._moment import optional_moment
from eunoe.v1 import chat_pb2

MemoryMode = Literal["auto", "read", "write", "off"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model calls."""

    id: str
    name: str
    #: As the model wrote them: text that should be, and may fail to be, JSON.
    arguments: str


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a chat. An answer's message can be sent back as it is."""

    role: str
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    refusal: str | None = None


class FunctionCallInput(TypedDict):
    """The function of a tool call, as OpenAI has it."""

    name: str
    arguments: str


class ToolCallInput(TypedDict, total=False):
    """A tool call, as OpenAI has it."""

    id: Required[str]
    type: Literal["function"]
    function: Required[FunctionCallInput]


class ChatMessageInput(TypedDict, total=False):
    """One message of a chat, as OpenAI has it."""

    role: Required[Role]
    #: Text, or a list of OpenAI's content parts.
    content: str | Sequence[JsonValue] | None
    name: str
    tool_calls: Sequence[ToolCallInput]
    tool_call_id: str
    refusal: str


@dataclass(frozen=True, slots=True)
class RecalledNote:
    """One line that memory gave to the model."""

    #: memory or message
    object: str
    id: str
    dialogue_id: str
    text: str
    role: str
    created: datetime | None
    relevance: float


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """What memory did for one chat."""

    chat_id: str
    namespace: str
    #: chat_id, session, history or new
    matched_by: str
    notes: tuple[RecalledNote, ...]
    #: Which steps were left out for a fault: identity, replay, recall, store. Empty: none.
    degraded: tuple[str, ...]
    injected_tokens: int


@dataclass(frozen=True, slots=True)
class ChatUsage:
    """What an answer cost, by the model's count."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """A whole answer."""

    id: str
    model: str
    message: ChatMessage
    #: stop, length, tool_calls, content_filter, or a word of the model's own
    finish_reason: str
    usage: ChatUsage
    memory: MemoryReport

    @property
    def text(self) -> str:
        """What was said; empty when tools are called instead."""
        return self.message.content or ""


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """What one tool call grew by; id and name come once."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ChatChunk:
    """A piece of an answer."""

    #: What the text grew by.
    text: str
    tool_calls: tuple[ToolCallDelta, ...] = ()
    refusal: str = ""
    #: Only on the last piece with text.
    finish_reason: str = ""
    #: Only on the last piece of all.
    usage: ChatUsage | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a streamed exchange."""

    is_stored: bool
    chat_id: str
    degraded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A model that chats can name."""

    id: str
    owned_by: str
    created: datetime | None


class ChatOptions(TypedDict, total=False):
    """What `complete` and `stream` take beside the messages. What is left out is the server's."""

    #: Which model. Left out: the server asks for its default.
    model: str
    #: Where to recall from and to store in.
    namespace: str
    #: Which conversation this continues; a new id starts one.
    chat_id: str
    #: The session; its earlier turns are put before the messages.
    session_id: str
    #: After how many idle seconds facts are taken from the conversation and others recall it.
    commit_after_seconds: int
    #: What memory does.
    memory: MemoryMode
    temperature: float
    top_p: float
    max_completion_tokens: int
    stop: Sequence[str]
    seed: int
    #: As OpenAI has them, as the next two.
    tools: Sequence[JsonValue]
    tool_choice: JsonValue
    response_format: JsonValue
    user: str


#: What can be asked: one user message, or a conversation with the latest last.
ChatMessages = str | Sequence[ChatMessage | ChatMessageInput]

_PLAIN = (
    "model", "namespace", "chat_id", "session_id", "commit_after_seconds", "memory", "temperature",
    "top_p", "max_completion_tokens", "seed", "user",
)  # fmt: skip
_DOCUMENTS = ("tools", "tool_choice", "response_format")


def fill(
    request: chat_pb2.CompleteChatRequest | chat_pb2.StreamChatRequest,
    messages: ChatMessages,
    options: ChatOptions,
) -> None:
    """Writes what is asked into either request; their fields are the same. Raises NotJson."""
    given: Mapping[str, Any] = options
    for name in _PLAIN:
        if given.get(name) is not None:
            setattr(request, name, given[name])
    for name in _DOCUMENTS:
        if given.get(name) is not None:
            setattr(request, f"{name}_json", dumps(given[name], name))
    request.stop.extend(options.get("stop", ()))
    request.view = chat_pb2.CHAT_VIEW_TYPED
    if isinstance(messages, str):
        messages = [ChatMessage("user", messages)]
    request.messages.extend(_sent(each, f"messages[{at}]") for at, each in enumerate(messages))


def answer(sent: chat_pb2.CompleteChatResponse) -> ChatAnswer:
    """As it was received; typed requests ask for one choice."""
    choice = sent.choices[0] if sent.choices else chat_pb2.ChatChoice()
    return ChatAnswer(
        id=sent.id,
        model=sent.model,
        message=_received(choice.message),
        finish_reason=choice.finish_reason,
        usage=usage(sent.usage),
        memory=report(sent.memory),
    )


def chunk(sent: chat_pb2.ChatChunk) -> ChatChunk:
    """As it was received."""
    delta = sent.deltas[0] if sent.deltas else chat_pb2.ChatDelta()
    return ChatChunk(
        text=delta.content,
        tool_calls=tuple(
            ToolCallDelta(each.index, each.id, each.name, each.arguments)
            for each in delta.tool_calls
        ),
        refusal=delta.refusal,
        finish_reason=delta.finish_reason,
        usage=usage(sent.usage) if sent.HasField("usage") else None,
    )


def stored(sent: chat_pb2.ChatFinished) -> Stored:
    """As it was received."""
    return Stored(sent.is_stored, sent.chat_id, _words(sent.degraded))


def usage(sent: chat_pb2.ChatUsage) -> ChatUsage:
    """As it was received."""
    return ChatUsage(sent.prompt_tokens, sent.completion_tokens, sent.total_tokens)


def report(sent: chat_pb2.MemoryReport) -> MemoryReport:
    """As it was received."""
    return MemoryReport(
        chat_id=sent.chat_id,
        namespace=sent.namespace,
        matched_by=sent.matched_by,
        notes=tuple(
            RecalledNote(
                object=note.object,
                id=note.id,
                dialogue_id=note.dialogue_id,
                text=note.text,
                role=note.role,
                created=optional_moment(note, "create_time"),
                relevance=note.relevance,
            )
            for note in sent.notes
        ),
        degraded=_words(sent.degraded),
        injected_tokens=sent.injected_tokens,
    )


def model(sent: chat_pb2.Model) -> Model:
    """As it was received."""
    return Model(sent.id, sent.owned_by, optional_moment(sent, "create_time"))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _received(sent: chat_pb2.ChatMessage) -> ChatMessage:
    return ChatMessage(
        role=sent.role,
        content=sent.content if sent.HasField("content") else None,
        tool_calls=tuple(ToolCall(each.id, each.name, each.arguments) for each in sent.tool_calls),
        tool_call_id=sent.tool_call_id if sent.HasField("tool_call_id") else None,
        name=sent.name if sent.HasField("name") else None,
        refusal=sent.refusal if sent.HasField("refusal") else None,
    )


def _sent(given: ChatMessage | ChatMessageInput, path: str) -> chat_pb2.ChatMessage:
    if isinstance(given, ChatMessage):
        return chat_pb2.ChatMessage(
            role=given.role,
            content=given.content,
            name=given.name,
            tool_calls=[
                chat_pb2.ToolCall(id=each.id, name=each.name, arguments=each.arguments)
                for each in given.tool_calls
            ],
            tool_call_id=given.tool_call_id,
            refusal=given.refusal,
        )
    content = given.get("content")
    has_parts = content is not None and not isinstance(content, str)
    return chat_pb2.ChatMessage(
        role=given.get("role", ""),
        content=content if isinstance(content, str) else None,
        content_parts_json=dumps(content, f"{path}.content") if has_parts else "",
        name=given.get("name"),
        tool_calls=[_tool_call(each) for each in given.get("tool_calls", ())],
        tool_call_id=given.get("tool_call_id"),
        refusal=given.get("refusal"),
    )


def _tool_call(given: ToolCallInput) -> chat_pb2.ToolCall:
    function = given["function"]
    return chat_pb2.ToolCall(id=given["id"], name=function["name"], arguments=function["arguments"])
