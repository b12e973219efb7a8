"""What most services need: the real embedder, loaded once."""

from __future__ import annotations

import pytest

from eunoe_server.providers.wordllama import WordLlamaEmbedder


@pytest.fixture(scope="session")
def embedder() -> WordLlamaEmbedder:
    return WordLlamaEmbedder()
