"""What a search finds, as values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from eunoe._message import Message
from eunoe._moment import optional_moment
from eunoe.v1 import search_pb2

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal of a ranking: what it measured, and what that adds to the score."""

    name: str
    value: float
    weight: float
    contribution: float


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """One thing that was found."""

    item: T
    #: How well it fits, 0 to 1, comparable between queries.
    relevance: float
    #: Of a dialogue: its messages that matched, the best first.
    matches: tuple[Found[Message], ...] = ()
    #: How the relevance came about. Empty unless it was asked for.
    signals: tuple[Signal, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A stretch of time; a bound that is None is open."""

    gte: datetime | None
    gt: datetime | None
    lte: datetime | None
    lt: datetime | None


@dataclass(frozen=True, slots=True)
class ResolvedSearch:
    """The search as the server understood it: defaults filled in, phrases turned into instants."""

    mode: str
    limit: int
    order_by: str
    order: str
    timezone: str
    created: TimeRange | None
    modified: TimeRange | None


@dataclass(frozen=True, slots=True)
class SearchResults(Generic[T]):
    """What was found, in the order that was asked for."""

    results: tuple[Found[T], ...]
    request: ResolvedSearch
    #: How many more there are within the limit, for which the answer had no room (2 MiB).
    left_out: int = 0

    def __iter__(self) -> Iterator[Found[T]]:
        """The results."""
        return iter(self.results)

    def __len__(self) -> int:
        """How many."""
        return len(self.results)

    def __getitem__(self, index: int) -> Found[T]:
        """One of them."""
        return self.results[index]


def signals(sent: search_pb2.SearchResult) -> tuple[Signal, ...]:
    """As they were received."""
    return tuple(
        Signal(each.name, each.value, each.weight, each.contribution)
        for each in sent.explanation.signals
    )


def resolved(sent: search_pb2.ResolvedSearch) -> ResolvedSearch:
    """As it was received."""
    return ResolvedSearch(
        mode=sent.mode,
        limit=sent.limit,
        order_by=sent.order_by,
        order=sent.order,
        timezone=sent.timezone,
        created=_range(sent.filter, "created"),
        modified=_range(sent.filter, "modified"),
    )


def _range(sent: search_pb2.SearchFilter, field: str) -> TimeRange | None:
    if not sent.HasField(field):
        return None
    bounds = getattr(sent, field)
    return TimeRange(
        *(optional_moment(bounds, bound) for bound in ("gte", "gt", "lte", "lt")),
    )
