"""Where the time of a chat, a search and a create goes: a profile of each under load.

    python -m benchmarks.hot_paths [--seconds 10] [--callers 4] [--quick]

A server that remembers 100,000 messages is called over and over while py-spy (of the extra
`bench`) samples it. Printed are the processor time of a call, in the server and in Postgres, and
what of the server's went where: by our modules, each with what it calls outside of ours; and by
packages, each by itself. Samples are of what holds the interpreter, which is what a server of one
process runs out of; waits are not in them, but in the server's histograms of stages.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.processes import Failed, cpu_seconds
from benchmarks.programs.call_load import Call, CallOrder, call
from benchmarks.programs.chat_load import ChatOrder, chat
from benchmarks.stage import FULL, QUICK, Stage
from tests.fixtures.server import KEY, ServerProcess
from tests.reliability.postgres import postmaster_pid

#: Lines of each table.
LINES = 14
#: The load begins before the samples and ends after them.
MARGIN_SECONDS = 1.5

#: What runs below none of our modules but the one that started it.
THE_LOOP = "(the event loop, gRPC and the threads)"

_FRAME = re.compile(r"(?P<function>.*) \((?P<path>[^()]*)\)")


def main() -> None:
    """Prints two tables for each path."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of samples of each path")
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs")
    options = parser.parse_args()
    seconds = options.seconds + 2 * MARGIN_SECONDS
    plan = replace(QUICK if options.quick else FULL, seconds=seconds)
    console = Console()
    with Stage(plan) as stage, stage.remembering() as server:
        for name, load in _paths(stage, server, options.callers, seconds).items():
            stage.say(name)
            calls, server_seconds, database_seconds, samples = _sampled(
                server, load, options.seconds
            )
            console.print(
                f"\n{name}: {calls / seconds:,.0f} calls/s; of each "
                f"{1000 * server_seconds / calls:.2f} ms of processor time in the server and "
                f"{1000 * database_seconds / calls:.2f} ms in Postgres"
            )
            console.print(_table("by our modules, with what they call", _by_module(samples)))
            console.print(_table("by packages, each by itself", _by_package(samples)))


def _paths(
    stage: Stage, server: ServerProcess, callers: int, seconds: float
) -> dict[str, Callable[[], int]]:
    """The load of each path; what it returns is how many calls there were."""

    def chats() -> int:
        url = f"{server.http}/v1/memory/chat/completions"
        report = chat(ChatOrder(url, KEY, stage.asks(), callers, seconds))
        if report.errors:
            raise Failed(report.errors[0])
        return len(report.chats)

    def calls(kind: Call) -> int:
        order = CallOrder(kind, server.grpc, KEY, stage.asks(), callers, seconds, object="message")
        return len(call(order).milliseconds)

    return {
        "chat": chats,
        "search": lambda: calls(Call.SEARCH),
        "create": lambda: calls(Call.CREATE),
    }


def _sampled(
    server: ServerProcess, load: Callable[[], int], seconds: float
) -> tuple[int, float, float, Counter[tuple[str, ...]]]:
    """Calls, processor seconds of the server and of Postgres, and stacks with their samples."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        output = Path(folder) / "stacks"
        before = cpu_seconds(server.pid), _database_seconds(server)
        loading = thread.submit(load)
        spy = subprocess.run(  # noqa: S603 - of our environment
            [
                *(Path(sys.executable).parent / "py-spy", "record", "--pid", str(server.pid)),
                *("--output", output, "--format", "raw", "--duration", str(round(seconds))),
                *("--nolineno", "--rate", "200", "--nonblocking", "--gil"),
            ],
            capture_output=True,
            check=False,
        )
        calls = loading.result()
        after = cpu_seconds(server.pid), _database_seconds(server)
        if spy.returncode:
            raise Failed(f"py-spy: {spy.stderr.decode(errors='replace')[-500:]}")
        stacks: Counter[tuple[str, ...]] = Counter()
        for line in output.read_text().splitlines():
            frames, _, count = line.rpartition(" ")
            stacks[tuple(frames.split(";"))] += int(count)
    return calls, after[0] - before[0], after[1] - before[1], stacks


def _database_seconds(server: ServerProcess) -> float:
    """Of the server's Postgres: its postmaster's children."""
    postmaster = postmaster_pid(server.data_dir / "postgres")
    return sum(cpu_seconds(pid) for pid in _children(postmaster))


def _children(parent: int) -> Iterator[int]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except FileNotFoundError:  # it has ended meanwhile
            continue
        if int(fields[1]) == parent:
            yield int(stat.parent.name)


def _by_module(stacks: Counter[tuple[str, ...]]) -> Counter[str]:
    """Each sample to the innermost frame of ours."""
    found: Counter[str] = Counter()
    for frames, count in stacks.items():
        ours = (path for path in map(_path, reversed(frames)) if "eunoe_server/" in path)
        module = next(ours, "").rpartition("eunoe_server/")[2]
        found[THE_LOOP if module in {"", "__main__.py", "cli.py"} else module] += count
    return found


def _by_package(stacks: Counter[tuple[str, ...]]) -> Counter[str]:
    """Each sample to the package of its innermost frame."""
    found: Counter[str] = Counter()
    for frames, count in stacks.items():
        found[_path(frames[-1]).partition("/")[0].removesuffix(".py")] += count
    return found


def _path(frame: str) -> str:
    match = _FRAME.fullmatch(frame)
    return match["path"] if match else frame


def _table(title: str, found: Counter[str]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("where")
    table.add_column("of the samples", justify="right")
    for where, count in found.most_common(LINES):
        table.add_row(where, f"{count / found.total():.1%}")
    return table


if __name__ == "__main__":
    main()
