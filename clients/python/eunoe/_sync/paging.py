# Generated from ../_async by generate_sync.py. Do not edit.
"""Lists that page by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from eunoe._page import Page

T = TypeVar("T")


class Paged(Generic[T]):
    """A list on the server. Iterating reads it page after page; nothing is read before."""

    def __init__(self, fetch: Callable[[str], Page[T]], next_token: str | None) -> None:
        self._fetch = fetch
        self._next_token = next_token or ""

    def __iter__(self) -> Iterator[T]:
        """Every item."""
        for page in self.pages():
            yield from page.items

    def pages(self) -> Iterator[Page[T]]:
        """Every page."""
        token: str | None = self._next_token
        while token is not None:
            page = self._fetch(token)
            yield page
            token = page.next

    def page(self) -> Page[T]:
        """The first page alone: its items, and the `next` that goes on after them."""
        return self._fetch(self._next_token)
