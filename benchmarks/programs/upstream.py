"""The model endpoint of the benchmarks: says the same at once, and embeds as we do.

    python -m benchmarks.programs.upstream [--pieces 20] [--pause-milliseconds 0]

Chats are answered with a fixed sentence, whole or in so many pieces with such pauses before each
but the first. Embeddings are those of the built-in embedder, so that a peer with a remote embedder
finds by the same vectors. It does as little as an endpoint can: what it costs, every side pays.
It prints its base URL and serves until it is stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

from eunoe_server.providers.wordllama import WordLlamaEmbedder

MODEL = "stand-in-1"
SENTENCE = "That is good to know, and I will keep it in mind for the next time."

_HEAD = {"id": "chatcmpl-benchmark", "created": 1_700_000_000, "model": MODEL}
_USAGE = {"prompt_tokens": 20, "completion_tokens": 20, "total_tokens": 40}
_JSON = [(b"content-type", b"application/json")]
_EVENTS = [(b"content-type", b"text/event-stream; charset=utf-8")]


class Endpoint:
    """An ASGI application."""

    def __init__(self, pieces: int, pause_seconds: float) -> None:
        self._embedder = WordLlamaEmbedder()
        self._pause_seconds = pause_seconds
        words = SENTENCE.split(" ")
        answer = " ".join(words[number % len(words)] for number in range(pieces))
        self._whole = _encoded(
            {
                **_HEAD,
                "object": "chat.completion",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": answer, "refusal": None},
                        "logprobs": None,
                        "finish_reason": "stop",
                    }
                ],
                "usage": _USAGE,
            }
        )
        self._pieces = [_chunk({"content": word + " "}) for word in answer.split(" ")]
        self._pieces[0] = _chunk({"role": "assistant", "content": answer.split(" ")[0] + " "})
        self._end = _chunk({}, "stop") + b"data: [DONE]\n\n"

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Answers one request."""
        assert scope["type"] == "http"
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        if scope["path"].endswith("/embeddings"):
            await _answer(send, _encoded(await self._embeddings(json.loads(body))))
        elif not scope["path"].endswith("/chat/completions"):
            await _answer(send, b"{}", 404)
        elif json.loads(body).get("stream"):
            await self._stream(send)
        else:
            await _answer(send, self._whole)

    async def _stream(self, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _EVENTS})
        for number, piece in enumerate(self._pieces):
            if number:
                await asyncio.sleep(self._pause_seconds)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": self._end})

    async def _embeddings(self, asked: dict[str, Any]) -> dict[str, Any]:
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        vectors = await self._embedder.embed(texts)
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": vector.tolist()}
                for index, vector in enumerate(vectors)
            ],
            "model": asked["model"],
            "usage": {"prompt_tokens": len(texts), "total_tokens": len(texts)},
        }


async def _answer(
    send: Callable[[dict[str, Any]], Awaitable[None]], body: bytes, status: int = 200
) -> None:
    headers = [*_JSON, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def _chunk(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    chunk = {**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + _encoded(chunk) + b"\n\n"


def main() -> None:
    """Serves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pieces", type=int, default=20)
    parser.add_argument("--pause-milliseconds", type=float, default=0)
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
    endpoint = Endpoint(options.pieces, options.pause_milliseconds / 1000)
    config = uvicorn.Config(endpoint, log_level="warning", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
