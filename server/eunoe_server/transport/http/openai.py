"""OpenAI's dialect: chat completions and responses, plain and streaming, embeddings, models.

Bodies pass as bytes in both directions; what stands beside them in path, headers and query becomes
the typed fields of the RPC, and what memory did becomes `x-memory-*` headers. The body alone says
whether the answer is a stream: the OpenAI packages send `Accept: application/json` either way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import grpc.aio
import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from eunoe.v1 import chat_pb2, chat_pb2_grpc
from eunoe_server.errors import ConflictingParameters, InvalidParameter
from eunoe_server.transport.http.calls import (
    Metadata,
    answered,
    metadata_of,
    read_body,
    text_header,
    until_client_leaves,
)
from eunoe_server.transport.http.errors import Failure, Refused, passable_headers, printable
from eunoe_server.transport.http.queries import Query, agreed, path_values, query_of
from eunoe_server.transport.http.routing import Endpoint, Route, Wiring
from eunoe_server.transport.http.stream import (
    CHAT_STREAM,
    RESPONSE_STREAM,
    AnswerStream,
    StreamCall,
    StreamForm,
)
from eunoe_server.transport.http.transcode import idempotency_key, rules

WholeAnswer: TypeAlias = chat_pb2.CompleteChatResponse | chat_pb2.CreateResponseResponse
WholeCall: TypeAlias = "grpc.aio.UnaryUnaryCall[Any, Any]"

_JSON = {"content-type": "application/json"}

#: An upstream's error comes back whole; the channel takes that much metadata.
_MAX_UPSTREAM_ERROR_BYTES = 1024 * 1024

#: Seed 003. Proxies drop the last one (nginx does, by default), so there are others.
_SESSION_HEADERS = ("sessionid", "session-id", "x-session-id", "session_id")

#: Which headers and query parameters say the same thing.
_HEADER_OF = {
    "namespace": "x-memory-namespace",
    "chat_id": "x-memory-chat-id",
    "commit_after": "x-memory-commit-after",
    "memory": "x-memory-mode",
}

#: Offered to the upstream; the server has the last word (contract, `forward_headers`).
_FORWARDED = ("openai-beta", "openai-organization", "openai-project", "x-client-request-id")

_INTEGER = re.compile(r"-?[0-9]{1,9}")
_COUNT = re.compile(r"[0-9]{1,3}")


# What a request says beside its body


def parameters_of(request: Request) -> dict[str, Any]:
    """The fields of a chat request that path, headers and query fill.

    Raises ConflictingParameters when two of them differ, InvalidParameter for a `commit_after`
    that is no number. Parameters that we do not know are ignored, as OpenAI does.
    """
    query, path = query_of(request), path_values(request)
    said = {name: _said(name, request.headers, query, path) for name in _HEADER_OF}
    sessions = [
        value for name in _SESSION_HEADERS for value in text_header(request.headers, name) if value
    ]
    retries = request.headers.get("x-stainless-retry-count", "")
    parameters: dict[str, Any] = {
        # An empty namespace is the global one; of the others, empty means not given.
        "namespace": said["namespace"],
        "chat_id": said["chat_id"] or None,
        "session_id": agreed("session", sessions),
        "commit_after_seconds": _commit_after(said["commit_after"]),
        "memory": said["memory"] or "",
        "request_id": idempotency_key(request),
        "retry_count": int(retries) if _COUNT.fullmatch(retries) else 0,
        "forward_headers": _forwarded(request.headers),
        "max_upstream_error_bytes": _MAX_UPSTREAM_ERROR_BYTES,
    }
    return {name: value for name, value in parameters.items() if value is not None}


def _said(name: str, headers: Headers, query: Query, path: dict[str, str]) -> str | None:
    if f"{name}[]" in query:  # what the OpenAI packages make of a list
        raise ConflictingParameters.of(name, "Give one value, not a list.")
    values = [path[name]] if name in path else []
    values += text_header(headers, _HEADER_OF[name])
    values += query.get(name, [])
    return agreed(name, values)


def _commit_after(text: str | None) -> int | None:
    if not text:
        return None
    if not _INTEGER.fullmatch(text):
        raise InvalidParameter.of("commit_after", "Must be a whole number of seconds.")
    return int(text)


def _forwarded(headers: Headers) -> dict[str, str]:
    return printable({name: headers.get(name, "") for name in _FORWARDED})


class _Peek(msgspec.Struct):
    stream: msgspec.Raw = msgspec.Raw(b"")


def asks_for_stream(body: bytes) -> bool:
    """Whether the body says `"stream": true`. One that cannot be read is the server's to refuse."""
    try:
        return bytes(msgspec.json.decode(body, type=_Peek).stream) == b"true"
    except (ValueError, RecursionError):
        return False


# Endpoints


class Answers:
    """What is answered whole or as a stream, as the body asks: chats, responses."""

    def __init__(
        self,
        wiring: Wiring,
        *,
        whole: Callable[..., WholeCall],
        stream: Callable[..., StreamCall],
        form: StreamForm,
    ) -> None:
        self._whole = whole
        self._stream = stream
        self._form = form
        self._max_body_bytes = wiring.max_body_bytes
        self._keep_alive = wiring.keep_alive

    async def __call__(self, request: Request) -> ASGIApp:
        """A whole answer or a stream, as the body asks."""
        metadata = metadata_of(request)
        parameters = parameters_of(request)
        body = await read_body(request, self._max_body_bytes)
        if asks_for_stream(body):
            return AnswerStream(
                lambda: self._stream(metadata, body=body, **parameters),
                self._form,
                headers_of=reply_headers,
                keep_alive=self._keep_alive,
            )
        answer: WholeAnswer
        call = self._whole(metadata, body=body, **parameters)
        answer, told = await until_client_leaves(request.receive, call, answered(call))
        headers = reply_headers(answer.memory, answer.upstream) | told | _JSON
        return Response(answer.body, headers=headers)


def chats(wiring: Wiring) -> Endpoint:
    """`POST …/chat/completions`."""
    stub = chat_pb2_grpc.ChatServiceStub(wiring.channel)
    view = chat_pb2.CHAT_VIEW_RAW

    def whole(metadata: Metadata, **fields: Any) -> WholeCall:
        asked = chat_pb2.CompleteChatRequest(view=view, **fields)
        return stub.CompleteChat(asked, metadata=metadata)

    def stream(metadata: Metadata, **fields: Any) -> StreamCall:
        return stub.StreamChat(chat_pb2.StreamChatRequest(view=view, **fields), metadata=metadata)

    return Answers(wiring, whole=whole, stream=stream, form=CHAT_STREAM)


def responses(wiring: Wiring) -> Endpoint:
    """`POST …/responses`."""
    stub = chat_pb2_grpc.ChatServiceStub(wiring.channel)

    def whole(metadata: Metadata, **fields: Any) -> WholeCall:
        return stub.CreateResponse(chat_pb2.CreateResponseRequest(**fields), metadata=metadata)

    def stream(metadata: Metadata, **fields: Any) -> StreamCall:
        return stub.StreamResponse(chat_pb2.StreamResponseRequest(**fields), metadata=metadata)

    return Answers(wiring, whole=whole, stream=stream, form=RESPONSE_STREAM)


class Embeddings:
    """`POST …/embeddings`."""

    def __init__(self, wiring: Wiring) -> None:
        self._stub = chat_pb2_grpc.ChatServiceStub(wiring.channel)
        self._max_body_bytes = wiring.max_body_bytes

    async def __call__(self, request: Request) -> Response:
        """The vectors as the server's endpoint gives them."""
        metadata = metadata_of(request)
        fields = _namespace_of(request)
        asked = chat_pb2.CreateEmbeddingsRequest(
            body=await read_body(request, self._max_body_bytes),
            forward_headers=_forwarded(request.headers),
            max_upstream_error_bytes=_MAX_UPSTREAM_ERROR_BYTES,
            **fields,
        )
        call = self._stub.CreateEmbeddings(asked, metadata=metadata)
        answer, told = await until_client_leaves(request.receive, call, answered(call))
        return Response(answer.body, headers=upstream_headers(answer.upstream) | told | _JSON)


class Models:
    """`GET …/models` and `GET …/models/{id}`."""

    def __init__(self, wiring: Wiring) -> None:
        self._stub = chat_pb2_grpc.ChatServiceStub(wiring.channel)

    async def list(self, request: Request) -> Response:
        """OpenAI's list object."""
        call = chat_pb2.ListModelsRequest(**_namespace_of(request))
        answer, told = await answered(self._stub.ListModels(call, metadata=metadata_of(request)))
        return Response(answer.body, headers=told | _JSON)

    async def get(self, request: Request) -> Response:
        """One model of the list."""
        call = chat_pb2.GetModelRequest(id=path_values(request)["id"], **_namespace_of(request))
        answer, told = await answered(self._stub.GetModel(call, metadata=metadata_of(request)))
        return Response(answer.body, headers=told | _JSON)


def _namespace_of(request: Request) -> dict[str, str]:
    namespace = _said("namespace", request.headers, query_of(request), path_values(request))
    return {} if namespace is None else {"namespace": namespace}


def reply_headers(memory: chat_pb2.MemoryReport, upstream: chat_pb2.Upstream) -> dict[str, str]:
    """What memory did and what the upstream says of itself."""
    return upstream_headers(upstream) | printable(
        {
            "x-memory-chat-id": memory.chat_id,
            "x-memory-matched-by": memory.matched_by,
            "x-memory-hits": str(len(memory.notes)),
            "x-memory-degraded": memory.degraded,
        }
    )


def upstream_headers(upstream: chat_pb2.Upstream) -> dict[str, str]:
    """What the upstream says of itself."""
    headers = passable_headers({each.name: each.value for each in upstream.headers})
    return headers | printable({"x-upstream-request-id": upstream.request_id})


# Signposts


async def _base_url_had_query(request: Request) -> Response:
    del request
    raise InvalidParameter(
        "A query string in base_url pushes the path aside. Put the namespace into the client's "
        "default_query, or into the path: base_url=…/v1/memory/ns/<namespace>."
    )


async def _no_completions(request: Request) -> Response:
    raise Refused(
        Failure(
            404,
            "UNKNOWN_ROUTE",
            f"Unknown request URL: {request.method} {request.url.path}. This server has no legacy "
            "completions; use chat completions. LlamaIndex: OpenAILike(is_chat_model=True). "
            "LangChain: ChatOpenAI. AI SDK: openai.chat(…).",
        )
    )


_CHAT_SUFFIX = "/chat/completions"

_ENDPOINTS: dict[str, Callable[[Wiring], Endpoint]] = {
    "ChatService.CompleteChat": chats,
    "ChatService.CreateResponse": responses,
    "ChatService.CreateEmbeddings": Embeddings,
    "ChatService.ListModels": lambda wiring: Models(wiring).list,
    "ChatService.GetModel": lambda wiring: Models(wiring).get,
}


def routes() -> list[Route]:
    """The chat service's rules, and the signposts beside them."""
    found = [
        Route(rule.verb.upper(), rule.path, rule.name, _ENDPOINTS[rule.name])
        for rule in rules()
        if rule.name in _ENDPOINTS
    ]
    chat_paths = [route.path for route in found if route.rpc == "ChatService.CompleteChat"]
    return found + [
        each
        for path in chat_paths
        if path.endswith(_CHAT_SUFFIX)
        for each in _beside(path.removesuffix(_CHAT_SUFFIX), chat_paths)
    ]


def _beside(base: str, chat_paths: list[str]) -> list[Route]:
    """What clients also ask for when `base` is their base URL."""
    if base in chat_paths:  # seed 003's requests go to the base itself
        bare = [Route("POST", f"{base}/", "ChatService.CompleteChat", chats)]
    else:
        bare = [
            Route("POST", path, "", lambda _: _base_url_had_query) for path in (base, f"{base}/")
        ]
    return [
        *bare,
        Route("POST", f"{base}/completions", "", lambda _: _no_completions),
    ]
