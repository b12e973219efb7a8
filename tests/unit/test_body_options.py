"""What a body says to memory: read, taken out, and nothing else of the body changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eunoe_server.domain.body_options import BodyOptions
from eunoe_server.domain.chat import ChatBody
from eunoe_server.errors import InvalidInput

PLAIN = b'{"model":"m","seed":9007199254740993,"messages":[{"role":"user","content":"hi"}]}'


def with_memory(memory: Any) -> bytes:
    return PLAIN[:-1] + b',"memory":' + json.dumps(memory).encode() + b"}"


def test_the_options_are_read_and_taken_out() -> None:
    said = {"namespace": "n", "chat_id": "c", "session_id": "s", "commit_after": 5, "mode": "read"}
    body = ChatBody.parse(with_memory(said))
    assert body.options == BodyOptions(**said)  # type: ignore[arg-type]
    assert body.raw == PLAIN
    assert body.with_inserted([]) == PLAIN
    assert "memory" not in body.fields


@pytest.mark.parametrize("memory", [None, True, 5, "always", ["a"]])
def test_what_is_no_object_is_somebody_else_s_and_stays(memory: Any) -> None:
    sent = with_memory(memory)
    body = ChatBody.parse(sent)
    assert body.options == BodyOptions()
    assert body.raw == sent


@pytest.mark.parametrize(
    ("memory", "field"),
    [
        ({"name_space": "n"}, "memory"),
        ({"namespace": 5}, "memory.namespace"),
        ({"commit_after": "soon"}, "memory.commit_after"),
        ({"commit_after": 1.5}, "memory.commit_after"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(memory: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ChatBody.parse(with_memory(memory))
    assert caught.value.fields[0].field == field
