import datetime

from eunoe.v1 import options_pb2 as _options_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateDialogueRequest(_message.Message):
    __slots__ = ("id", "namespace", "thread_of", "label", "message", "messages", "state_json", "metadata_json", "tags", "create_time", "request_id", "commit_after_seconds")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    THREAD_OF_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    STATE_JSON_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    COMMIT_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    thread_of: str
    label: str
    message: NewMessage
    messages: _containers.RepeatedCompositeFieldContainer[NewMessage]
    state_json: str
    metadata_json: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    create_time: _timestamp_pb2.Timestamp
    request_id: str
    commit_after_seconds: int
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., thread_of: _Optional[str] = ..., label: _Optional[str] = ..., message: _Optional[_Union[NewMessage, _Mapping]] = ..., messages: _Optional[_Iterable[_Union[NewMessage, _Mapping]]] = ..., state_json: _Optional[str] = ..., metadata_json: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., commit_after_seconds: _Optional[int] = ...) -> None: ...

class CreateDialogueResponse(_message.Message):
    __slots__ = ("dialogue",)
    DIALOGUE_FIELD_NUMBER: _ClassVar[int]
    dialogue: Dialogue
    def __init__(self, dialogue: _Optional[_Union[Dialogue, _Mapping]] = ...) -> None: ...

class GetDialogueRequest(_message.Message):
    __slots__ = ("id", "namespace", "message_limit")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    message_limit: int
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., message_limit: _Optional[int] = ...) -> None: ...

class GetDialogueResponse(_message.Message):
    __slots__ = ("dialogue",)
    DIALOGUE_FIELD_NUMBER: _ClassVar[int]
    dialogue: Dialogue
    def __init__(self, dialogue: _Optional[_Union[Dialogue, _Mapping]] = ...) -> None: ...

class ListDialoguesRequest(_message.Message):
    __slots__ = ("namespace", "page_size", "page_token", "order", "created", "start_time", "end_time", "thread_of")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    THREAD_OF_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    page_size: int
    page_token: str
    order: str
    created: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    thread_of: str
    def __init__(self, namespace: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., order: _Optional[str] = ..., created: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., thread_of: _Optional[str] = ...) -> None: ...

class ListDialoguesResponse(_message.Message):
    __slots__ = ("dialogues", "next_page_token")
    DIALOGUES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dialogues: _containers.RepeatedCompositeFieldContainer[Dialogue]
    next_page_token: str
    def __init__(self, dialogues: _Optional[_Iterable[_Union[Dialogue, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateDialogueRequest(_message.Message):
    __slots__ = ("id", "namespace", "label", "tags", "state_json", "update_mask", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    STATE_JSON_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    label: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    state_json: str
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., label: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., state_json: _Optional[str] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateDialogueResponse(_message.Message):
    __slots__ = ("dialogue",)
    DIALOGUE_FIELD_NUMBER: _ClassVar[int]
    dialogue: Dialogue
    def __init__(self, dialogue: _Optional[_Union[Dialogue, _Mapping]] = ...) -> None: ...

class EndDialogueRequest(_message.Message):
    __slots__ = ("id", "namespace", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    request_id: str
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class EndDialogueResponse(_message.Message):
    __slots__ = ("dialogue",)
    DIALOGUE_FIELD_NUMBER: _ClassVar[int]
    dialogue: Dialogue
    def __init__(self, dialogue: _Optional[_Union[Dialogue, _Mapping]] = ...) -> None: ...

class DeleteDialogueRequest(_message.Message):
    __slots__ = ("id", "namespace", "keep_facts", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    KEEP_FACTS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    keep_facts: bool
    request_id: str
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., keep_facts: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteDialogueResponse(_message.Message):
    __slots__ = ("success", "id")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    success: bool
    id: str
    def __init__(self, success: _Optional[bool] = ..., id: _Optional[str] = ...) -> None: ...

class CreateMessagesRequest(_message.Message):
    __slots__ = ("dialogue_id", "namespace", "messages", "request_id", "commit_after_seconds")
    DIALOGUE_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    COMMIT_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    dialogue_id: str
    namespace: str
    messages: _containers.RepeatedCompositeFieldContainer[NewMessage]
    request_id: str
    commit_after_seconds: int
    def __init__(self, dialogue_id: _Optional[str] = ..., namespace: _Optional[str] = ..., messages: _Optional[_Iterable[_Union[NewMessage, _Mapping]]] = ..., request_id: _Optional[str] = ..., commit_after_seconds: _Optional[int] = ...) -> None: ...

class CreateMessagesResponse(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[Message]
    def __init__(self, messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ...) -> None: ...

class GetMessageRequest(_message.Message):
    __slots__ = ("dialogue_id", "id", "namespace")
    DIALOGUE_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    dialogue_id: str
    id: str
    namespace: str
    def __init__(self, dialogue_id: _Optional[str] = ..., id: _Optional[str] = ..., namespace: _Optional[str] = ...) -> None: ...

class GetMessageResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: Message
    def __init__(self, message: _Optional[_Union[Message, _Mapping]] = ...) -> None: ...

class ListMessagesRequest(_message.Message):
    __slots__ = ("dialogue_id", "namespace", "page_size", "page_token", "order", "created", "start_time", "end_time", "include_superseded")
    DIALOGUE_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    dialogue_id: str
    namespace: str
    page_size: int
    page_token: str
    order: str
    created: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    include_superseded: bool
    def __init__(self, dialogue_id: _Optional[str] = ..., namespace: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., order: _Optional[str] = ..., created: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., include_superseded: _Optional[bool] = ...) -> None: ...

class ListMessagesResponse(_message.Message):
    __slots__ = ("messages", "next_page_token")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[Message]
    next_page_token: str
    def __init__(self, messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateMessageRequest(_message.Message):
    __slots__ = ("dialogue_id", "id", "namespace", "tags", "request_id")
    DIALOGUE_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dialogue_id: str
    id: str
    namespace: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, dialogue_id: _Optional[str] = ..., id: _Optional[str] = ..., namespace: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateMessageResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: Message
    def __init__(self, message: _Optional[_Union[Message, _Mapping]] = ...) -> None: ...

class DeleteMessageRequest(_message.Message):
    __slots__ = ("dialogue_id", "id", "namespace", "request_id")
    DIALOGUE_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dialogue_id: str
    id: str
    namespace: str
    request_id: str
    def __init__(self, dialogue_id: _Optional[str] = ..., id: _Optional[str] = ..., namespace: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteMessageResponse(_message.Message):
    __slots__ = ("success", "id")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    success: bool
    id: str
    def __init__(self, success: _Optional[bool] = ..., id: _Optional[str] = ...) -> None: ...

class GetDialogueStateRequest(_message.Message):
    __slots__ = ("dialogue_id", "namespace")
    DIALOGUE_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    dialogue_id: str
    namespace: str
    def __init__(self, dialogue_id: _Optional[str] = ..., namespace: _Optional[str] = ...) -> None: ...

class GetDialogueStateResponse(_message.Message):
    __slots__ = ("state_json", "version")
    STATE_JSON_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    state_json: str
    version: int
    def __init__(self, state_json: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class PutDialogueStateRequest(_message.Message):
    __slots__ = ("dialogue_id", "namespace", "state_json", "if_version", "request_id")
    DIALOGUE_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    STATE_JSON_FIELD_NUMBER: _ClassVar[int]
    IF_VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dialogue_id: str
    namespace: str
    state_json: str
    if_version: int
    request_id: str
    def __init__(self, dialogue_id: _Optional[str] = ..., namespace: _Optional[str] = ..., state_json: _Optional[str] = ..., if_version: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class PutDialogueStateResponse(_message.Message):
    __slots__ = ("state_json", "version")
    STATE_JSON_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    state_json: str
    version: int
    def __init__(self, state_json: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class PatchDialogueStateRequest(_message.Message):
    __slots__ = ("dialogue_id", "namespace", "patch_json", "if_version", "request_id")
    DIALOGUE_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PATCH_JSON_FIELD_NUMBER: _ClassVar[int]
    IF_VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dialogue_id: str
    namespace: str
    patch_json: str
    if_version: int
    request_id: str
    def __init__(self, dialogue_id: _Optional[str] = ..., namespace: _Optional[str] = ..., patch_json: _Optional[str] = ..., if_version: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class PatchDialogueStateResponse(_message.Message):
    __slots__ = ("state_json", "version")
    STATE_JSON_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    state_json: str
    version: int
    def __init__(self, state_json: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class NewMessage(_message.Message):
    __slots__ = ("id", "role", "content_json", "name", "tool_calls_json", "tool_call_id", "create_time", "tags", "metadata_json", "extra_json")
    ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_JSON_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_JSON_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    EXTRA_JSON_FIELD_NUMBER: _ClassVar[int]
    id: str
    role: str
    content_json: str
    name: str
    tool_calls_json: str
    tool_call_id: str
    create_time: _timestamp_pb2.Timestamp
    tags: _containers.RepeatedScalarFieldContainer[str]
    metadata_json: str
    extra_json: str
    def __init__(self, id: _Optional[str] = ..., role: _Optional[str] = ..., content_json: _Optional[str] = ..., name: _Optional[str] = ..., tool_calls_json: _Optional[str] = ..., tool_call_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tags: _Optional[_Iterable[str]] = ..., metadata_json: _Optional[str] = ..., extra_json: _Optional[str] = ...) -> None: ...

class Dialogue(_message.Message):
    __slots__ = ("id", "namespace", "thread_of", "label", "status", "tags", "metadata_json", "state_json", "state_version", "total_messages", "thread_count", "create_time", "update_time", "last_message_time", "end_time", "messages", "session_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    THREAD_OF_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    STATE_JSON_FIELD_NUMBER: _ClassVar[int]
    STATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    THREAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_MESSAGE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    thread_of: str
    label: str
    status: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    metadata_json: str
    state_json: str
    state_version: int
    total_messages: int
    thread_count: int
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    last_message_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    messages: _containers.RepeatedCompositeFieldContainer[Message]
    session_id: str
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., thread_of: _Optional[str] = ..., label: _Optional[str] = ..., status: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., metadata_json: _Optional[str] = ..., state_json: _Optional[str] = ..., state_version: _Optional[int] = ..., total_messages: _Optional[int] = ..., thread_count: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_message_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., session_id: _Optional[str] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("id", "dialogue_id", "namespace", "role", "content_json", "name", "tool_calls_json", "tool_call_id", "tags", "metadata_json", "create_time", "update_time", "finish_reason", "is_interrupted", "is_superseded", "is_committed", "position", "extra_json")
    ID_FIELD_NUMBER: _ClassVar[int]
    DIALOGUE_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_JSON_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_JSON_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    IS_INTERRUPTED_FIELD_NUMBER: _ClassVar[int]
    IS_SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    IS_COMMITTED_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    EXTRA_JSON_FIELD_NUMBER: _ClassVar[int]
    id: str
    dialogue_id: str
    namespace: str
    role: str
    content_json: str
    name: str
    tool_calls_json: str
    tool_call_id: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    metadata_json: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    finish_reason: str
    is_interrupted: bool
    is_superseded: bool
    is_committed: bool
    position: int
    extra_json: str
    def __init__(self, id: _Optional[str] = ..., dialogue_id: _Optional[str] = ..., namespace: _Optional[str] = ..., role: _Optional[str] = ..., content_json: _Optional[str] = ..., name: _Optional[str] = ..., tool_calls_json: _Optional[str] = ..., tool_call_id: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., metadata_json: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finish_reason: _Optional[str] = ..., is_interrupted: _Optional[bool] = ..., is_superseded: _Optional[bool] = ..., is_committed: _Optional[bool] = ..., position: _Optional[int] = ..., extra_json: _Optional[str] = ...) -> None: ...
