"""The TypeScript client: built, type-checked, and tested against a real server.

Node is needed, and a package index for its first install. Without them these tests are skipped and
say so; where `CI` is set they fail.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client.lossy_proxy import LossyProxy
from tests.client.test_restart import free_address
from tests.fixtures.server import KEY, ServerProcess

CLIENT = Path(__file__).parents[2] / "clients" / "typescript"

_PATIENCE_SECONDS = 100


def missing(reason: str) -> None:
    """Ends the test: skipped, or failed where `CI` is set."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(f"NOT TESTED: {reason}")


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    """What a command prints in the client's folder."""
    done = subprocess.run(  # noqa: S603 - our own programs
        command,
        cwd=CLIENT,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-8_000:]}\n{done.stderr[-2_000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def built() -> Path:
    """The client and its tests, compiled with strict types."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        missing("there is no Node here, so the TypeScript client was not tested")
    package = CLIENT / "package.json"
    installed = CLIENT / "node_modules" / ".installed"
    with (CLIENT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.read_text() != package.read_text():
            quiet = ["--silent", "--no-audit", "--no-fund", "--no-package-lock"]
            try:
                run(str(npm), "install", *quiet)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                missing(f"npm could not install what the TypeScript client needs: {error}")
            installed.write_text(package.read_text())
        shutil.rmtree(CLIENT / "build", ignore_errors=True)
        run("node_modules/.bin/tsc")
    return CLIENT / "build"


def test_generated_code_is_current(built: Path) -> None:
    from clients.typescript import generate

    assert generate.differences(generate.generated_code()) == []


def test_its_own_tests_pass(built: Path, server: ServerProcess) -> None:
    with LossyProxy(server.grpc).running() as proxy:
        run(
            "node",
            "--test",
            *map(str, sorted((built / "test").glob("*.test.js"))),
            environment={
                "EUNOE_API_KEY": KEY,
                "EUNOE_GRPC_ADDRESS": server.grpc,
                "EUNOE_LOSSY_ADDRESS": proxy.address,
            },
        )


@pytest.mark.parametrize("goes_down", [ServerProcess.stop, ServerProcess.kill])
def test_a_restart_amid_a_thousand_calls_is_a_pause(
    built: Path,
    goes_down: Callable[[ServerProcess], object],
    new_server: Callable[..., ServerProcess],
    namespace: str,
) -> None:
    server = new_server(EUNOE_GRPC_ADDRESS=free_address())
    program = ["node", str(built / "test" / "restart.js"), server.grpc, KEY, namespace]
    # It ends by itself, after its client's timeout at the latest. Not a subprocess of asyncio: that
    # reports 255 for one that somebody else saw end first, as `terminate()` may.
    with subprocess.Popen(program, stdout=subprocess.PIPE) as running:  # noqa: S603
        assert running.stdout is not None
        if running.stdout.readline() == b"half\n":
            goes_down(server)
            server.start()
        printed = running.stdout.read()
    assert running.returncode == 0
    ended = json.loads(printed)
    wanted = ["the first", *range(0, 1_000, 2)]
    assert ended["written"] == len(wanted)
    assert sorted(map(str, ended["stored"])) == sorted(map(str, wanted))


def test_the_example_runs_from_the_package_as_it_is_published(
    built: Path, server: ServerProcess, namespace: str, tmp_path: Path
) -> None:
    run("node_modules/.bin/tsc", "-p", "tsconfig.build.json", "--outDir", str(tmp_path / "dist"))
    package = tmp_path / "node_modules" / "@eunoe" / "client"
    package.mkdir(parents=True)
    shutil.copytree(tmp_path / "dist", package / "dist")
    shutil.copy(CLIENT / "package.json", package)
    for dependency in json.loads((CLIENT / "package.json").read_text())["dependencies"]:
        link = tmp_path / "node_modules" / dependency
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(CLIENT / "node_modules" / dependency)
    example = CLIENT.parents[1] / "examples" / "memories.mjs"
    program = tmp_path / "memories.mjs"
    program.write_text(example.read_text().replace("user_456", namespace))
    printed = run(
        "node",
        "--preserve-symlinks",
        str(program),
        environment={"EUNOE_API_KEY": KEY, "EUNOE_GRPC_ADDRESS": server.grpc},
    )
    first, second, answer = printed.splitlines()
    assert first == "Found 1 memories"
    assert second == "User is allergic to peanuts [ 'health', 'verified' ]"
    assert "peanuts" in answer
