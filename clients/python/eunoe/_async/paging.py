"""Lists that page by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

from eunoe._page import Page

T = TypeVar("T")


class AsyncPaged(Generic[T]):
    """A list on the server. Iterating reads it page after page; nothing is read before."""

    def __init__(self, fetch: Callable[[str], Awaitable[Page[T]]], next_token: str | None) -> None:
        self._fetch = fetch
        self._next_token = next_token or ""

    async def __aiter__(self) -> AsyncIterator[T]:
        """Every item."""
        async for page in self.pages():
            for item in page.items:
                yield item

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Every page."""
        token: str | None = self._next_token
        while token is not None:
            page = await self._fetch(token)
            yield page
            token = page.next

    async def page(self) -> Page[T]:
        """The first page alone: its items, and the `next` that goes on after them."""
        return await self._fetch(self._next_token)
