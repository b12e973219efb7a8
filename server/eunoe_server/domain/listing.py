"""What every list has in common (`options.proto`, "Lists"): size of a page, order, identity.

A list's identity is everything that must stay the same from page to page: a token belongs to it
(`page_token.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from eunoe_server.domain.limit_table import MAX_PAGE_SIZE
from eunoe_server.errors import InvalidParameter

DEFAULT_PAGE_SIZE = 50

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Listing:
    """Which list it is. The page size is no part of it: it may change from page to page."""

    #: What is listed: `memories`.
    of: str
    project_id: int
    #: Frozen dataclasses, tuples, texts, numbers, times and None, in any nesting.
    filter: object
    newest_first: bool


@dataclass(frozen=True, slots=True)
class TokenPage(Generic[Row]):
    """Rows in order, and the token of the page behind them; None on the last one."""

    items: Sequence[Row]
    next_token: str | None


def page_limit(page_size: int) -> int:
    """How many rows a page has. AIP-158: too many is lowered, not refused."""
    if page_size < 0:
        raise InvalidParameter.of("limit", "must not be negative")
    return min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def is_newest_first(order: str) -> bool:
    """Raises InvalidParameter unless `order` is `asc`, `desc` or empty."""
    if order not in {"", "asc", "desc"}:
        raise InvalidParameter.of("order", "must be asc or desc")
    return order != "asc"
