"""A Postgres outside of the server, started by the run itself so that it may kill it."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from eunoe_server.stores.cluster import PORT, Cluster
from tests.fixtures.server import PATIENCE_SECONDS, wait_until

DATABASE = "eunoe"


def postmaster_pid(folder: Path) -> int:
    """Of the cluster in `folder`, which is `<data>/postgres` for an embedded one."""
    return int((folder / "cluster" / "postmaster.pid").read_text().split()[0])


class OutsidePostgres:
    """Real, on a unix socket, with all its durability."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cluster = Cluster(folder)
        self._cluster.create_if_absent()
        self._cluster.start()
        self._cluster.ensure_database(DATABASE)
        self.dsn = self._cluster.conninfo(DATABASE)

    @property
    def socket(self) -> str:
        """The path of its unix socket, for a proxy in front of it."""
        return f"{psycopg.conninfo.conninfo_to_dict(self.dsn)['host']}/.s.PGSQL.{PORT}"

    def kill(self) -> None:
        """SIGKILL to the postmaster; its processes notice and end."""
        os.kill(postmaster_pid(self.folder), signal.SIGKILL)
        wait_until(lambda: not self._cluster.is_alive(), "the processes of Postgres to end")

    def start(self) -> None:
        """Returns once it accepts connections."""
        self._cluster.start()

    def stop(self) -> None:
        """As an operator does."""
        self._cluster.stop()

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """As the superuser, in the server's database."""
        return execute(self.dsn, statement)


def execute(dsn: str, statement: str) -> list[tuple[object, ...]]:
    """On a connection of its own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def wait_until_accepting(dsn: str) -> float:
    """The moment (`time.monotonic`) from which on connections are accepted."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(dsn).close()
            return time.monotonic()
        time.sleep(0.01)
    raise AssertionError("Postgres did not come back")


@contextlib.contextmanager
def outside_postgres() -> Iterator[OutsidePostgres]:
    """Runs while the context lasts."""
    with tempfile.TemporaryDirectory(prefix="eunoe-test-") as folder:
        place = Path(folder) / "postgres"
        place.mkdir(mode=0o700)
        postgres = OutsidePostgres(place)
        try:
            yield postgres
        finally:
            postgres.stop()


def orphans(dsn: str) -> int:
    """Memories and messages that search does not know, and entries of nothing: half a write."""
    ((count,),) = execute(
        dsn,
        """
        select
            (select count(*) from memories m where not exists (
                select 1 from search_entries e where e.namespace_key = m.namespace_key
                and e.object = 'memory' and e.object_key = m.memory_key))
          + (select count(*) from messages m where not exists (
                select 1 from search_entries e where e.namespace_key = m.namespace_key
                and e.object = 'message' and e.object_key = m.message_key))
          + (select count(*) from search_entries e where
                not exists (select 1 from memories m where m.namespace_key = e.namespace_key
                    and e.object = 'memory' and m.memory_key = e.object_key)
                and not exists (select 1 from messages m where m.namespace_key = e.namespace_key
                    and e.object = 'message' and m.message_key = e.object_key))
        """,
    )
    return int(str(count))
