"""The remote embedder, against the stand-in over real sockets."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import closing

import numpy as np
import pytest

from eunoe_server.errors import EmbedderUnavailable
from eunoe_server.providers.openai import OpenAIEmbedder
from tests.fixtures.upstream import (
    EMBEDDINGS_PATH,
    Cut,
    Reply,
    Stall,
    Upstream,
    embedding_of,
    error_reply,
    json_reply,
    redirect_reply,
)

DIMENSION = 8  # the stand-in's own


@pytest.fixture
async def embedder(upstream: Upstream) -> AsyncIterator[OpenAIEmbedder]:
    embedder = OpenAIEmbedder(upstream.base_url, "sk-ours", "small", DIMENSION)
    yield embedder
    await embedder.aclose()


def unit(numbers: list[float]) -> list[float]:
    length = sum(number * number for number in numbers) ** 0.5
    return [number / length for number in numbers]


async def test_each_text_gets_its_unit_vector_in_order(
    embedder: OpenAIEmbedder, upstream: Upstream
) -> None:
    texts = ["a cat", "a dog", "a cat"]
    vectors = await embedder.embed(texts)
    assert vectors.shape == (3, DIMENSION)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(
        vectors, [unit(embedding_of(text, DIMENSION)) for text in texts], rtol=1e-5
    )
    (request,) = upstream.requests
    assert request.header("authorization") == "Bearer sk-ours"
    assert request.document == {"model": "small", "input": texts, "encoding_format": "base64"}


async def test_what_is_recorded_beside_a_vector_names_the_model_and_its_length(
    embedder: OpenAIEmbedder,
) -> None:
    assert (embedder.name, embedder.dimension, embedder.is_local) == ("openai/small/8", 8, False)


async def test_no_texts_need_no_request(embedder: OpenAIEmbedder, upstream: Upstream) -> None:
    assert (await embedder.embed([])).shape == (0, DIMENSION)
    assert upstream.requests == []


async def test_a_text_that_says_nothing_is_not_sent_and_has_the_zero_vector(
    embedder: OpenAIEmbedder, upstream: Upstream
) -> None:
    vectors = await embedder.embed(["", "a cat", " \n\t"])
    assert [bool(vector.any()) for vector in vectors] == [False, True, False]
    assert upstream.requests[0].document["input"] == ["a cat"]


async def test_a_server_that_knows_only_lists_of_numbers_will_do(
    embedder: OpenAIEmbedder, upstream: Upstream
) -> None:
    items = [
        {"index": 1, "embedding": [0, 2, 0, 0, 0, 0, 0, 0]},
        {"index": 0, "embedding": [3.0, 0, 4.0, 0, 0, 0, 0, 0]},
    ]
    upstream.script(json_reply({"data": items}), path=EMBEDDINGS_PATH)
    vectors = await embedder.embed(["first", "second"])
    np.testing.assert_allclose(vectors[:, :3], np.array([[0.6, 0, 0.8], [0, 1, 0]]))


async def test_many_texts_go_up_in_several_requests(
    embedder: OpenAIEmbedder, upstream: Upstream
) -> None:
    texts = [f"text {number}" for number in range(600)]
    vectors = await embedder.embed(texts)
    sent = [text for request in upstream.requests for text in request.document["input"]]
    assert sent == texts
    assert max(len(request.document["input"]) for request in upstream.requests) <= 256
    np.testing.assert_allclose(vectors[599], unit(embedding_of("text 599", DIMENSION)), rtol=1e-5)
    assert upstream.connections_made == 1


async def test_long_texts_are_cut_and_sent_few_at_a_time(
    embedder: OpenAIEmbedder, upstream: Upstream
) -> None:
    await embedder.embed(["word " * 200_000] * 40)
    sizes = [[len(text) for text in request.document["input"]] for request in upstream.requests]
    assert sum(map(len, sizes)) == 40
    assert {size for request in sizes for size in request} == {24_000}
    assert max(map(sum, sizes)) <= 400_000


async def test_what_is_not_unicode_does_not_reach_the_upstream(
    embedder: OpenAIEmbedder, upstream: Upstream
) -> None:
    assert (await embedder.embed(["half an emoji \ud83d \0"])).any()
    assert upstream.requests[0].document["input"] == ["half an emoji ? \0"]


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(error_reply(429, "slow down"), id="rate limit"),
        pytest.param(error_reply(401, "who are you"), id="refused"),
        pytest.param(error_reply(500, "broken"), id="error"),
        pytest.param(redirect_reply("/elsewhere"), id="redirect"),
        pytest.param(Reply(before=(Cut(),)), id="cut"),
        pytest.param(Reply(before=(Stall(),)), id="silence"),
        pytest.param(Reply(body=(b"nonsense",)), id="no JSON"),
        pytest.param(json_reply([]), id="no object"),
        pytest.param(json_reply({}), id="no vectors"),
        pytest.param(json_reply({"data": [{"index": 0}]}), id="a vector missing"),
        pytest.param(json_reply({"data": [{"index": 0, "embedding": "!!!"}]}), id="no base64"),
        pytest.param(json_reply({"data": [{"index": 0, "embedding": "AAA="}]}), id="2 bytes"),
        pytest.param(json_reply({"data": [{"index": 0, "embedding": [1.0]}]}), id="too short"),
        pytest.param(json_reply({"data": []}), id="too few"),
        pytest.param(
            json_reply({"data": [{"index": 0, "embedding": [float("nan")] * 8}]}), id="NaN"
        ),
        pytest.param(
            json_reply({"data": [{"index": i, "embedding": [1] * 8} for i in (0, 1)]}),
            id="too many",
        ),
    ],
)
async def test_whatever_fails_the_embedder_is_unavailable_after_one_attempt(
    upstream: Upstream, reply: Reply
) -> None:
    embedder = OpenAIEmbedder(upstream.base_url, "", "small", DIMENSION, answer_seconds=0.3)
    upstream.script(reply, path=EMBEDDINGS_PATH)
    with pytest.raises(EmbedderUnavailable):
        await embedder.embed(["a cat"])
    assert len(upstream.requests) == 1
    assert (await embedder.embed(["a cat"])).any()
    await embedder.aclose()


async def test_a_wrong_dimension_is_named(upstream: Upstream) -> None:
    embedder = OpenAIEmbedder(upstream.base_url, "", "small", dimension=1536)
    with pytest.raises(EmbedderUnavailable, match=r"openai/small.*1536"):
        await embedder.embed(["a cat"])
    await embedder.aclose()


async def test_an_embedder_that_is_not_there_is_unavailable() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    embedder = OpenAIEmbedder(f"http://127.0.0.1:{port}/v1", "", "small", DIMENSION)
    with pytest.raises(EmbedderUnavailable):
        await embedder.embed(["a cat"])
    await embedder.aclose()
