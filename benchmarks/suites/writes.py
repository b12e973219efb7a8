"""How much is written a second, with vector and index, in large calls."""

from __future__ import annotations

from functools import partial
from statistics import median

from benchmarks.figures import Goal, Outcome, alone, take_turns
from benchmarks.invented_texts import invented_turns
from benchmarks.programs.call_load import Call, CallOrder, call
from benchmarks.stage import Stage
from tests.fixtures.server import KEY, serving

CALLERS = 4
NAMESPACES = 50


def writes(stage: Stage) -> Outcome:
    """Memories and messages, all of them found by the next search."""
    turns = invented_turns(seed=3)
    asks = tuple((f"writes-{number % NAMESPACES}", next(turns).text) for number in range(1_000))
    kinds = {
        "CreateDialogue, 50 messages a call": (Call.DIALOGUE, 50),
        "BatchCreateMemories, 100 a call": (Call.BATCH, 100),
    }
    with serving() as server:
        stage.say("bulk writes")
        sides = {
            name: partial(
                call,
                CallOrder(kind, server.grpc, KEY, asks, CALLERS, stage.plan.seconds, batch=batch),
            )
            for name, (kind, batch) in kinds.items()
        }
        reports = take_turns(sides, stage.plan.rounds)
    rows = [
        alone(
            f"{name}, {CALLERS} callers",
            "texts/s",
            [sum(report.results) / report.elapsed_seconds for report in every],
            goal=Goal(2_000, is_floor=True),
            note=f"the load used {median(report.load_share for report in every):.0%} of a core",
        )
        for name, every in reports.items()
    ]
    return Outcome(tuple(rows))
