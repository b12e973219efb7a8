"""The wheel alone: what is in it, and that it works where nothing else is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.differential.environments import PythonEnvironment, require
from tests.fixtures.missing import missing
from tests.fixtures.server import KEY, ServerProcess

#: The first run makes the environments that it needs.
pytestmark = pytest.mark.timeout(900)

CLIENT = Path(__file__).parents[2] / "clients" / "python"

#: An environment with what the client declares, and nothing else.
EMPTY = PythonEnvironment(
    "client-wheel", ("protobuf>=7.36.2,<8", "grpcio>=1.85.1", "googleapis-common-protos>=1.70")
)

FIVE_LINES = """
from eunoe import Eunoe
with Eunoe(address, api_key=key) as client:
    client.memories.create("User is allergic to peanuts", namespace=namespace)
    print(client.search("What food must be avoided?", namespace=namespace)[0].item.value)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as it is published. Skips without a build backend; fails there if `CI` is set."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(  # noqa: S603 - our own package
        [*pip, "--no-deps", "--wheel-dir", str(folder), str(CLIENT)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        missing(f"no wheel could be built:\n{done.stderr[-2_000:]}")
    [built] = folder.glob("eunoe-*.whl")
    return built


def test_it_holds_the_client_and_nothing_of_the_server(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    names = archive.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"eunoe"}
    assert {"eunoe/py.typed", "eunoe/_sync/client.py", "eunoe/v1/memory_pb2.pyi"} <= set(names)
    [metadata] = [name for name in names if name.endswith("METADATA")]
    needed = [
        line.removeprefix("Requires-Dist: ")
        for line in archive.read(metadata).decode().splitlines()
        if line.startswith("Requires-Dist: ")
    ]
    names_needed = {each.split(">")[0].split("<")[0] for each in needed}
    assert names_needed == {"protobuf", "grpcio", "googleapis-common-protos"}


def test_it_keeps_and_finds_a_memory_in_five_lines_where_nothing_else_is(
    wheel: Path, server: ServerProcess, namespace: str, tmp_path: Path
) -> None:
    require(EMPTY)
    program = tmp_path / "five_lines.py"
    program.write_text(
        f"address, key, namespace = {server.grpc!r}, {KEY!r}, {namespace!r}\n{FIVE_LINES}"
    )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    done = subprocess.run(  # noqa: S603 - our own program
        EMPTY.command(program),
        env={"PYTHONPATH": str(tmp_path / "installed"), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "User is allergic to peanuts\n"
