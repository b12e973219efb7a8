"""What an erasure takes, by enumeration: a new table or column that is forgotten fails here."""

from __future__ import annotations

from psycopg import AsyncConnection

from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.database import Database

#: Tables that keep rows of an erased namespace, and why that is right.
OUTLIVE_A_NAMESPACE = {
    "audit_events": "says that it was erased, by its number",
    "request_claims": "a repeat must not do again what was erased; digests, counts and our own ids",
    "usage_days": "the project's sums stay; by its number",
}
#: Columns of text that Postgres may sample: words of ours and of the API, none that people choose.
WORDS_OF_OURS = {
    "api_keys.id", "api_keys.scopes", "audit_events.counts", "audit_events.key_id",
    "audit_events.kind", "audit_events.request_id", "audit_events.subject",
    "commit_queue.last_error", "commit_queue.state", "dialogues.status", "kept_answers.digest",
    "kept_answers.matched_by", "memories.extractor", "memories.fact_type", "memories.source_role",
    "messages.finish_reason", "messages.role", "monthly_calls.key_id", "projects.name",
    "recalls.object", "request_claims.digest", "request_claims.outcome",
    "request_claims.request_digest", "resource_ids.kind", "schema_migrations.name",
    "schema_migrations.sha256", "search_cells.embedder", "search_entries.embedder",
    "search_entries.next_embedder", "search_entries.object", "search_entries.role",
    "usage_days.key_id", "api_keys.secret_sha256",
}  # fmt: skip


async def test_a_receipt_counts_every_table_that_holds_rows_of_a_namespace(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    async with await AsyncConnection.connect(dsn) as outside:
        cursor = await outside.execute("""
            select table_name from information_schema.columns
            where table_schema = 'public' and column_name = 'namespace_key'""")
        tables = {table for (table,) in await cursor.fetchall()}
    async with database.transaction(tenant) as tx:
        census = await tx.namespaces.census()
    assert tables - {"namespaces", *OUTLIVE_A_NAMESPACE} == set(census)


async def test_postgres_keeps_no_samples_of_what_people_wrote(dsn: str) -> None:
    async with await AsyncConnection.connect(dsn) as outside:
        cursor = await outside.execute("""
            select c.relname || '.' || a.attname
            from pg_attribute as a
            inner join pg_class as c on a.attrelid = c.oid
            inner join pg_type as t on a.atttypid = t.oid
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
            and a.attnum > 0 and not a.attisdropped
            and coalesce(a.attstattarget, -1) <> 0
            and t.typname !~ '^(int[248]|float[48]|bool|date|timestamptz|uuid|_int[248])$'""")
        sampled = {column for (column,) in await cursor.fetchall()}
        assert sampled == WORDS_OF_OURS
        # An expression of an index has statistics of its own.
        cursor = await outside.execute("""
            select i.indexrelid::regclass::text, a.attname
            from pg_index as i
            inner join pg_attribute as a on i.indexrelid = a.attrelid
            where i.indrelid::regclass::text !~ '^pg_' and i.indexprs is not null
            and coalesce(a.attstattarget, -1) <> 0
            and (i.indkey::integer [])[a.attnum - 1] = 0
            and i.indrelid in (
                select oid from pg_class where relnamespace = 'public'::regnamespace
            )""")
        assert await cursor.fetchall() == []


async def test_a_large_namespace_goes_in_steps(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    async with await AsyncConnection.connect(dsn, autocommit=True) as outside:
        await outside.execute(
            "insert into memories (namespace_key, project_id, id, value, text, tags, metadata,"
            " created_at, modified_at)"
            " select %s, %s, 'm' || n, '1', '', '{}', '{}', now(), now()"
            " from generate_series(1, 25) as n",
            [tenant.namespace_key, tenant.project_id],
        )
    deleted: list[int] = []
    while not deleted or deleted[-1] == 10:
        deleted.append(await database.run(tenant, lambda tx: tx.namespaces.thin_out(10)))
    assert deleted == [10, 10, 5]
    async with database.transaction(tenant) as tx:
        assert (await tx.namespaces.census())["memories"] == 0
