"""What a run showed, as rows of one table: what, wanted, printed."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from tests.reliability.history import Verdict

Row: TypeAlias = tuple[str, str, str]
Rows: TypeAlias = list[Row]


def show(rows: Sequence[Row], title: str = "") -> None:
    """One table for a person."""
    table = Table("what", "wanted", "printed", title=title or None)
    for row in rows:
        table.add_row(*row)
    Console(width=140).print(table)


def seconds(worst: Sequence[float]) -> str:
    """The worst and the median of several times."""
    if not worst:
        return "never"
    ordered = sorted(worst)
    return f"worst {ordered[-1]:.2f} s, median {ordered[len(ordered) // 2]:.2f} s"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all is not above; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def integrity(subject: str, acknowledged: int, verdict: Verdict, orphans: int) -> Rows:
    """The rows that every history ends in."""
    lost = len(verdict.lost) + len(verdict.undead) + len(verdict.mistagged)
    partial = len(verdict.partial) + len(verdict.disordered) + orphans
    return [
        (f"{subject}: acknowledged changes lost", f"0 of {acknowledged}", str(lost)),
        (f"{subject}: stored in part", "0", str(partial)),
        (
            f"{subject}: stored twice, or made up",
            "0",
            str(len(verdict.duplicated) + len(verdict.foreign)),
        ),
    ]


def main(
    measure: Callable[..., Awaitable[Rows]], description: str | None, **defaults: float
) -> None:
    """Runs one module from the command line; every argument of `measure` is an option."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in defaults.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=type(default), default=default, help=f"({default})"
        )

    async def run() -> Rows:
        return await measure(**vars(parser.parse_args()))

    show(asyncio.run(run()))
