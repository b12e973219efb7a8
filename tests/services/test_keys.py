"""API keys: how soon a key ends, how it is replaced, and that nobody finds it in the database."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from eunoe_server.domain.api_key import ApiKey
from eunoe_server.domain.caller import Scope
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import (
    ApiKeyNotFound,
    InvalidInput,
    NotAuthenticated,
    NotPermitted,
    Overloaded,
)
from eunoe_server.services.keys import FRESH_SECONDS, LOOK_UPS, Authenticator, Keys
from eunoe_server.stores.database import Database
from tests.fixtures.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authenticator(database: Database, clock: Clock) -> Authenticator:
    return Authenticator(database, monotonic_seconds=clock)


@pytest.fixture
async def away() -> AsyncIterator[Database]:
    """A database that is not there."""
    async with Database(
        "host=127.0.0.1 port=1 dbname=none", min_connections=0, acquire_timeout_seconds=0.2
    ) as database:
        yield database


async def expire_in(dsn: str, key_id: str, seconds: float) -> None:
    async with await AsyncConnection.connect(dsn) as outside:
        await outside.execute(
            "update api_keys set expires_at = now() + make_interval(secs => %s) where id = %s",
            [seconds, key_id],
        )


# Ending


async def test_a_revoked_key_is_refused_within_five_seconds_and_not_remembered(
    database: Database, tenant: Tenant, authenticator: Authenticator, clock: Clock
) -> None:
    assert FRESH_SECONDS <= 5
    keys = Keys(database)
    minted = await keys.create(tenant.project_id, name="web")
    assert (await authenticator.authenticate(minted.token)).key_id == minted.key.id
    await keys.revoke(tenant.project_id, minted.key.id)
    clock.seconds += FRESH_SECONDS
    for _ in range(2):
        with pytest.raises(NotAuthenticated):
            await authenticator.authenticate(minted.token)
    with pytest.raises(NotAuthenticated):  # on a server that never saw it
        await Authenticator(database).authenticate(minted.token)


async def test_an_expired_key_is_refused_within_five_seconds(
    database: Database, tenant: Tenant, authenticator: Authenticator, clock: Clock, dsn: str
) -> None:
    minted = await Keys(database).create(
        tenant.project_id, name="web", expires_at=datetime.now(UTC) + timedelta(hours=1)
    )
    await authenticator.authenticate(minted.token)
    await expire_in(dsn, minted.key.id, -1)
    clock.seconds += FRESH_SECONDS
    with pytest.raises(NotAuthenticated):
        await authenticator.authenticate(minted.token)


# Rotating


async def test_a_rotated_key_works_beside_its_successor_until_the_grace_is_over(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    keys = Keys(database)
    old = await keys.create(
        tenant.project_id, name="web", scopes=[Scope.READ], namespace_prefix="team-"
    )
    new = await keys.rotate(tenant.project_id, old.key.id, grace_seconds=60)
    for minted in (old, new):
        caller = await Authenticator(database).authenticate(minted.token)
        assert (caller.key_id, caller.namespace_prefix) == (minted.key.id, "team-")
        assert caller.scopes == {Scope.READ}
    assert new.key.id != old.key.id
    assert (new.key.name, new.key.expires_at) == ("web", None)
    found = await database.find_key(old.key.id)
    assert found is not None
    assert found.expires_at is not None
    assert timedelta(0) < found.expires_at - datetime.now(UTC) <= timedelta(seconds=60)
    await expire_in(dsn, old.key.id, 0)
    with pytest.raises(NotAuthenticated):
        await Authenticator(database).authenticate(old.token)
    assert await Authenticator(database).authenticate(new.token)


async def test_without_grace_a_rotated_key_ends_at_once(database: Database, tenant: Tenant) -> None:
    keys = Keys(database)
    old = await keys.create(tenant.project_id, name="leaked")
    await keys.rotate(tenant.project_id, old.key.id, grace_seconds=0)
    with pytest.raises(NotAuthenticated):
        await Authenticator(database).authenticate(old.token)


async def test_a_successor_lives_as_long_as_the_old_key_was_made_for(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    keys = Keys(database)
    ninety_days = timedelta(days=90)
    old = await keys.create(
        tenant.project_id, name="ci", expires_at=datetime.now(UTC) + ninety_days
    )
    async with await AsyncConnection.connect(dsn) as connection:
        await connection.execute(
            "update api_keys set created_at = created_at - interval '80 days',"
            " expires_at = expires_at - interval '80 days' where id = %s",
            [old.key.id],
        )
    new = await keys.rotate(tenant.project_id, old.key.id, grace_seconds=30 * 86_400)
    assert new.key.expires_at is not None
    left = new.key.expires_at - datetime.now(UTC)
    assert abs(left - ninety_days) < timedelta(minutes=5)


async def test_a_grace_never_makes_a_key_live_longer(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    keys = Keys(database)
    old = await keys.create(tenant.project_id, name="ci")
    await expire_in(dsn, old.key.id, 10)
    await keys.rotate(tenant.project_id, old.key.id, grace_seconds=3_600)
    found = await database.find_key(old.key.id)
    assert found is not None
    assert found.expires_at is not None
    assert found.expires_at - datetime.now(UTC) <= timedelta(seconds=10)


async def test_what_cannot_be_rotated_stays_as_it_is(database: Database, tenant: Tenant) -> None:
    keys = Keys(database)
    mine = await keys.create(tenant.project_id, name="mine")
    gone = await keys.create(tenant.project_id, name="gone")
    await keys.revoke(tenant.project_id, gone.key.id)
    other = await keys.project("other")
    for project_id, key_id in (
        (tenant.project_id, "nothing"),
        (tenant.project_id, gone.key.id),
        (other, mine.key.id),
    ):
        with pytest.raises(ApiKeyNotFound):
            await keys.rotate(project_id, key_id)
    with pytest.raises(NotPermitted):
        await keys.rotate(tenant.project_id, mine.key.id, most=frozenset({Scope.ADMIN}))
    for grace in (-1, 31 * 86_400):
        with pytest.raises(InvalidInput):
            await keys.rotate(tenant.project_id, mine.key.id, grace_seconds=grace)
    assert await Authenticator(database).authenticate(mine.token)
    assert len((await keys.list_page(tenant.project_id, limit=10)).items) == 2


# Secrets


async def test_a_mistyped_key_is_refused_without_asking_the_database(
    database: Database, tenant: Tenant, away: Database
) -> None:
    minted = await Keys(database).create(tenant.project_id, name="web")
    for position in (5, 30, len(minted.token) - 1):
        digit = "1" if minted.token[position] == "0" else "0"
        mistyped = minted.token[:position] + digit + minted.token[position + 1 :]
        with pytest.raises(NotAuthenticated):
            await Authenticator(away).authenticate(mistyped)


async def test_a_mistyped_key_of_ours_is_no_first_key(database: Database, tenant: Tenant) -> None:
    minted = await Keys(database).create(tenant.project_id, name="web")
    mistyped = minted.token[:-1] + ("1" if minted.token[-1] == "0" else "0")
    with pytest.raises(InvalidInput):
        await Keys(database).bootstrap(mistyped)


async def test_servers_that_begin_together_share_the_first_key(database: Database) -> None:
    token = "a-first-key-of-several-servers"
    await asyncio.gather(*(Keys(database).bootstrap(token) for _ in range(8)))
    assert (await Authenticator(database).authenticate(token)).scopes == frozenset(Scope)


async def test_no_table_holds_anything_that_opens(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    keys = Keys(database)
    minted = await keys.create(tenant.project_id, name="web")
    rotated = await keys.rotate(tenant.project_id, minted.key.id)
    first = "a-first-key-of-somebody-1234"
    await keys.bootstrap(first)
    secrets = [first, *(re.split("_", each.token)[2] for each in (minted, rotated))]
    async with await AsyncConnection.connect(dsn) as outside:
        cursor = await outside.execute(
            "select relname from pg_class"
            " where relkind = 'r' and relnamespace = 'public'::regnamespace"
        )
        rows = []
        for (table,) in await cursor.fetchall():
            dump = await outside.execute(
                SQL("select t::text from {} as t").format(Identifier(table))
            )
            rows += [row for (row,) in await dump.fetchall()]
    assert any(minted.key.id in row for row in rows)
    for secret in secrets:
        assert not any(secret in row for row in rows)
        assert not any(secret[:-8] in row for row in rows)


async def test_strangers_never_take_more_than_their_share_of_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = most = 0
    find_key = database.find_key

    async def watched(key_id: str) -> ApiKey | None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return await find_key(key_id)
        finally:
            running -= 1

    monkeypatch.setattr(database, "find_key", watched)
    authenticator = Authenticator(database)
    outcomes = await asyncio.gather(
        *(authenticator.authenticate(f"a stranger's key {n}") for n in range(40)),
        return_exceptions=True,
    )
    assert {type(outcome) for outcome in outcomes} <= {NotAuthenticated, Overloaded}
    assert most == LOOK_UPS
