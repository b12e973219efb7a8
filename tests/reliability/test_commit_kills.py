"""A short run of `commit_kills`; the long one is `make reliability`."""

from __future__ import annotations

import pytest

from tests.reliability.commit_kills import run


@pytest.mark.timeout(240)
def test_commits_happen_once_while_workers_are_killed(capsys: pytest.CaptureFixture[str]) -> None:
    figures = run(conversations=60, workers=2)
    with capsys.disabled():
        print("\n\n" + figures.table())  # noqa: T201 - issue 4 asks for the figures
    assert figures.committed == figures.conversations
    assert figures.facts == figures.conversations_with_one_fact == figures.conversations
    assert (figures.dead, figures.dead_attempts) == (1, 5)
    assert figures.kills > 2
    assert figures.freezes == 1
