"""Memories and dialogues held against a model of each, over both transports at once (S10).

    python -m tests.reliability.models [--examples 300] [--seed 1]

hypothesis makes up sequences of calls, right and wrong ones, and shortens one that shows a
difference to the few calls that it takes.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from rich.console import Console

from tests.fixtures.server import ServerProcess, serving
from tests.reliability.figures import Rows, main
from tests.reliability.model_of_dialogues import DialogueModel
from tests.reliability.model_of_memories import MemoryModel
from tests.reliability.two_transports import TwoTransports

STEPS = 30


@dataclass(slots=True)
class Outcome:
    """What was called, and where the server and a model differed."""

    calls: Counter[str] = field(default_factory=Counter)
    #: How often each reason was the answer, and `OK`.
    outcomes: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


def run(server: ServerProcess, examples: int, number: int, *, steps: int = STEPS) -> Outcome:
    """So many sequences against each model."""
    outcome = Outcome()
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with server.channel() as channel:
        both = TwoTransports(server, channel)
        for model in (MemoryModel, DialogueModel):
            machine: Any = seed(number)(partial(model, both))
            try:
                run_state_machine_as_test(machine, settings=chosen)
            except Exception as error:  # noqa: BLE001 - a model that is surprised differs as well
                outcome.differences.append("".join(traceback.format_exception(error)))
        outcome.calls, outcome.outcomes = both.calls, both.outcomes
    return outcome


async def measure(examples: int = 300, seed: int = 1) -> Rows:
    """Starts a server and compares."""
    with serving() as server:
        outcome = await asyncio.to_thread(run, server, examples, seed)
    Console(markup=False, highlight=False).print(
        dict(outcome.calls), dict(outcome.outcomes), *outcome.differences, sep="\n"
    )
    return [
        ("models: sequences of calls", f"{2 * examples:,}", f"{2 * examples:,}"),
        ("models: calls over both transports", "", f"{outcome.calls.total():,}"),
        ("models: differences", "0", str(len(outcome.differences))),
    ]


if __name__ == "__main__":
    main(measure, __doc__, examples=300, seed=1)
