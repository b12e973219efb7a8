"""The benchmarks run, compare round with round, and print no figure without its spread.

They assert no time. What needs a peer from a package registry runs outside of the tests, with
`python -m benchmarks --quick`; search and recall have tests of their own.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from benchmarks.__main__ import run
from benchmarks.figures import (
    Basis,
    Curve,
    Figure,
    Goal,
    Line,
    Outcome,
    alone,
    beside,
    percentile,
    take_turns,
)
from benchmarks.machine import Machine
from benchmarks.plots import draw
from benchmarks.results import Result, as_json, page, write
from benchmarks.stage import QUICK, Stage
from benchmarks.table import cells

MACHINE = Machine("A processor", 2, 4.0, "Linux", "CPython", "PostgreSQL", "0", 0.5, 0.1)
TINY = replace(QUICK, seconds=0.05, dialogue_messages=(2,), memory_calls=3, crowd_seconds=0.4)

#: Four starts of a server, where all cores may be busy.
pytestmark = pytest.mark.timeout(300)


def result(*whats: str) -> Result:
    rows = tuple(alone(what, "ms", [3.0, 1.0, 2.0], note="a note") for what in whats)
    return Result("2026-01-02T03:04:05+00:00", MACHINE, Outcome(rows))


def test_a_figure_is_the_median_with_the_lowest_and_the_highest() -> None:
    assert Figure.of([5.0, 1.0, 3.0]) == Figure(3.0, 1.0, 5.0)


def test_one_round_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no spread"):
        alone("what", "ms", [1.0])


def test_each_round_is_compared_with_the_round_beside_it() -> None:
    row = beside("what", "ms", [2.0, 30.0, 6.0], "peer", [1.0, 10.0, 4.0], adds=True)
    assert row.ratio == Figure(2.0, 1.5, 3.0)
    assert row.added == Figure(2.0, 1.0, 20.0)


@pytest.mark.parametrize(
    ("goal", "is_reached"),
    [
        (Goal(6, is_floor=False), True),
        (Goal(5, is_floor=False), False),
        (Goal(6, is_floor=True), True),
        (Goal(7, is_floor=True), False),
        (Goal(3, is_floor=False, basis=Basis.ADDED), True),
        (Goal(2, is_floor=False, basis=Basis.ADDED), False),
        (Goal(2, is_floor=True, basis=Basis.RATIO), True),
        (Goal(2.1, is_floor=True, basis=Basis.RATIO), False),
    ],
)
def test_a_goal_is_judged_by_what_it_speaks_of(goal: Goal, is_reached: bool) -> None:
    row = beside("what", "ms", [6.0, 6.0], "peer", [3.0, 3.0], goal=goal, adds=True)
    assert row.is_reached is is_reached


def test_sides_take_turns() -> None:
    order: list[str] = []
    given = take_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert [len(every) for every in given.values()] == [3, 3]


def test_a_percentile_is_not_exceeded_by_so_many() -> None:
    assert percentile(range(101), 50) == 50
    assert percentile(range(101), 99) == 99
    assert percentile([4.0], 99) == 4.0


def test_a_run_replaces_what_its_suites_measured_before_and_nothing_else(tmp_path: Path) -> None:
    write({"one": result("old"), "two": result("kept")}, tmp_path)
    write({"one": result("new")}, tmp_path)
    found = msgspec.json.decode((tmp_path / "results.json").read_bytes())
    assert [found[name]["outcome"]["rows"][0]["what"] for name in ("one", "two")] == ["new", "kept"]
    text = (tmp_path / "results.md").read_text()
    assert "new" in text
    assert "kept" in text
    assert "old" not in text


def test_a_page_shows_every_row_with_its_spread_its_note_and_the_machine() -> None:
    text = page({"suite": result("first", "second")})
    for what in ("first", "second"):
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {what}<")]
        assert "1.00 to 3.00" in line
        assert "a note" in line
    assert "A processor, 2 cores, 4.0 GiB" in text


def test_a_plot_is_the_same_for_the_same_figures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib comes with the extra `bench`")
    line = Line("ours", ((1.0, Figure(2.0, 1.0, 4.0)), (10.0, Figure(3.0, 2.0, 5.0))))
    curve = Curve("name", "A title", "texts", "ms", (line,))
    for name in ("one.svg", "two.svg"):
        draw(curve, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert b"<svg" in (tmp_path / "one.svg").read_bytes()


@pytest.fixture(scope="module")
def measured() -> dict[str, Result]:
    with Stage(TINY) as stage:
        results, failed = run(stage, ["chat", "crowd", "calls"])
    assert failed == {}
    return results


def test_every_row_has_a_figure_and_its_spread(measured: dict[str, Result]) -> None:
    rows = [row for each in measured.values() for row in each.outcome.rows]
    assert len(rows) == 13  # 4 of chats, 6 of the crowd, 3 of calls
    for row in rows:
        assert re.search(r"ours [\d.,]+ to [\d.,]+", cells(row)[5])
        assert row.ours.low <= row.ours.middle <= row.ours.high


def test_chats_are_answered_with_what_is_remembered(measured: dict[str, Result]) -> None:
    rows = {row.what: row for row in measured["chat"].outcome.rows}
    notes = re.match(r"([\d.]+) notes", rows["chat, whole answer, 1 caller, p50"].note)
    assert notes is not None
    assert float(notes[1]) > 1
    (errors,) = [row for row in measured["crowd"].outcome.rows if "errors" in row.what]
    assert errors.ours == Figure(0, 0, 0)


def test_results_survive_their_file(measured: dict[str, Result]) -> None:
    assert msgspec.json.decode(as_json(measured), type=dict[str, Result]) == measured
