"""A short run of `tenants`; the long one is `make reliability`."""

from __future__ import annotations

from tests.reliability.tenants import run


async def test_postgres_alone_keeps_tenants_apart(dsn: str) -> None:
    outcome = await run(dsn, operations=1_500, seed=1)
    assert outcome.foreign == []
    assert outcome.misplaced == 0
    assert outcome.empty_tables == []  # fill a new one in `FILLINGS`
    assert outcome.is_watcher_unchanged
    assert outcome.operations.total() == 1_500
    assert len(outcome.operations) == 22  # each kind had its turn
    assert outcome.rows_seen > 1_500
    assert outcome.statements.unfiltered > 60
