"""The built-in model answers whatever it is asked in JSON, or refuses it as an endpoint does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.domain.wire_form import WireForm
from eunoe_server.errors import InvalidInput, UpstreamAnsweredError
from eunoe_server.providers.local import LocalModel
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from tests.fixtures.odd_json import mutated, shaped, texts

MODEL = LocalModel(WordLlamaEmbedder())
HELLO = '[{"role":"user","content":"Hello"}]'


def refuse_constant(name: str) -> None:
    raise AssertionError(name)


def ask(body: bytes, form: WireForm) -> Any:
    """What it answers; None when it refuses."""
    try:
        answer = asyncio.run(MODEL.complete(body, {}, form=form))
    except (InvalidInput, UpstreamAnsweredError):
        return None
    return json.loads(answer.body, parse_constant=refuse_constant)


def asked(whole: str, *names: str) -> st.SearchStrategy[bytes]:
    """A request that could be answered, with anything in its other members."""
    rest = st.lists(st.sampled_from(names), max_size=2, unique=True).flatmap(
        lambda chosen: shaped(*chosen)
    )
    return mutated(rest.map(lambda more: f"{whole[:-1]},{more[1:]}" if more != "{}" else whole))


@given(
    asked(
        f'{{"model":"m","messages":{HELLO}}}', "n", "max_tokens", "response_format", "stop",
        "stream_options", "tools", "messages",
    )
    | mutated(texts)
)  # fmt: skip
def test_a_chat(body: bytes) -> None:
    ask(body, WireForm.CHAT)


@given(
    asked(
        '{"model":"m","input":"Hello"}', "text", "temperature", "max_output_tokens", "metadata",
        "tools", "reasoning", "conversation", "background", "instructions", "previous_response_id",
        "input",
    )
    | mutated(texts)
)  # fmt: skip
def test_a_response(body: bytes) -> None:
    ask(body, WireForm.RESPONSES)


@given(
    asked('{"model":"m","input":"Hello"}', "encoding_format", "dimensions", "input")
    | mutated(texts)
)
def test_embeddings(body: bytes) -> None:
    ask(body, WireForm.EMBEDDINGS)


@pytest.mark.parametrize(
    "member",
    [
        '"text": "x"',
        '"text": {"format": "x"}',
        '"temperature": 1e999',
        f'"temperature": {"9" * 5_000}',
        f'"anything": {"9" * 5_000}',
    ],
    ids=lambda member: member[:30],
)
def test_a_response_that_cannot_be_is_refused(member: str) -> None:
    assert ask(f'{{"model": "m", "input": "Hi", {member}}}'.encode(), WireForm.RESPONSES) is None
    assert ask(b'{"model": "m", "input": "Hi"}', WireForm.RESPONSES)["status"] == "completed"
