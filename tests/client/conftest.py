"""Clients of the server that the tests share, and the TypeScript client, built."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from eunoe import AsyncEunoe, Eunoe
from tests.client import typescript
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


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder with the TypeScript client and its tests, compiled."""
    return typescript.build()


@pytest.fixture(scope="session")
def published(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose programs can import `@eunoe/client`."""
    folder = tmp_path_factory.mktemp("published")
    typescript.publish(folder)
    return folder
