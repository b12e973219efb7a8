"""The calls that writers make, over gRPC and over HTTP, and what came back in one form for both.

No call is repeated here, and none raises: a failure is an answer, and whether it came from the
server or from a broken connection is part of it.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import httpx2
from google.rpc import error_details_pb2, status_pb2

from eunoe.v1 import (
    chat_pb2,
    chat_pb2_grpc,
    dialogue_pb2,
    dialogue_pb2_grpc,
    memory_pb2,
    memory_pb2_grpc,
)
from tests.fixtures.server import KEY, METADATA

#: Longer than the server's own limits, so that a call that hangs is the server's doing.
CALL_SECONDS = 20.0

#: What only the inside of the server knows, and no answer may say.
_INTERNALS = re.compile(
    r"psycopg|traceback|sqlstate|relation \"|constraint|select |insert |update .* set|"
    r"terminating connection|server closed|\.py\b|socket|/tmp",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Said:
    """What an attempt was answered with."""

    #: OK, a reason of the server's, or the name of what broke on the way.
    reason: str
    #: The gRPC code or HTTP status; empty when nobody answered.
    status: str = ""
    says_when_to_return: bool = False
    text: str = ""
    #: Of a chat: memory steps that were left out.
    degraded: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the server acknowledged it."""
        return self.reason == "OK" and not self.degraded

    @property
    def is_from_server(self) -> bool:
        """Whether somebody answered."""
        return self.status != ""

    @property
    def is_improper(self) -> bool:
        """Whether a server must not say that, whatever happens to it."""
        if not self.is_from_server or self.reason == "OK":
            return False
        return (
            _INTERNALS.search(self.text) is not None
            or self.status in ("INTERNAL", "UNKNOWN", "500")
            or (self.status in ("UNAVAILABLE", "503") and not self.says_when_to_return)
        )


Exchange = Sequence[tuple[str, str]]


class Caller(ABC):
    """One way to the server. `request_id` makes ids unnecessary; without it the ids are ours."""

    @abstractmethod
    async def keep_memories(
        self, namespace: str, texts: Sequence[str], *, request_id: str
    ) -> Said: ...

    @abstractmethod
    async def tag_memory(self, identity: str, tags: Sequence[str]) -> Said: ...

    @abstractmethod
    async def forget_memory(self, identity: str) -> Said: ...

    @abstractmethod
    async def open_dialogue(self, namespace: str, name: str, texts: Sequence[str]) -> Said: ...

    @abstractmethod
    async def append(
        self, namespace: str, name: str, texts: Sequence[str], *, request_id: str
    ) -> Said: ...

    @abstractmethod
    async def forget_dialogue(self, namespace: str, name: str) -> Said: ...

    @abstractmethod
    async def chat(
        self, namespace: str, name: str, messages: Exchange, *, attempt: int, is_stream: bool
    ) -> Said: ...


class GrpcCaller(Caller):
    """Over the generated stubs."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._memories = memory_pb2_grpc.MemoryServiceStub(channel)
        self._dialogues = dialogue_pb2_grpc.DialogueServiceStub(channel)
        self._chats = chat_pb2_grpc.ChatServiceStub(channel)

    async def _say(self, method: Any, request: Any) -> Said:
        try:
            answer = await method(request, metadata=METADATA, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            return said_by_status(error)
        is_chat = isinstance(answer, chat_pb2.CompleteChatResponse)
        return Said("OK", "OK", degraded=answer.memory.degraded if is_chat else "")

    async def keep_memories(self, namespace: str, texts: Sequence[str], *, request_id: str) -> Said:
        """One by itself, several in a batch."""
        identity = {} if request_id else {"id": texts[0]}
        if len(texts) == 1:
            return await self._say(
                self._memories.CreateMemory,
                memory_pb2.CreateMemoryRequest(
                    namespace=namespace, value_json=json.dumps(texts[0]), request_id=request_id,
                    **identity,
                ),
            )  # fmt: skip
        new = [
            memory_pb2.NewMemory(id=None if request_id else text, value_json=json.dumps(text))
            for text in texts
        ]
        return await self._say(
            self._memories.BatchCreateMemories,
            memory_pb2.BatchCreateMemoriesRequest(
                namespace=namespace, memories=new, request_id=request_id
            ),
        )

    async def tag_memory(self, identity: str, tags: Sequence[str]) -> Said:
        """In place of all it has."""
        return await self._say(
            self._memories.UpdateMemory, memory_pb2.UpdateMemoryRequest(id=identity, tags=tags)
        )

    async def forget_memory(self, identity: str) -> Said:
        """For good."""
        return await self._say(
            self._memories.DeleteMemory, memory_pb2.DeleteMemoryRequest(id=identity)
        )

    async def open_dialogue(self, namespace: str, name: str, texts: Sequence[str]) -> Said:
        """With its first messages."""
        return await self._say(
            self._dialogues.CreateDialogue,
            dialogue_pb2.CreateDialogueRequest(
                id=name, namespace=namespace, messages=_new_messages(texts)
            ),
        )

    async def append(
        self, namespace: str, name: str, texts: Sequence[str], *, request_id: str
    ) -> Said:
        """All or none."""
        return await self._say(
            self._dialogues.CreateMessages,
            dialogue_pb2.CreateMessagesRequest(
                dialogue_id=name, namespace=namespace, request_id=request_id,
                messages=_new_messages(texts, with_ids=not request_id),
            ),
        )  # fmt: skip

    async def forget_dialogue(self, namespace: str, name: str) -> Said:
        """With its messages."""
        return await self._say(
            self._dialogues.DeleteDialogue,
            dialogue_pb2.DeleteDialogueRequest(id=name, namespace=namespace),
        )

    async def chat(
        self, namespace: str, name: str, messages: Exchange, *, attempt: int, is_stream: bool
    ) -> Said:
        """Resends the whole conversation; a stream is read to its end."""
        fields: dict[str, Any] = {
            "namespace": namespace, "chat_id": name, "model": "m", "retry_count": attempt - 1,
            "commit_after_seconds": 1,
            "messages": [
                chat_pb2.ChatMessage(role=role, content=text) for role, text in messages
            ],
        }  # fmt: skip
        if not is_stream:
            return await self._say(self._chats.CompleteChat, chat_pb2.CompleteChatRequest(**fields))
        call = self._chats.StreamChat(
            chat_pb2.StreamChatRequest(**fields), metadata=METADATA, timeout=CALL_SECONDS
        )
        try:
            async for event in call:
                if event.WhichOneof("event") == "finished":
                    return Said("OK", "OK", degraded=event.finished.degraded)
        except grpc.aio.AioRpcError as error:
            return said_by_status(error)
        return Said("UNFINISHED", "OK")


class HttpCaller(Caller):
    """Over the shim's JSON."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def _say(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Said:
        try:
            answer = await self._client.request(
                method, path, json=body, params=query,
                headers={"Authorization": f"Bearer {KEY}", **(headers or {})},
            )  # fmt: skip
        except httpx2.TransportError as error:
            return Said(type(error).__name__)
        if answer.status_code == 200:
            if "event-stream" in answer.headers["content-type"] and "[DONE]" not in answer.text:
                return Said("UNFINISHED", "200", True, answer.text)
            return Said("OK", "200", degraded=answer.headers.get("x-memory-degraded", ""))
        return Said(
            _reason_of(answer),
            str(answer.status_code),
            "retry-after" in answer.headers,
            answer.text,
        )

    async def keep_memories(self, namespace: str, texts: Sequence[str], *, request_id: str) -> Said:
        """One by itself, several in a batch."""
        new = [{"value": text} | ({} if request_id else {"id": text}) for text in texts]
        headers = _idempotency(request_id)
        if len(new) == 1:
            return await self._say(
                "POST", "/memory", {"namespace": namespace, **new[0]}, headers=headers
            )
        body = {"namespace": namespace, "memories": new}
        return await self._say("POST", "/memory/batch", body, headers=headers)

    async def tag_memory(self, identity: str, tags: Sequence[str]) -> Said:
        """In place of all it has."""
        return await self._say("PUT", f"/memory/{identity}", {"tags": tags})

    async def forget_memory(self, identity: str) -> Said:
        """For good."""
        return await self._say("DELETE", f"/memory/{identity}")

    async def open_dialogue(self, namespace: str, name: str, texts: Sequence[str]) -> Said:
        """With its first messages."""
        body = {"id": name, "namespace": namespace, "messages": _messages(texts)}
        return await self._say("POST", "/dialogue", body)

    async def append(
        self, namespace: str, name: str, texts: Sequence[str], *, request_id: str
    ) -> Said:
        """All or none."""
        return await self._say(
            "POST",
            f"/dialogue/{name}/messages",
            {"messages": _messages(texts, with_ids=not request_id)},
            query={"namespace": namespace},
            headers=_idempotency(request_id),
        )

    async def forget_dialogue(self, namespace: str, name: str) -> Said:
        """With its messages."""
        return await self._say("DELETE", f"/dialogue/{name}", query={"namespace": namespace})

    async def chat(
        self,
        namespace: str,
        name: str,
        messages: Exchange,
        *,
        attempt: int,
        is_stream: bool,
        must_store: bool = True,
    ) -> Said:
        """Resends the whole conversation; a stream is read to its end.

        The headers of a stream go out before the exchange is stored. So `must_store` has a stream
        fail that could not be.
        """
        return await self._say(
            "POST",
            "/v1/memory/chat/completions",
            {
                "model": "m", "stream": is_stream,
                "messages": [{"role": role, "content": text} for role, text in messages],
            },
            query={"namespace": namespace, "chat_id": name, "commit_after": "1"}
            | ({"memory": "write"} if is_stream and must_store else {}),
            headers={"x-stainless-retry-count": str(attempt - 1)},
        )  # fmt: skip


def _new_messages(texts: Sequence[str], *, with_ids: bool = True) -> list[dialogue_pb2.NewMessage]:
    return [
        dialogue_pb2.NewMessage(
            id=text if with_ids else None, role="user", content_json=json.dumps(text)
        )
        for text in texts
    ]


def _messages(texts: Sequence[str], *, with_ids: bool = True) -> list[dict[str, str]]:
    return [
        {"role": "user", "content": text} | ({"id": text} if with_ids else {}) for text in texts
    ]


def _idempotency(request_id: str) -> dict[str, str]:
    return {"Idempotency-Key": request_id} if request_id else {}


def said_by_status(error: grpc.aio.AioRpcError) -> Said:
    """What a failed call was told."""
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if not isinstance(details, bytes):
        # gRPC's own words for a connection that broke, or for its own deadline.
        return Said(error.code().name)
    reason, says_when = error.code().name, False
    for detail in status_pb2.Status.FromString(details).details:
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(retry):
            says_when = True
    return Said(reason, error.code().name, says_when, error.details() or "")


def _reason_of(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["error"]["code"]).upper()
    except (ValueError, KeyError, TypeError):
        return "NOT_JSON"
