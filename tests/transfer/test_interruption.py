"""Imports and exports that are broken off: by whoever started them, by a reader that has enough."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from eunoe.v1 import dialogue_pb2, dialogue_pb2_grpc
from tests.fixtures.server import METADATA, ServerProcess, wait_until
from tests.transfer.command import command_for, dialogue, environment_for, exported, write_lines


def test_an_interrupted_import_says_so_and_goes_on_where_it_stopped(
    server: ServerProcess, namespace: str, tmp_path: Path
) -> None:
    # Long enough that it is still at work when it is interrupted, however slowly that is noticed.
    lines = [line for number in range(150) for line in dialogue(f"d{number:03}", 100)]
    path = str(write_lines(tmp_path / "in.jsonl", lines))
    with server.channel() as channel:
        dialogues = dialogue_pb2_grpc.DialogueServiceStub(channel)

        def has_begun() -> bool:
            request = dialogue_pb2.ListDialoguesRequest(namespace=namespace, page_size=2)
            return len(dialogues.ListDialogues(request, metadata=METADATA).dialogues) > 1

        with subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, "-m", "eunoe_server", "import", path, "--namespace", namespace],
            env=environment_for(server),
            stderr=subprocess.PIPE,
            text=True,
            # A shell's background job ignores the signal, and what it starts inherits that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        ) as process:
            wait_until(has_begun, "the import to begin")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate()
    assert process.returncode == 130
    assert "goes on from here" in said
    assert "Traceback" not in said
    eunoe = command_for(server)
    done = eunoe("import", path, "--namespace", namespace)
    assert done.returncode == 0, done.stderr
    found = [line["content"] for line in exported(eunoe, namespace) if "content" in line]
    assert sorted(found) == sorted(line["content"] for line in lines if "content" in line)


def test_a_reader_that_has_enough_of_an_export_gets_no_complaint(
    server: ServerProcess, namespace: str, tmp_path: Path
) -> None:
    lines = dialogue("a", 1000)
    for line in lines[1:]:
        line["content"] = "x" * 1000
    path = str(write_lines(tmp_path / "in.jsonl", lines))
    assert command_for(server)("import", path, "--namespace", namespace).returncode == 0
    with subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-m", "eunoe_server", "export", "--namespace", namespace],
        env=environment_for(server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["id"] == "a"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
