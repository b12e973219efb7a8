"""What is asked of ChatService, as the use case takes it.

A request says things beside its body and in it (`"memory": {…}`); said in both places, they must
agree. A request for a whole answer and one for a stream have the same fields in each form.
"""

from __future__ import annotations

from typing import TypeVar

from eunoe.v1 import chat_pb2
from eunoe_server.domain.caller import Caller
from eunoe_server.domain.chat import ChatBody, ChatRequest, parse_mode
from eunoe_server.domain.commit import MAX_COMMIT_AFTER_SECONDS
from eunoe_server.domain.limits import can_be_id
from eunoe_server.domain.responses import ResponsesBody
from eunoe_server.domain.wire_form import RequestBody
from eunoe_server.errors import ConflictingParameters, InvalidInput, InvalidParameter
from eunoe_server.transport.grpc import chat_bodies
from eunoe_server.transport.grpc.convert import namespace_of, optional

T = TypeVar("T")

ChatMessage = chat_pb2.CompleteChatRequest | chat_pb2.StreamChatRequest
ResponseMessage = chat_pb2.CreateResponseRequest | chat_pb2.StreamResponseRequest


def read_chat(
    request: ChatMessage, caller: Caller, commit_after_seconds: int, *, is_stream: bool
) -> ChatRequest:
    """A chat, typed or verbatim; `commit_after_seconds` holds where it says nothing."""
    typed = chat_bodies.typed_request_to_body(request, is_stream=is_stream)
    if request.body and typed is not None:
        raise InvalidInput("Send either `body` or the typed fields, not both.")
    if not request.body and typed is None:
        raise InvalidInput.of("messages", "is required")
    body = ChatBody.parse(request.body or typed or b"")
    _check_stream(body, ("CompleteChat", "StreamChat"), is_stream=is_stream)
    return _request(request, body, caller, commit_after_seconds)


def read_response(
    request: ResponseMessage, caller: Caller, commit_after_seconds: int, *, is_stream: bool
) -> ChatRequest:
    """A request of the Responses API."""
    body = ResponsesBody.parse(request.body)
    _check_stream(body, ("CreateResponse", "StreamResponse"), is_stream=is_stream)
    return _request(request, body, caller, commit_after_seconds)


def _check_stream(body: RequestBody, calls: tuple[str, str], *, is_stream: bool) -> None:
    if body.is_stream != is_stream:
        wanted = calls[1] if body.is_stream else calls[0]
        raise InvalidInput.of("stream", f"does not fit this call; use {wanted}")


def _request(
    request: ChatMessage | ResponseMessage,
    body: RequestBody,
    caller: Caller,
    commit_after_seconds: int,
) -> ChatRequest:
    if request.retry_count < 0:
        raise InvalidParameter.of("retry_count", "must not be negative")
    options = body.options
    commit_after = _agreed(
        "commit_after", optional(request, "commit_after_seconds"), options.commit_after
    )
    if commit_after is None:
        commit_after = commit_after_seconds
    if commit_after < 0:
        raise InvalidParameter.of("commit_after", "must not be negative")
    return ChatRequest(
        body=body,
        namespace=caller.namespace_for(
            _agreed("namespace", namespace_of(request), options.namespace)
        ),
        mode=parse_mode(_agreed("memory", request.memory or None, options.mode)),
        commit_after_seconds=min(commit_after, MAX_COMMIT_AFTER_SECONDS),
        chat_id=_id("chat_id", optional(request, "chat_id"), options.chat_id),
        session_id=_id("session_id", optional(request, "session_id"), options.session_id),
        retry_count=request.retry_count,
        forward_headers=dict(request.forward_headers),
    )


def _agreed(field: str, said: T | None, said_in_body: T | None) -> T | None:
    if said is not None and said_in_body is not None and said != said_in_body:
        raise ConflictingParameters.of(field, "The body says something else.")
    return said_in_body if said is None else said


def _id(field: str, said: str | None, said_in_body: str | None) -> str | None:
    """A caller's id; absent and empty are the same, for clients that send empty headers."""
    value = _agreed(field, said or None, said_in_body or None)
    if value and not can_be_id(value):
        raise InvalidParameter.of(field, "must be 1 to 256 characters without control characters")
    return value or None
