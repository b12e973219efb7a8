"""`eunoe migrate --distribute citus`, as far as that can be seen without Citus.

What Citus demands of a schema is asked of the real one: that unique constraints hold the
distribution key, that foreign keys stay within a shard or lead to a reference table. The statements
are executed as well, against functions of the same names and parameters that only write down what
they were asked; `docs/scaling.md` says what was tried on a cluster.
"""

from __future__ import annotations

import psycopg
import pytest

from eunoe_server.stores.distribution import (
    BY_ID,
    BY_NAMESPACE,
    FUNCTIONS,
    PLAIN,
    REFERENCE,
    DistributionRefused,
    distribute,
    statements,
)
from tests.operation.test_backup import eunoe

KEY_OF = dict.fromkeys(BY_NAMESPACE, "namespace_key") | dict.fromkeys(BY_ID, "id")

STAND_IN = """
create table asked (number serial, what text, name text, key text, beside text);
create view citus_tables as select name as table_name from asked where what <> 'function';
create function create_reference_table(table_name regclass) returns void language sql as $$
    insert into asked (what, name) values ('reference', table_name::text) $$;
create function create_distributed_table(
    table_name regclass, distribution_column text, distribution_type text default 'hash',
    colocate_with text default 'default', shard_count int default null
) returns void language sql as $$
    insert into asked (what, name, key, beside)
    values ('distributed', table_name::text, distribution_column, colocate_with) $$;
create function create_distributed_function(
    function_name regprocedure, distribution_arg_name text default null,
    colocate_with text default 'default', force_delegation bool default null
) returns void language sql as $$
    insert into asked (what, name) values ('function', function_name::text) $$;
"""


def rows(dsn: str, query: str) -> list[tuple[str, ...]]:
    """What a query of the catalogue finds."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def test_every_table_of_the_schema_has_one_place(dsn: str) -> None:
    tables = [
        name
        for (name,) in rows(
            dsn,
            "select relname from pg_class c join pg_namespace n"
            " on n.oid = relnamespace where nspname = 'public' and relkind in ('r', 'p')",
        )
    ]
    placed = [*REFERENCE, *BY_NAMESPACE, *BY_ID, *PLAIN]
    assert sorted(placed) == sorted(tables)


def test_unique_constraints_hold_the_distribution_key(dsn: str) -> None:
    found = rows(
        dsn,
        """
        select c.relname, i.relname, array_agg(a.attname)
        from pg_index x
        join pg_class c on c.oid = x.indrelid
        join pg_class i on i.oid = x.indexrelid
        join pg_attribute a on a.attrelid = c.oid and a.attnum = any(x.indkey)
        join pg_namespace n on n.oid = c.relnamespace
        where x.indisunique and n.nspname = 'public'
        group by c.relname, i.relname
        """,
    )
    checked = {table for table, _, _ in found if table in KEY_OF}
    assert checked == set(KEY_OF)
    for table, index, columns in found:
        if table in KEY_OF:
            assert KEY_OF[table] in columns, index


def test_foreign_keys_stay_in_a_shard_or_lead_to_a_reference_table(dsn: str) -> None:
    found = rows(
        dsn,
        """
        select f.conrelid::regclass::text, f.confrelid::regclass::text,
               array(select attname from unnest(f.conkey) k join pg_attribute
                     on attrelid = f.conrelid and attnum = k)
        from pg_constraint f where f.contype = 'f'
        """,
    )
    assert found
    for table, target, columns in found:
        if target in REFERENCE:
            continue
        assert table in BY_NAMESPACE, (table, target)
        assert target in BY_NAMESPACE, (table, target)
        assert "namespace_key" in columns, (table, target)


def test_nothing_is_distributed_that_triggers_or_generates(dsn: str) -> None:
    assert rows(dsn, "select 1 from pg_trigger where not tgisinternal") == []
    assert (
        rows(dsn, "select 1 from pg_attribute where attgenerated <> '' and attrelid > 16384") == []
    )


async def test_the_statements_run_in_an_order_that_foreign_keys_allow(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(STAND_IN)
    assert await distribute(dsn) == list(statements())
    asked = rows(dsn, "select what, name, key, beside from asked order by number")
    tables = [(name, key, beside) for what, name, key, beside in asked if what == "distributed"]
    assert tables == [
        ("dialogues", "namespace_key", "none"),
        *((name, "namespace_key", "dialogues") for name in BY_NAMESPACE[1:]),
        ("resource_ids", "id", "none"),
    ]
    order = [name for what, name, _, _ in asked if what != "function"]
    for table, target in rows(
        dsn,
        "select conrelid::regclass::text, confrelid::regclass::text"
        " from pg_constraint where contype = 'f'",
    ):
        if table in order and target != table:
            assert order.index(target) < order.index(table), (table, target)
    assert len([name for what, name, *_ in asked if what == "function"]) == len(FUNCTIONS)
    [(setting,)] = rows(
        dsn,
        "select setting from pg_db_role_setting, unnest(setconfig) setting"
        " where setdatabase = (select oid from pg_database where datname = current_database())",
    )
    assert setting == "citus.propagate_set_commands=local"
    with pytest.raises(DistributionRefused, match="already"):
        await distribute(dsn)


async def test_a_database_without_citus_is_refused(dsn: str) -> None:
    with pytest.raises(DistributionRefused, match="CREATE EXTENSION citus"):
        await distribute(dsn)


async def test_a_database_without_the_schema_is_refused(empty_dsn: str) -> None:
    with pytest.raises(DistributionRefused, match="eunoe migrate"):
        await distribute(empty_dsn)


def test_a_dry_run_prints_the_statements_and_needs_no_database() -> None:
    done = eunoe(
        "migrate",
        "--distribute",
        "citus",
        "--dry-run",
        EUNOE_DATABASE_URL="postgresql://nowhere/db",
    )
    assert done.stdout.splitlines() == [f"{statement};" for statement in statements()]
    refused = eunoe("migrate", "--dry-run")
    assert refused.returncode == 2


def test_a_database_that_is_away_is_a_sentence_and_no_traceback() -> None:
    done = eunoe(
        "migrate", "--distribute", "citus", EUNOE_DATABASE_URL="postgresql://127.0.0.1:9/none"
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["eunoe: The database cannot be reached."]
