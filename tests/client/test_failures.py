"""Bad use ends in an exception of ours whose message says what to do, and in no other."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import grpc
import pytest

from eunoe import (
    AsyncEunoe,
    ClientClosed,
    DeadlineExceeded,
    Eunoe,
    EunoeError,
    InvalidRequest,
    NewMessage,
    NotAuthenticated,
    ServerNotReached,
    Tls,
    UpstreamFailed,
    exceptions,
)
from eunoe._failure import BY_REASON, BY_STATUS
from eunoe.v1 import error_reason_pb2
from tests.client.lossy_proxy import LossyProxy
from tests.fixtures.server import KEY, ServerProcess
from tests.fixtures.upstream import Upstream, error_reply


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn: list[tuple[int, str]] = []
    for line in (exceptions.__doc__ or "").splitlines():
        name = line.strip(" │├└─").split(" ")[0]
        if line.startswith("    ") and name in vars(exceptions):
            drawn.append((line.index(name), name))
    stack: list[tuple[int, str]] = []
    parents = {}
    for column, name in drawn:
        while stack and stack[-1][0] >= column:
            stack.pop()
        parents[name] = stack[-1][1] if stack else "Exception"
        stack.append((column, name))
    real = {
        name: kind.__base__.__name__
        for name, kind in vars(exceptions).items()
        if isinstance(kind, type) and issubclass(kind, EunoeError) and kind.__base__ is not None
    }
    assert parents == real


def test_every_reason_has_its_exception() -> None:
    reasons = set(error_reason_pb2.ErrorReason.keys()) - {"ERROR_REASON_UNSPECIFIED"}
    assert {f"ERROR_REASON_{reason}" for reason in BY_REASON} == reasons
    used = {*BY_REASON.values(), *BY_STATUS.values()}
    ours = {
        kind
        for kind in vars(exceptions).values()
        if isinstance(kind, type) and issubclass(kind, EunoeError)
    }
    # Base classes, and what the client itself notices.
    assert ours - used == {EunoeError, exceptions.NotJson, ClientClosed}


def test_a_wrong_address_says_where_to_look() -> None:
    with (
        Eunoe("127.0.0.1:1", api_key=KEY) as client,
        pytest.raises(ServerNotReached, match=r"127\.0\.0\.1:1 .*EUNOE_GRPC_ADDRESS"),
    ):
        client.memories.get("any")


def test_the_http_port_says_that_it_is_not_the_grpc_one(server: ServerProcess) -> None:
    with (
        Eunoe(server.http.removeprefix("http://"), api_key=KEY) as client,
        pytest.raises(ServerNotReached, match="not the HTTP one"),
    ):
        client.memories.create("any")


def test_a_url_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(InvalidRequest, match="host:port"):
        Eunoe("http://127.0.0.1:8080", api_key=KEY)


@pytest.mark.parametrize("key", ["", "with\nnewline", "ключ"])
def test_what_cannot_be_a_key_is_refused_at_once(key: str) -> None:
    with pytest.raises(InvalidRequest, match="eunoe keys create"):
        Eunoe(api_key=key)


def test_a_wrong_key_is_named_as_such(server: ServerProcess) -> None:
    with (
        Eunoe(server.grpc, api_key="not-the-key-of-anyone") as client,
        pytest.raises(NotAuthenticated, match="Invalid API key") as caught,
    ):
        client.memories.get("any")
    assert caught.value.reason == "INVALID_API_KEY"


def test_a_message_without_a_role_is_refused_by_its_place(client: Eunoe, namespace: str) -> None:
    nameless: NewMessage = {"content": "x"}  # type: ignore[typeddict-item]
    with pytest.raises(InvalidRequest, match=r"messages\[0\]\.role") as caught:
        client.dialogues.create(namespace=namespace, messages=[nameless])
    assert [field.field for field in caught.value.fields] == ["messages[0].role"]


def test_tls_checks_the_certificate_of_the_server(server: ServerProcess, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("NOT TESTED: there is no openssl here to make a certificate with")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run(  # noqa: S603 - loopback only
        [openssl, "req", "-x509", "-nodes", "-newkey", "rsa:2048", *subject, *files],
        capture_output=True,
        check=True,
    )
    certificate = (tmp_path / "cert.pem").read_bytes()
    credentials = grpc.ssl_server_credentials([((tmp_path / "key.pem").read_bytes(), certificate)])
    with LossyProxy(server.grpc).running(credentials) as proxy:
        address = proxy.address.replace("127.0.0.1", "localhost")
        with Eunoe(address, api_key=KEY, tls=Tls(root_certificates=certificate)) as trusting:
            assert trusting.chat.models()
        with (
            Eunoe(address, api_key=KEY, tls=True) as doubting,
            pytest.raises(ServerNotReached, match="TLS"),
        ):
            doubting.chat.models()


def test_a_silent_server_ends_in_a_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with (
            Eunoe(address, api_key=KEY, timeout=0.2) as client,
            pytest.raises(DeadlineExceeded, match=r"within 0\.2 s.*with_timeout"),
        ):
            client.memories.get("any")


def test_a_timeout_can_be_of_one_view_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with Eunoe(address, api_key=KEY, timeout=0.3) as client:
            for view, seconds in ((client.with_timeout(0.1), "0.1"), (client, "0.3")):
                with pytest.raises(DeadlineExceeded, match=f"within {seconds} s"):
                    view.chat.models()


def test_a_closed_client_says_so(server: ServerProcess) -> None:
    client = Eunoe(server.grpc, api_key=KEY)
    client.chat.models()
    client.close()
    client.close()
    for call in (client.chat.models, lambda: list(client.memories.list())):
        with pytest.raises(ClientClosed, match="Make a new one"):
            call()
    with pytest.raises(ClientClosed):
        list(client.chat.stream("Hello"))


async def test_closing_ends_what_is_under_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = AsyncEunoe(f"127.0.0.1:{silent.getsockname()[1]}", api_key=KEY)
        call = asyncio.create_task(client.chat.complete("Hello"))
        stream = asyncio.ensure_future(anext(aiter(client.chat.stream("Hello"))))
        await asyncio.sleep(0)
        await client.aclose()
        for task in (call, stream):
            with pytest.raises(ClientClosed):
                await task


async def test_a_cancelled_task_stays_cancelled() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with AsyncEunoe(f"127.0.0.1:{silent.getsockname()[1]}", api_key=KEY) as client:
            call = asyncio.create_task(client.chat.complete("Hello"))
            await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call


def test_a_moment_without_a_time_zone_is_refused(client: Eunoe) -> None:
    with pytest.raises(InvalidRequest, match="tzinfo=UTC"):
        client.memories.list(start=datetime(2025, 1, 1))  # noqa: DTZ001 - the point


def test_an_error_of_the_upstream_comes_with_its_status_and_body(
    upstream: Upstream, new_server: Callable[..., ServerProcess]
) -> None:
    upstream.script(error_reply(429, "slow down"))
    server = new_server(EUNOE_UPSTREAM_BASE_URL=upstream.base_url, EUNOE_UPSTREAM_API_KEY="k")
    with Eunoe(server.grpc, api_key=KEY) as client, pytest.raises(UpstreamFailed) as caught:
        client.chat.complete("Hello", model="any")
    assert (caught.value.reason, caught.value.http_status) == ("UPSTREAM_ERROR", 429)
    assert b"slow down" in caught.value.body
