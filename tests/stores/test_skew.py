"""One large namespace among many small ones: what is read by its key is not looked for.

A search has one plan for all namespaces (`Database.searching`), made from what is true of the
average one: that is read whole as cheaply as ten rows of it by their keys. So it is counted how
many rows Postgres reads in a namespace that is nothing like the average.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from psycopg import AsyncConnection

from eunoe_server.domain.recalled import Recalled
from eunoe_server.domain.search_entry import SearchObject
from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.database import Database, Transaction
from tests.fixtures.database import NewTenant

ASKED = 10
#: In the large namespace.
ROWS = 3_000
SMALL_NAMESPACES = 1_500
#: Each of them, its dialogue, namespace and what is said about it, several times over.
MOST_ROWS_READ = 10 * ASKED

_FILL = """
with made as (
    insert into namespaces (project_id, name)
    select %(project_id)s, 'small-' || n from generate_series(1, %(small)s) as n
    returning namespace_key
),
places as (
    select namespace_key, n
    from (
        select namespace_key, 1 as rows from made
        union all
        select %(large)s::bigint, %(rows)s::integer
    ) as namespaces, generate_series(1, rows) as n
),
talks as (
    insert into dialogues (namespace_key, project_id, id)
    select namespace_key, %(project_id)s, 'd' || n from places
    returning namespace_key, dialogue_key, id
),
said as (
    insert into messages (
        namespace_key, project_id, dialogue_key, position, id, role, body, text, digest, chain,
        token_estimate, tool_call_ids, is_interrupted, tags, metadata, created_at
    )
    select
        namespace_key, %(project_id)s, dialogue_key, 0, 'm', 'user', '{}', 'x', '\\x00', '\\x00', 1,
        '{}', false, '{}', '{}', now()
    from talks
)
insert into memories (
    namespace_key, project_id, id, value, text, tags, metadata, created_at, modified_at
)
select
    namespace_key, %(project_id)s, namespace_key || '-' || n, '"x"', 'x', '{}', '{}', now(), now()
from places
"""

_READ_SO_FAR = """
select coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::bigint
from pg_stat_xact_user_tables
where relname in ('messages', 'dialogues', 'memories', 'fact_mentions', 'namespaces')
"""


@pytest.fixture
async def large(database: Database, new_tenant: NewTenant, dsn: str) -> Tenant:
    """A namespace that is thousands of times as large as the others."""
    tenant = await new_tenant("large")
    async with await AsyncConnection.connect(dsn, autocommit=True) as outside:
        await outside.execute(
            _FILL,
            {
                "project_id": tenant.project_id,
                "large": tenant.namespace_key,
                "rows": ROWS,
                "small": SMALL_NAMESPACES,
            },
        )
        await outside.execute("analyze")
    return tenant


async def memories(tx: Transaction, keys: list[int]) -> int:
    return len((await tx.memories.found(keys)).rows)


async def messages(tx: Transaction, keys: list[int]) -> int:
    return len((await tx.messages.found(keys)).rows)


async def dialogues(tx: Transaction, keys: list[int]) -> int:
    return len((await tx.dialogues.found(keys)).rows)


async def whole_dialogues(tx: Transaction, keys: list[int]) -> int:
    return len(await tx.dialogues.get_many(keys))


async def quoted_messages(tx: Transaction, keys: list[int]) -> int:
    return len(await tx.recalls.quotes([Recalled(SearchObject.MESSAGE, key, 0.5) for key in keys]))


async def quoted_memories(tx: Transaction, keys: list[int]) -> int:
    return len(await tx.recalls.quotes([Recalled(SearchObject.MEMORY, key, 0.5) for key in keys]))


READS: list[tuple[str, Callable[[Transaction, list[int]], Awaitable[int]]]] = [
    ("memory", memories),
    ("message", messages),
    ("dialogue", dialogues),
    ("dialogue", whole_dialogues),
    ("message", quoted_messages),
    ("memory", quoted_memories),
]


async def test_ten_of_a_large_namespace_are_read_without_reading_the_others(
    database: Database, large: Tenant
) -> None:
    for kind, read in READS:
        async with database.searching(large) as (tx, _):
            connection: AsyncConnection[Any] = tx.search._connection
            table = "memories" if kind == "memory" else f"{kind}s"
            found = await connection.execute(
                f"select {kind}_key from {table} where namespace_key = %s"  # noqa: S608 - our own
                f" order by {kind}_key limit {ASKED} offset {ROWS // 2}",
                [large.namespace_key],
                prepare=False,
            )
            keys = [key for (key,) in await found.fetchall()]
            before = await (await connection.execute(_READ_SO_FAR)).fetchone()
            assert await read(tx, keys) == ASKED
            after = await (await connection.execute(_READ_SO_FAR)).fetchone()
            assert before is not None
            assert after is not None
            assert after[0] - before[0] <= MOST_ROWS_READ, read.__name__
