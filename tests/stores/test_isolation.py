"""Row level security: what a transaction sees when the application forgets to ask for its own."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from eunoe_server.domain.api_key import NewApiKey
from eunoe_server.domain.dialogue import NewDialogue, NewMessage
from eunoe_server.domain.idempotency import Claim, RequestKey, new_seed
from eunoe_server.domain.memory import FactMention, FactRecord, NewMemory
from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.database import Database, Transaction
from tests.fixtures.database import NewTenant, connection_of

#: Tables without policies, and why that is right.
OPEN_TABLES = {
    "commit_queue": "workers serve all tenants; it holds keys and times, no content",
    "session_expiries": "workers serve all tenants; it holds keys and times, no content",
    "request_claims": "asked before a tenant is known; it holds digests and times, no content",
    "search_splits": "workers serve all tenants; it holds keys, no content",
    "schema_migrations": "says nothing of any tenant",
    "schema_migration_lock": "holds one number",
}
#: Tables of projects; in the others every row is of one namespace.
PROJECT_TABLES = ["projects", "api_keys"]
NAMESPACE_TABLES = [
    "namespaces", "resource_ids", "dialogues", "messages", "memories", "fact_mentions",
    "kept_answers",
]  # fmt: skip
TABLES = PROJECT_TABLES + NAMESPACE_TABLES

FACT = FactRecord(
    type="fact",
    confidence=0.9,
    subject="user",
    slot="user.home",
    extractor="rules/1",
    valid_from=datetime(2024, 1, 1, tzinfo=UTC),
)

NAMESPACES = [("acme", "alice"), ("acme", "bob"), ("rival", "alice")]


async def all_rows(tx: Transaction, table: str) -> list[dict[str, Any]]:
    """A select without a where."""
    cursor = connection_of(tx).cursor(row_factory=psycopg.rows.dict_row)
    await cursor.execute(SQL("select * from {}").format(Identifier(table)))
    return await cursor.fetchall()


@pytest.fixture
async def tenants(database: Database, new_tenant: NewTenant) -> dict[tuple[str, str], Tenant]:
    """Three tenants in two projects, with a row of everything each."""
    tenants = {}
    for project, namespace in NAMESPACES:
        tenant = await new_tenant(namespace, project)

        async def fill(tx: Transaction, name: str = f"{project}-{namespace}") -> None:
            dialogue = await tx.dialogues.insert(NewDialogue(id="chat"))
            (hello,) = await tx.messages.append(dialogue, [message("hello")])
            claim = Claim(RequestKey.of(1, "key", "method", name, b""), new_seed()).leased(uuid4())
            await tx.idempotency.lease(claim, 60)
            await tx.idempotency.finish(claim, hello.message_key, "new", [b"hello"])
            await tx.memories.insert(NewMemory(id=name, value='"v"', text="v", fact=FACT))
            await tx.facts.mention([FactMention(name, "chat", "hello", 0, 5)])

        async def add_key(tx: Transaction, name: str = f"{project}-{namespace}") -> None:
            await tx.keys.insert(
                NewApiKey(id=name, secret_sha256=bytes(32), name=name, scopes=("read",))
            )

        await database.run(tenant, fill)
        await database.run(Tenant(tenant.project_id), add_key)
        tenants[project, namespace] = tenant
    return tenants


def message(text: str) -> NewMessage:
    return NewMessage(
        id=text,
        role="user",
        body=f'{{"role":"user","content":"{text}"}}',
        text=text,
        digest=text.encode().ljust(16),
        chain=text.encode().ljust(16),
        token_estimate=1,
    )


async def test_every_table_of_tenants_is_under_forced_row_security(
    database: Database, dsn: str
) -> None:
    async with await AsyncConnection.connect(dsn) as outside:
        cursor = await outside.execute("""
            select c.relname, c.relrowsecurity and c.relforcerowsecurity, count(p.polname)
            from pg_class as c
            left join pg_policy as p on p.polrelid = c.oid
            where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
            group by c.oid""")
        found = await cursor.fetchall()
    assert {table for table, _, _ in found} >= {*TABLES, *OPEN_TABLES}
    for table, is_forced, policies in found:
        assert is_forced is (table not in OPEN_TABLES), table
        assert (policies > 0) is (table not in OPEN_TABLES), table


async def test_no_policy_needs_more_than_a_conjunction_of_equalities(dsn: str) -> None:
    # What makes a policy one test a statement, and what Citus accepts (migration 0001).
    for table, policy, roles, command, condition in await policies(dsn):
        assert " OR " not in condition.upper(), (table, policy)
        assert "SELECT" not in condition.upper(), (table, policy)
        if roles == ["eunoe_search"]:
            # The owner of functions that compare with the transaction's tenant themselves.
            assert command == "SELECT", (table, policy)
        else:
            assert roles in (["eunoe_app"], ["eunoe_project"]), (table, policy)
            assert "current_setting('eunoe." in condition, (table, policy)


async def policies(dsn: str) -> list[tuple[Any, ...]]:
    async with await AsyncConnection.connect(dsn) as outside:
        cursor = await outside.execute(
            "select tablename, policyname, roles, cmd, coalesce(qual, with_check) from pg_policies"
        )
        return await cursor.fetchall()


async def test_nobody_who_serves_may_become_another_role(
    database: Database, tenants: dict[tuple[str, str], Tenant]
) -> None:
    for tenant in (tenants["acme", "alice"], Tenant(tenants["acme", "alice"].project_id), None):
        async with database.transaction(tenant) as tx:
            cursor = await connection_of(tx).execute(
                "select rolname from pg_roles"
                " where pg_has_role(current_user, oid, 'member') and rolname <> current_user"
            )
            assert await cursor.fetchall() == []


@pytest.mark.parametrize("table", TABLES)
async def test_a_forgotten_where_shows_no_foreign_row(
    database: Database, tenants: dict[tuple[str, str], Tenant], table: str
) -> None:
    for tenant in tenants.values():
        async with database.transaction(tenant) as tx:
            rows = await all_rows(tx, table)
        if table in PROJECT_TABLES:
            assert rows == []  # nothing in a namespace has to do with keys and projects
        else:
            assert {(row["project_id"], row["namespace_key"]) for row in rows} == {
                (tenant.project_id, tenant.namespace_key)
            }
        async with database.transaction(Tenant(tenant.project_id)) as tx:
            rows = await all_rows(tx, table)
        assert {row["project_id"] for row in rows} == {tenant.project_id}
    async with database.transaction(None) as tx:
        assert await all_rows(tx, table) == []


async def test_no_table_of_anybody_shows_a_row_without_a_tenant(
    database: Database, tenants: dict[tuple[str, str], Tenant], dsn: str
) -> None:
    # The connecting user itself may own the tables or be a superuser: the role is what counts.
    async with database.transaction(None) as tx:
        cursor = await connection_of(tx).execute(
            "select relname from pg_class"
            " where relkind = 'r' and relnamespace = 'public'::regnamespace"
        )
        for (table,) in await cursor.fetchall():
            if table not in OPEN_TABLES:
                assert await all_rows(tx, table) == [], table


async def test_a_project_and_a_foreign_namespace_of_another_show_nothing(
    database: Database, tenants: dict[tuple[str, str], Tenant]
) -> None:
    mixed = Tenant(tenants["acme", "alice"].project_id, tenants["rival", "alice"].namespace_key)
    for table in TABLES:
        async with database.transaction(mixed) as tx:
            assert await all_rows(tx, table) == [], table


@pytest.mark.parametrize("table", NAMESPACE_TABLES)
async def test_a_forgotten_where_changes_no_foreign_row(
    database: Database, tenants: dict[tuple[str, str], Tenant], table: str, dsn: str
) -> None:
    tenant = tenants["acme", "alice"]
    rows = SQL("select to_jsonb(t) from {} as t where namespace_key <> %s order by 1")
    async with await AsyncConnection.connect(dsn, autocommit=True) as outside:

        async def foreign() -> list[Any]:
            cursor = await outside.execute(rows.format(Identifier(table)), [tenant.namespace_key])
            return await cursor.fetchall()

        before = await foreign()
        assert len(before) == 2

        async def change_and_delete_all(tx: Transaction) -> None:
            for statement in ("update {} set project_id = project_id", "delete from {}"):
                cursor = await connection_of(tx).execute(SQL(statement).format(Identifier(table)))
                assert cursor.rowcount == 1

        await database.run(tenant, change_and_delete_all)
        assert await foreign() == before


async def test_a_row_cannot_be_put_into_a_foreign_tenant(
    database: Database, tenants: dict[tuple[str, str], Tenant]
) -> None:
    own, foreign = tenants["acme", "alice"], tenants["rival", "alice"]
    for project_id, namespace_key in itertools.product(
        (own.project_id, foreign.project_id), (own.namespace_key, foreign.namespace_key)
    ):
        if (project_id, namespace_key) == (own.project_id, own.namespace_key):
            continue

        async def smuggle(
            tx: Transaction, row: tuple[object, object] = (namespace_key, project_id)
        ) -> None:
            await connection_of(tx).execute(
                "insert into dialogues (namespace_key, project_id, id) values (%s, %s, 'x')", row
            )

        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await database.run(own, smuggle)


async def test_a_key_is_shown_to_who_knows_its_id_and_to_nobody_else(
    database: Database, tenants: dict[tuple[str, str], Tenant]
) -> None:
    key = await database.find_key("acme-bob")
    assert key is not None
    assert key.project_id == tenants["acme", "bob"].project_id
    for guess in ("", "acme", "acme-bob ", "' or true --", "%", "\\"):
        assert await database.find_key(guess) is None


async def test_a_look_up_pays_for_row_security_once_and_not_for_each_row(
    database: Database, tenants: dict[tuple[str, str], Tenant], dsn: str
) -> None:
    tenant = tenants["acme", "alice"]
    async with await AsyncConnection.connect(dsn, autocommit=True) as outside:
        await outside.execute(
            "insert into messages (namespace_key, project_id, dialogue_key, position, id, role,"
            " body, text, digest, chain, token_estimate, tool_call_ids, is_interrupted, tags,"
            " metadata, created_at)"
            " select namespace_key, project_id, dialogue_key, n, n, 'user', '{}', '', '', n::text"
            " ::bytea, 1, '{}', false, '{}', '{}', now()"
            " from messages, generate_series(2, 3000) as n where namespace_key = %s",
            [tenant.namespace_key],
        )
        await outside.execute("analyze messages")
    async with database.transaction(tenant) as tx:
        cursor = await connection_of(tx).execute(
            "explain select position from messages where namespace_key = %s and project_id = %s"
            " and chain = any(%s)"
            " and superseded_at is null and role not in ('system', 'developer')",
            [tenant.namespace_key, tenant.project_id, [b"1000"]],
        )
        plan = "\n".join(line for (line,) in await cursor.fetchall())
    gate, _, scan = plan.partition("Scan using messages_by_chain")
    assert gate.count("One-Time Filter: ") == 1
    assert "current_setting" in gate
    assert "Index Cond: ((namespace_key = " in scan
    assert "current_setting" not in scan
