"""Clients of the server that the tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from eunoe import AsyncEunoe, Eunoe
from tests.fixtures.server import KEY, ServerProcess


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Eunoe]:
    """The blocking client."""
    with Eunoe(server.grpc, api_key=KEY) as opened:
        yield opened


@pytest.fixture
async def async_client(server: ServerProcess) -> AsyncIterator[AsyncEunoe]:
    """The client for asyncio."""
    async with AsyncEunoe(server.grpc, api_key=KEY) as opened:
        yield opened
