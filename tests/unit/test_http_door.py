"""What a server that refuses would refuse is refused by the shim before its body is read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from eunoe_server.transport.http.app import route_table
from tests.fixtures.shim import PATIENCE_SECONDS, Answer, Shim, read_answer, serve_shim

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTES = [route for route in route_table() if route[2] != "Health.Check"]


@dataclass
class Refusing:
    """Refuses everything, and remembers what it was asked about."""

    asked: list[str] = field(default_factory=list)

    def __call__(self, method: str) -> bool:
        """Always."""
        self.asked.append(method)
        return True


@pytest.fixture(scope="module")
def refusing() -> Refusing:
    """How busy the server is."""
    return Refusing()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def busy(tmp_path_factory: pytest.TempPathFactory, refusing: Refusing) -> AsyncIterator[Shim]:
    """A shim whose server refuses whatever it is asked."""
    socket: Path = tmp_path_factory.mktemp("busy") / "s"
    async with serve_shim(socket, are_refusing=refusing) as running:
        yield running


async def send_head(shim: Shim, method: str, path: str) -> Answer:
    """The answer to a request whose body never comes."""
    reader, writer = await shim.connect()
    head = f"{method} {path} HTTP/1.1\r\nhost: shim\r\ncontent-length: 100000\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(PATIENCE_SECONDS):
        answer = await read_answer(reader)
    writer.close()
    return answer


@pytest.mark.parametrize(("method", "path", "rpc"), ROUTES, ids=[f"{m} {p}" for m, p, _ in ROUTES])
async def test_each_route_is_refused_as_the_call_that_it_leads_to(
    busy: Shim, refusing: Refusing, method: str, path: str, rpc: str
) -> None:
    refusing.asked.clear()
    answer = await send_head(busy, method, re.sub(r"\{[^}]*\}", "x", path))
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    service, name = rpc.split(".")
    assert refusing.asked == [f"/eunoe.v1.{service}/{name}"]
    assert busy.server.requests == []


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/openapi.json", 200), ("/nowhere", 404)]
)
async def test_what_calls_nothing_is_answered_however_busy_the_server_is(
    busy: Shim, path: str, status: int
) -> None:
    assert (await busy.request("GET", path)).status == status
