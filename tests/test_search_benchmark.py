"""The search benchmark runs, prints every line, and misses nothing. It asserts no time."""

from __future__ import annotations

import re

import pytest

from benchmarks.search import QUICK, measure

RESULTS = "results 10.00 of 10, the fewest 10"


def test_every_line_is_printed_and_every_query_gets_all_its_results(
    capsys: pytest.CaptureFixture[str],
) -> None:
    measure(QUICK)
    printed = capsys.readouterr().out
    figures = [line for line in printed.splitlines() if line.startswith("search, a namespace")]
    # 12 namespaces of 50 texts, after the first of them, all of them, and their copies.
    assert [re.findall(r"texts, ([\d,]+) texts in all", line) for line in figures] == [
        ["50"],
        ["600"],
        # 300 of them in the large one.
        ["1,500"],
    ]
    (large,) = [line for line in printed.splitlines() if "one namespace of 300 texts: p50" in line]
    assert all(line.endswith(RESULTS) for line in [*figures, large])
    assert len(re.findall(r"^written, .* messages/s", printed, re.MULTILINE)) == 3
    assert "recall@10 against an exact one, 10 questions: 1.000, the lowest 1.00" in printed
    assert "upkeep, done after" in printed
