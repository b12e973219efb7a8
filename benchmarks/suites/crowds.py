"""Many conversations at once, each with an answer that streams in slowly, as models answer.

The callers begin spread over the length of an answer, and each asks again as soon as it has its
answer. The same crowd stands before the upstream directly, before and after.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from benchmarks.figures import Figure, Goal, Outcome, Row, alone, percentile
from benchmarks.processes import own_program, resident_mebibytes, serving_program
from benchmarks.programs.chat_load import ChatOrder, ChatReport, chat
from benchmarks.stage import Stage
from tests.fixtures.server import KEY

#: Of an answer: 4 s in all.
PIECES = 40
PAUSE_MILLISECONDS = 100
#: The chats are divided by their time into so many parts, which take the place of rounds.
PARTS = 6


def crowd(stage: Stage) -> Outcome:
    """Errors, and what is added to the first token and to the whole answer."""
    plan = stage.plan
    pieces = PIECES if plan.crowd_seconds > 10 else 4
    program = [
        *own_program("upstream"),
        *("--pieces", str(pieces), "--pause-milliseconds", str(PAUSE_MILLISECONDS)),
    ]
    answer_seconds = pieces * PAUSE_MILLISECONDS / 1000

    def order(url: str, key: str, seconds: float) -> ChatReport:
        return chat(
            ChatOrder(
                url, key, stage.asks(), plan.crowd, seconds, stream=True,
                spread_seconds=answer_seconds, warm_up_chats=1,
            )
        )  # fmt: skip

    with serving_program(program) as upstream, stage.remembering(upstream) as server:
        direct_url = f"{upstream}/chat/completions"
        stage.say(f"{plan.crowd} callers before the upstream directly")
        before = order(direct_url, "none", plan.crowd_seconds / 3)
        stage.say(f"{plan.crowd} callers before us for {plan.crowd_seconds:.0f} s")
        ours = order(f"{server.http}/v1/memory/chat/completions", KEY, plan.crowd_seconds)
        mebibytes = resident_mebibytes(server.pid)
        direct = [before, order(direct_url, "none", plan.crowd_seconds / 3)]
    return Outcome(tuple(_rows(ours, direct, plan.crowd, mebibytes)))


def _rows(
    ours: ChatReport, direct: Sequence[ChatReport], callers: int, mebibytes: float
) -> list[Row]:
    who = f"{callers} chats at once"
    chats = sorted(ours.chats)
    size = max(len(chats) // PARTS, 1)
    parts = [chats[start : start + size] for start in range(0, len(chats) - size + 1, size)]
    seconds = [part[-1][0] - before[-1][0] for before, part in itertools.pairwise(parts)]
    note = (
        f"in {ours.elapsed_seconds:.0f} s; the server held {mebibytes:.0f} MiB; the load used "
        f"{ours.load_share:.0%} of a core"
    )
    errors = len(ours.errors)
    rows = [
        # A count has no spread.
        Row(
            f"{who}, errors", f"of {len(chats) + errors:,}", Figure(errors, errors, errors),
            goal=Goal(0, is_floor=False), note=ours.errors[0] if errors else "",
        ),
        alone(f"{who}, chats", "/s", [size / length for length in seconds], note=note),
    ]  # fmt: skip
    for what, column in (("first token", 1), ("whole answer", 2)):
        for percent in (50, 99):
            mine = Figure.of(percentile([chat[column] for chat in part], percent) for part in parts)
            theirs = Figure.of(
                percentile([chat[column] for chat in report.chats], percent) for report in direct
            )
            added = Figure(
                mine.middle - theirs.middle, mine.low - theirs.high, mine.high - theirs.low
            )
            rows.append(
                Row(
                    f"{who}, {what}, p{percent}", "ms", mine, "the upstream directly", theirs,
                    added=added,
                )
            )  # fmt: skip
    return rows
