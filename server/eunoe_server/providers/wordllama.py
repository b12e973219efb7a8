"""The embedder that comes with the server: static token vectors out of the wordllama wheel.

It reads the two files of that wheel (a tokenizer, a table of 32,000 vectors) and pools them here.
The package's own code is not imported: that would configure the root logger, load an HTTP client
and three clustering modules (0.2 s, 29 MB), copy the table to twice its size, pad a batch to its
longest text, and give NaN for an empty one. The vectors are the package's own; a test compares.

It downloads nothing and has no settings.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open
from tokenizers import Tokenizer

from eunoe_server.providers import Vectors

# A text's vector is the mean of its tokens' vectors, and a mean of 4,000 tokens says little about
# any of them. What lies beyond is found by its words, and keeps one message from taking a second.
MAX_CHARACTERS = 16_384
# Characters outside the vocabulary take up to four tokens each.
_MAX_TOKENS = 8_192

# Measured: 0.25 us a character and 20 us a text, so this is about one millisecond of the event
# loop. A thread costs 0.1 ms and is worth it above.
_INLINE_CHARACTERS = 4_096
_CHARACTERS_PER_TEXT = 80


class WordLlamaEmbedder:
    """`l2_supercat` at 256 dimensions, 20 microseconds a short text."""

    name = "wordllama/l2_supercat_256"
    dimension = 256
    is_local = True

    def __init__(self) -> None:
        folder = _package_folder()
        self._tokenizer = Tokenizer.from_file(
            str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json")
        )
        # Its cache is one of words, and this tokenizer does not split texts into words: it would
        # keep the last 10,000 short texts that each thread has read, also when they are erased.
        # Its authors' way to turn it off (huggingface/tokenizers#1675).
        self._tokenizer.model._resize_cache(0)  # noqa: SLF001 - there is no other
        with safe_open(folder / "weights" / "l2_supercat_256.safetensors", framework="np") as file:
            # Kept in its 16 bits a number (16 MB); sums are taken in 32.
            self._table = file.get_tensor("embedding.weight")

    async def embed(self, texts: Sequence[str]) -> Vectors:
        cost = sum(map(len, texts)) + _CHARACTERS_PER_TEXT * len(texts)
        if cost <= _INLINE_CHARACTERS:
            return self._embed(texts)
        return await asyncio.to_thread(self._embed, texts)

    def _embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            tokens = self._tokens(text)
            if tokens:
                # The sum points where the mean does, and only the direction is kept.
                np.add.reduce(self._table[tokens], axis=0, dtype=np.float32, out=vector)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors

    def _tokens(self, text: str) -> list[int]:
        text = text[:MAX_CHARACTERS]
        if not text or text.isspace():
            return []
        try:
            encoding = self._tokenizer.encode(text, add_special_tokens=False)
        except TypeError:
            # A lone surrogate is legal in JSON's escapes and in str, and not in UTF-8.
            readable = text.encode("utf-8", "replace").decode("utf-8")
            encoding = self._tokenizer.encode(readable, add_special_tokens=False)
        return encoding.ids[:_MAX_TOKENS]


def _package_folder() -> Path:
    spec = importlib.util.find_spec("wordllama")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("The wordllama package is not installed.")
    return Path(spec.submodule_search_locations[0])
