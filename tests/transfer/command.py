"""The command as people run it, and lines for it to read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from tests.fixtures.server import KEY, ServerProcess

#: Arguments; gives the finished command.
Eunoe: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]

#: What the server decides, and what says where things are.
OWN = {"namespace", "modified", "endedAt"}


def environment_for(server: ServerProcess, key: str = KEY) -> dict[str, str]:
    """An environment that points at a server."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("EUNOE_")
    }
    return environment | {"EUNOE_API_KEY": key, "EUNOE_GRPC_ADDRESS": server.grpc}


def command_for(server: ServerProcess) -> Eunoe:
    """Runs the command against a server."""

    def run(*arguments: str, key: str = KEY) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - ours
            [sys.executable, "-m", "eunoe_server", *arguments],
            env=environment_for(server, key),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def write_lines(path: Path, lines: list[Any]) -> Path:
    """JSON Lines."""
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    return path


def dialogue(dialogue_id: str, messages: int, **more: Any) -> list[Any]:
    """The lines of a dialogue."""
    return [
        {"object": "dialogue", "id": dialogue_id, **more},
        *(
            {
                "object": "message",
                "id": f"{dialogue_id}-{number}",
                "dialogueId": dialogue_id,
                "role": "user",
                "content": f"{dialogue_id} says {number}",
            }
            for number in range(messages)
        ),
    ]


def exported(eunoe: Eunoe, namespace: str, *options: str) -> list[Any]:
    """What a namespace holds, without what differs from one import to the next."""
    done = eunoe("export", "--namespace", namespace, *options)
    assert done.returncode == 0, done.stderr
    return [
        {key: value for key, value in json.loads(line).items() if key not in OWN}
        for line in done.stdout.splitlines()
    ]
