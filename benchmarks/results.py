"""Results in files: `results.json`, the same as a page, and plots.

A run of some suites replaces what these suites measured before and leaves the others, each with
the machine and the time it was measured at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.figures import Outcome
from benchmarks.machine import Machine
from benchmarks.plots import draw
from benchmarks.table import markdown

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Result:
    """What one suite measured, where and when."""

    #: UTC, ISO 8601.
    measured_at: str
    machine: Machine
    outcome: Outcome


def as_json(results: Mapping[str, Result]) -> bytes:
    """For programs."""
    return msgspec.json.format(msgspec.json.encode(results), indent=2)


def write(results: Mapping[str, Result], folder: Path = FOLDER) -> None:
    """Merges them into the files of the folder."""
    folder.mkdir(exist_ok=True)
    file = folder / "results.json"
    known: dict[str, Result] = {}
    if file.exists():
        known = msgspec.json.decode(file.read_bytes(), type=dict[str, Result])
    known |= results
    file.write_bytes(as_json(known) + b"\n")
    (folder / "results.md").write_text(page(known))
    for result in results.values():
        for curve in result.outcome.curves:
            draw(curve, folder / f"{curve.name}.svg")


def page(results: Mapping[str, Result]) -> str:
    """For people."""
    parts = [
        "# Results\n",
        "Written by `python -m benchmarks --write`; `../README.md` says what each figure means.\n",
    ]
    for name, result in results.items():
        machine = result.machine
        parts.append(f"## {name}\n")
        parts.append(f"{result.measured_at}, {machine.line()}; {machine.state()}.\n")
        if result.outcome.rows:
            parts.append(markdown(result.outcome.rows) + "\n")
        parts += [f"Left out: {reason}\n" for reason in result.outcome.skipped]
        parts += [f"![{curve.title}]({curve.name}.svg)\n" for curve in result.outcome.curves]
    return "\n".join(parts)
