"""Erasing a namespace: all at once or in steps, with the keys that would keep its name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.domain.memory import NewMemory
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import InvalidInput, NamespaceNotFound
from eunoe_server.services import namespaces as module
from eunoe_server.services.audit import AuditTrail
from eunoe_server.services.keys import Keys
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.stores.database import Database, Transaction
from tests.fixtures.clock import Clock
from tests.fixtures.database import NewTenant


def administrator(tenant: Tenant) -> Caller:
    return Caller("key", tenant.project_id, frozenset(Scope))


async def remember(database: Database, tenant: Tenant, count: int) -> None:
    async def work(tx: Transaction) -> None:
        for number in range(count):
            await tx.memories.insert(
                NewMemory(id=f"{tenant.namespace_key}-{number}", value='"tea"', text="tea")
            )

    await database.run(tenant, work)


@pytest.mark.parametrize("at_once", [5, 1_000])
async def test_a_namespace_goes_whole_and_its_neighbour_stays(
    database: Database,
    tenant: Tenant,
    new_tenant: NewTenant,
    monkeypatch: pytest.MonkeyPatch,
    at_once: int,
) -> None:
    monkeypatch.setattr(module, "ERASED_AT_ONCE", at_once)
    neighbour = await new_tenant("bob")
    for each in (tenant, neighbour):
        await remember(database, each, 12)
    counts = await Namespaces(database).erase(administrator(tenant), "alice", dry_run=False)
    assert (counts["memories"], counts["resource_ids"]) == (12, 12)
    assert await Namespaces(database).find(tenant.project_id, "alice") is None
    async with database.transaction(neighbour) as tx:
        assert (await tx.namespaces.census())["memories"] == 12
    page = await AuditTrail(database).list_page(
        tenant.project_id, subject_id="", limit=10, token=""
    )
    assert [(each.kind, each.key_id) for each in page.items] == [("namespace_erased", "key")]
    assert page.items[0].counts == counts
    assert page.items[0].namespace is None


async def test_keys_that_work_no_more_go_with_their_namespace_and_others_stay(
    database: Database, tenant: Tenant
) -> None:
    keys, namespaces = Keys(database), Namespaces(database)
    project_id = tenant.project_id
    kept = {
        (await keys.create(project_id, name="works", namespace="alice")).key.id,
        (await keys.create(project_id, name="free")).key.id,
    }
    for namespace in ("alice", "bob"):
        key = (await keys.create(project_id, name="ended", namespace=namespace)).key
        await keys.revoke(project_id, key.id)
        if namespace == "bob":
            kept.add(key.id)
    caller = administrator(tenant)
    assert (await namespaces.erase(caller, "alice", dry_run=True))["api_keys"] == 1
    assert (await namespaces.erase(caller, "alice", dry_run=False))["api_keys"] == 1
    assert {key.id for key in (await keys.list_page(project_id, limit=10)).items} == kept


async def memories_of(tx: Transaction) -> int:
    return (await tx.namespaces.census())["memories"]


def counting(database: Database, asked: list[Tenant]) -> Callable[[Tenant], Awaitable[int]]:
    """Counts a tenant's memories, and notes who it was."""

    async def look(tenant: Tenant) -> int:
        asked.append(tenant)
        async with database.transaction(tenant) as tx:
            return await memories_of(tx)

    return look


async def test_a_namespace_that_another_server_has_made_anew_is_found_by_its_new_key(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    clock = Clock()
    here = Namespaces(database, monotonic_seconds=clock)
    project_id = tenant.project_id
    asked: list[Tenant] = []
    look = counting(database, asked)
    await remember(database, tenant, 1)
    assert await here.read(project_id, "alice", look) == 1
    clock.seconds += 3_600
    assert await here.read(project_id, "alice", look) == 1
    assert [each.is_remembered for each in asked] == [False, True]
    # Its transaction has found it there, so for a while nobody doubts it.
    assert await here.find(project_id, "alice") == tenant

    await Namespaces(database).erase(administrator(tenant), "alice", dry_run=False)
    clock.seconds += 3_600
    assert await here.read(project_id, "alice", look) is None
    await remember(database, await new_tenant("alice"), 2)
    assert await here.read(project_id, "alice", look) == 2

    await Namespaces(database).erase(administrator(tenant), "alice", dry_run=False)
    again = await new_tenant("alice")
    await remember(database, again, 3)
    clock.seconds += 3_600
    assert await here.read(project_id, "alice", look) == 3
    assert asked[-1] == again


async def test_a_namespace_in_steady_use_is_made_sure_of_all_the_same(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    clock = Clock()
    here = Namespaces(database, monotonic_seconds=clock)
    project_id = tenant.project_id
    asked: list[Tenant] = []
    look = counting(database, asked)
    for _ in range(6):
        assert await here.read(project_id, "alice", look) == 0
        clock.seconds += 2
    made_sure = [tenant.is_remembered for tenant in asked]
    assert made_sure == [False, False, False, True, False, False]
    await Namespaces(database).erase(administrator(tenant), "alice", dry_run=False)
    await remember(database, await new_tenant("alice"), 1)
    clock.seconds += 2
    assert await here.read(project_id, "alice", look) == 1


async def test_what_was_learnt_during_a_long_read_is_not_forgotten_at_its_end(
    database: Database, tenant: Tenant
) -> None:
    clock = Clock()
    here = Namespaces(database, monotonic_seconds=clock)
    project_id = tenant.project_id
    await here.find(project_id, "alice")
    clock.seconds += 3_600

    async def look(tenant: Tenant) -> None:
        async with database.transaction(tenant):
            pass
        await here.erase(administrator(tenant), "alice", dry_run=False)
        await here.write(project_id, "alice", memories_of)

    await here.read(project_id, "alice", look)
    assert await here.find(project_id, "alice") != tenant


async def test_what_was_remembered_too_long_ago_is_written_where_the_name_leads_now(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    clock = Clock()
    here = Namespaces(database, monotonic_seconds=clock)
    await here.find(tenant.project_id, "alice")
    await Namespaces(database).erase(administrator(tenant), "alice", dry_run=False)
    anew = await new_tenant("alice")
    await remember(database, anew, 2)
    clock.seconds += 3_600

    # It inserts nothing, so no foreign key would notice.
    assert await here.write(tenant.project_id, "alice", memories_of) == 2


async def test_a_bound_administrator_erases_no_other_namespace(
    database: Database, tenant: Tenant
) -> None:
    free = administrator(tenant)
    for bound in (replace(free, namespace="bob"), replace(free, namespace_prefix="team-")):
        with pytest.raises(NamespaceNotFound):
            await Namespaces(database).erase(bound, "alice", dry_run=False)
    assert await Namespaces(database).find(tenant.project_id, "alice") == tenant


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
async def test_a_name_that_no_column_can_hold_is_refused(
    database: Database, tenant: Tenant, name: str
) -> None:
    namespaces, caller = Namespaces(database), administrator(tenant)
    for work in (
        namespaces.retain(caller, name, 1),
        namespaces.erase(caller, name, dry_run=False),
        namespaces.find(tenant.project_id, name),
    ):
        with pytest.raises(InvalidInput):
            await work
