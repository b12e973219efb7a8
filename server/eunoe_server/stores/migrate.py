"""Brings a database to the schema that this server needs: plain SQL files, forward only.

A file is `NNNN_pre|post_verb_object.sql`. *pre* is safe while the previous release still runs (it
adds), *post* is for afterwards (it drops). Each file is one transaction together with its line in
`schema_migrations`, so a runner that is killed leaves whole files behind. A file whose first line
is `-- no-transaction` (`create index concurrently`) runs statement by statement and must be safe to
run again; its statements end with a semicolon at the end of a line.

Two runners are kept apart by a row lock in `schema_migration_lock`, not by an advisory lock: every
database that speaks Postgres has row locks, and a killed runner's goes with its connection.

It refuses to go on when a file that was applied has changed since.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncConnection

from eunoe_server.errors import EunoeError
from eunoe_server.stores.connection import connected

FILE_NAME = re.compile(r"(\d{4})_(pre|post)_[a-z]+_[a-z0-9_]+\.sql")
_NO_TRANSACTION = "-- no-transaction\n"
#: Iterative scans, without which a filtered search returns fewer rows than exist.
OLDEST_PGVECTOR = (0, 8)
#: Whom transactions work as (0001), and who owns functions that look into all entries (0002).
ROLES: tuple[LiteralString, ...] = ("eunoe_app", "eunoe_project", "eunoe_search")


class MigrationRefused(EunoeError):
    """The database cannot be brought to the schema of this server."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    version: int
    name: str
    #: As literal as the source: only files of this package are read.
    sql: LiteralString

    @property
    def sha256(self) -> str:
        """What is recorded, so that a later change is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def is_breaking(self) -> bool:
        """Whether a server that does not know this file may fail once it is applied."""
        return "_post_" in self.name

    @property
    def statements(self) -> Sequence[LiteralString]:
        """What is executed at once: the whole file, or each statement of its own."""
        if not self.sql.startswith(_NO_TRANSACTION):
            return [self.sql]
        return [part for part in re.split(r"(?<=;)\n", self.sql) if part.strip()]


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """How a database's schema and this server's fit."""

    #: The newest version in the database; 0 when it has none.
    found: int
    #: The newest version of this server.
    wanted: int
    #: Names of files that are not applied yet.
    pending: tuple[str, ...]
    #: "" when this server can work with the database; else why not.
    why_not: str


@cache
def migrations() -> Sequence[Migration]:
    """The files of this server, in order."""
    folder = resources.files(__package__).joinpath("migrations")
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda f: f.name
    )
    return tuple(
        Migration(version=int(file.name[:4]), name=file.name, sql=file.read_text("utf-8"))
        for file in files
    )


async def migrate(conninfo: str) -> list[str]:
    """Applies what is missing, as the owner of the schema; the names of the files applied now.

    Raises MigrationRefused with a sentence for the operator, StorageUnavailable.
    """
    async with (
        connected(conninfo, autocommit=False) as lock,
        connected(conninfo) as connection,
    ):
        await _create_records(connection)
        # Held until this connection ends. Somebody else's migration may take its time.
        await lock.execute("set local statement_timeout = 0; set local lock_timeout = 0")
        await lock.execute("set local idle_in_transaction_session_timeout = 0")
        await lock.execute("select 1 from schema_migration_lock for update")
        await prepare(connection)
        return await _apply(connection)


async def prepare(connection: AsyncConnection[Any]) -> None:
    """Makes what no file can: roles, which outlive a database, and the extension."""
    await _create_roles(connection)
    await _create_extension(connection)


async def status(conninfo: str) -> SchemaStatus:
    """How the schema of the database at `conninfo` fits. Raises StorageUnavailable."""
    async with connected(conninfo) as connection:
        return await schema_status(connection)


async def schema_status(connection: AsyncConnection[Any]) -> SchemaStatus:
    """What `connection` finds, compared with what this server brings. Changes nothing."""
    try:
        cursor = await connection.execute("select version, name from schema_migrations")
        applied = dict(await cursor.fetchall())
    except psycopg.errors.UndefinedTable:
        applied = {}
    known = {migration.version: migration for migration in migrations()}
    found, wanted = max(applied, default=0), max(known)
    pending = [migration for version, migration in known.items() if version not in applied]
    why_not = ""
    if any(not migration.is_breaking for migration in pending):
        why_not = (
            f"The database has schema {found:04}, this server needs {wanted:04}. "
            "Run `eunoe migrate`."
        )
    elif any("_post_" in name for version, name in applied.items() if version not in known):
        why_not = (
            f"The database has schema {found:04}, this server knows only {wanted:04}. "
            "Update the server."
        )
    return SchemaStatus(
        found=found,
        wanted=wanted,
        pending=tuple(migration.name for migration in pending),
        why_not=why_not,
    )


async def _create_records(connection: AsyncConnection[Any]) -> None:
    for _ in range(5):
        try:
            await connection.execute("""
                create table if not exists schema_migrations (
                    version integer primary key,
                    name text not null,
                    sha256 text not null,
                    applied_at timestamptz not null default now()
                )""")
            await connection.execute(
                "create table if not exists schema_migration_lock (id integer primary key)"
            )
            await connection.execute(
                "insert into schema_migration_lock values (1) on conflict do nothing"
            )
        except (
            psycopg.errors.UniqueViolation,
            psycopg.errors.DuplicateTable,
            psycopg.errors.DuplicateObject,
        ):
            # `if not exists` does not keep two runners apart that start in the same moment: one
            # finds the other's table, its type, or its row in the catalogue.
            await asyncio.sleep(0.05)
        except psycopg.errors.InsufficientPrivilege as exc:
            raise MigrationRefused(
                f"The role {_user(connection)} may not create tables in this database. "
                f'Run: GRANT CREATE ON SCHEMA public TO "{_user(connection)}"'
            ) from exc
        else:
            return
    raise MigrationRefused("Somebody else keeps creating the same tables. Try again.")


async def _create_roles(connection: AsyncConnection[Any]) -> None:
    """Roles that cannot log in. Here and not in a file, because they outlive a database."""
    for role in ROLES:
        try:
            exists = await connection.execute("select 1 from pg_roles where rolname = %s", [role])
            if await exists.fetchone() is None:
                # Somebody else may make it at the same time, for another database of the cluster.
                with contextlib.suppress(
                    psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation
                ):
                    await connection.execute(f"create role {role} nologin")
            if not await _may_become(connection, role):
                await connection.execute(f"grant {role} to current_user")
        except psycopg.errors.InsufficientPrivilege as exc:
            raise MigrationRefused(
                f"The role {_user(connection)} may not use the role {role}. As a superuser, run: "
                f'CREATE ROLE {role} NOLOGIN; GRANT {role} TO "{_user(connection)}"'
            ) from exc


async def _may_become(connection: AsyncConnection[Any], role: LiteralString) -> bool:
    # Tried, because what membership allows differs between versions of Postgres.
    try:
        await connection.execute(f"set role {role}")
    except psycopg.errors.InsufficientPrivilege:
        return False
    await connection.execute("reset role")
    return True


async def _create_extension(connection: AsyncConnection[Any]) -> None:
    cursor = await connection.execute(
        "select default_version, installed_version from pg_available_extensions"
        " where name = 'vector'"
    )
    versions = await cursor.fetchone()
    if versions is None:
        raise MigrationRefused(
            "This Postgres has no extension `vector`. Install pgvector "
            f"{'.'.join(map(str, OLDEST_PGVECTOR))} or later beside it."
        )
    version = versions[1] or versions[0]
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PGVECTOR:
        raise MigrationRefused(
            f"The extension `vector` is {version}; "
            f"{'.'.join(map(str, OLDEST_PGVECTOR))} or later is needed."
        )
    if versions[1] is None:
        try:
            await connection.execute("create extension if not exists vector")
        except psycopg.errors.InsufficientPrivilege as exc:
            raise MigrationRefused(
                f"The role {_user(connection)} may not create the extension `vector`. "
                "As a superuser, run in this database: CREATE EXTENSION vector"
            ) from exc


async def _apply(connection: AsyncConnection[Any]) -> list[str]:
    cursor = await connection.execute("select version, sha256 from schema_migrations")
    recorded: Mapping[int, str] = dict(await cursor.fetchall())
    applied: list[str] = []
    for migration in migrations():
        if migration.version in recorded:
            if recorded[migration.version] != migration.sha256:
                raise MigrationRefused(
                    f"{migration.name} has changed since it was applied to this database. "
                    "Restore the file; a correction is a new file."
                )
            continue
        await _apply_one(connection, migration)
        applied.append(migration.name)
    return applied


async def _apply_one(connection: AsyncConnection[Any], migration: Migration) -> None:
    record = "insert into schema_migrations (version, name, sha256) values (%s, %s, %s)"
    values = [migration.version, migration.name, migration.sha256]
    if len(migration.statements) == 1:
        async with connection.transaction():
            await connection.execute(migration.statements[0])
            await connection.execute(record, values)
        return
    for statement in migration.statements:
        await connection.execute(statement)
    await connection.execute(record, values)


def _user(connection: AsyncConnection[Any]) -> str:
    return connection.info.user
