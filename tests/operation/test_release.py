"""What is published: what is in it, without building all of it (`make release` does)."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from deploy.release import ROOT, checksums, proto_archive, version
from tests.fixtures.missing import missing

SERVER = ROOT / "server" / "eunoe_server"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The server's. Skips without a build backend; fails there if `CI` is set."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(  # noqa: S603 - our own package
        [*pip, "--no-deps", "--wheel-dir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        missing(f"no wheel could be built:\n{done.stderr[-2_000:]}")
    [built] = folder.glob("eunoe_server-*.whl")
    return zipfile.ZipFile(built)


def test_the_servers_wheel_holds_the_server_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {name.split("/")[0].split("-")[0] for name in names} == {"eunoe_server"}
    files = {
        f"eunoe_server/{path.relative_to(SERVER).as_posix()}"
        for path in SERVER.rglob("*")
        if path.suffix in {".py", ".sql", ".html", ".js", ".css"}
    }
    assert files <= names


def test_the_servers_wheel_brings_its_command_and_the_client(wheel: zipfile.ZipFile) -> None:
    [metadata] = [name for name in wheel.namelist() if name.endswith("METADATA")]
    assert f"Requires-Dist: eunoe=={version(ROOT)}\n" in wheel.read(metadata).decode()
    [commands] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "eunoe = eunoe_server.cli:main" in wheel.read(commands).decode()


def test_server_and_client_have_one_version() -> None:
    assert version(ROOT) == version(ROOT / "clients" / "python")


def test_the_protos_can_be_generated_from_and_are_the_same_bytes_each_time() -> None:
    archive = proto_archive()
    assert archive == proto_archive()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        names = set(tar.getnames())
        assert {"LICENSE", "buf.yaml"} <= names
        assert {name for name in names if name.endswith(".proto")} == {
            path.relative_to(ROOT).as_posix() for path in (ROOT / "proto").rglob("*.proto")
        }
        assert {(entry.mtime, entry.uname, entry.uid) for entry in tar} == {(0, "", 0)}


def test_checksums_are_those_that_sha256sum_checks(tmp_path: Path) -> None:
    file = tmp_path / "a.whl"
    file.write_bytes(b"released")
    assert checksums([file]) == f"{hashlib.sha256(b'released').hexdigest()}  a.whl\n"
