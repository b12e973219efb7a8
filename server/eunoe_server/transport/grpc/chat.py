"""ChatServicer: read, do, answer. Requests are read in `chat_requests.py`, bodies turned in
`chat_bodies.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from eunoe.v1 import chat_pb2, chat_pb2_grpc
from eunoe_server.errors import ModelNotFound
from eunoe_server.services.chat import ChatReport, Chats, Finished, Piece, Started
from eunoe_server.transport.grpc import chat_bodies
from eunoe_server.transport.grpc.chat_requests import read_chat, read_response
from eunoe_server.transport.grpc.convert import to_timestamp
from eunoe_server.transport.grpc.interceptors import caller
from eunoe_server.transport.grpc.timing import tell, told


class ChatServicer(chat_pb2_grpc.ChatServiceServicer):
    """Answers over gRPC: chats typed and verbatim, the other forms verbatim."""

    def __init__(self, chats: Chats, commit_after_seconds: int) -> None:
        self._chats = chats
        self._commit_after_seconds = commit_after_seconds

    async def CompleteChat(
        self, request: chat_pb2.CompleteChatRequest, context: Any
    ) -> chat_pb2.CompleteChatResponse:
        """One whole answer."""
        asked = read_chat(request, caller(), self._commit_after_seconds, is_stream=False)
        answer = await self._chats.complete(caller(), asked)
        await tell(context, answer.stages)
        response = chat_pb2.CompleteChatResponse(
            memory=report_to_proto(answer.report),
            upstream=upstream_to_proto(answer.status, answer.headers),
        )
        if request.view != chat_pb2.CHAT_VIEW_RAW:
            chat_bodies.fill_completion(response, answer.body)
        if request.view != chat_pb2.CHAT_VIEW_TYPED:
            response.body = answer.body
        return response

    async def StreamChat(
        self, request: chat_pb2.StreamChatRequest, context: Any
    ) -> AsyncIterator[chat_pb2.StreamChatResponse]:
        """The answer in pieces. Leaving early closes the upstream and stores what had arrived."""
        asked = read_chat(request, caller(), self._commit_after_seconds, is_stream=True)
        is_typed = request.view != chat_pb2.CHAT_VIEW_RAW
        is_raw = request.view != chat_pb2.CHAT_VIEW_TYPED
        async with aclosing(self._chats.stream(caller(), asked)) as events:
            async for event in told(context, events):
                match event:
                    case Started():
                        yield chat_pb2.StreamChatResponse(started=_started(event))
                    case Piece(data):
                        chunk = chat_pb2.ChatChunk(body=data if is_raw else b"")
                        if is_typed:
                            chat_bodies.fill_chunk(chunk, data)
                        yield chat_pb2.StreamChatResponse(chunk=chunk)
                    case Finished():
                        yield chat_pb2.StreamChatResponse(finished=_finished(event))

    async def CreateResponse(
        self, request: chat_pb2.CreateResponseRequest, context: Any
    ) -> chat_pb2.CreateResponseResponse:
        """One whole answer of the Responses API."""
        asked = read_response(request, caller(), self._commit_after_seconds, is_stream=False)
        answer = await self._chats.complete(caller(), asked)
        await tell(context, answer.stages)
        return chat_pb2.CreateResponseResponse(
            memory=report_to_proto(answer.report),
            upstream=upstream_to_proto(answer.status, answer.headers),
            body=answer.body,
        )

    async def StreamResponse(
        self, request: chat_pb2.StreamResponseRequest, context: Any
    ) -> AsyncIterator[chat_pb2.StreamResponseResponse]:
        """The same event by event, as `StreamChat`."""
        asked = read_response(request, caller(), self._commit_after_seconds, is_stream=True)
        async with aclosing(self._chats.stream(caller(), asked)) as events:
            async for event in told(context, events):
                match event:
                    case Started():
                        yield chat_pb2.StreamResponseResponse(started=_started(event))
                    case Piece(data, name):
                        chunk = chat_pb2.ChatChunk(event_name=name, body=data)
                        yield chat_pb2.StreamResponseResponse(chunk=chunk)
                    case Finished():
                        yield chat_pb2.StreamResponseResponse(finished=_finished(event))

    async def CreateEmbeddings(
        self, request: chat_pb2.CreateEmbeddingsRequest, context: Any
    ) -> chat_pb2.CreateEmbeddingsResponse:
        """Vectors for texts."""
        del context
        answer = await self._chats.embed(request.body, dict(request.forward_headers))
        return chat_pb2.CreateEmbeddingsResponse(
            upstream=upstream_to_proto(200, dict(answer.headers)), body=answer.body
        )

    async def ListModels(
        self, request: chat_pb2.ListModelsRequest, context: Any
    ) -> chat_pb2.ListModelsResponse:
        """The upstream's models, verbatim and typed."""
        del request, context
        body = await self._chats.list_models()
        return chat_pb2.ListModelsResponse(models=chat_bodies.read_models(body), body=body)

    async def GetModel(
        self, request: chat_pb2.GetModelRequest, context: Any
    ) -> chat_pb2.GetModelResponse:
        """One of them, cut out of the list."""
        del context
        found = chat_bodies.find_model(await self._chats.list_models(), request.id)
        if found is None:
            raise ModelNotFound(f"The model `{request.id[:200]}` does not exist.")
        model, body = found
        return chat_pb2.GetModelResponse(model=model, body=body)


def _started(event: Started) -> chat_pb2.ChatStarted:
    return chat_pb2.ChatStarted(
        memory=report_to_proto(event.report),
        upstream=upstream_to_proto(event.status, event.headers),
    )


def _finished(event: Finished) -> chat_pb2.ChatFinished:
    return chat_pb2.ChatFinished(
        is_stored=event.is_stored, chat_id=event.chat_id, degraded=",".join(event.degraded)
    )


def report_to_proto(report: ChatReport) -> chat_pb2.MemoryReport:
    """What memory did."""
    return chat_pb2.MemoryReport(
        chat_id=report.chat_id,
        namespace=report.namespace,
        matched_by=report.matched_by,
        notes=[
            chat_pb2.RecalledNote(
                object=note.quote.object,
                id=note.quote.id,
                dialogue_id=note.quote.dialogue_id,
                text=note.quote.text,
                role=note.quote.source,
                create_time=to_timestamp(note.quote.said_at),
                relevance=note.relevance,
            )
            for note in report.notes
        ],
        degraded=",".join(report.degraded),
        injected_tokens=report.injected_tokens,
    )


#: What concerns the client of an upstream's response headers; the rest is between it and us.
PASSED_HEADERS = frozenset({"openai-processing-ms", "openai-version", "openai-organization"})
PASSED_PREFIXES = ("x-ratelimit-",)


def upstream_to_proto(status: int, headers: dict[str, str]) -> chat_pb2.Upstream:
    """Status, request id and the headers that are passed on."""
    return chat_pb2.Upstream(
        status=status,
        request_id=headers.get("x-request-id", ""),
        headers=[
            chat_pb2.Header(name=name, value=value)
            for name, value in headers.items()
            if name in PASSED_HEADERS or name.startswith(PASSED_PREFIXES)
        ],
    )
