"""The embedded Postgres as something to enter and leave, shared by every process that needs it.

A server and a one-shot `eunoe keys create` may use one data folder at a time. Each holds a shared
lock on `users.lock`; who leaves and then gets it exclusively was the last, and stops the database.
The kernel releases the locks of killed processes, so there are no stale users. After a kill -9 the
database may go on alone; the next one to enter finds it serving.

It refuses to guess: nothing here looks at process ids.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TextIO

from eunoe_server.stores.cluster import Cluster
from eunoe_server.stores.shield import shielded

log = logging.getLogger(__name__)

DATABASE = "eunoe"
#: How long a database that was killed stays unnoticed.
WATCH_SECONDS = 1.0


@contextlib.asynccontextmanager
async def embedded_postgres(data_dir: Path) -> AsyncIterator[str]:
    """The conninfo of a running database, kept running until the context is left.

    Raises StorageUnavailable with a sentence for the operator.
    """
    user = EmbeddedUser(data_dir)
    try:
        # Shielded, so that a start that was interrupted is left in order.
        conninfo = await shielded(asyncio.to_thread(user.enter))
        watch = asyncio.create_task(_restart_when_killed(user))
        try:
            yield conninfo
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
    finally:
        await shielded(asyncio.to_thread(user.leave))


async def _restart_when_killed(user: EmbeddedUser) -> None:
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        if not user.is_alive():
            log.error("the embedded Postgres has died and is started again")
            try:
                await shielded(asyncio.to_thread(user.restart))
            except Exception:
                log.exception("the embedded Postgres could not be started again")


class EmbeddedUser:
    """One user of the database in `data_dir`. Blocking."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir.resolve() / "postgres"
        self._cluster: Cluster | None = None
        self._share: TextIO | None = None

    def enter(self) -> str:
        """Creates, starts or joins the database; its conninfo."""
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with self._alone():
            self._cluster = Cluster(self._folder)
            self._share = (self._folder / "users.lock").open("w")
            fcntl.flock(self._share, fcntl.LOCK_SH)
            self._cluster.create_if_absent()
            self._cluster.start()
            self._cluster.ensure_database(DATABASE)
            return self._cluster.conninfo(DATABASE)

    def is_alive(self) -> bool:
        """Whether the database's processes live."""
        return self._cluster is not None and self._cluster.is_alive()

    def restart(self) -> None:
        """Starts the database again if it died. Its socket stays where it was."""
        with self._alone():
            if self._cluster is not None:
                self._cluster.start()

    def leave(self) -> None:
        """Stops the database if nobody else uses it."""
        if self._cluster is None or self._share is None:
            return
        with self._alone(), self._share as share:
            try:
                fcntl.flock(share, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.info("the embedded Postgres stays up, another process uses it")
            else:
                self._cluster.stop()
            self._share = None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one process at a time starts or stops the database."""
        with (self._folder / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
