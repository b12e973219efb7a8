"""Migrations: they add up to the committed schema, and survive whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores import migrate as migrate_module
from eunoe_server.stores.database import Database
from eunoe_server.stores.migrate import (
    FILE_NAME,
    ROLES,
    Migration,
    MigrationRefused,
    migrate,
    migrations,
    status,
)
from tests.migrations.schema import describe

SNAPSHOT = Path(__file__).with_name("schema.snapshot")
NAMES = [migration.name for migration in migrations()]


def with_files(monkeypatch: pytest.MonkeyPatch, *more: Migration) -> None:
    files = (*migrations(), *more)
    monkeypatch.setattr(migrate_module, "migrations", lambda: files)


def next_file(sql: str, phase: str = "pre") -> Migration:
    version = migrations()[-1].version + 1
    return Migration(version, f"{version:04}_{phase}_try_something.sql", sql)


def execute(dsn: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


async def test_the_files_add_up_to_the_committed_schema(
    empty_dsn: str, request: pytest.FixtureRequest
) -> None:
    assert await migrate(empty_dsn) == NAMES
    schema = describe(empty_dsn)
    if request.config.getoption("--write-schema-snapshot"):
        SNAPSHOT.write_text(schema)
    assert schema == SNAPSHOT.read_text(), "run pytest with --write-schema-snapshot, then look"
    assert await migrate(empty_dsn) == []
    assert describe(empty_dsn) == schema


def test_files_are_numbered_without_a_gap_and_say_when_they_are_safe() -> None:
    for number, migration in enumerate(migrations(), start=1):
        assert FILE_NAME.fullmatch(migration.name), migration.name
        assert migration.version == number


async def test_an_older_schema_is_not_ready_and_both_versions_are_named(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = next_file("select 1")
    with_files(monkeypatch, newer)
    async with Database(dsn) as database:
        readiness = await database.readiness()
    assert not readiness.is_ready
    assert f"schema {newer.version - 1:04}" in readiness.why_not
    assert f"needs {newer.version:04}" in readiness.why_not
    assert "eunoe migrate" in readiness.why_not
    assert (await status(dsn)).pending == (newer.name,)


@pytest.mark.parametrize(("phase", "is_ready"), [("pre", True), ("post", False)])
async def test_a_newer_schema_is_ready_unless_something_was_dropped(
    dsn: str, phase: str, is_ready: bool
) -> None:
    newer = next_file("", phase)
    execute(
        dsn,
        f"insert into schema_migrations values ({newer.version}, '{newer.name}', '')",  # noqa: S608
    )
    async with Database(dsn) as database:
        readiness = await database.readiness()
    assert readiness.is_ready is is_ready
    assert ("Update the server" in readiness.why_not) is not is_ready


async def test_what_is_only_cleaned_up_later_does_not_keep_a_server_from_serving(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_files(monkeypatch, next_file("select 1", "post"))
    async with Database(dsn) as database:
        assert (await database.readiness()).is_ready


async def test_an_applied_file_that_has_changed_stops_everything(dsn: str) -> None:
    execute(dsn, "update schema_migrations set sha256 = 'x' where version = 1")
    with pytest.raises(MigrationRefused, match=r"0001_pre_create_tables\.sql has changed"):
        await migrate(dsn)


async def test_a_file_that_fails_leaves_nothing_behind(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = describe(dsn)
    with_files(monkeypatch, next_file("create table half (id int); select 1 / 0;"))
    with pytest.raises(psycopg.errors.DivisionByZero):
        await migrate(dsn)
    assert describe(dsn) == before
    with_files(monkeypatch, next_file("create table whole (id int)"))
    assert len(await migrate(dsn)) == 1


async def test_a_file_without_a_transaction_runs_statement_by_statement(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = (
        "-- no-transaction\n"
        "drop index concurrently if exists try_index;\n"
        "-- a remark; with a semicolon\n"
        "create index concurrently try_index\non commit_queue (version);\n"
    )
    with_files(monkeypatch, next_file(sql))
    assert len(await migrate(dsn)) == 1
    assert execute(dsn, "select indisvalid from pg_index where indexrelid = 'try_index'::regclass")
    assert await migrate(dsn) == []


async def test_many_runners_at_once_apply_each_file_once(empty_dsn: str, dsn: str) -> None:
    applied = await asyncio.gather(*(migrate(empty_dsn) for _ in range(6)))
    assert sorted(applied) == [[]] * 5 + [NAMES]
    assert describe(empty_dsn) == describe(dsn)


RUNNER = """
import asyncio, sys
from eunoe_server.stores import migrate as module
from eunoe_server.stores.migrate import Migration
files = module.migrations()
sql = "create table slow (id int); select pg_sleep(60)"
slow = Migration(len(files) + 1, "9999_pre_be_slow.sql", sql)
module.migrations = lambda: (*files, slow)
asyncio.run(module.migrate(sys.argv[1]))
"""


def test_a_runner_that_is_killed_leaves_whole_files_and_no_lock(empty_dsn: str, dsn: str) -> None:
    runner = subprocess.Popen([sys.executable, "-c", RUNNER, empty_dsn])  # noqa: S603 (our own)
    asleep = (
        "select pid from pg_stat_activity"
        " where wait_event = 'PgSleep' and datname = current_database()"
    )
    while not execute(empty_dsn, asleep):
        assert runner.poll() is None
        time.sleep(0.02)
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait()
    # The database notices a dead client when its statement ends.
    execute(empty_dsn, asleep.replace("select pid", "select pg_terminate_backend(pid)"))
    assert asyncio.run(migrate(empty_dsn)) == []
    assert describe(empty_dsn) == describe(dsn)


@pytest.fixture
def plain_owner(template: str, empty_dsn: str) -> Iterator[str]:
    """The conninfo of a role that owns its database and is nothing more."""
    name = f"owner_{os.getpid()}"
    database = str(psycopg.conninfo.conninfo_to_dict(empty_dsn)["dbname"])
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        connection.execute(SQL("create role {} login").format(Identifier(name)))
        connection.execute(
            SQL("alter database {} owner to {}").format(Identifier(database), Identifier(name))
        )
    try:
        yield make_conninfo(empty_dsn, user=name)
    finally:
        with psycopg.connect(empty_dsn, autocommit=True) as connection:
            connection.execute(SQL("drop owned by {} cascade").format(Identifier(name)))
            connection.execute(
                SQL("alter database {} owner to current_user").format(Identifier(database))
            )
            connection.execute(SQL("drop role {}").format(Identifier(name)))


async def test_what_a_plain_owner_lacks_is_asked_for_in_a_sentence(
    plain_owner: str, empty_dsn: str
) -> None:
    user = psycopg.conninfo.conninfo_to_dict(plain_owner)["user"]
    for role in ROLES:
        with pytest.raises(MigrationRefused, match=f'GRANT {role} TO "{user}"'):
            await migrate(plain_owner)
        execute(empty_dsn, f"grant {role} to {user}")
    with pytest.raises(MigrationRefused, match="CREATE EXTENSION vector"):
        await migrate(plain_owner)
    execute(empty_dsn, "create extension vector")
    assert await migrate(plain_owner) == NAMES


async def test_a_server_that_owns_its_tables_is_bound_by_row_security_too(
    plain_owner: str, empty_dsn: str
) -> None:
    user = psycopg.conninfo.conninfo_to_dict(plain_owner)["user"]
    execute(empty_dsn, f"grant {', '.join(ROLES)} to {user}; create extension vector")
    await migrate(plain_owner)
    async with Database(plain_owner) as database:
        project_id = await database.open_project("p", create=True)
        assert project_id is not None
        await database.run(Tenant(project_id), lambda tx: tx.namespaces.resolve("alice"))
    assert execute(plain_owner, "select 1 from namespaces") == []
