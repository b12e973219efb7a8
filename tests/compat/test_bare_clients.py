"""Clients without any package: what they send that HTTP allows, and the URLs they get wrong.

HTTP/1.0, `Expect: 100-continue` (curl, .NET), chunked bodies (Go's streaming ones), one connection
for many requests, curl's own content type, no content type at all.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
from typing import Any

import pytest

from tests.fixtures.missing import missing
from tests.fixtures.server import KEY, ServerProcess, exchange

CHAT = "/v1/memory/chat/completions"
PLAIN = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hello"}]}).encode()
STREAM = PLAIN[:-1] + b', "stream": true}'


def head(*lines: str, version: str = "1.1", path: str = CHAT) -> bytes:
    """A request up to its body."""
    first = [f"POST {path} HTTP/{version}", "Host: eunoe", f"Authorization: Bearer {KEY}"]
    return "\r\n".join([*first, *lines, "", ""]).encode()


def content_of(answer: http.client.HTTPResponse) -> Any:
    return json.loads(answer.read())["choices"][0]["message"]["content"]


def test_http_1_0_gets_a_stream_that_ends_with_the_connection(proxy: ServerProcess) -> None:
    length = f"Content-Length: {len(STREAM)}"
    answer = exchange(proxy, head(length, version="1.0"), STREAM)
    said, _, body = answer.partition(b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"transfer-encoding" not in said.lower()
    assert body.startswith(b"data: {")
    assert body.endswith(b"\n\ndata: [DONE]\n\n")


def test_a_client_that_waits_before_it_sends_its_body_is_told_to_go_on(
    proxy: ServerProcess,
) -> None:
    with socket.create_connection(proxy.http_address, timeout=30) as connection:
        connection.sendall(head(f"Content-Length: {len(PLAIN)}", "Expect: 100-continue"))
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(PLAIN)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert content_of(answer) == "You said: Hello"


def test_a_body_in_pieces_of_unknown_length_is_put_together(proxy: ServerProcess) -> None:
    pieces = [b"%x\r\n%s\r\n" % (len(each), each) for each in (PLAIN[:9], PLAIN[9:])]
    answer = exchange(proxy, head("Transfer-Encoding: chunked"), *pieces, b"0\r\n\r\n", until=b"}}")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"You said: Hello" in answer


def test_one_connection_serves_plain_answers_streams_and_errors_in_turn(
    proxy: ServerProcess,
) -> None:
    connection = http.client.HTTPConnection(*proxy.http_address, timeout=30)
    headers = {"Authorization": f"Bearer {KEY}"}
    connection.connect()
    own_port = connection.sock.getsockname()[1]
    statuses = []
    for body in (PLAIN, STREAM, b"{", PLAIN):
        connection.request("POST", CHAT, body, headers)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
        assert connection.sock is not None, "the server closed it"
        assert connection.sock.getsockname()[1] == own_port
    connection.close()
    assert statuses == [200, 200, 400, 200]


@pytest.mark.parametrize(
    "content_type", ["", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded"]
)
def test_the_body_is_json_whatever_it_is_called(proxy: ServerProcess, content_type: str) -> None:
    connection = http.client.HTTPConnection(*proxy.http_address, timeout=30)
    headers = {"Authorization": f"Bearer {KEY}"}
    connection.request("POST", CHAT, PLAIN, headers | {"Content-Type": content_type})
    assert content_of(connection.getresponse()) == "You said: Hello"
    connection.close()


@pytest.mark.parametrize("option", ["--http1.0", "--http1.1", "--http2"])
def test_curl_reads_a_stream_to_its_end(proxy: ServerProcess, option: str) -> None:
    if shutil.which("curl") is None:
        missing("there is no curl here")
    key = ["--header", f"Authorization: Bearer {KEY}"]
    command = ["curl", "--silent", "--no-buffer", option, *key, "--data", STREAM.decode()]
    done = subprocess.run(  # noqa: S603 - our own command
        [*command, proxy.http + CHAT], capture_output=True, timeout=30, check=True
    )
    assert done.stdout.endswith(b"\n\ndata: [DONE]\n\n")


@pytest.mark.parametrize(
    "path",
    [
        "/chat/completions",  # base_url without a path
        "/v1/memory//chat/completions",  # base_url with a slash behind, put together by hand
        "//v1/memory/chat/completions",
        "/v1/memory/chat/completions/",
        "/v1/v1/chat/completions",
        "/responses",
    ],
)
def test_a_wrong_base_url_is_answered_in_openai_s_words_with_the_right_one(
    proxy: ServerProcess, path: str
) -> None:
    connection = http.client.HTTPConnection(*proxy.http_address, timeout=30)
    connection.request("POST", path, PLAIN, {"Authorization": f"Bearer {KEY}"})
    answer = connection.getresponse()
    error = json.loads(answer.read())["error"]
    connection.close()
    assert (answer.status, error["code"]) == (404, "unknown_url")
    assert f"POST {path}." in error["message"]
    assert "/v1/memory/ns/<namespace>" in error["message"]
