"""All long runs, one after the other, and one table of what they showed.

    python -m tests.reliability [--quick] [--only NAME ...] [--seed N]

Each is a module of its own that can be run alone. They share nothing but the machine, so a figure
in seconds is an upper bound when the machine does other things. A run that breaks is a row of the
table and makes the exit status 1; the others go on.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import inspect
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from rich.console import Console

from tests.reliability.figures import Rows, show

_console = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Run:
    """One module with `async def measure(...)`, and what makes it a matter of seconds."""

    module: str
    about: str
    quick: Mapping[str, float] = field(default_factory=dict)


RUNS = (
    Run("server_kills", "kill -9 of the server under writers", {"rounds": 3}),
    Run("postgres_kills", "kill -9 of Postgres under writers", {"rounds": 2}),
    Run("commit_kills", "kill -9 of workers that commit", {"conversations": 60, "workers": 2}),
    Run("idempotency_kills", "kill -9 between a write and its answer", {"kills": 3}),
    Run("cancellations", "storms of calls that hang up", {"rounds": 2}),
    Run("database_outage", "a network that swallows everything", {"seconds": 6}),
    Run("pressure", "a database that hangs"),
    Run("full_disk", "a database that cannot be written", {"seconds": 3}),
    Run("rolling_restart", "restarts under a client", {"rounds": 1, "kills": 1}),
    Run("versions", "migrations killed, schemas of others", {"kills": 3}),
    Run("overload", "four times what can be served", {"seconds": 5}),
    Run("tenants", "three tenants without the application's filters", {"operations": 5_000}),
    Run("erasure", "canaries in an erased namespace"),
    Run("models", "random calls against a model of each", {"examples": 10}),
    Run("fuzz_http", "requests made from the OpenAPI document", {"requests": 2_000}),
    Run("fuzz_grpc", "random bytes at every gRPC method", {"calls": 2_000}),
    Run(
        "rude_peers", "clients that read and send a byte at a time", {"drippers": 20, "seconds": 12}
    ),
    Run("soak", "half an hour of everything", {"minutes": 0.5}),
)


def measure_of(run: Run) -> Callable[..., Awaitable[Rows]]:
    """What the module measures with."""
    measure: Callable[..., Awaitable[Rows]] = importlib.import_module(
        f"tests.reliability.{run.module}"
    ).measure
    return measure


def options_of(run: Run, *, quick: bool, seed: int) -> dict[str, float]:
    """What `measure` is called with."""
    options: dict[str, float] = dict(run.quick) if quick else {}
    if "seed" in inspect.signature(measure_of(run)).parameters:
        options["seed"] = seed
    return options


async def measured(run: Run, *, quick: bool, seed: int) -> Rows:
    """The rows of one run."""
    return await measure_of(run)(**options_of(run, quick=quick, seed=seed))


def main() -> int:
    """Runs what was asked for; 1 when a run broke."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [run.module for run in RUNS]
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="a short run of each")
    parser.add_argument("--seed", type=int, default=1, help="(1)")
    options = parser.parse_args()
    chosen = [run for run in RUNS if options.only is None or run.module in options.only]
    rows: Rows = []
    broken = 0
    for number, run in enumerate(chosen, start=1):
        _console.print(f"[{number}/{len(chosen)}] {run.module}: {run.about}")
        began = time.monotonic()
        try:
            rows += asyncio.run(measured(run, quick=options.quick, seed=options.seed))
        except Exception as error:  # noqa: BLE001 - the other runs have something to say as well
            _console.print_exception()
            rows.append((run.module, "", f"broken: {type(error).__name__}"))
            broken += 1
        _console.print(f"      {time.monotonic() - began:.0f} s")
    show(rows, "What was promised, and what was seen")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
