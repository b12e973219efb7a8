"""The embedded Postgres: shared, killed, recovered, private."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from eunoe_server.errors import StorageUnavailable
from eunoe_server.stores.embedded import EmbeddedUser, embedded_postgres

# A process of its own that uses the database until it is killed or told to go.
USER = """
import sys
from pathlib import Path
from eunoe_server.stores.embedded import EmbeddedUser
user = EmbeddedUser(Path(sys.argv[1]))
print(user.enter(), flush=True)
sys.stdin.read()
user.leave()
"""


# Not pytest's temporary folders: each new pytest closes their root to the account that Postgres
# runs as when we are root.
@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="eunoe-tests-") as folder:
        yield Path(folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="eunoe-tests-") as folder:
        yield Path(folder)


@pytest.fixture
def user(data_dir: Path) -> Iterator[EmbeddedUser]:
    user = EmbeddedUser(data_dir)
    yield user
    user.leave()
    assert not user.is_alive()


def other_process(data_dir: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-c", USER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("host=")
    return process


def ask(conninfo: str, query: str) -> object:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def tell(conninfo: str, statement: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(statement.encode())


def socket_folder(conninfo: str) -> Path:
    return Path(str(psycopg.conninfo.conninfo_to_dict(conninfo)["host"]))


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres/cluster/postmaster.pid").read_text().split()[0])


def wait_until_dead(user: EmbeddedUser) -> None:
    for _ in range(1000):
        if not user.is_alive():
            return
        time.sleep(0.01)
    raise AssertionError("the server's processes did not end")


def test_what_was_committed_is_on_disk(user: EmbeddedUser) -> None:
    conninfo = user.enter()
    for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
        assert ask(conninfo, f"show {setting}") == "on"


def test_nobody_else_can_reach_it(user: EmbeddedUser, data_dir: Path) -> None:
    conninfo = user.enter()
    cluster = data_dir / "postgres/cluster"
    assert ask(conninfo, "show listen_addresses") == ""
    assert stat.S_IMODE(cluster.stat().st_mode) == 0o700
    assert stat.S_IMODE((cluster / ".s.PGSQL.5432").stat().st_mode) == 0o700
    for folder in (data_dir, data_dir / "postgres"):
        assert not folder.stat().st_mode & (stat.S_IRWXG | stat.S_IROTH | stat.S_IWOTH)


def test_its_log_holds_no_stored_text(user: EmbeddedUser, data_dir: Path) -> None:
    conninfo = user.enter()
    tell(conninfo, "create table secrets (secret text unique)")
    tell(conninfo, "insert into secrets values ('canary-5d1f')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        tell(conninfo, "insert into secrets values ('canary-5d1f')")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        tell(conninfo, 'select "canary-5d1f"')
    assert "5d1f" not in (data_dir / "postgres/cluster/server.log").read_text()


def test_a_second_user_joins_and_only_the_last_one_stops_it(
    user: EmbeddedUser, data_dir: Path
) -> None:
    conninfo = user.enter()
    started = ask(conninfo, "select pg_postmaster_start_time()")
    with other_process(data_dir) as other:
        other.communicate("")
    assert ask(conninfo, "select pg_postmaster_start_time()") == started

    other = other_process(data_dir)
    user.leave()
    assert ask(conninfo, "select pg_postmaster_start_time()") == started
    other.communicate("")
    assert not user.is_alive()


def test_a_user_that_was_killed_leaves_no_trace(user: EmbeddedUser, data_dir: Path) -> None:
    other = other_process(data_dir)
    pid = postmaster(data_dir)
    other.kill()
    other.communicate()
    conninfo = user.enter()
    assert postmaster(data_dir) == pid
    assert ask(conninfo, "select 1") == 1
    user.leave()
    assert not user.is_alive()


def test_a_database_that_was_killed_recovers_what_was_committed(
    user: EmbeddedUser, data_dir: Path
) -> None:
    conninfo = user.enter()
    tell(conninfo, "create table kept as select generate_series(1, 1000) as n")
    os.kill(postmaster(data_dir), signal.SIGKILL)
    wait_until_dead(user)
    user.restart()
    assert ask(conninfo, "select count(*) from kept") == 1000


def test_a_process_that_got_the_dead_servers_number_is_not_taken_for_it(
    user: EmbeddedUser, data_dir: Path
) -> None:
    conninfo = user.enter()
    os.kill(postmaster(data_dir), signal.SIGKILL)
    wait_until_dead(user)
    file = data_dir / "postgres/cluster/postmaster.pid"
    _, *rest = file.read_text().splitlines()
    file.write_text("\n".join([str(os.getpid()), *rest]) + "\n")
    user.restart()
    assert ask(conninfo, "select 1") == 1


async def test_a_database_that_dies_in_use_is_started_again(data_dir: Path) -> None:
    async with embedded_postgres(data_dir) as conninfo:
        dead = postmaster(data_dir)
        os.kill(dead, signal.SIGKILL)
        while True:
            await asyncio.sleep(0.05)
            try:
                assert await asyncio.to_thread(ask, conninfo, "select 1") == 1
            except psycopg.OperationalError:
                continue
            if postmaster(data_dir) != dead:
                break


async def test_a_start_that_is_cancelled_leaves_no_server_behind(data_dir: Path) -> None:
    entering = embedded_postgres(data_dir).__aenter__()
    task = asyncio.ensure_future(entering)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (data_dir / "postgres/cluster/postmaster.pid").exists()


@pytest.mark.parametrize("name", ["long" * 30, "a, b", 'quote " and $HOME'])
def test_any_folder_name_will_do(folder: Path, name: str) -> None:
    user = EmbeddedUser(folder / name)
    try:
        conninfo = user.enter()
        assert ask(conninfo, "select 1") == 1
        assert stat.S_IMODE(socket_folder(conninfo).stat().st_mode) == 0o700
    finally:
        user.leave()
    socket_folder(conninfo).rmdir()


def test_a_socket_folder_that_others_can_enter_is_refused(folder: Path) -> None:
    user = EmbeddedUser(folder / ("long" * 30))
    try:
        sockets = socket_folder(user.enter())
        user.leave()
        sockets.chmod(0o777)
        with pytest.raises(StorageUnavailable, match="belongs to somebody else"):
            user.enter()
    finally:
        user.leave()
    sockets.rmdir()


def test_a_creation_that_was_killed_is_begun_again(folder: Path) -> None:
    unfinished = folder / "postgres/cluster.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    user = EmbeddedUser(folder)
    try:
        assert ask(user.enter(), "select 1") == 1
    finally:
        user.leave()


def test_a_cluster_of_another_major_version_is_left_alone(folder: Path) -> None:
    cluster = folder / "postgres/cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("16\n")
    user = EmbeddedUser(folder)
    try:
        with pytest.raises(StorageUnavailable, match="made by Postgres 16"):
            user.enter()
    finally:
        user.leave()
    assert [file.name for file in cluster.iterdir()] == ["PG_VERSION"]
