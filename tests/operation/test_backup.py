"""A backup, restored into an empty folder, is the same server (R28)."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.server import ServerProcess, call, serving

QUESTIONS = ("What does she eat?", "Who travels?", "peanuts", "a boat on the river")
TEXTS = (
    "Ana is allergic to peanuts",
    "Bruno sails a boat on the river every Sunday",
    "Carla travels to Lisbon in spring",
    "Dora eats soup with bread",
)


def eunoe(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, with no settings but these."""
    plain = {name: text for name, text in os.environ.items() if not name.startswith("EUNOE_")}
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "eunoe_server", *arguments],
        env=plain | environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def keep(server: ServerProcess, path: str, body: dict[str, Any]) -> None:
    answer = call(server, "POST", path, body)
    assert answer.status == 200, answer.body


def answers(server: ServerProcess) -> list[Any]:
    """What searches find, relevance included, without what names the request."""
    return [
        call(
            server, "POST", "/search", {"query": question, "object": kind, "namespace": "garden"}
        ).done["results"]
        for question in QUESTIONS
        for kind in ("memory", "message")
    ]


def counts(server: ServerProcess) -> Any:
    """How much the namespaces hold."""
    return call(server, "GET", "/v1/admin/namespaces").done


@pytest.mark.timeout(300)  # two servers and two commands, on a machine that may be busy
def test_a_restored_backup_holds_and_finds_the_same(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    with serving() as server:
        for text in TEXTS:
            keep(server, "/memory", {"value": text, "namespace": "garden", "tags": ["people"]})
        messages = [{"role": "user", "content": text} for text in TEXTS]
        keep(server, "/dialogue", {"id": "d", "namespace": "garden", "messages": messages})
        # While it serves: writes go on, and nobody is kept out.
        done = eunoe("backup", str(file), EUNOE_DATA_DIR=str(server.data_dir))
        assert done.returncode == 0, done.stderr
        wanted, wanted_counts = answers(server), counts(server)
        assert any(wanted)
        again = eunoe("backup", str(file), EUNOE_DATA_DIR=str(server.data_dir))
        assert "exists already" in again.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    new = ServerProcess(server.data_dir.with_name("restored"))
    new.data_dir.parent.mkdir(exist_ok=True)
    try:
        done = eunoe("restore", str(file), EUNOE_DATA_DIR=str(new.data_dir))
        assert done.returncode == 0, done.stderr
        refused = eunoe("restore", str(file), EUNOE_DATA_DIR=str(new.data_dir))
        assert refused.returncode == 1
        assert "not empty" in refused.stderr
        new.start()
        assert answers(new) == wanted
        assert counts(new) == wanted_counts
        keep(new, "/memory", {"value": "written after it", "namespace": "garden"})
    finally:
        new.stop()


def test_a_damaged_backup_leaves_the_folder_empty(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_bytes(b"PGDMP no backup")
    folder = tmp_path / "data"
    done = eunoe("restore", str(file), EUNOE_DATA_DIR=str(folder))
    assert done.returncode == 1
    assert "pg_restore failed" in done.stderr
    assert "not empty" not in eunoe("restore", str(file), EUNOE_DATA_DIR=str(folder)).stderr


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_an_outside_database_is_its_operators_to_back_up(command: str, tmp_path: Path) -> None:
    done = eunoe(command, str(tmp_path / "f"), EUNOE_DATABASE_URL="postgresql://nowhere/db")
    assert done.returncode == 1
    assert "its own tools" in " ".join(done.stderr.split())


def test_a_folder_without_data_is_not_backed_up(tmp_path: Path) -> None:
    done = eunoe("backup", str(tmp_path / "f"), EUNOE_DATA_DIR=str(tmp_path / "none"))
    assert done.returncode == 1
    assert "There is no data" in done.stderr
    assert not (tmp_path / "none").exists()
