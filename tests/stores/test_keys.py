"""API keys in the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from eunoe_server.domain.api_key import NewApiKey
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import DuplicateId
from eunoe_server.stores.database import Database

DIGEST = bytes(range(32))


@pytest.fixture
def project(tenant: Tenant) -> Tenant:
    return Tenant(tenant.project_id)


def new_key(key_id: str, **more: object) -> NewApiKey:
    return NewApiKey(
        id=key_id,
        secret_sha256=DIGEST,
        name="ci",
        scopes=("read", "write"),
        **more,  # type: ignore[arg-type]
    )


async def test_a_key_is_found_as_it_was_stored(database: Database, project: Tenant) -> None:
    expires_at = datetime(2999, 1, 2, 3, 4, 5, tzinfo=UTC)
    stored = await database.run(
        project,
        lambda tx: tx.keys.insert(new_key("k1", namespace_prefix="team-", expires_at=expires_at)),
    )
    found = await database.find_key("k1")
    assert found == stored
    assert (stored.secret_sha256, stored.scopes) == (DIGEST, ("read", "write"))
    assert (stored.namespace, stored.namespace_prefix) == (None, "team-")
    assert (stored.expires_at, stored.revoked_at, stored.is_active) == (expires_at, None, True)
    assert DIGEST.hex() not in repr(stored)
    assert repr(DIGEST) not in repr(stored)


async def test_an_id_serves_once_in_all_projects(database: Database, project: Tenant) -> None:
    other_id = await database.open_project("other", create=True)
    assert other_id is not None
    await database.run(project, lambda tx: tx.keys.insert(new_key("k1")))
    with pytest.raises(DuplicateId):
        await database.run(Tenant(other_id), lambda tx: tx.keys.insert(new_key("k1")))


async def test_an_expired_key_is_not_active(database: Database, project: Tenant) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    await database.run(project, lambda tx: tx.keys.insert(new_key("k1", expires_at=past)))
    key = await database.find_key("k1")
    assert key is not None
    assert not key.is_active


async def test_a_key_is_revoked_once(database: Database, project: Tenant) -> None:
    await database.run(project, lambda tx: tx.keys.insert(new_key("k1")))
    first = await database.run(project, lambda tx: tx.keys.revoke("k1"))
    second = await database.run(project, lambda tx: tx.keys.revoke("k1"))
    assert first is not None
    assert first.revoked_at is not None
    assert not first.is_active
    assert first == second == await database.find_key("k1")
    assert await database.run(project, lambda tx: tx.keys.revoke("k2")) is None


async def test_a_key_of_another_project_is_not_revoked(database: Database, project: Tenant) -> None:
    other_id = await database.open_project("other", create=True)
    assert other_id is not None
    await database.run(project, lambda tx: tx.keys.insert(new_key("k1")))
    assert await database.run(Tenant(other_id), lambda tx: tx.keys.revoke("k1")) is None
    key = await database.find_key("k1")
    assert key is not None
    assert key.is_active


async def test_keys_are_listed_page_by_page(database: Database, project: Tenant) -> None:
    for number in range(5):
        await database.run(project, lambda tx, n=number: tx.keys.insert(new_key(f"k{n}")))  # type: ignore[misc]
    async with database.transaction(project) as tx:
        first = await tx.keys.list_page(2)
        second = await tx.keys.list_page(2, first.next)
        third = await tx.keys.list_page(2, second.next)
    assert [key.id for key in (*first.items, *second.items, *third.items)] == [
        "k4", "k3", "k2", "k1", "k0",
    ]  # fmt: skip
    assert third.next is None
