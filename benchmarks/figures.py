"""What is printed: figures with their spread, side by side, and what they were to reach.

Times and rates are measured in rounds that take turns (A B A B …), so that what slows the machine
down for a while slows every side down. A figure is the median of its rounds; the lowest and the
highest go with it wherever it is shown.

It refuses a figure of one round: it would have no spread.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Self, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as it was measured."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, rounds: Iterable[float]) -> Self:
        """The median of the rounds, with the lowest and the highest."""
        numbers = list(rounds)
        if len(numbers) < 2:
            raise ValueError(f"{len(numbers)} rounds show no spread")
        return cls(median(numbers), min(numbers), max(numbers))


class Basis(enum.StrEnum):
    """What a goal speaks of."""

    OURS = "ours"
    #: What is ours on top of the other's.
    ADDED = "added"
    #: What is ours for one of the other's.
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Goal:
    """What was to be reached."""

    limit: float
    #: Whether more is better.
    is_floor: bool
    basis: Basis = Basis.OURS

    def is_reached(self, figure: Figure) -> bool:
        """By the median."""
        return figure.middle >= self.limit if self.is_floor else figure.middle <= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    unit: str
    ours: Figure
    #: The other side: a peer, or the least or the most that is possible here. Empty: there is none.
    peer: str = ""
    theirs: Figure | None = None
    ratio: Figure | None = None
    added: Figure | None = None
    goal: Goal | None = None
    #: What one must know to read it.
    note: str = ""

    @property
    def judged(self) -> Figure | None:
        """The figure that the goal speaks of."""
        if self.goal is None:
            return None
        return {Basis.OURS: self.ours, Basis.ADDED: self.added, Basis.RATIO: self.ratio}[
            self.goal.basis
        ]

    @property
    def is_reached(self) -> bool | None:
        """Whether the goal is; None: there is none."""
        if self.goal is None or self.judged is None:
            return None
        return self.goal.is_reached(self.judged)


def alone(
    what: str, unit: str, rounds: Sequence[float], *, goal: Goal | None = None, note: str = ""
) -> Row:
    """A row without another side."""
    return Row(what, unit, Figure.of(rounds), goal=goal, note=note)


def beside(
    what: str,
    unit: str,
    ours: Sequence[float],
    peer: str,
    theirs: Sequence[float],
    *,
    goal: Goal | None = None,
    adds: bool = False,
    note: str = "",
) -> Row:
    """A row with two sides. Each round is compared with the round beside it.

    With `adds` ours contains what the other side does, and what it adds is shown.
    """
    pairs = list(zip(ours, theirs, strict=True))
    return Row(
        what,
        unit,
        Figure.of(ours),
        peer,
        Figure.of(theirs),
        Figure.of(one / other for one, other in pairs),
        Figure.of(one - other for one, other in pairs) if adds else None,
        goal,
        note,
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One side of a plot: x and what was measured there."""

    name: str
    points: tuple[tuple[float, Figure], ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """How a cost grows. One plot."""

    #: What the plot's file is called.
    name: str
    title: str
    x: str
    y: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a suite measured."""

    rows: tuple[Row, ...] = ()
    curves: tuple[Curve, ...] = ()
    #: What was left out, and why.
    skipped: tuple[str, ...] = ()


def take_turns(sides: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """What each side gave, round by round: A B A B …"""
    given: dict[str, list[T]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            given[name].append(side())
    return given


def percentile(numbers: Sequence[float], percent: int) -> float:
    """The number that so many percent of them do not exceed."""
    if len(numbers) < 2:
        return numbers[0]
    return quantiles(numbers, n=100, method="inclusive")[percent - 1]
