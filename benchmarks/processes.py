"""Programs in processes of their own: the other sides, and what makes the load.

A program is a module of `benchmarks/programs` (or of a peer's environment). One that serves says
where on its first line of output and is stopped, by its own process, when the context is left. One
that makes load reads what to do as JSON, prints what came of it as JSON, and ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
#: How long a program may take to say where it serves, and to end.
PATIENCE_SECONDS = 120.0

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A program did not do what it is for; the end of what it wrote."""


def own_program(name: str) -> list[str]:
    """The command of a module of `benchmarks/programs`."""
    return [sys.executable, "-m", f"benchmarks.programs.{name}"]


@contextlib.contextmanager
def serving_program(command: Sequence[str]) -> Iterator[str]:
    """What a program says on its first line, while it runs."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        try:
            ready, _, _ = select.select([process.stdout], [], [], PATIENCE_SECONDS)
            line = process.stdout.readline().decode().strip() if ready else ""
            if not line:
                raise Failed(f"{command[-1]} did not start")
            yield line
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL for one that does not listen."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run_program(
    command: Sequence[str],
    order: object,
    *,
    seconds: float,
    environment: Mapping[str, str] | None = None,
) -> Any:
    """Gives a program its order and returns its report. Raises Failed."""
    try:
        done = subprocess.run(  # noqa: S603 - ours
            command,
            input=json.dumps(order).encode(),
            capture_output=True,
            timeout=seconds + PATIENCE_SECONDS,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{command[-1]} did not end") from error
    if done.returncode:
        raise Failed(f"{command[-1]}: {done.stderr.decode(errors='replace')[-2000:]}")
    return json.loads(done.stdout)


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def resident_mebibytes(pid: int) -> float:
    """What a process holds in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError("VmRSS")
