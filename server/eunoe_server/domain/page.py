"""Where a page starts: behind one row, named by what the list is sorted by.

A place is not a token. Its wording on the wire, and the filter it is bound to, belong to the
services; here are only the row it stands for and the rows that follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Place:
    """The last row of a page: when it was created, and its key among those of that moment."""

    created_at: datetime
    key: int


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows in order, and the place behind them when more follow."""

    items: Sequence[Row]
    next: Place | None
