"""A short run of `idempotency_kills`; the long one is `make reliability`."""

from __future__ import annotations

import pytest

from tests.reliability.idempotency_kills import run


@pytest.mark.timeout(180)
def test_what_is_sent_again_under_its_key_is_done_once_while_the_server_is_killed(dsn: str) -> None:
    figures = run(dsn, kills=3, writers=4, seed=1, has_chats=False)
    assert (figures.lost, figures.doubled, figures.different) == (0, 0, 0)
    assert figures.kills == 3
    assert figures.repeats > 0
    assert figures.writes.total() > 20
