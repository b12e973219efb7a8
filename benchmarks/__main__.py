"""What we claim about speed and recall, measured side by side and printed as one table.

    python -m benchmarks [--only SUITE …] [--quick] [--json FILE] [--write]
                         [--memories N …] [--locomo FILE] [--user-assistant FILE]

`README.md` says what each figure means. Each suite starts what it needs (servers, peers, load, all
on loopback, in processes of their own) and stops it. A suite that fails is said to have failed, at
the end and in the exit status; the others go on.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks.figures import Outcome
from benchmarks.machine import Machine
from benchmarks.plots import can_draw
from benchmarks.results import Result, as_json, write
from benchmarks.stage import FULL, QUICK, Plan, Stage
from benchmarks.suites.calls import calls
from benchmarks.suites.chats import added, throughput
from benchmarks.suites.crowds import crowd
from benchmarks.suites.lifetimes import lifetimes
from benchmarks.suites.memories import memories
from benchmarks.suites.recalls import recalls
from benchmarks.suites.searches import searches
from benchmarks.suites.workers import workers
from benchmarks.suites.writes import writes
from benchmarks.table import table
from tests.differential.environments import Missing

SUITES: Mapping[str, tuple[str, Callable[[Stage], Outcome]]] = {
    "chat": ("What memory adds to a chat", added),
    "litellm": ("Chats a second, beside the LiteLLM proxy", throughput),
    "search": ("Search", searches),
    "mem0": ("Memories, beside mem0", memories),
    "calls": ("Calls, beside the least they could cost", calls),
    "writes": ("Bulk writes", writes),
    "crowd": ("Many chats at once", crowd),
    "workers": ("A second worker", workers),
    "process": ("Memory and starts", lifetimes),
    "recall": ("Recall", recalls),
}


def main() -> None:
    """Measures, prints, writes; the exit status is 1 when a suite failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    titles = "\n".join(f"{name}: {title}" for name, (title, _) in SUITES.items())
    parser.add_argument("--only", nargs="+", choices=SUITES, metavar="SUITE", help=titles)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the results; -: on stdout")
    parser.add_argument("--write", action="store_true", help="into benchmarks/results, with plots")
    parser.add_argument("--rounds", type=int, help=f"of each comparison (default {FULL.rounds})")
    parser.add_argument(
        "--seconds", type=float, help=f"of each side in a round (default {FULL.seconds:g})"
    )
    parser.add_argument(
        "--memories",
        type=int,
        nargs="+",
        help="sizes beside mem0, ascending (default 10000); it stores some hundreds a second",
    )
    parser.add_argument("--locomo", type=Path, help="locomo10.json, or a part of it")
    parser.add_argument("--user-assistant", type=Path, help="sessions of a user with an assistant")
    options = parser.parse_args()
    if options.write and not can_draw():
        parser.error("--write draws plots: pip install -c constraints.txt -e '.[bench]'")

    # A run that is told to stop stops what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    with Stage(plan_of(options)) as stage:
        results, failed = run(stage, options.only or list(SUITES))
    if options.json == Path("-"):
        sys.stdout.buffer.write(as_json(results) + b"\n")
    else:
        show(results)
        if options.json:
            options.json.write_bytes(as_json(results) + b"\n")
    if options.write:
        write(results)
    for name, error in failed.items():
        print(f"failed: {name}: {error}", file=sys.stderr)
    sys.exit(bool(failed))


def plan_of(options: argparse.Namespace) -> Plan:
    """How much is measured, as the options say."""
    plan = QUICK if options.quick else FULL
    said = {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "memories": options.memories and tuple(sorted(options.memories)),
        "locomo": options.locomo,
        "user_assistant": options.user_assistant,
    }
    return replace(plan, **{name: value for name, value in said.items() if value is not None})


def run(stage: Stage, names: list[str]) -> tuple[dict[str, Result], dict[str, str]]:
    """What each suite measured, and why others did not."""
    results: dict[str, Result] = {}
    failed: dict[str, str] = {}
    for name in names:
        title, measure = SUITES[name]
        stage.console.rule(f"{name}: {title}", align="left")
        machine, measured_at = Machine.this(), datetime.now(UTC).isoformat(timespec="seconds")
        try:
            outcome = measure(stage)
        except Missing as missing:
            outcome = Outcome(skipped=(f"{name}: {missing}",))
        except Exception as error:  # noqa: BLE001 - hours of other figures must not go with it
            stage.console.print_exception()
            failed[name] = f"{type(error).__name__}: {error}"
            continue
        results[name] = Result(measured_at, machine, outcome)
    return results, failed


def show(results: Mapping[str, Result]) -> None:
    """The tables."""
    console = Console()
    if not console.is_terminal:
        console.width = 200
    for name, result in results.items():
        title = f"{name}: {SUITES[name][0]} ({result.machine.state()})"
        console.print(table(title, result.outcome.rows))
        for reason in result.outcome.skipped:
            console.print(f"left out: {reason}", markup=False)
    for machine in dict.fromkeys(result.machine.line() for result in results.values()):
        console.print(f"measured on {machine}", markup=False)


if __name__ == "__main__":
    main()
