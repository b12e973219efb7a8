import datetime

from eunoe.v1 import dialogue_pb2 as _dialogue_pb2
from eunoe.v1 import memory_pb2 as _memory_pb2
from eunoe.v1 import options_pb2 as _options_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SearchRequest(_message.Message):
    __slots__ = ("query", "object", "namespace", "limit", "tags_json", "metadata_json", "filter_json", "order_by", "order", "timezone", "explain", "mode", "tag_filter", "search_filter", "dialogue_id", "min_relevance", "memory_type", "min_confidence", "as_of_time", "include_superseded")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    TAGS_JSON_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    FILTER_JSON_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    TIMEZONE_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    TAG_FILTER_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FILTER_FIELD_NUMBER: _ClassVar[int]
    DIALOGUE_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_RELEVANCE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TYPE_FIELD_NUMBER: _ClassVar[int]
    MIN_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    AS_OF_TIME_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    query: str
    object: str
    namespace: str
    limit: int
    tags_json: str
    metadata_json: str
    filter_json: str
    order_by: str
    order: str
    timezone: str
    explain: bool
    mode: str
    tag_filter: TagFilter
    search_filter: SearchFilter
    dialogue_id: str
    min_relevance: float
    memory_type: str
    min_confidence: float
    as_of_time: _timestamp_pb2.Timestamp
    include_superseded: bool
    def __init__(self, query: _Optional[str] = ..., object: _Optional[str] = ..., namespace: _Optional[str] = ..., limit: _Optional[int] = ..., tags_json: _Optional[str] = ..., metadata_json: _Optional[str] = ..., filter_json: _Optional[str] = ..., order_by: _Optional[str] = ..., order: _Optional[str] = ..., timezone: _Optional[str] = ..., explain: _Optional[bool] = ..., mode: _Optional[str] = ..., tag_filter: _Optional[_Union[TagFilter, _Mapping]] = ..., search_filter: _Optional[_Union[SearchFilter, _Mapping]] = ..., dialogue_id: _Optional[str] = ..., min_relevance: _Optional[float] = ..., memory_type: _Optional[str] = ..., min_confidence: _Optional[float] = ..., as_of_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., include_superseded: _Optional[bool] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("results", "request", "left_out")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[SearchResult]
    request: ResolvedSearch
    left_out: int
    def __init__(self, results: _Optional[_Iterable[_Union[SearchResult, _Mapping]]] = ..., request: _Optional[_Union[ResolvedSearch, _Mapping]] = ..., left_out: _Optional[int] = ...) -> None: ...

class TagFilter(_message.Message):
    __slots__ = ("any_of", "all_of", "none_of")
    ANY_OF_FIELD_NUMBER: _ClassVar[int]
    ALL_OF_FIELD_NUMBER: _ClassVar[int]
    NONE_OF_FIELD_NUMBER: _ClassVar[int]
    any_of: _containers.RepeatedScalarFieldContainer[str]
    all_of: _containers.RepeatedScalarFieldContainer[str]
    none_of: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, any_of: _Optional[_Iterable[str]] = ..., all_of: _Optional[_Iterable[str]] = ..., none_of: _Optional[_Iterable[str]] = ...) -> None: ...

class SearchFilter(_message.Message):
    __slots__ = ("created", "modified", "has_image")
    CREATED_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_FIELD_NUMBER: _ClassVar[int]
    HAS_IMAGE_FIELD_NUMBER: _ClassVar[int]
    created: TimeRange
    modified: TimeRange
    has_image: bool
    def __init__(self, created: _Optional[_Union[TimeRange, _Mapping]] = ..., modified: _Optional[_Union[TimeRange, _Mapping]] = ..., has_image: _Optional[bool] = ...) -> None: ...

class TimeRange(_message.Message):
    __slots__ = ("gte", "gt", "lte", "lt")
    GTE_FIELD_NUMBER: _ClassVar[int]
    GT_FIELD_NUMBER: _ClassVar[int]
    LTE_FIELD_NUMBER: _ClassVar[int]
    LT_FIELD_NUMBER: _ClassVar[int]
    gte: _timestamp_pb2.Timestamp
    gt: _timestamp_pb2.Timestamp
    lte: _timestamp_pb2.Timestamp
    lt: _timestamp_pb2.Timestamp
    def __init__(self, gte: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., gt: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lte: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lt: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SearchResult(_message.Message):
    __slots__ = ("object", "relevance", "memory", "message", "dialogue", "matches", "explanation")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    RELEVANCE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DIALOGUE_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    object: str
    relevance: float
    memory: _memory_pb2.Memory
    message: _dialogue_pb2.Message
    dialogue: _dialogue_pb2.Dialogue
    matches: _containers.RepeatedCompositeFieldContainer[SearchResult]
    explanation: SearchExplanation
    def __init__(self, object: _Optional[str] = ..., relevance: _Optional[float] = ..., memory: _Optional[_Union[_memory_pb2.Memory, _Mapping]] = ..., message: _Optional[_Union[_dialogue_pb2.Message, _Mapping]] = ..., dialogue: _Optional[_Union[_dialogue_pb2.Dialogue, _Mapping]] = ..., matches: _Optional[_Iterable[_Union[SearchResult, _Mapping]]] = ..., explanation: _Optional[_Union[SearchExplanation, _Mapping]] = ...) -> None: ...

class SearchExplanation(_message.Message):
    __slots__ = ("signals", "score")
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    signals: _containers.RepeatedCompositeFieldContainer[SearchSignal]
    score: float
    def __init__(self, signals: _Optional[_Iterable[_Union[SearchSignal, _Mapping]]] = ..., score: _Optional[float] = ...) -> None: ...

class SearchSignal(_message.Message):
    __slots__ = ("name", "value", "contribution", "weight")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    contribution: float
    weight: float
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ..., contribution: _Optional[float] = ..., weight: _Optional[float] = ...) -> None: ...

class ResolvedSearch(_message.Message):
    __slots__ = ("query", "object", "namespace", "limit", "order_by", "order", "candidate_order_by", "timezone", "mode", "filter")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    TIMEZONE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    query: str
    object: str
    namespace: str
    limit: int
    order_by: str
    order: str
    candidate_order_by: str
    timezone: str
    mode: str
    filter: SearchFilter
    def __init__(self, query: _Optional[str] = ..., object: _Optional[str] = ..., namespace: _Optional[str] = ..., limit: _Optional[int] = ..., order_by: _Optional[str] = ..., order: _Optional[str] = ..., candidate_order_by: _Optional[str] = ..., timezone: _Optional[str] = ..., mode: _Optional[str] = ..., filter: _Optional[_Union[SearchFilter, _Mapping]] = ...) -> None: ...
