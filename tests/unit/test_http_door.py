"""What a server that refuses would refuse is refused by the shim before anything is done for it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from starlette.responses import PlainTextResponse

from eunoe.v1 import memory_pb2
from eunoe_server.transport.http.app import build_door, route_table
from eunoe_server.transport.http.server import serve_http
from tests.fixtures.shim import KEY, NOW, PATIENCE_SECONDS, Answer, Shim, read_answer, serve_shim

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTES = [route for route in route_table() if route[2] != "Health.Check"]
EACH_ROUTE = pytest.mark.parametrize(
    ("method", "path", "rpc"), ROUTES, ids=[f"{m} {p}" for m, p, _ in ROUTES]
)


@dataclass
class Doorman:
    """Refuses everything unless told otherwise, and remembers what it was asked about."""

    has_room: bool = False
    is_crowded: bool = True
    asked: list[str] = field(default_factory=list)
    refused: int = 0
    inside: int = 0

    def let_in(self, method: str) -> Callable[[], None] | None:
        """If there is room."""
        self.asked.append(method)
        if not self.has_room:
            return None
        self.inside += 1
        return self._leave

    def _leave(self) -> None:
        self.inside -= 1

    def has_refused(self) -> None:
        """Counts."""
        self.refused += 1


@pytest.fixture(scope="module")
def of_module() -> Doorman:
    """The one that all servers here ask."""
    return Doorman()


@pytest.fixture
def refusing(of_module: Doorman) -> Doorman:
    """Who has room for nobody."""
    of_module.has_room, of_module.is_crowded = False, True
    of_module.refused, of_module.inside = 0, 0
    of_module.asked.clear()
    return of_module


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def busy(tmp_path_factory: pytest.TempPathFactory, of_module: Doorman) -> AsyncIterator[Shim]:
    """A shim whose server refuses whatever it is asked."""
    socket: Path = tmp_path_factory.mktemp("busy") / "s"
    async with serve_shim(socket, doorman=of_module) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(of_module: Doorman) -> AsyncIterator[int]:
    """The port of the door alone: what it lets pass is answered 418."""
    let_pass = PlainTextResponse("let pass", 418)
    door = build_door(of_module, clock=lambda: NOW)
    async with serve_http(let_pass, "127.0.0.1:0", door=door, drain_seconds=1.0) as port:
        yield port


async def said(port: int, *parts: str, answers: int = 1) -> list[Answer]:
    """The answers to what is written, part by part, each when the one before has been read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(PATIENCE_SECONDS):
        for part in parts:
            writer.write(part.encode("latin-1"))
            await writer.drain()
            if part is not parts[-1]:
                await asyncio.sleep(0.05)  # so that they do not come as one
        found = [await read_answer(reader) for _ in range(answers)]
    writer.close()
    return found


def head(method: str, path: str, *lines: str, length: int = 0) -> str:
    """The head of a request."""
    lines = ("host: shim", *lines, *([f"content-length: {length}"] if length else []))
    return "\r\n".join((f"{method} {path} HTTP/1.1", *lines, "", ""))


def some(path: str) -> str:
    """A path that a template stands for."""
    return re.sub(r"\{[^}]*\}", "x", path)


def without_date(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """What two answers to the same thing have in common."""
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    assert "date" in answer.headers
    return answer.status, headers, answer.body


@EACH_ROUTE
async def test_each_route_is_refused_as_the_call_that_it_leads_to(
    busy: Shim, refusing: Doorman, method: str, path: str, rpc: str
) -> None:
    (answer,) = await said(busy.port, head(method, some(path), length=100_000))  # that never comes
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    service, name = rpc.split(".")
    assert refusing.asked == [f"/eunoe.v1.{service}/{name}"]
    assert refusing.refused == 1
    assert busy.server.requests == []


@EACH_ROUTE
async def test_at_the_door_it_is_refused_as_it_would_be_inside(
    busy: Shim, door: int, refusing: Doorman, method: str, path: str, rpc: str
) -> None:
    body = "" if method in {"GET", "DELETE"} else "{}"
    start = head(method, some(path), "x-request-id: mine", length=len(body))
    (inside,) = await said(busy.port, start[:20], start[20:] + body)
    refusing.asked.clear()
    (at_the_door,) = await said(door, start + body)
    assert without_date(at_the_door) == without_date(inside)
    assert at_the_door.headers["x-request-id"] == "mine"
    service, name = rpc.split(".")
    assert refusing.asked == [f"/eunoe.v1.{service}/{name}"]
    assert refusing.refused == 2


GET = head("GET", "/memory/x")
POST = head("POST", "/memory", length=2)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([GET[:10], GET[10:]], id="in pieces"),
        pytest.param([POST, "{}"], id="the body later"),
        pytest.param([POST + "{"], id="the body never whole"),
        pytest.param([GET + GET], id="two at once"),
        pytest.param([GET + GET[:3], GET[3:]], id="one and a piece"),
        pytest.param([head("GET", "/memory/x")[:-2] + "x: ", GET], id="a piece like a whole"),
        pytest.param(
            [head("POST", "/memory", "transfer-encoding: chunked") + "0\r\n\r\n"], id="chunked"
        ),
        pytest.param(
            [head("POST", "/memory", "transfer-encoding: chunked", length=5) + "0\r\n\r\n"],
            id="of two lengths",
        ),
        pytest.param([head("POST", "/memory", "expect: 100-continue", length=2)], id="expecting"),
        pytest.param(
            [head("GET", "/memory/x", "connection: upgrade", "upgrade: h2c")], id="upgrading"
        ),
        pytest.param([head("GET", "/nowhere")], id="no such route"),
        pytest.param([head("PUT", "/search")], id="no such method there"),
        pytest.param([head("OPTIONS", "/search")], id="no method of ours"),
        pytest.param([head("GET", "/healthz")], id="health"),
        pytest.param([head("GET", "/openapi.json")], id="the reference"),
        pytest.param([head("GET", "http://shim/memory/x")], id="a whole URL"),
        pytest.param([head("GET", "/memory/x", f"x-long: {'x' * 70_000}")], id="a long head"),
        pytest.param(["GET /memory/x HTTP/1.1\r\nhost: \0\r\n\r\n"], id="no HTTP"),
        pytest.param(["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], id="HTTP/2"),
    ],
)
async def test_what_is_not_plain_takes_the_usual_way(
    door: int, refusing: Doorman, parts: list[str]
) -> None:
    (answer,) = await said(door, *parts)
    assert answer.status in {400, 418}
    assert refusing.refused == 0


async def test_a_connection_serves_on_after_a_refusal(door: int, refusing: Doorman) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door)
    async with asyncio.timeout(PATIENCE_SECONDS):
        for status in (503, 503, 418, 503):
            refusing.has_room = status == 418
            writer.write(POST.encode() + b"{}")
            assert (await read_answer(reader)).status == status
            assert refusing.inside == 0
        for part in (GET[:10], GET[10:]):
            writer.write(part.encode())
            await writer.drain()
            await asyncio.sleep(0.05)
        assert (await read_answer(reader)).status == 418
    writer.close()


@pytest.mark.parametrize(
    "last",
    [
        head("GET", "/memory/x", "connection: close"),
        "GET /memory/x HTTP/1.0\r\nhost: shim\r\n\r\n",
    ],
)
async def test_who_asks_nothing_more_is_hung_up_on(door: int, refusing: Doorman, last: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door)
    writer.write(last.encode())
    async with asyncio.timeout(PATIENCE_SECONDS):
        answer = await read_answer(reader)
        assert await reader.read() == b""
    writer.close()
    assert (answer.status, answer.headers["connection"]) == (503, "close")
    assert refusing.refused == 1


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/openapi.json", 200), ("/nowhere", 404)]
)
async def test_what_calls_nothing_is_answered_however_busy_the_server_is(
    busy: Shim, refusing: Doorman, path: str, status: int
) -> None:
    assert (await busy.request("GET", path)).status == status
    assert refusing.refused == 0


async def test_who_is_let_in_is_inside_until_the_answer_and_is_asked_about_once(
    busy: Shim, refusing: Doorman
) -> None:
    refusing.has_room = True
    for is_crowded in (True, False):
        refusing.is_crowded = is_crowded
        refusing.asked.clear()
        inside = []

        async def answer(request: Any, context: Any) -> memory_pb2.GetMemoryResponse:
            inside.append(refusing.inside)  # noqa: B023 - asked in this round
            return memory_pb2.GetMemoryResponse()

        busy.server.answers("GetMemory", answer)
        assert (await busy.request("GET", "/memory/x")).status == 200
        assert inside == [1]
        assert refusing.inside == 0
        assert refusing.asked == ["/eunoe.v1.MemoryService/GetMemory"]


@pytest.mark.parametrize("is_crowded", [True, False], ids=["at the door", "inside"])
async def test_who_leaves_or_fails_is_inside_no_more(
    busy: Shim, refusing: Doorman, is_crowded: bool
) -> None:
    refusing.has_room, refusing.is_crowded = True, is_crowded

    async def never(request: Any, context: Any) -> None:
        await asyncio.Event().wait()

    busy.server.forget()
    busy.server.answers("GetMemory", never)
    _, writer = await busy.connect()
    writer.write(head("GET", "/memory/x", f"authorization: Bearer {KEY}").encode())
    await busy.server.next_request()
    assert refusing.inside == 1
    writer.close()
    await busy.server.next_cancelled()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while refusing.inside:  # noqa: ASYNC110 - a count has no event
            await asyncio.sleep(0.01)
    assert (await busy.request("GET", "/memory/x", key=None)).status == 401
    assert (await busy.request("POST", "/memory", "{")).status == 400
    assert refusing.inside == 0


async def test_what_is_sent_behind_one_that_was_let_in_is_asked_about_itself(
    busy: Shim, refusing: Doorman
) -> None:
    refusing.has_room = True
    may_answer = asyncio.Event()

    async def answer(request: Any, context: Any) -> memory_pb2.GetMemoryResponse:
        await may_answer.wait()
        return memory_pb2.GetMemoryResponse()

    busy.server.forget()
    busy.server.answers("GetMemory", answer)
    reader, writer = await busy.connect()
    request = head("GET", "/memory/x", f"authorization: Bearer {KEY}").encode()
    writer.write(request)
    await busy.server.next_request()
    refusing.has_room = False
    writer.write(request)
    await writer.drain()
    await asyncio.sleep(0.05)
    may_answer.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert [(await read_answer(reader)).status for _ in range(2)] == [200, 503]
    writer.close()
    assert (len(refusing.asked), refusing.inside) == (2, 0)


async def test_what_only_one_of_the_two_parsers_takes_is_answered_and_leaves(
    door: int, refusing: Doorman
) -> None:
    refusing.has_room = True
    # llhttp takes this, h11 does not.
    (answer,) = await said(door, "GET /memory/x HTTP/1.1\r\n\r\n")
    assert answer.status == 400
    assert refusing.asked == ["/eunoe.v1.MemoryService/GetMemory"]
    assert refusing.inside == 0
