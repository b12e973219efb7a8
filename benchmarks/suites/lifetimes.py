"""How long a server takes to be ready, and what it holds while nobody calls it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmarks.figures import Goal, Outcome, Row, alone
from benchmarks.processes import ROOT, Failed, resident_mebibytes
from benchmarks.stage import Stage
from tests.fixtures.server import KEY, ServerProcess
from tests.reliability.addresses import fixed_addresses

#: Until memory that a start used is given back.
IDLE_SECONDS = 2.0
CLONE_SECONDS = 300.0


def lifetimes(stage: Stage) -> Outcome:
    """Starts in an empty folder and again, and on a fresh clone; memory at rest."""
    first, second, mebibytes = [], [], []
    for number in range(stage.plan.starts):
        stage.say(f"start {number + 1} of {stage.plan.starts}")
        with tempfile.TemporaryDirectory(prefix="eunoe-benchmark-") as folder:
            server = ServerProcess(Path(folder) / "data")
            first.append(_start(server))
            server.stop()
            second.append(_start(server))
            time.sleep(IDLE_SECONDS)
            mebibytes.append(resident_mebibytes(server.pid))
            server.stop()
    rows = [
        alone("idle memory, embedder loaded, without Postgres", "MiB", mebibytes,
              goal=Goal(200, is_floor=False)),
        alone("first start, empty folder", "s", first),
        alone("second start", "s", second, goal=Goal(3.0, is_floor=False)),
    ]  # fmt: skip
    if not stage.plan.fresh_clone:
        return Outcome(tuple(rows), skipped=("make serve on a fresh clone: only in a full run",))
    return Outcome((*rows, *_clones(stage)))


def _start(server: ServerProcess) -> float:
    started = time.perf_counter()
    server.start()
    return time.perf_counter() - started


def _clones(stage: Stage) -> list[Row]:
    """`make serve` where nothing is installed, then where it is."""
    first, second = [], []
    for number in range(2):
        stage.say(f"make serve on a fresh clone, {number + 1} of 2")
        with tempfile.TemporaryDirectory(prefix="eunoe-benchmark-") as folder:
            clone = Path(folder) / "clone"
            _clone(clone)
            first.append(_make_serve(clone))
            second.append(_make_serve(clone))
    return [
        alone("make serve, fresh clone, warm package caches", "s", first,
              goal=Goal(60.0, is_floor=False)),
        alone("make serve again", "s", second, goal=Goal(3.0, is_floor=False)),
    ]  # fmt: skip


def _clone(folder: Path) -> None:
    """What is committed."""
    git = shutil.which("git")
    if git is None:
        raise Failed("there is no git here")
    command = [git, "clone", "--quiet", "--depth", "1", ROOT.as_uri(), str(folder)]
    subprocess.run(command, check=True)  # noqa: S603 - ours


def _make_serve(clone: Path) -> float:
    """Seconds until it is ready."""
    make = shutil.which("make")
    if make is None:
        raise Failed("there is no make here")
    addresses = fixed_addresses()
    environment = {name: text for name, text in os.environ.items() if not name.startswith("EUNOE_")}
    environment |= addresses | {"EUNOE_BOOTSTRAP_API_KEY": KEY}
    log = clone.with_suffix(".log")
    started = time.perf_counter()
    # A group of its own, so that what make starts can be stopped with it.
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - ours
            [make, "serve"], cwd=clone, env=environment, start_new_session=True,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        while not _is_ready(f"http://{addresses['EUNOE_OPS_ADDRESS']}/readyz"):
            if process.poll() is not None or time.perf_counter() - started > CLONE_SECONDS:
                raise Failed(f"make serve: {log.read_text(errors='replace')[-1000:]}")
            time.sleep(0.05)
        return time.perf_counter() - started
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _is_ready(url: str) -> bool:
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(url, timeout=2) as answer,  # noqa: S310 - loopback
    ):
        return bool(answer.status == 200)
    return False
