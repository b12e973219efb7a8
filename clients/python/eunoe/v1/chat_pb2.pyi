import datetime

from eunoe.v1 import options_pb2 as _options_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChatView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHAT_VIEW_UNSPECIFIED: _ClassVar[ChatView]
    CHAT_VIEW_FULL: _ClassVar[ChatView]
    CHAT_VIEW_TYPED: _ClassVar[ChatView]
    CHAT_VIEW_RAW: _ClassVar[ChatView]
CHAT_VIEW_UNSPECIFIED: ChatView
CHAT_VIEW_FULL: ChatView
CHAT_VIEW_TYPED: ChatView
CHAT_VIEW_RAW: ChatView

class CompleteChatRequest(_message.Message):
    __slots__ = ("namespace", "chat_id", "session_id", "commit_after_seconds", "memory", "view", "max_upstream_error_bytes", "request_id", "retry_count", "forward_headers", "model", "messages", "temperature", "top_p", "max_completion_tokens", "stop", "seed", "tools_json", "tool_choice_json", "response_format_json", "user", "body")
    class ForwardHeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    CHAT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    COMMIT_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    MAX_UPSTREAM_ERROR_BYTES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RETRY_COUNT_FIELD_NUMBER: _ClassVar[int]
    FORWARD_HEADERS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    MAX_COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    TOOLS_JSON_FIELD_NUMBER: _ClassVar[int]
    TOOL_CHOICE_JSON_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FORMAT_JSON_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    chat_id: str
    session_id: str
    commit_after_seconds: int
    memory: str
    view: ChatView
    max_upstream_error_bytes: int
    request_id: str
    retry_count: int
    forward_headers: _containers.ScalarMap[str, str]
    model: str
    messages: _containers.RepeatedCompositeFieldContainer[ChatMessage]
    temperature: float
    top_p: float
    max_completion_tokens: int
    stop: _containers.RepeatedScalarFieldContainer[str]
    seed: int
    tools_json: str
    tool_choice_json: str
    response_format_json: str
    user: str
    body: bytes
    def __init__(self, namespace: _Optional[str] = ..., chat_id: _Optional[str] = ..., session_id: _Optional[str] = ..., commit_after_seconds: _Optional[int] = ..., memory: _Optional[str] = ..., view: _Optional[_Union[ChatView, str]] = ..., max_upstream_error_bytes: _Optional[int] = ..., request_id: _Optional[str] = ..., retry_count: _Optional[int] = ..., forward_headers: _Optional[_Mapping[str, str]] = ..., model: _Optional[str] = ..., messages: _Optional[_Iterable[_Union[ChatMessage, _Mapping]]] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., max_completion_tokens: _Optional[int] = ..., stop: _Optional[_Iterable[str]] = ..., seed: _Optional[int] = ..., tools_json: _Optional[str] = ..., tool_choice_json: _Optional[str] = ..., response_format_json: _Optional[str] = ..., user: _Optional[str] = ..., body: _Optional[bytes] = ...) -> None: ...

class CompleteChatResponse(_message.Message):
    __slots__ = ("id", "model", "create_time", "choices", "usage", "memory", "upstream", "body")
    ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    id: str
    model: str
    create_time: _timestamp_pb2.Timestamp
    choices: _containers.RepeatedCompositeFieldContainer[ChatChoice]
    usage: ChatUsage
    memory: MemoryReport
    upstream: Upstream
    body: bytes
    def __init__(self, id: _Optional[str] = ..., model: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., choices: _Optional[_Iterable[_Union[ChatChoice, _Mapping]]] = ..., usage: _Optional[_Union[ChatUsage, _Mapping]] = ..., memory: _Optional[_Union[MemoryReport, _Mapping]] = ..., upstream: _Optional[_Union[Upstream, _Mapping]] = ..., body: _Optional[bytes] = ...) -> None: ...

class StreamChatRequest(_message.Message):
    __slots__ = ("namespace", "chat_id", "session_id", "commit_after_seconds", "memory", "view", "max_upstream_error_bytes", "request_id", "retry_count", "forward_headers", "model", "messages", "temperature", "top_p", "max_completion_tokens", "stop", "seed", "tools_json", "tool_choice_json", "response_format_json", "user", "body")
    class ForwardHeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    CHAT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    COMMIT_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    MAX_UPSTREAM_ERROR_BYTES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RETRY_COUNT_FIELD_NUMBER: _ClassVar[int]
    FORWARD_HEADERS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    MAX_COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    TOOLS_JSON_FIELD_NUMBER: _ClassVar[int]
    TOOL_CHOICE_JSON_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FORMAT_JSON_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    chat_id: str
    session_id: str
    commit_after_seconds: int
    memory: str
    view: ChatView
    max_upstream_error_bytes: int
    request_id: str
    retry_count: int
    forward_headers: _containers.ScalarMap[str, str]
    model: str
    messages: _containers.RepeatedCompositeFieldContainer[ChatMessage]
    temperature: float
    top_p: float
    max_completion_tokens: int
    stop: _containers.RepeatedScalarFieldContainer[str]
    seed: int
    tools_json: str
    tool_choice_json: str
    response_format_json: str
    user: str
    body: bytes
    def __init__(self, namespace: _Optional[str] = ..., chat_id: _Optional[str] = ..., session_id: _Optional[str] = ..., commit_after_seconds: _Optional[int] = ..., memory: _Optional[str] = ..., view: _Optional[_Union[ChatView, str]] = ..., max_upstream_error_bytes: _Optional[int] = ..., request_id: _Optional[str] = ..., retry_count: _Optional[int] = ..., forward_headers: _Optional[_Mapping[str, str]] = ..., model: _Optional[str] = ..., messages: _Optional[_Iterable[_Union[ChatMessage, _Mapping]]] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., max_completion_tokens: _Optional[int] = ..., stop: _Optional[_Iterable[str]] = ..., seed: _Optional[int] = ..., tools_json: _Optional[str] = ..., tool_choice_json: _Optional[str] = ..., response_format_json: _Optional[str] = ..., user: _Optional[str] = ..., body: _Optional[bytes] = ...) -> None: ...

class StreamChatResponse(_message.Message):
    __slots__ = ("started", "chunk", "finished")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    started: ChatStarted
    chunk: ChatChunk
    finished: ChatFinished
    def __init__(self, started: _Optional[_Union[ChatStarted, _Mapping]] = ..., chunk: _Optional[_Union[ChatChunk, _Mapping]] = ..., finished: _Optional[_Union[ChatFinished, _Mapping]] = ...) -> None: ...

class CreateResponseRequest(_message.Message):
    __slots__ = ("namespace", "chat_id", "session_id", "commit_after_seconds", "memory", "max_upstream_error_bytes", "request_id", "retry_count", "forward_headers", "body")
    class ForwardHeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    CHAT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    COMMIT_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    MAX_UPSTREAM_ERROR_BYTES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RETRY_COUNT_FIELD_NUMBER: _ClassVar[int]
    FORWARD_HEADERS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    chat_id: str
    session_id: str
    commit_after_seconds: int
    memory: str
    max_upstream_error_bytes: int
    request_id: str
    retry_count: int
    forward_headers: _containers.ScalarMap[str, str]
    body: bytes
    def __init__(self, namespace: _Optional[str] = ..., chat_id: _Optional[str] = ..., session_id: _Optional[str] = ..., commit_after_seconds: _Optional[int] = ..., memory: _Optional[str] = ..., max_upstream_error_bytes: _Optional[int] = ..., request_id: _Optional[str] = ..., retry_count: _Optional[int] = ..., forward_headers: _Optional[_Mapping[str, str]] = ..., body: _Optional[bytes] = ...) -> None: ...

class CreateResponseResponse(_message.Message):
    __slots__ = ("memory", "upstream", "body")
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    memory: MemoryReport
    upstream: Upstream
    body: bytes
    def __init__(self, memory: _Optional[_Union[MemoryReport, _Mapping]] = ..., upstream: _Optional[_Union[Upstream, _Mapping]] = ..., body: _Optional[bytes] = ...) -> None: ...

class StreamResponseRequest(_message.Message):
    __slots__ = ("namespace", "chat_id", "session_id", "commit_after_seconds", "memory", "max_upstream_error_bytes", "request_id", "retry_count", "forward_headers", "body")
    class ForwardHeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    CHAT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    COMMIT_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    MAX_UPSTREAM_ERROR_BYTES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RETRY_COUNT_FIELD_NUMBER: _ClassVar[int]
    FORWARD_HEADERS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    chat_id: str
    session_id: str
    commit_after_seconds: int
    memory: str
    max_upstream_error_bytes: int
    request_id: str
    retry_count: int
    forward_headers: _containers.ScalarMap[str, str]
    body: bytes
    def __init__(self, namespace: _Optional[str] = ..., chat_id: _Optional[str] = ..., session_id: _Optional[str] = ..., commit_after_seconds: _Optional[int] = ..., memory: _Optional[str] = ..., max_upstream_error_bytes: _Optional[int] = ..., request_id: _Optional[str] = ..., retry_count: _Optional[int] = ..., forward_headers: _Optional[_Mapping[str, str]] = ..., body: _Optional[bytes] = ...) -> None: ...

class StreamResponseResponse(_message.Message):
    __slots__ = ("started", "chunk", "finished")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    started: ChatStarted
    chunk: ChatChunk
    finished: ChatFinished
    def __init__(self, started: _Optional[_Union[ChatStarted, _Mapping]] = ..., chunk: _Optional[_Union[ChatChunk, _Mapping]] = ..., finished: _Optional[_Union[ChatFinished, _Mapping]] = ...) -> None: ...

class CreateEmbeddingsRequest(_message.Message):
    __slots__ = ("namespace", "max_upstream_error_bytes", "request_id", "forward_headers", "body")
    class ForwardHeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    MAX_UPSTREAM_ERROR_BYTES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FORWARD_HEADERS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    max_upstream_error_bytes: int
    request_id: str
    forward_headers: _containers.ScalarMap[str, str]
    body: bytes
    def __init__(self, namespace: _Optional[str] = ..., max_upstream_error_bytes: _Optional[int] = ..., request_id: _Optional[str] = ..., forward_headers: _Optional[_Mapping[str, str]] = ..., body: _Optional[bytes] = ...) -> None: ...

class CreateEmbeddingsResponse(_message.Message):
    __slots__ = ("upstream", "body")
    UPSTREAM_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    upstream: Upstream
    body: bytes
    def __init__(self, upstream: _Optional[_Union[Upstream, _Mapping]] = ..., body: _Optional[bytes] = ...) -> None: ...

class ChatStarted(_message.Message):
    __slots__ = ("memory", "upstream")
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_FIELD_NUMBER: _ClassVar[int]
    memory: MemoryReport
    upstream: Upstream
    def __init__(self, memory: _Optional[_Union[MemoryReport, _Mapping]] = ..., upstream: _Optional[_Union[Upstream, _Mapping]] = ...) -> None: ...

class ChatChunk(_message.Message):
    __slots__ = ("id", "model", "deltas", "usage", "event_name", "body")
    ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DELTAS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    EVENT_NAME_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    id: str
    model: str
    deltas: _containers.RepeatedCompositeFieldContainer[ChatDelta]
    usage: ChatUsage
    event_name: str
    body: bytes
    def __init__(self, id: _Optional[str] = ..., model: _Optional[str] = ..., deltas: _Optional[_Iterable[_Union[ChatDelta, _Mapping]]] = ..., usage: _Optional[_Union[ChatUsage, _Mapping]] = ..., event_name: _Optional[str] = ..., body: _Optional[bytes] = ...) -> None: ...

class ChatFinished(_message.Message):
    __slots__ = ("is_stored", "chat_id", "degraded")
    IS_STORED_FIELD_NUMBER: _ClassVar[int]
    CHAT_ID_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    is_stored: bool
    chat_id: str
    degraded: str
    def __init__(self, is_stored: _Optional[bool] = ..., chat_id: _Optional[str] = ..., degraded: _Optional[str] = ...) -> None: ...

class ChatMessage(_message.Message):
    __slots__ = ("role", "content", "content_parts_json", "name", "tool_calls", "tool_call_id", "refusal")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_PARTS_JSON_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    role: str
    content: str
    content_parts_json: str
    name: str
    tool_calls: _containers.RepeatedCompositeFieldContainer[ToolCall]
    tool_call_id: str
    refusal: str
    def __init__(self, role: _Optional[str] = ..., content: _Optional[str] = ..., content_parts_json: _Optional[str] = ..., name: _Optional[str] = ..., tool_calls: _Optional[_Iterable[_Union[ToolCall, _Mapping]]] = ..., tool_call_id: _Optional[str] = ..., refusal: _Optional[str] = ...) -> None: ...

class ToolCall(_message.Message):
    __slots__ = ("id", "name", "arguments")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    arguments: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., arguments: _Optional[str] = ...) -> None: ...

class ChatChoice(_message.Message):
    __slots__ = ("index", "message", "finish_reason")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    index: int
    message: ChatMessage
    finish_reason: str
    def __init__(self, index: _Optional[int] = ..., message: _Optional[_Union[ChatMessage, _Mapping]] = ..., finish_reason: _Optional[str] = ...) -> None: ...

class ChatDelta(_message.Message):
    __slots__ = ("index", "role", "content", "tool_calls", "finish_reason", "refusal")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    index: int
    role: str
    content: str
    tool_calls: _containers.RepeatedCompositeFieldContainer[ToolCallDelta]
    finish_reason: str
    refusal: str
    def __init__(self, index: _Optional[int] = ..., role: _Optional[str] = ..., content: _Optional[str] = ..., tool_calls: _Optional[_Iterable[_Union[ToolCallDelta, _Mapping]]] = ..., finish_reason: _Optional[str] = ..., refusal: _Optional[str] = ...) -> None: ...

class ToolCallDelta(_message.Message):
    __slots__ = ("index", "id", "name", "arguments")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    index: int
    id: str
    name: str
    arguments: str
    def __init__(self, index: _Optional[int] = ..., id: _Optional[str] = ..., name: _Optional[str] = ..., arguments: _Optional[str] = ...) -> None: ...

class ChatUsage(_message.Message):
    __slots__ = ("prompt_tokens", "completion_tokens", "total_tokens")
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    def __init__(self, prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ..., total_tokens: _Optional[int] = ...) -> None: ...

class MemoryReport(_message.Message):
    __slots__ = ("chat_id", "namespace", "matched_by", "notes", "degraded", "injected_tokens")
    CHAT_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    MATCHED_BY_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    INJECTED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    chat_id: str
    namespace: str
    matched_by: str
    notes: _containers.RepeatedCompositeFieldContainer[RecalledNote]
    degraded: str
    injected_tokens: int
    def __init__(self, chat_id: _Optional[str] = ..., namespace: _Optional[str] = ..., matched_by: _Optional[str] = ..., notes: _Optional[_Iterable[_Union[RecalledNote, _Mapping]]] = ..., degraded: _Optional[str] = ..., injected_tokens: _Optional[int] = ...) -> None: ...

class RecalledNote(_message.Message):
    __slots__ = ("object", "id", "dialogue_id", "text", "role", "create_time", "relevance")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    DIALOGUE_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    RELEVANCE_FIELD_NUMBER: _ClassVar[int]
    object: str
    id: str
    dialogue_id: str
    text: str
    role: str
    create_time: _timestamp_pb2.Timestamp
    relevance: float
    def __init__(self, object: _Optional[str] = ..., id: _Optional[str] = ..., dialogue_id: _Optional[str] = ..., text: _Optional[str] = ..., role: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., relevance: _Optional[float] = ...) -> None: ...

class Upstream(_message.Message):
    __slots__ = ("status", "request_id", "headers")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    status: int
    request_id: str
    headers: _containers.RepeatedCompositeFieldContainer[Header]
    def __init__(self, status: _Optional[int] = ..., request_id: _Optional[str] = ..., headers: _Optional[_Iterable[_Union[Header, _Mapping]]] = ...) -> None: ...

class Header(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class UpstreamError(_message.Message):
    __slots__ = ("http_status", "headers", "body", "is_truncated")
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    IS_TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    http_status: int
    headers: _containers.RepeatedCompositeFieldContainer[Header]
    body: bytes
    is_truncated: bool
    def __init__(self, http_status: _Optional[int] = ..., headers: _Optional[_Iterable[_Union[Header, _Mapping]]] = ..., body: _Optional[bytes] = ..., is_truncated: _Optional[bool] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("namespace",)
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    def __init__(self, namespace: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "body")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    body: bytes
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., body: _Optional[bytes] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("id", "namespace")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ...) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model", "body")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    model: Model
    body: bytes
    def __init__(self, model: _Optional[_Union[Model, _Mapping]] = ..., body: _Optional[bytes] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("id", "owned_by", "create_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    OWNED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    owned_by: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., owned_by: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
