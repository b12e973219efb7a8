"""How much of what answers a question is found, by `benchmarks/recall.py`.

Nothing varies between two runs of the same code, so the spread is another: between which figures
19 of 20 sets of as many questions, drawn from these with replacement, lie.
"""

from __future__ import annotations

import numpy as np

from benchmarks.corpora import Corpus, read_locomo, read_own, read_user_assistant
from benchmarks.figures import Figure, Goal, Outcome, Row
from benchmarks.recall import Asked, Memory, measure
from benchmarks.stage import Stage
from tests.fixtures.server import serving

#: By group: percent of the evidence among the first so many.
GOALS = {
    "LoCoMo": {5: 70, 10: 78, 25: 86, 50: 91},
    "user and assistant": {1: 52, 5: 93, 10: 97},
}
OWN_DEPTHS = (1, 5, 10)
DRAWS = 1_000


def recalls(stage: Stage) -> Outcome:
    """Recall at each depth, of each group of conversations that is there."""
    corpora: list[Corpus] = []
    skipped = []
    for name, path, read in (
        ("--locomo", stage.plan.locomo, read_locomo),
        ("--user-assistant", stage.plan.user_assistant, read_user_assistant),
    ):
        if path is not None and path.is_file():
            corpora += read(path)
        else:
            skipped.append(f"recall: {name} names no file")
    corpora += read_own()
    stage.say(f"recall: {len(corpora)} corpora")
    with serving() as server, server.channel() as channel:
        asked = measure(Memory(channel), corpora, ["hybrid"])["hybrid"]
    rows = []
    for group in dict.fromkeys(each.group for each in asked):
        of_group = [each for each in asked if each.group == group]
        goals = GOALS.get(group, {})
        rows += [_row(group, of_group, depth, goals.get(depth)) for depth in goals or OWN_DEPTHS]
    return Outcome(tuple(rows), skipped=tuple(skipped))


def _row(group: str, asked: list[Asked], depth: int, floor: int | None) -> Row:
    shares = 100 * np.array([each.recall(depth) for each in asked])
    drawn = np.random.default_rng(17).choice(shares, (DRAWS, len(shares))).mean(axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Row(
        f"recall@{depth}, {group}",
        "%",
        Figure(float(shares.mean()), float(low), float(high)),
        goal=None if floor is None else Goal(floor, is_floor=True),
        note=f"{len(asked)} questions; spread: 95 % of {DRAWS:,} draws",
    )
