"""Every fault of an upstream: what the client gets, plain and streaming, and that we asked once.

The table is the promise: a client retries by itself and is told when that makes sense, so a server
that tried again as well would turn three attempts into nine.
"""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from tests.fixtures.server import KEY, ServerProcess, serving
from tests.fixtures.upstream import (
    Cut,
    Raw,
    Reply,
    Stall,
    Upstream,
    error_reply,
    event,
    gzip_reply,
    redirect_reply,
    sse_reply,
)

HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
CHUNK = event({**HEAD, "choices": [{"index": 0, "delta": {"content": "A"}, "finish_reason": None}]})
LIMITS = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "7s")]
GZIPPED = (("content-type", "application/json"), ("content-encoding", "gzip"))


@dataclass(frozen=True, slots=True)
class Fault:
    """What the upstream does, and what its client is told."""

    name: str
    reply: Reply
    status: int
    code: str | None
    #: Headers that the client must get; None: must not.
    headers: tuple[tuple[str, str | None], ...] = ()


FAULTS = [
    Fault(
        "429 that says when to come back",
        error_reply(429, "slow", code="rate", headers=[("retry-after", "7"), *LIMITS]),
        429,
        "rate",
        (("retry-after", "7"), *LIMITS),
    ),
    Fault(
        "429 that does not",
        error_reply(429, "slow", code="rate"),
        429,
        "rate",
        (("retry-after", None), ("x-should-retry", None)),
    ),
    Fault(
        "500 that must not be repeated",
        error_reply(500, "broke", code="oops", headers=[("x-should-retry", "false")]),
        500,
        "oops",
        (("x-should-retry", "false"),),
    ),
    Fault("503", error_reply(503, "busy", code="busy"), 503, "busy"),
    Fault("400", error_reply(400, "no such parameter", code="p"), 400, "p"),
    Fault(
        "401, of our key",
        error_reply(401, "bad key sk-1"),
        502,
        "upstream_authentication",
        (("x-should-retry", "false"), ("www-authenticate", None)),
    ),
    Fault("403, of our key", error_reply(403, "sk-1 may not"), 502, "upstream_authentication"),
    Fault("404", error_reply(404, "no such model", code="model"), 404, "model"),
    Fault("stalled before the status", Reply(before=(Stall(),)), 504, "upstream_timeout"),
    Fault("stalled after it", Reply(body=(b"", Stall())), 504, "upstream_timeout"),
    Fault("closed without an answer", Reply(before=(Cut(),)), 502, "upstream_error"),
    Fault(
        "cut in a chunk",
        Reply(body=(b'{"id": "c", ', Raw(b'ff\r\n"obj'), Cut())),
        502,
        "upstream_error",
    ),
    Fault("200 without JSON", Reply(body=(b"<html>", b"")), 502, "upstream_error"),
    Fault("200 without anything", Reply(body=(b"",)), 502, "upstream_error"),
    Fault(
        "a redirect",
        redirect_reply("http://127.0.0.1:9/v1/chat/completions"),
        502,
        "upstream_error",
        (("location", None),),
    ),
    Fault(
        "gzip that is none",
        Reply(headers=GZIPPED, body=(b"not compressed",)),
        502,
        "upstream_error",
    ),
    Fault(
        "gzip that is cut",
        Reply(headers=GZIPPED, body=(gzip.compress(b'{"id": "c"}' * 100)[:20],)),
        502,
        "upstream_error",
    ),
]


@pytest.fixture(scope="module")
def proxy(behind: Upstream) -> Iterator[ServerProcess]:
    """Of little patience: stalls shall not take a minute each."""
    with serving(
        {
            "EUNOE_UPSTREAM_BASE_URL": behind.base_url,
            "EUNOE_UPSTREAM_API_KEY": "upstream-key",
            "EUNOE_UPSTREAM__FIRST_BYTE_SECONDS": "0.5",
            "EUNOE_UPSTREAM__IDLE_SECONDS": "0.5",
        }
    ) as server:
        yield server


def ask(server: ServerProcess, *, is_stream: bool) -> httpx2.Response:
    """One request, without any package that would repeat it."""
    return httpx2.post(
        f"{server.http}/v1/memory/chat/completions?memory=auto",
        headers={"authorization": f"Bearer {KEY}"},
        json={"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": is_stream},
        timeout=30,
    )


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "streaming"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_before_the_answer_is_a_status_after_one_attempt(
    proxy: ServerProcess, behind: Upstream, fault: Fault, is_stream: bool
) -> None:
    before = len(behind.requests)
    behind.script(fault.reply)
    answer = ask(proxy, is_stream=is_stream)
    assert answer.status_code == fault.status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == fault.code
    assert "sk-1" not in answer.text
    for name, value in fault.headers:
        assert answer.headers.get(name) == value
    assert len(behind.requests) == before + 1


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ((CHUNK, Cut()), "upstream_error"),
        ((CHUNK, b'data: {"id"', Raw(b"40\r\n:"), Cut()), "upstream_error"),
        ((CHUNK, Stall()), "upstream_timeout"),
        ((CHUNK,), "upstream_error"),
    ],
    ids=["cut between chunks", "cut in a chunk", "stalled", "ended without a reason"],
)
def test_a_fault_in_a_stream_is_its_last_event_after_one_attempt(
    proxy: ServerProcess, behind: Upstream, steps: tuple[bytes | Raw | Cut | Stall, ...], code: str
) -> None:
    before = len(behind.requests)
    behind.script(sse_reply(*steps))
    answer = ask(proxy, is_stream=True)
    assert answer.status_code == 200
    *chunks, last, rest = answer.content.split(b"\n\n")
    assert [chunk + b"\n\n" for chunk in chunks] == [CHUNK]
    error = json.loads(last.removeprefix(b"data: "))["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code
    assert rest == b"", "no [DONE] after an error"
    assert len(behind.requests) == before + 1


def test_a_compressed_answer_arrives_as_it_was_before(
    proxy: ServerProcess, behind: Upstream
) -> None:
    document = {"id": "c", "choices": [], "seed": 9007199254740993}
    behind.script(gzip_reply(document))
    answer = ask(proxy, is_stream=False)
    assert answer.content == json.dumps(document).encode()
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "streaming"])
def test_an_upstream_that_is_not_there_is_a_502(is_stream: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with serving({"EUNOE_UPSTREAM_BASE_URL": f"http://127.0.0.1:{port}/v1"}) as server:
        answer = ask(server, is_stream=is_stream)
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "upstream_unreachable"


@pytest.mark.parametrize("fault", ["429", "stall", "cut"])
def test_after_a_fault_the_next_request_is_answered(
    proxy: ServerProcess, behind: Upstream, fault: str
) -> None:
    behind.script(
        {
            "429": error_reply(429, "slow"),
            "stall": Reply(before=(Stall(),)),
            "cut": Reply(before=(Cut(),)),
        }[fault]
    )
    assert ask(proxy, is_stream=False).status_code != 200
    assert ask(proxy, is_stream=False).status_code == 200
