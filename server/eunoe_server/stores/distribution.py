"""Where each table lives when Postgres is a Citus cluster, and the statements that put it there.

* Wide tables are distributed by `namespace_key` and colocated: whatever is asked of one namespace
  is asked of one shard, joins and foreign keys included.
* `resource_ids`, unique in a whole project, is distributed by id.
* Small tables that everything refers to are reference tables, the same on every node.
* Queues, and what is claimed or counted across tenants, stay plain tables of the coordinator: a
  claim with SKIP LOCKED over shards is refused.

It refuses to guess: a table that is not listed here is an error, so that a new one is thought
about. `docs/scaling.md` says what of this was tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import LiteralString

import psycopg
from psycopg import AsyncConnection

from eunoe_server.errors import EunoeError
from eunoe_server.stores.connection import connected
from eunoe_server.stores.migrate import status

REFERENCE: tuple[LiteralString, ...] = ("projects", "api_keys", "namespaces")

#: The first one gives the shards; the others lie beside it.
BY_NAMESPACE: tuple[LiteralString, ...] = (
    "dialogues",
    "messages",
    "memories",
    "fact_mentions",
    "search_entries",
    "search_cells",
    "search_words",
    "speakers",
    "recalls",
    "responses",
    "kept_answers",
    "usage_days",
)

BY_ID: tuple[LiteralString, ...] = ("resource_ids",)

PLAIN: tuple[LiteralString, ...] = (
    "schema_migrations",
    "schema_migration_lock",
    "commit_queue",
    "session_expiries",
    "search_splits",
    "request_claims",
    "monthly_calls",
    "audit_events",
)

#: What statements over distributed tables call, so that shards can answer them.
FUNCTIONS: tuple[LiteralString, ...] = (
    "word_bits(tsvector, tsquery[])",
    "similarity_to(search_entries, text, halfvec)",
    (
        "is_in_scope(search_entries, text[], text[], text[], text[], timestamptz, timestamptz, "
        "jsonpath, jsonb, bigint, integer[], boolean)"
    ),
    "own_words(bigint, text[])",
)


class DistributionRefused(EunoeError):
    """The database cannot be distributed."""


def statements() -> Iterator[LiteralString]:
    """What puts every table where it belongs, in an order that foreign keys allow."""
    # `set local eunoe.project_id` has to reach the shards, or row level security shows nothing.
    yield (
        "do $$ begin execute format("
        "'alter database %I set citus.propagate_set_commands = ''local''', current_database()); "
        "end $$"
    )
    for table in REFERENCE:
        yield f"select create_reference_table('{table}')"
    first, *others = BY_NAMESPACE
    yield f"select create_distributed_table('{first}', 'namespace_key', colocate_with => 'none')"
    for table in others:
        yield (
            f"select create_distributed_table('{table}', 'namespace_key', "
            f"colocate_with => '{first}')"
        )
    for table in BY_ID:
        yield f"select create_distributed_table('{table}', 'id', colocate_with => 'none')"
    for function in FUNCTIONS:
        yield f"select create_distributed_function('{function}')"


async def distribute(conninfo: str) -> Sequence[str]:
    """Executes the statements on a migrated database; those executed.

    In one transaction: a cluster is distributed whole or not at all. Raises DistributionRefused,
    StorageUnavailable.
    """
    found = await status(conninfo)
    if found.why_not or found.pending:
        raise DistributionRefused("Bring the schema to this version first: `eunoe migrate`.")
    async with connected(conninfo, autocommit=False) as connection:
        await _refuse_without_citus(connection)
        executed = []
        for statement in statements():
            await connection.execute(statement)
            executed.append(statement)
        return executed


async def _refuse_without_citus(connection: AsyncConnection[tuple[object, ...]]) -> None:
    cursor = await connection.execute("select to_regproc('create_distributed_table')")
    if (await cursor.fetchone()) == (None,):
        raise DistributionRefused(
            "This database has no extension `citus`. On the coordinator, as a superuser, run: "
            "CREATE EXTENSION citus"
        )
    try:
        cursor = await connection.execute("select count(*) from citus_tables")
        row = await cursor.fetchone()
    except psycopg.errors.UndefinedTable as exc:
        raise DistributionRefused("This citus is too old: it has no view citus_tables.") from exc
    if row != (0,):
        raise DistributionRefused("This database is distributed already.")
