"""Which extractor the settings name, and which key goes where."""

from __future__ import annotations

from typing import Any

import pytest

from eunoe_server.app import open_extractor
from eunoe_server.domain.fact import ExtractionMessage
from eunoe_server.errors import InvalidInput
from eunoe_server.settings import Settings
from tests.fixtures.shim import NOW
from tests.fixtures.upstream import Upstream

SAID = [ExtractionMessage(0, "user", "I love chess.", NOW)]


async def asked_with(upstream: Upstream, **settings: Any) -> str | None:
    """The authorization that the model's endpoint sees."""
    async with open_extractor(Settings(**settings)) as extractor:
        await extractor.extract(SAID)
    return upstream.requests[-1].header("authorization")


async def test_without_settings_facts_are_found_by_rules() -> None:
    async with open_extractor(Settings()) as extractor:
        assert extractor.name.startswith("rules/")
        assert len((await extractor.extract(SAID)).facts) == 1


async def test_a_model_is_the_upstream_s_unless_it_has_an_endpoint_of_its_own(
    upstream: Upstream,
) -> None:
    own = {"provider": "llm", "base_url": upstream.base_url, "api_key": "own", "model": "m"}
    elsewhere = {"upstream_base_url": "http://127.0.0.1:9/v1", "upstream_api_key": "theirs"}
    assert await asked_with(upstream, extractor=own, **elsewhere) == "Bearer own"
    assert upstream.requests[-1].document["model"] == "m"
    shared = {"upstream_base_url": upstream.base_url, "upstream_api_key": "theirs"}
    assert await asked_with(upstream, extractor={"provider": "llm"}, **shared) == "Bearer theirs"


async def test_the_upstream_s_key_never_goes_to_another_endpoint(upstream: Upstream) -> None:
    own = {"provider": "llm", "base_url": upstream.base_url}
    elsewhere = {"upstream_base_url": "http://127.0.0.1:9/v1", "upstream_api_key": "theirs"}
    assert "theirs" not in str(await asked_with(upstream, extractor=own, **elsewhere))


async def test_a_model_without_any_endpoint_is_refused_at_start() -> None:
    with pytest.raises(InvalidInput, match="EUNOE_EXTRACTOR__BASE_URL"):
        async with open_extractor(Settings(extractor={"provider": "llm"})):
            pass
