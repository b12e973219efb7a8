"""The audit trail: added to and read by those who serve, and by nobody changed."""

from __future__ import annotations

import psycopg
import pytest

from eunoe_server.domain.audit import AuditEvent, AuditKind, NewAuditEvent
from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.database import Database, Transaction
from tests.fixtures.database import NewTenant


def event(kind: AuditKind = AuditKind.MEMORY_DELETED, **more: object) -> NewAuditEvent:
    return NewAuditEvent(kind, "k1", "req_1", **more)  # type: ignore[arg-type]


async def record(database: Database, tenant: Tenant, new: NewAuditEvent) -> None:
    await database.run(tenant, lambda tx: tx.audit.record(new))


async def listed(database: Database, tenant: Tenant) -> list[AuditEvent]:
    async with database.transaction(Tenant(tenant.project_id)) as tx:
        return list((await tx.audit.list_page(100)).items)


async def test_events_are_listed_as_they_were_recorded_the_newest_first(
    database: Database, tenant: Tenant
) -> None:
    await record(database, tenant, event(subject="a", counts={"memories": 2}))
    await record(database, Tenant(tenant.project_id), event(AuditKind.KEY_REVOKED, subject="k2"))
    second, first = await listed(database, tenant)
    assert (first.kind, first.key_id, first.request_id) == ("memory_deleted", "k1", "req_1")
    assert (first.namespace_key, first.namespace) == (tenant.namespace_key, "alice")
    assert (first.subject, first.counts) == ("a", {"memories": 2})
    assert (second.kind, second.subject) == ("key_revoked", "k2")
    assert (second.namespace_key, second.namespace, second.counts) == (None, None, {})


async def test_an_event_outlives_its_namespace_and_loses_its_name(
    database: Database, tenant: Tenant
) -> None:
    await record(database, tenant, event())
    await database.run(tenant, lambda tx: tx.namespaces.erase())
    (found,) = await listed(database, tenant)
    assert (found.namespace_key, found.namespace) == (tenant.namespace_key, None)


@pytest.mark.parametrize("is_project_wide", [False, True])
@pytest.mark.parametrize(
    "statement", ["update audit_events set kind = ''", "delete from audit_events",
                  "truncate audit_events"],
)  # fmt: skip
async def test_who_serves_can_change_no_event(
    database: Database, tenant: Tenant, statement: str, is_project_wide: bool
) -> None:
    await record(database, tenant, event())
    scope = Tenant(tenant.project_id) if is_project_wide else tenant

    async def change(tx: Transaction) -> None:
        await tx.audit._connection.execute(statement.encode())

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await database.run(scope, change)
    assert [each.kind for each in await listed(database, tenant)] == ["memory_deleted"]


async def test_events_of_another_project_are_not_seen_and_none_is_put_there(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    foreign = await new_tenant("alice", "rival")
    await record(database, foreign, event())
    assert await listed(database, tenant) == []

    async def smuggle(tx: Transaction) -> None:
        await tx.audit._connection.execute(
            "insert into audit_events (project_id, namespace_key, kind, request_id, counts)"
            " values (%s, %s, 'x', '', '{}')",
            [foreign.project_id, foreign.namespace_key],
        )

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await database.run(tenant, smuggle)


async def test_an_act_that_fails_leaves_no_event(database: Database, tenant: Tenant) -> None:
    async def fail(tx: Transaction) -> None:
        await tx.audit.record(event())
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.run(tenant, fail)
    assert await listed(database, tenant) == []


async def test_events_are_listed_page_by_page_and_by_subject(
    database: Database, tenant: Tenant
) -> None:
    for number in range(5):
        await record(database, tenant, event(subject=f"s{number % 2}"))
    async with database.transaction(Tenant(tenant.project_id)) as tx:
        first = await tx.audit.list_page(3)
        second = await tx.audit.list_page(3, first.next)
        odd = await tx.audit.list_page(10, subjects=["s1", "s7"])
    assert [each.subject for each in (*first.items, *second.items)] == [
        "s0",
        "s1",
        "s0",
        "s1",
        "s0",
    ]
    assert second.next is None
    assert [each.subject for each in odd.items] == ["s1", "s1"]
