"""A key's limits over HTTP: told with each answer, and kept in the words of each dialect."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from openai import OpenAI, RateLimitError

from tests.fixtures.server import NO_HEADERS, Answer, ServerProcess, call, serving, wait_until

BURST = 20
PER_MINUTE = 60

TIMED = {"x-memory-timing": "1"}


@pytest.fixture(scope="module")
def limited() -> Iterator[ServerProcess]:
    """A server that lets each key make so many calls at once, and one more a second."""
    settings = {
        "EUNOE_LIMITS__CALLS_PER_MINUTE": str(PER_MINUTE),
        "EUNOE_LIMITS__BURST": str(BURST),
    }
    with serving(settings) as server:
        yield server


def new_key(server: ServerProcess, **options: object) -> str:
    made = call(
        server, "POST", "/v1/admin/keys", {"name": "x", "scopes": ["read", "write"], **options}
    )
    return str(made.done["key"])


CHAT = {"model": "eunoe-local", "messages": [{"role": "user", "content": "Hello"}]}
EXTRACTION = {"messages": [{"role": "user", "content": "I like tea."}], "user_id": "u"}

CHAT_PATH = "/v1/memory/chat/completions"

ROUTES = [
    ("GET", "/memory", None),
    ("POST", "/memory", {"value": 1}),
    ("POST", "/search", {"query": "x", "object": "memory"}),
    ("GET", "/memory/nothing-like-it", None),
    ("POST", CHAT_PATH, CHAT),
    ("POST", CHAT_PATH, {**CHAT, "stream": True}),
    ("POST", CHAT_PATH, {**CHAT, "messages": []}),
    ("POST", CHAT_PATH, {**CHAT, "messages": [], "stream": True}),
    ("GET", "/v1/memory/models", None),
    ("POST", "/api/v1/memories", EXTRACTION),
    ("GET", "/api/v1/memories?user_id=u", None),
]


@pytest.mark.parametrize("headers", [NO_HEADERS, TIMED], ids=["untimed", "timed"])
def test_every_answer_says_how_much_is_left(
    limited: ServerProcess, headers: Mapping[str, str]
) -> None:
    key = new_key(limited)
    for number, (method, path, body) in enumerate(ROUTES):
        reply = call(limited, method, path, body, key=key, headers=headers)
        assert reply.status in {200, 400, 404}, reply.body
        assert reply.headers["x-ratelimit-limit-requests"] == str(BURST), path
        left = int(reply.headers["x-ratelimit-remaining-requests"])
        # Meanwhile some may have come back.
        assert BURST - 1 - number <= left < BURST
        assert reply.headers["x-ratelimit-reset-requests"].endswith("s")
        tells_times = path == CHAT_PATH and reply.status == 200 and headers is TIMED
        assert ("server-timing" in reply.headers) == tells_times


@pytest.fixture(scope="module")
def exhausted(limited: ServerProcess) -> str:
    """A key whose calls have just been used up."""
    key = new_key(limited)
    use_up(limited, key)
    return key


def use_up(server: ServerProcess, key: str) -> None:
    for _ in range(10 * BURST):
        if call(server, "GET", "/v1/memory/models", key=key).status == 429:
            return
    raise AssertionError("no call was refused")


def refused(server: ServerProcess, key: str, method: str, path: str, body: object) -> Answer:
    """The refusal, which a token that comes back once a second may put off."""
    for _ in range(3):
        reply = call(server, method, path, body, key=key)
        if reply.status != 200:
            break
    assert reply.status == 429
    assert reply.headers["retry-after"] == "1"
    assert reply.headers["x-ratelimit-remaining-requests"] == "0"
    return reply


def test_a_call_too_many_is_refused_in_each_dialect(limited: ServerProcess, exhausted: str) -> None:
    use_up(limited, exhausted)
    sentence = "Too many requests. Wait and try again."
    reply = refused(limited, exhausted, "POST", "/v1/memory/chat/completions", CHAT)
    assert reply.body == {
        "error": {
            "message": sentence,
            "type": "rate_limit_error",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }
    reply = refused(limited, exhausted, "GET", "/memory", None)
    error = reply.body["error"]
    assert (error["code"], error["type"]) == ("RATE_LIMIT_EXCEEDED", "rate_limit_exceeded")
    reply = refused(limited, exhausted, "POST", "/api/v1/memories", EXTRACTION)
    assert reply.body == {"error": sentence}


def test_other_keys_are_not_affected(limited: ServerProcess, exhausted: str) -> None:
    assert exhausted
    assert call(limited, "GET", "/memory", key=new_key(limited)).status == 200


def test_the_official_package_raises_its_own_error_and_waits_by_itself_if_told_to(
    limited: ServerProcess, exhausted: str
) -> None:
    with limited.openai(api_key=exhausted) as client:
        with pytest.raises(RateLimitError) as refusal:
            list_models_for_ever(client)
        assert refusal.value.code == "rate_limit_exceeded"
        assert client.with_options(max_retries=2).models.list().data


def list_models_for_ever(client: OpenAI) -> None:
    for _ in range(10 * BURST):
        client.models.list()


def test_the_monthly_quota_speaks_as_each_dialect_does(limited: ServerProcess) -> None:
    key = new_key(limited, monthlyCalls=1)
    assert call(limited, "POST", "/api/v1/memories", EXTRACTION, key=key).status == 200
    reply = call(limited, "POST", "/api/v1/memories", EXTRACTION, key=key)
    assert (reply.status, reply.body) == (429, {"error": "Monthly API limit exceeded"})  # seed 004
    assert 1 <= int(reply.headers["retry-after"]) <= 120
    assert reply.headers["x-should-retry"] == "false"
    reply = call(limited, "GET", "/memory", key=key)
    assert (reply.status, reply.body["error"]["code"]) == (429, "QUOTA_EXCEEDED")
    reply = call(limited, "POST", "/v1/memory/chat/completions", CHAT, key=key)
    assert (reply.status, reply.body["error"]["code"]) == (429, "insufficient_quota")


def test_usage_shows_what_was_done_a_second_ago(limited: ServerProcess, namespace: str) -> None:
    key = new_key(limited)
    call(limited, "POST", "/memory", {"namespace": namespace, "value": "tea"}, key=key)
    call(limited, "POST", "/search", {"query": "tea", "object": "memory", "namespace": namespace},
        key=key)  # fmt: skip
    call(limited, "POST", f"/v1/memory/ns/{namespace}/chat/completions", CHAT, key=key)
    call(limited, "GET", f"/memory?namespace={namespace}", key=key)
    path = f"/v1/admin/usage?namespace={quote(namespace)}"
    seen: list[Any] = []

    def is_counted() -> bool:
        # Asking has its own limit of calls, and may be told to wait.
        seen.append(call(limited, "GET", path).body)
        return bool(seen[-1].get("total", {}).get("callCount") == "4")

    wait_until(is_counted, "usage of four calls")
    used = seen[-1]
    assert len(used["days"]) == 1 or time.gmtime().tm_hour == 0
    total = used["total"]
    assert (total["chatCount"], total["searchCount"], total["writeCount"]) == (1, 1, 1)
    assert int(total["promptTokens"]) > 0
    assert int(total["completionTokens"]) > 0
