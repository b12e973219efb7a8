"""Namespaces: names become keys, once."""

from __future__ import annotations

import asyncio

from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.database import Database


async def test_a_name_has_one_key_however_many_ask_at_once(
    database: Database, tenant: Tenant
) -> None:
    project = Tenant(tenant.project_id)
    keys = await asyncio.gather(
        *(database.run(project, lambda tx: tx.namespaces.resolve("bob")) for _ in range(16))
    )
    assert len(set(keys)) == 1
    assert keys[0] != tenant.namespace_key
    async with database.transaction(project) as tx:
        found = await tx.namespaces.get("bob")
    assert found is not None
    assert found.namespace_key == keys[0]


async def test_a_name_that_nobody_used_has_no_key(database: Database, tenant: Tenant) -> None:
    async with database.transaction(Tenant(tenant.project_id)) as tx:
        assert await tx.namespaces.get("bob") is None


async def test_names_are_compared_exactly(database: Database, tenant: Tenant) -> None:
    names = ["", " ", "Alice", "alice", "alice ", "\u00e9", "e\u0301", "a/b", "a%2Fb", "'"]
    keys = [
        await database.run(
            Tenant(tenant.project_id),
            lambda tx, name=name: tx.namespaces.resolve(name),  # type: ignore[misc]
        )
        for name in names
    ]
    assert len(set(keys)) == len(names)


async def test_the_same_name_in_two_projects_is_two_namespaces(
    database: Database, tenant: Tenant
) -> None:
    other_id = await database.open_project("other", create=True)
    assert other_id is not None
    key = await database.run(Tenant(other_id), lambda tx: tx.namespaces.resolve("alice"))
    assert key != tenant.namespace_key


async def test_namespaces_are_listed_by_prefix_page_by_page(
    database: Database, tenant: Tenant
) -> None:
    project = Tenant(tenant.project_id)
    for name in ("team-1", "team-2", "other", "team-3", "te%m-4"):
        await database.run(
            project,
            lambda tx, name=name: tx.namespaces.resolve(name),  # type: ignore[misc]
        )
    async with database.transaction(project) as tx:
        first = await tx.namespaces.list_page(2, prefix="team-", newest_first=False)
        second = await tx.namespaces.list_page(2, first.next, prefix="team-", newest_first=False)
    assert [each.name for each in first.items] == ["team-1", "team-2"]
    assert [each.name for each in second.items] == ["team-3"]
    assert second.next is None
