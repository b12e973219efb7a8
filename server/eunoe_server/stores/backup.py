"""Backups of the embedded Postgres, made and read by its own `pg_dump` and `pg_restore`.

One file holds everything: texts, vectors, keys (hashed), the record of migrations. It is a snapshot
of one moment, taken while servers serve. What it cannot hold are the roles, which belong to the
cluster and not to a database; whoever restores makes them first (`migrate.prepare`).

It refuses to touch a database that is not empty.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eunoe_server.errors import InvalidInput, StorageUnavailable
from eunoe_server.stores.cluster import find_programs
from eunoe_server.stores.connection import connected
from eunoe_server.stores.migrate import migrate, prepare

log = logging.getLogger(__name__)


async def back_up(conninfo: str, file: Path) -> None:
    """Writes the database at `conninfo` into `file`, which is there whole or not at all.

    Raises InvalidInput when it exists, StorageUnavailable.
    """
    with _written_whole(file) as unfinished:
        await _run("pg_dump", "--format=custom", f"--file={unfinished}", f"--dbname={conninfo}")


@contextmanager
def _written_whole(file: Path) -> Iterator[Path]:
    """Where to write meanwhile. Nobody else may read it, from its first byte on."""
    if file.exists():
        raise InvalidInput(f"{file} exists already.")
    unfinished = file.absolute().with_name(f"{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield unfinished
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)


async def restore(conninfo: str, file: Path) -> list[str]:
    """Fills the empty database at `conninfo` and brings it to this server's schema.

    Gives the names of the migrations that the backup lacked. All or nothing until then. Raises
    InvalidInput when the database has a schema, MigrationRefused, StorageUnavailable.
    """
    found_file = _existing(file)
    async with connected(conninfo) as connection:
        found = await connection.execute("select to_regclass('schema_migrations')")
        if (await found.fetchone()) != (None,):
            raise InvalidInput("The database is not empty. Restore into a new data folder.")
        await prepare(connection)
    await _run(
        "pg_restore",
        "--exit-on-error",
        "--single-transaction",
        f"--dbname={conninfo}",
        str(found_file),
    )
    applied = await migrate(conninfo)
    async with connected(conninfo) as connection:
        # A dump has no statistics; without them the first questions are planned blindly.
        await connection.execute("analyze")
    return applied


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise InvalidInput(f"There is no file {file}.")
    return file.absolute()


async def _run(program: str, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        str(find_programs() / program),
        *arguments,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        log.error("%s failed: %s", program, said.decode(errors="replace").strip())
        raise StorageUnavailable(f"{program} failed; the log says why.")
