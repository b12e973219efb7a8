"""Chat models and embedders behind any OpenAI-compatible endpoint.

What a client asked goes up byte for byte and what the model answered comes back byte for byte: this
file reads an answer only to know that it is one. It makes one attempt; who asked may try again.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager

import httpx2
import numpy as np

from eunoe_server.domain.wire_form import WireForm
from eunoe_server.errors import EmbedderUnavailable, UpstreamAnsweredError, UpstreamFailed
from eunoe_server.providers import ModelAnswer, ModelStream, Vectors
from eunoe_server.providers.endpoint import Endpoint, Timeouts, response_headers
from eunoe_server.providers.sse import EventSplitter, EventTooLarge

# A chunk with a whole image or a minute of audio in it fits.
MAX_EVENT_BYTES = 16 * 1024 * 1024

# After `[DONE]` nothing follows but the end of the body, mostly in the same packet. Read to there,
# the connection can be used again; an upstream that keeps it open longer loses it.
_LAST_BYTES_SECONDS = 0.02


_JSON = {"content-type": "application/json"}

# An upstream's own words for it ("Not Found") have left people searching (vercel/ai#18226).
_NO_RESPONSES = json.dumps(
    {
        "error": {
            "message": "The upstream model endpoint has no Responses API; use chat completions. "
            "LangChain: use_responses_api=False. OpenAI Agents: "
            'set_default_openai_api("chat_completions"). AI SDK: openai.chat(…).',
            "type": "invalid_request_error",
            "param": None,
            "code": "unknown_url",
        }
    }
).encode()


class OpenAIChatModel:
    """What a model answers at `base_url`, such as `https://api.openai.com/v1`."""

    keeps_responses = True

    def __init__(
        self,
        base_url: str,
        api_key: str = "",
        *,
        connect_seconds: float = 5.0,
        first_byte_seconds: float = 600.0,
        idle_seconds: float = 120.0,
    ) -> None:
        """Without a key none is sent. The timeouts are explained at `Timeouts`."""
        timeouts = Timeouts(connect_seconds, first_byte_seconds, idle_seconds)
        self._endpoint = Endpoint(base_url, api_key, timeouts)

    async def complete(
        self, body: bytes, headers: Mapping[str, str], *, form: WireForm = WireForm.CHAT
    ) -> ModelAnswer:
        async with self._post(form, body, headers) as response:
            answer = await self._endpoint.read(response)
        _require_object(answer)
        return ModelAnswer(answer, response_headers(response))

    @asynccontextmanager
    async def stream(
        self, body: bytes, headers: Mapping[str, str], *, form: WireForm = WireForm.CHAT
    ) -> AsyncIterator[ModelStream]:
        """Entering waits for the first event, so that no failure before it hides behind a 200."""
        async with (
            self._post(form, body, headers) as response,
            aclosing(_EventStream(self._endpoint, response)) as stream,
        ):
            await stream.start()
            yield stream
            await stream.finish()

    @asynccontextmanager
    async def _post(
        self, form: WireForm, body: bytes, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx2.Response]:
        try:
            async with self._endpoint.post(f"/{form}", body, headers) as response:
                yield response
        except UpstreamAnsweredError as error:
            if form is WireForm.RESPONSES and _lacks_endpoint(error):
                raise UpstreamAnsweredError(404, _NO_RESPONSES, _JSON) from error
            raise

    async def list_models(self) -> bytes:
        models = await self._endpoint.get("/models")
        _require_object(models)
        return models

    async def aclose(self) -> None:
        await self._endpoint.aclose()


class _EventStream:
    """The `data` of each event, as it arrives."""

    def __init__(self, endpoint: Endpoint, response: httpx2.Response) -> None:
        self.headers: Mapping[str, str] = response_headers(response)
        self._endpoint = endpoint
        self._parts = response.aiter_bytes()
        self._splitter = EventSplitter(MAX_EVENT_BYTES)
        self._events: Iterator[bytes] = iter(())
        self._has_ended = False

    @property
    def was_completed(self) -> bool:
        return self._splitter.was_completed

    async def start(self) -> None:
        """Waits for the first event; an answer without any is no stream."""
        first = await self._next_events()
        if not first and not self.was_completed:
            raise UpstreamFailed("The upstream model endpoint answered without any event.")
        self._events = iter(first)

    async def finish(self) -> None:
        """Reads a stream's last bytes, if they are there."""
        if self._has_ended:
            return
        try:
            async with asyncio.timeout(_LAST_BYTES_SECONDS):
                while await self._endpoint.next_part(self._parts):
                    pass
        except (TimeoutError, UpstreamFailed):
            pass  # the answer is complete; only the connection is lost

    async def aclose(self) -> None:
        await self._parts.aclose()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while True:
            event = next(self._events, None)
            if event is not None:
                return event
            events = await self._next_events()
            if not events:
                raise StopAsyncIteration
            self._events = iter(events)

    async def _next_events(self) -> list[bytes]:
        """The events that come next, at least one; none at the end."""
        events: list[bytes] = []
        try:
            while not (events or self.was_completed or self._has_ended):
                part = await self._endpoint.next_part(self._parts)
                self._has_ended = not part
                events = self._splitter.feed(part) if part else self._splitter.finish()
        except EventTooLarge as exc:
            raise UpstreamFailed("An event of the upstream model endpoint is too large.") from exc
        return events


def _lacks_endpoint(error: UpstreamAnsweredError) -> bool:
    """Whether a refusal is about the path; one about a model or a response names what it lacks."""
    body = error.body.lower()
    return error.status in (404, 405) and b"model" not in body and b"resp_" not in body


def _require_object(body: bytes) -> None:
    try:
        is_object = isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        raise UpstreamFailed("The upstream model endpoint answered something that is not JSON.")


class OpenAIEmbedder:
    """Vectors from the `/embeddings` of `base_url`."""

    is_local = False

    # One request of OpenAI's takes 2,048 texts and 300,000 tokens, and 8,191 tokens a text.
    _MAX_TEXTS = 256
    _MAX_CHARACTERS = 400_000
    _MAX_TEXT_CHARACTERS = 24_000

    def __init__(
        self,
        base_url: str,
        api_key: str,
        model: str,
        dimension: int,
        *,
        connect_seconds: float = 5.0,
        answer_seconds: float = 30.0,
    ) -> None:
        # With the length: vectors of two lengths cannot be compared, whatever made them.
        self.name = f"openai/{model}/{dimension}"
        self.dimension = dimension
        self._model = model
        timeouts = Timeouts(connect_seconds, answer_seconds, answer_seconds)
        self._endpoint = Endpoint(base_url, api_key, timeouts)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for batch in self._batches(texts):
            vectors[[index for index, _ in batch]] = await self._embed([text for _, text in batch])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors

    async def aclose(self) -> None:
        await self._endpoint.aclose()

    def _batches(self, texts: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
        """The texts that say something, each with its place."""
        batch: list[tuple[int, str]] = []
        characters = 0
        for index, text in enumerate(texts):
            if not text or text.isspace():
                continue  # refused upstream; its vector is zero
            text = text[: self._MAX_TEXT_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
            if len(batch) == self._MAX_TEXTS or characters + len(text) > self._MAX_CHARACTERS:
                yield batch
                batch, characters = [], 0
            batch.append((index, text))
            characters += len(text)
        if batch:
            yield batch

    async def _embed(self, texts: list[str]) -> Vectors:
        asked = {"model": self._model, "input": texts, "encoding_format": "base64"}
        body = json.dumps(asked).encode("ascii")
        try:
            async with self._endpoint.post("/embeddings", body, {}) as response:
                answer = json.loads(await self._endpoint.read(response))
            items = sorted(answer["data"], key=lambda item: int(item["index"]))
            vectors = np.stack([_vector(item["embedding"]) for item in items])
        except UpstreamFailed as exc:
            raise EmbedderUnavailable from exc
        except (ValueError, TypeError, LookupError, RecursionError) as exc:
            raise EmbedderUnavailable("The embedder's answer cannot be read.") from exc
        if vectors.shape != (len(texts), self.dimension) or not np.isfinite(vectors).all():
            raise EmbedderUnavailable(
                f"The embedder {self.name} did not answer with one vector of dimension "
                f"{self.dimension} for each text."
            )
        return vectors


def _vector(embedding: str | list[float]) -> Vectors:
    """Some servers know only lists of numbers, whatever was asked for."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    return np.asarray(embedding, dtype=np.float32)
