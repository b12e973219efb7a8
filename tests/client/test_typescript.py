"""The TypeScript client against a real server: its own tests, a restart, the published package."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client.lossy_proxy import LossyProxy
from tests.client.test_restart import free_address
from tests.client.typescript import CLIENT, run, run_published
from tests.fixtures.server import KEY, ServerProcess


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
    published: Path, server: ServerProcess, namespace: str
) -> None:
    example = CLIENT.parents[1] / "examples" / "memories.mjs"
    program = published / "memories.mjs"
    program.write_text(example.read_text().replace("user_456", namespace))
    printed = run_published(
        program, environment={"EUNOE_API_KEY": KEY, "EUNOE_GRPC_ADDRESS": server.grpc}
    )
    first, second, answer = printed.splitlines()
    assert first == "Found 1 memories"
    assert second == "User is allergic to peanuts [ 'health', 'verified' ]"
    assert "peanuts" in answer
