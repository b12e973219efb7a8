"""The table, for a terminal and for a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table

from benchmarks.figures import Basis, Figure, Goal, Row

HEADS = ("what", "to reach", "ours", "peer or limit", "ratio", "spread", "")
_MARKS = {True: "reached", False: "not reached", None: ""}


def table(title: str, rows: Iterable[Row]) -> Table:
    """For a terminal."""
    drawn = Table(title=title, title_justify="left", show_lines=False, header_style="bold")
    for head in HEADS:
        drawn.add_column(head, justify="left", overflow="fold")
    for row in rows:
        style = "red" if row.is_reached is False else None
        drawn.add_row(*cells(row), style=style)
        if row.note:
            drawn.add_row(f"  [dim]{row.note}[/dim]")
    return drawn


def markdown(rows: Sequence[Row]) -> str:
    """For a file."""
    lines = ["| " + " | ".join(HEADS) + " |", "|" + "---|" * len(HEADS)]
    for row in rows:
        what, *others = cells(row)
        note = f"<br><sub>{row.note}</sub>" if row.note else ""
        lines.append("| " + " | ".join([what + note, *others]) + " |")
    return "\n".join(lines)


def cells(row: Row) -> tuple[str, ...]:
    """A row as it is shown."""
    theirs = "" if row.theirs is None else f"{row.peer}: {_number(row.theirs.middle)} {row.unit}"
    return (
        row.what,
        _goal(row.goal, row.unit),
        f"{_number(row.ours.middle)} {row.unit}" + _added(row),
        theirs,
        "" if row.ratio is None else f"{_number(row.ratio.middle)}x",
        _spread(row),
        _MARKS[row.is_reached],
    )


def _goal(goal: Goal | None, unit: str) -> str:
    if goal is None:
        return ""
    sign = ">=" if goal.is_floor else "<="
    match goal.basis:
        case Basis.OURS:
            return f"{sign} {goal.limit:,g} {unit}"
        case Basis.ADDED:
            return f"added {sign} {goal.limit:,g} {unit}"
        case Basis.RATIO:
            return f"{sign} {goal.limit:,g}x"


def _added(row: Row) -> str:
    return "" if row.added is None else f" ({row.added.middle:+,.2f})"


def _spread(row: Row) -> str:
    parts = [f"ours {_range(row.ours)}"]
    if row.theirs is not None:
        parts.append(f"peer {_range(row.theirs)}")
    if row.ratio is not None:
        parts.append(f"ratio {_range(row.ratio)}")
    if row.added is not None:
        parts.append(f"added {_range(row.added)}")
    return "; ".join(parts)


def _range(figure: Figure) -> str:
    return f"{_number(figure.low)} to {_number(figure.high)}"


def _number(number: float) -> str:
    """Three digits that count, or all of a larger number."""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"
