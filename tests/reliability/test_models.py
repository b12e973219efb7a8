"""A short run of what `models.py` does at length."""

from __future__ import annotations

import pytest

from tests.fixtures.server import ServerProcess
from tests.reliability import models

pytestmark = pytest.mark.timeout(180)


def test_both_transports_do_what_the_models_of_memories_and_dialogues_do(
    server: ServerProcess,
) -> None:
    outcome = models.run(server, examples=10, number=7, steps=20)
    assert not outcome.differences, outcome.differences[0]
    # Neither is everything refused, nor does nothing go wrong.
    assert outcome.outcomes["OK"] > 100
    assert len(outcome.outcomes) > 5
