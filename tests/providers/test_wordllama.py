"""The built-in embedder: the wheel's own vectors, and no text that breaks it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import numpy as np
import pytest

from eunoe_server.providers.wordllama import MAX_CHARACTERS, WordLlamaEmbedder

TEXTS = [
    "My name is Alice and I am allergic to peanuts.",
    "what must I not eat?",
    "Grüße aus Köln — 日本語のテキスト 🦀",
    "def f(x):\n\treturn x ** 2",
    "a",
]

# The package is asked in a process of its own, because importing it configures the root logger.
_ASK_THE_PACKAGE = """
import json, pathlib, sys, wordllama
folder = pathlib.Path(wordllama.__file__).parent
model = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
print(json.dumps(model.embed(json.load(sys.stdin), norm=True).tolist()))
"""


@pytest.fixture(scope="module")
def embedder() -> WordLlamaEmbedder:
    return WordLlamaEmbedder()


async def test_the_vectors_are_those_of_the_package(embedder: WordLlamaEmbedder) -> None:
    asked = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _ASK_THE_PACKAGE],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        check=True,
    )
    np.testing.assert_allclose(
        await embedder.embed(TEXTS), np.array(json.loads(asked.stdout)), atol=1e-6
    )


def test_loading_it_leaves_logging_alone() -> None:
    program = """
import logging, sys
from eunoe_server.providers.wordllama import WordLlamaEmbedder
WordLlamaEmbedder()
assert logging.getLogger().handlers == [], logging.getLogger().handlers
assert logging.getLogger().level == logging.WARNING
assert "wordllama" not in sys.modules and "requests" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)  # noqa: S603 - ours


async def test_it_keeps_the_protocol(embedder: WordLlamaEmbedder) -> None:
    vectors = await embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimension) == (len(TEXTS), 256)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
    assert (embedder.name, embedder.is_local) == ("wordllama/l2_supercat_256", True)
    assert (await embedder.embed([])).shape == (0, 256)


async def test_like_means_near(embedder: WordLlamaEmbedder) -> None:
    question, near, far = await embedder.embed(
        ["which foods am I allergic to?", "peanuts give me an allergy", "the train left at noon"]
    )
    assert question @ near > question @ far + 0.2


@pytest.mark.parametrize("text", ["", " ", "\n\t\u00a0\u2003"])
async def test_a_text_without_a_word_has_the_zero_vector(
    embedder: WordLlamaEmbedder, text: str
) -> None:
    vectors = await embedder.embed([text, "a word"])
    assert not vectors[0].any()
    assert vectors[1].any()


@pytest.mark.parametrize(
    "text",
    [
        "\0",
        "a\0b",
        "half an emoji \ud83d and on",
        "\ud800",
        "\uffff\ufffe",
        "</s><unk><s>",
        "\U0001f9ff" * 100_000,
        "a" * 1_000_000,
        "word " * 200_000,
        "\n" * 1_000_000 + "x",
    ],
    ids=lambda text: f"{text[:6]!r}, {len(text)} characters",
)
async def test_no_text_breaks_it(embedder: WordLlamaEmbedder, text: str) -> None:
    vectors = await embedder.embed([text, "plain"])
    assert np.isfinite(vectors).all()
    np.testing.assert_array_equal(vectors[1:], await embedder.embed(["plain"]))


async def test_a_text_is_read_to_a_limit(embedder: WordLlamaEmbedder) -> None:
    start = ("tea and cake " * MAX_CHARACTERS)[:MAX_CHARACTERS]
    whole, cut = await embedder.embed([start + " submarine" * 50_000, start])
    np.testing.assert_array_equal(whole, cut)


async def test_a_large_batch_gives_the_vectors_of_its_texts(embedder: WordLlamaEmbedder) -> None:
    texts = [f"note number {number} about topic {number % 7}" for number in range(400)]
    together = await embedder.embed(texts)
    alone = [await embedder.embed([text]) for text in texts[::40]]
    np.testing.assert_array_equal(together[::40], np.concatenate(alone))


_ASK_WHAT_IS_KEPT = """
import asyncio, psutil
from eunoe_server.providers.wordllama import WordLlamaEmbedder

def private_bytes():
    return psutil.Process().memory_full_info().uss

async def read(embedder, numbers):
    for number in numbers:
        await embedder.embed([f"I keep the key to room {number} under the flower pot"])

embedder = WordLlamaEmbedder()
asyncio.run(read(embedder, range(500)))
before = private_bytes()
asyncio.run(read(embedder, range(500, 8_500)))
print(private_bytes() - before)
"""


def test_it_keeps_no_text_that_it_has_read() -> None:
    answer = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", _ASK_WHAT_IS_KEPT], capture_output=True, text=True, check=True
    )
    assert int(answer.stdout) < 8_000 * 300  # of a text and its tokens: 1,500 bytes and more
