"""The built-in model, `eunoe-local`: it speaks OpenAI's protocol and answers by rules.

It is here so that a server without any upstream shows memory working. It is no language model and
says so: in the model list, when it is asked, and when a task is beyond rules. It accepts every
model name and answers under its own; it offers no tools a call, because it never needs one; a
format it cannot guarantee is refused with the setting that brings a model which can.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import uuid_utils

from eunoe_server.domain.tokens import estimate_tokens
from eunoe_server.domain.wire_form import WireForm
from eunoe_server.providers import Embedder, ModelAnswer, ModelStream
from eunoe_server.providers.local.answers import answer
from eunoe_server.providers.local.embeddings import answer_embeddings
from eunoe_server.providers.local.evidence import Utterance
from eunoe_server.providers.local.responses import LocalResponse, ResponsesRequest
from eunoe_server.providers.local.wire import (
    JSON_HEADERS,
    bad_request,
    encode,
    is_count,
    read_object,
)

MODEL_ID = "eunoe-local"

DESCRIPTION = (
    "The built-in offline model. It is no language model: it answers by rules from the "
    "conversation and from the notes of earlier ones. To use a real model, set "
    "EUNOE_UPSTREAM_BASE_URL (and EUNOE_UPSTREAM_API_KEY) to an OpenAI-compatible endpoint."
)

_MODELS = json.dumps(
    {
        "object": "list",
        "data": [
            {
                "id": MODEL_ID,
                "object": "model",
                "created": 0,
                "owned_by": "eunoe",
                "description": DESCRIPTION,
            }
        ],
    }
).encode()

_MOST_CHOICES = 128  # OpenAI's limit for `n`
_CHARACTERS_PER_TOKEN = 4
# Reading more than this takes a millisecond and more, which other requests need not wait for.
_INLINE_CHARACTERS = 2_000


class LocalModel:
    """A `ChatModel` without a model. `clock` and `new_id` make the answers' time and id.

    `embedder` answers requests for embeddings.
    """

    keeps_responses = False

    def __init__(
        self,
        embedder: Embedder,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], str] = lambda: uuid_utils.uuid4().hex,
    ) -> None:
        self._embedder = embedder
        self._clock = clock
        self._new_id = new_id

    async def complete(
        self,
        body: bytes,
        headers: Mapping[str, str],  # noqa: ARG002 - no header changes an answer
        *,
        form: WireForm = WireForm.CHAT,
    ) -> ModelAnswer:
        match form:
            case WireForm.CHAT:
                asked = _Request.parse(body)
                whole = encode((await self._complete(asked)).whole(asked))
            case WireForm.RESPONSES:
                whole = (await self._respond(body)).whole()
            case WireForm.EMBEDDINGS:
                whole = await answer_embeddings(body, self._embedder)
        return ModelAnswer(whole, JSON_HEADERS)

    @asynccontextmanager
    async def stream(
        self,
        body: bytes,
        headers: Mapping[str, str],  # noqa: ARG002 - as above
        *,
        form: WireForm = WireForm.CHAT,
    ) -> AsyncIterator[ModelStream]:
        if form is WireForm.RESPONSES:
            yield _LocalStream((await self._respond(body)).events())
        else:
            asked = _Request.parse(body)
            yield _LocalStream((await self._complete(asked)).chunks(asked))

    async def list_models(self) -> bytes:
        return _MODELS

    async def _complete(self, asked: _Request) -> _Completion:
        text, is_cut = await self._answer(asked.conversation, asked.max_tokens)
        return _Completion(
            id=f"chatcmpl-{self._new_id()}",
            created=int(self._clock().timestamp()),
            text=text,
            finish_reason="length" if is_cut else "stop",
        )

    async def _respond(self, body: bytes) -> LocalResponse:
        asked = ResponsesRequest.parse(body, MODEL_ID)
        text, is_cut = await self._answer(asked.conversation, asked.max_tokens)
        return LocalResponse(
            id=f"resp_{self._new_id()}",
            item_id=f"msg_{self._new_id()}",
            created=int(self._clock().timestamp()),
            model_id=MODEL_ID,
            text=text,
            is_cut=is_cut,
            asked=asked,
        )

    async def _answer(
        self, conversation: tuple[Utterance, ...], max_tokens: int | None
    ) -> tuple[str, bool]:
        """The text, and whether it had to be cut."""
        if sum(len(one.text) for one in conversation) <= _INLINE_CHARACTERS:
            text = answer(conversation)
        else:
            text = await asyncio.to_thread(answer, conversation)
        limit = len(text) if max_tokens is None else max_tokens * _CHARACTERS_PER_TOKEN
        return text[:limit], limit < len(text)


@dataclass(frozen=True, slots=True)
class _Request:
    """What of a request matters to an answer by rules."""

    conversation: tuple[Utterance, ...]
    choices: int
    max_tokens: int | None
    include_usage: bool

    @classmethod
    def parse(cls, body: bytes) -> _Request:
        asked = read_object(body)
        messages = asked.get("messages")
        if not isinstance(messages, list) or not messages:
            raise bad_request("messages must be a list of at least one message.", "messages")
        choices = asked.get("n")
        if choices is None:
            choices = 1
        if not is_count(choices) or choices > _MOST_CHOICES:
            raise bad_request(f"n must be a number from 1 to {_MOST_CHOICES}.", "n")
        max_tokens = asked.get("max_completion_tokens", asked.get("max_tokens"))
        if max_tokens is not None and not is_count(max_tokens):
            raise bad_request("max_completion_tokens must be 1 or more.", "max_completion_tokens")
        response_format = asked.get("response_format") or {"type": "text"}
        if not isinstance(response_format, dict) or response_format.get("type") != "text":
            raise bad_request(
                f"{MODEL_ID} answers by rules and cannot answer in a response_format. Set "
                "EUNOE_UPSTREAM_BASE_URL to use a language model that can.",
                "response_format",
            )
        options = asked.get("stream_options")
        return cls(
            conversation=tuple(_utterance(message, i) for i, message in enumerate(messages)),
            choices=choices,
            max_tokens=max_tokens,
            include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        )


@dataclass(frozen=True, slots=True)
class _Completion:
    """One answer, before it takes OpenAI's form."""

    id: str
    created: int
    text: str
    finish_reason: str

    def whole(self, asked: _Request) -> dict[str, object]:
        message = {"role": "assistant", "content": self.text, "refusal": None}
        choices = [
            {
                "index": index,
                "message": message,
                "logprobs": None,
                "finish_reason": self.finish_reason,
            }
            for index in range(asked.choices)
        ]
        return {**self._head("chat.completion"), "choices": choices, "usage": self._usage(asked)}

    def chunks(self, asked: _Request) -> Iterator[bytes]:
        """The role, the words one by one, the reason for the end; the usage if it was asked for."""
        head = self._head("chat.completion.chunk")
        tail: dict[str, object] = {"usage": None} if asked.include_usage else {}

        def chunk(index: int, delta: dict[str, object], finish_reason: str | None = None) -> bytes:
            choice = {
                "index": index,
                "delta": delta,
                "logprobs": None,
                "finish_reason": finish_reason,
            }
            return encode({**head, "choices": [choice], **tail})

        for index in range(asked.choices):
            yield chunk(index, {"role": "assistant", "content": "", "refusal": None})
            for word in re.findall(r"\S+\s*", self.text):
                yield chunk(index, {"content": word})
            yield chunk(index, {}, self.finish_reason)
        if asked.include_usage:
            yield encode({**head, "choices": [], "usage": self._usage(asked)})

    def _head(self, kind: str) -> dict[str, object]:
        return {"id": self.id, "object": kind, "created": self.created, "model": MODEL_ID}

    def _usage(self, asked: _Request) -> dict[str, int]:
        """Estimates: without a vocabulary there are no tokens to count."""
        prompt_tokens = sum(estimate_tokens(one.text) for one in asked.conversation)
        completion_tokens = estimate_tokens(self.text) * asked.choices
        return {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        }


class _LocalStream:
    """The chunks of an answer that is already there."""

    headers: Mapping[str, str] = {"content-type": "text/event-stream"}

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.was_completed = False
        self._chunks = chunks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = next(self._chunks, None)
        if chunk is None:
            self.was_completed = True
            raise StopAsyncIteration
        return chunk


def _utterance(message: Any, index: int) -> Utterance:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise bad_request("A message is an object with a role.", f"messages[{index}]")
    content = message.get("content")
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        content = "\n".join(part for part in parts if isinstance(part, str))
    name = message.get("name")
    return Utterance(
        role=message["role"],
        text=content if isinstance(content, str) else "",
        name=name if isinstance(name, str) else "",
    )
