"""Usage against a real Postgres: counted whole, written late, bounded by a quota."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.domain.tenant import Tenant
from eunoe_server.domain.usage import Usage
from eunoe_server.errors import InvalidParameter, NotPermitted, QuotaExceeded
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.usage import Meter, count
from eunoe_server.stores.database import Database
from tests.fixtures.database import NewTenant

TODAY = datetime(2026, 3, 31, 12, tzinfo=UTC)


class Clock:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.at = TODAY

    def __call__(self) -> datetime:
        return self.at


class Office:
    """A meter over one project, with the namespaces "alice" and "bob"."""

    def __init__(self, database: Database, tenant: Tenant, other: Tenant) -> None:
        self.database = database
        self.namespaces = Namespaces(database)
        self.alice, self.bob = tenant, other
        self.clock = Clock()
        self.key = Caller("key", tenant.project_id, frozenset(Scope))

    def meter(self, default_monthly_calls: int = 0) -> Meter:
        return Meter(
            self.database,
            self.namespaces,
            default_monthly_calls=default_monthly_calls,
            now=self.clock,
        )

    async def total(self, meter: Meter, namespace: str | None = None, key_id: str = "") -> Usage:
        used = await meter.period(self.key, namespace, start=None, end=None, key_id=key_id)
        return used.total


@pytest.fixture
async def office(database: Database, new_tenant: NewTenant) -> Office:
    return Office(database, await new_tenant("alice"), await new_tenant("bob"))


async def used(meter: Meter, caller: Caller, namespace: str | int, usage: Usage) -> None:
    """One call that does this."""
    await meter.admit(caller, namespace if isinstance(namespace, str) else None)
    with meter.metered(caller.project_id, caller.key_id):
        count(namespace, usage)


async def test_what_calls_did_is_summed_by_namespace_key_and_day(office: Office) -> None:
    meter = office.meter()
    other = replace(office.key, key_id="other")
    await used(meter, office.key, "alice", Usage(chats=1, prompt_tokens=10, completion_tokens=3))
    await used(meter, office.key, "alice", Usage(searches=1))
    await used(meter, other, "bob", Usage(writes=7))
    assert await office.total(meter) == Usage()
    await meter.flush()
    office.clock.at += timedelta(days=1)
    await used(meter, office.key, "alice", Usage(chats=1, prompt_tokens=2**40))
    await meter.flush()

    period = await meter.period(office.key, None, start=None, end=None, key_id="")
    assert [*period.days] == [date(2026, 3, 31), date(2026, 4, 1)]
    assert period.days[date(2026, 3, 31)] == Usage(
        calls=3, chats=1, searches=1, writes=7, prompt_tokens=10, completion_tokens=3
    )
    assert period.total.prompt_tokens == 2**40 + 10
    assert await office.total(meter, "bob") == Usage(calls=1, writes=7)
    assert await office.total(meter, key_id="other") == Usage(calls=1, writes=7)
    assert await office.total(meter, "nobody") == Usage()


async def test_sums_of_several_servers_add_up(office: Office) -> None:
    meters = [office.meter() for _ in range(4)]
    for _ in range(5):
        for meter in meters:
            await used(meter, office.key, "alice", Usage(writes=1))
            await used(meter, office.key, "bob", Usage(writes=1))
        await asyncio.gather(*(meter.flush() for meter in meters))
    assert await office.total(meters[0]) == Usage(calls=40, writes=40)


async def test_a_namespace_that_is_not_there_and_one_that_was_erased_count_for_the_project_alone(
    office: Office,
) -> None:
    meter = office.meter()
    await used(meter, office.key, "nobody", Usage(searches=1))
    await used(meter, office.key, "alice", Usage(writes=2))
    await meter.flush()
    await office.namespaces.erase(office.key, "alice", dry_run=False)
    assert await office.total(meter) == Usage(calls=2, searches=1, writes=2)
    assert await office.total(meter, "alice") == Usage()
    # Made again, it is another one, with sums of its own.
    await office.namespaces.write(office.alice.project_id, "alice", _nothing)
    office.namespaces._known.clear()
    assert await office.total(meter, "alice") == Usage()
    assert "alice" not in await _dump(office.database, office.alice)


async def _nothing(tx: object) -> None:
    del tx


async def _dump(database: Database, tenant: Tenant) -> str:
    async with database.transaction(Tenant(tenant.project_id)) as tx:
        rows = await tx.usage._connection.execute("select u::text from usage_days as u")
        return str(await rows.fetchall())


async def test_a_workers_doing_is_counted_by_the_key_of_its_namespace(office: Office) -> None:
    meter = office.meter()
    assert office.alice.namespace_key is not None
    with meter.metered(office.alice.project_id, key_id=""):
        count(office.alice.namespace_key, Usage(extraction_prompt_tokens=5))
    await meter.flush()
    assert await office.total(meter, "alice") == Usage(extraction_prompt_tokens=5)


async def test_while_the_database_is_away_sums_wait_and_calls_go_on(
    office: Office, dsn: str
) -> None:
    nowhere = dsn.replace("dbname=", "dbname=no_")
    async with Database(nowhere, acquire_timeout_seconds=0.2) as away:
        meter = Meter(away, Namespaces(away), now=office.clock)
        await used(meter, replace(office.key, monthly_calls=1), "alice", Usage(writes=1))
        await used(meter, replace(office.key, monthly_calls=1), "alice", Usage(writes=1))
        await meter.flush()
        meter._database = office.database
        await meter.flush()
    assert await office.total(office.meter()) == Usage(calls=2, writes=2)


async def test_leaving_writes_what_still_waits(office: Office) -> None:
    meter = office.meter()
    async with meter.flushing():
        await used(meter, office.key, "alice", Usage(writes=1))
    assert await office.total(meter) == Usage(calls=1, writes=1)


async def test_what_waits_for_long_keeps_the_projects_sums_and_lets_go_of_namespaces(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eunoe_server.services.usage.MAX_WAITING", 2)
    meter = office.meter()
    for name in ("alice", "bob", "carol", "dave", "alice"):
        await used(meter, office.key, name, Usage(writes=1))
    assert sum(map(len, meter._waiting.values())) == 3
    await meter.flush()
    assert await office.total(meter) == Usage(calls=5, writes=5)
    assert (await office.total(meter, "alice")).writes == 2


async def test_the_quota_of_a_key_bounds_its_calls_of_the_month(office: Office) -> None:
    meter = office.meter()
    key = replace(office.key, monthly_calls=3)
    for _ in range(3):
        await meter.admit(key, None)
    with pytest.raises(QuotaExceeded) as refusal:
        await meter.admit(key, None)
    assert refusal.value.retry_after_seconds == 120
    assert refusal.value.metadata == {"resets": "2026-04-01T00:00:00Z"}
    await meter.admit(replace(office.key, key_id="other", monthly_calls=3), None)
    office.clock.at = datetime(2026, 3, 31, 23, 59, 30, tzinfo=UTC)
    with pytest.raises(QuotaExceeded) as refusal:
        await meter.admit(key, None)
    assert refusal.value.retry_after_seconds == 30
    office.clock.at = datetime(2026, 4, 1, tzinfo=UTC)
    await meter.admit(key, None)


async def test_parallel_calls_never_pass_a_quota_together(office: Office) -> None:
    meter = office.meter()
    key = replace(office.key, monthly_calls=10)
    outcomes = await asyncio.gather(
        *(meter.admit(key, None) for _ in range(50)), return_exceptions=True
    )
    assert sum(outcome is None for outcome in outcomes) == 10


async def test_a_quota_counts_the_calls_of_other_servers_and_of_earlier_starts(
    office: Office,
) -> None:
    first, second = office.meter(), office.meter()
    key = replace(office.key, monthly_calls=6)
    for meter in (first, second):
        await meter.admit(key, "alice")
        await meter.admit(key, "bob")
    for meter in (first, second, first):
        await meter.flush()
        await meter.admit(key, None)
    await first.flush()
    await second.flush()
    for meter in (first, second, office.meter()):
        with pytest.raises(QuotaExceeded):
            await meter.admit(key, None)


@pytest.mark.parametrize(
    ("own", "default", "allowed"), [(None, 2, 2), (0, 2, 5), (4, 2, 4), (None, 0, 5), (1, 0, 1)]
)
async def test_a_keys_own_quota_goes_before_the_servers(
    office: Office, own: int | None, default: int, allowed: int
) -> None:
    meter = office.meter(default)
    key = replace(office.key, monthly_calls=own)
    outcomes = [await _outcome(lambda: meter.admit(key, None)) for _ in range(5)]
    assert outcomes.count("admitted") == allowed


async def _outcome(admit: Callable[[], object]) -> str:
    try:
        await admit()  # type: ignore[misc]
    except QuotaExceeded:
        return "refused"
    return "admitted"


async def test_a_period_is_of_whole_days_and_not_longer_than_a_year(office: Office) -> None:
    meter = office.meter()
    await used(meter, office.key, "alice", Usage(writes=1))
    await meter.flush()

    async def writes(start: datetime | None, end: datetime | None) -> int:
        found = await meter.period(office.key, None, start=start, end=end, key_id="")
        return found.total.writes

    midnight = datetime(2026, 3, 31, tzinfo=UTC)
    assert await writes(midnight, midnight + timedelta(seconds=1)) == 1
    assert await writes(midnight - timedelta(days=1), midnight) == 0
    assert await writes(midnight - timedelta(days=365), midnight + timedelta(days=1)) == 1
    with pytest.raises(InvalidParameter):
        await writes(midnight - timedelta(days=366), midnight + timedelta(days=1))
    for start, end in ((midnight, midnight), (None, datetime.min.replace(tzinfo=UTC))):
        with pytest.raises(InvalidParameter):
            await writes(start, end)


async def test_a_bound_key_sees_what_was_used_in_its_namespaces_only(office: Office) -> None:
    meter = office.meter()
    for name in ("alice", "bob"):
        await used(meter, office.key, name, Usage(writes=1))
    await meter.flush()
    bound = replace(office.key, namespace="alice")
    found = await meter.period(bound, None, start=None, end=None, key_id="")
    assert found.total == Usage(calls=1, writes=1)
    prefixed = replace(office.key, namespace_prefix="al")
    found = await meter.period(prefixed, "alice", start=None, end=None, key_id="")
    assert found.total == Usage(calls=1, writes=1)
    for elsewhere in (None, "bob"):
        with pytest.raises(NotPermitted):
            await meter.period(prefixed, elsewhere, start=None, end=None, key_id="")
