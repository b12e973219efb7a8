"""The server's own embedder in the form of OpenAI's `/embeddings`, where there is no upstream.

So that a client whose base URL was changed to ours finds this endpoint too. Every model name is
accepted and the embedder's own is answered; texts only, since it has no OpenAI vocabulary to turn
token numbers back into words with.
"""

from __future__ import annotations

import base64
from typing import Any

from eunoe_server.domain.tokens import estimate_tokens
from eunoe_server.providers import Embedder
from eunoe_server.providers.local.wire import bad_request, encode, read_object

_MOST_TEXTS = 2_048  # OpenAI's limit


async def answer_embeddings(raw: bytes, embedder: Embedder) -> bytes:
    """One vector a text, as numbers or as base64 of 32-bit floats."""
    texts, encoding = _read(raw, embedder)
    vectors = await embedder.embed(texts)
    items: list[dict[str, Any]] = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(vector.astype("<f4").tobytes()).decode()
            if encoding == "base64"
            else vector.tolist(),
        }
        for index, vector in enumerate(vectors)
    ]
    tokens = sum(map(estimate_tokens, texts))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return encode({"object": "list", "data": items, "model": embedder.name, "usage": usage})


def _read(raw: bytes, embedder: Embedder) -> tuple[list[str], str]:
    asked = read_object(raw)
    texts = asked.get("input")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise bad_request("input must be a text or a list of texts.", "input")
    if not 1 <= len(texts) <= _MOST_TEXTS or not all(texts):
        raise bad_request(f"input must hold 1 to {_MOST_TEXTS} texts, none empty.", "input")
    encoding = asked.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise bad_request("encoding_format must be float or base64.", "encoding_format")
    dimensions = asked.get("dimensions")
    if dimensions not in (None, embedder.dimension):
        raise bad_request(
            f"{embedder.name} has vectors of {embedder.dimension} dimensions only.", "dimensions"
        )
    return texts, encoding
