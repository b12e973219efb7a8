"""A server between a client and a stand-in for the model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from openai import OpenAI

from tests.fixtures.server import ServerProcess, serving
from tests.fixtures.upstream import Upstream


@pytest.fixture(scope="module")
def behind() -> Iterator[Upstream]:
    """What the server asks; a module's tests share it."""
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(behind: Upstream) -> Iterator[ServerProcess]:
    """The server before it."""
    settings = {
        "EUNOE_UPSTREAM_BASE_URL": behind.base_url,
        "EUNOE_UPSTREAM_API_KEY": "upstream-key",
        "EUNOE_UPSTREAM__FIRST_BYTE_SECONDS": "2",
    }
    with serving(settings) as server:
        yield server
        assert server.stop() == 0


@pytest.fixture
def client(proxy: ServerProcess, namespace: str) -> Iterator[OpenAI]:
    """The official package, in a namespace of its own that commits at once."""
    with proxy.openai(default_query={"namespace": namespace, "commit_after": 0}) as client:
        yield client
