"""What every store is made of: a connection inside a transaction, and the tenant it works for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, LiteralString, TypeVar

from psycopg import AsyncConnection, AsyncCursor
from psycopg.sql import SQL, Composed, Literal

from eunoe_server.domain.limit_table import MAX_PAGE_BYTES
from eunoe_server.domain.page import Page, Place
from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.driver_errors import translated_errors
from eunoe_server.stores.rows import made_by

Row = TypeVar("Row")

#: How a page's block is completed: `{follows}` and `{direction}`.
NEWEST_FIRST = {"follows": SQL("<"), "direction": SQL("desc")}
OLDEST_FIRST = {"follows": SQL(">"), "direction": SQL("asc")}


@dataclass(frozen=True, slots=True)
class Fitting(Generic[Row]):
    """The rows that one answer may hold, and one in any case; in no order."""

    rows: Sequence[Row]
    #: How many there are beside them.
    left_out: int


@dataclass(frozen=True, slots=True)
class Read(Generic[Row]):
    """A statement that reads, with its values in it, and what becomes of its rows.

    Without parameters it can share a round trip with the beginning and the end of a transaction:
    for look-ups so small that three trips would cost more than what they find.
    """

    statement: bytes
    make: Callable[..., Row]

    async def rows(self, cursor: AsyncCursor[Row], *, statements_after: int = 0) -> list[Row]:
        """What it has read, among the results of the statements that were sent with it."""
        await cursor.set_result(-1 - statements_after)
        return await cursor.fetchall()


def read(
    block: LiteralString, make: Callable[..., Row], tenant: Tenant | None, **values: object
) -> Read[Row]:
    """A named block, filled in, and what becomes of its rows."""
    return Read(filled_in(block, tenant, **values), make)


def filled_in(block: LiteralString, tenant: Tenant | None, **values: object) -> bytes:
    """A named block with its `%(value)s` in it, the tenant's two keys among them.

    Raises InvalidInput for a text that no column can hold, as the statement would.
    """
    with translated_errors():
        bound = {name: _literal(value) for name, value in _scoped(values, tenant).items()}
    return (block % bound).rstrip(";").encode()


class Store:
    """The base of the stores. Every statement gets the tenant's two keys among its values."""

    __slots__ = ("_connection", "_tenant")

    def __init__(self, connection: AsyncConnection[Any], tenant: Tenant | None) -> None:
        self._connection = connection
        self._tenant = tenant

    async def _all(
        self, query: LiteralString, make: Callable[..., Row], **values: object
    ) -> Sequence[Row]:
        async with self._connection.cursor(row_factory=made_by(make)) as cursor:
            await cursor.execute(query, _scoped(values, self._tenant))
            return await cursor.fetchall()

    async def _fitting(
        self, query: LiteralString, make: Callable[..., Row], **values: object
    ) -> Fitting[Row]:
        """Of rows that may be long those that fit: the block stops at `max_bytes`.

        It says of each row how many there are, and what it has counted up to there.
        """
        found = await self._all(query, dict[str, Any], max_bytes=MAX_PAGE_BYTES, **values)
        there = 0
        for row in found:
            there = row.pop("in_all")
            del row["number"], row["bytes_so_far"]
        return Fitting([make(**row) for row in found], there - len(found))

    async def _one(
        self, query: LiteralString, make: Callable[..., Row], **values: object
    ) -> Row | None:
        async with self._connection.cursor(row_factory=made_by(make)) as cursor:
            await cursor.execute(query, _scoped(values, self._tenant))
            return await cursor.fetchone()

    async def _execute(self, query: LiteralString, **values: object) -> int:
        """The number of rows that were changed."""
        cursor = await self._connection.execute(query, _scoped(values, self._tenant))
        return cursor.rowcount

    async def _page(
        self,
        query: LiteralString,
        make: Callable[..., Row],
        place_of: Callable[[Row], Place],
        *,
        limit: int,
        after: Place | None,
        newest_first: bool,
        **values: object,
    ) -> Page[Row]:
        """At most `limit` rows behind `after`. The block asks for one more than that."""
        rows = await self._listed(
            query, make, limit=limit, after=after, newest_first=newest_first, **values
        )
        has_more = len(rows) > limit
        rows = rows[:limit]
        return Page(items=rows, next=place_of(rows[-1]) if has_more else None)

    async def _sized_page(
        self,
        query: LiteralString,
        make: Callable[..., Row],
        place_of: Callable[[Row], Place],
        *,
        limit: int,
        after: Place | None,
        newest_first: bool,
        **values: object,
    ) -> Page[Row]:
        """The same of rows that may be long: the block stops at `max_bytes`.

        It says of each row whether another follows, and what it has counted up to there.
        """

        def make_both(
            *, is_followed: bool, number: int, bytes_so_far: int, **columns: Any
        ) -> tuple[Row, bool]:
            del number, bytes_so_far
            return make(**columns), is_followed

        found = await self._listed(
            query,
            make_both,
            limit=limit,
            max_bytes=MAX_PAGE_BYTES,
            after=after,
            newest_first=newest_first,
            **values,
        )
        rows = [row for row, _ in found]
        has_more = found[-1][1] if found else False
        return Page(items=rows, next=place_of(rows[-1]) if has_more else None)

    async def _listed(
        self,
        query: LiteralString,
        make: Callable[..., Row],
        *,
        after: Place | None,
        newest_first: bool,
        **values: object,
    ) -> Sequence[Row]:
        """The rows of a page's block.

        Never prepared: a plan for all filters at once would fit none of them.
        """
        block: Composed = SQL(query).format(**NEWEST_FIRST if newest_first else OLDEST_FIRST)
        values |= {
            "after_at": after.created_at if after else None,
            "after_key": after.key if after else None,
        }
        async with self._connection.cursor(row_factory=made_by(make)) as cursor:
            await cursor.execute(block, _scoped(values, self._tenant), prepare=False)
            return await cursor.fetchall()


def _literal(value: object) -> str:
    # Keys, which are the most of them, are written as they are; `type`, since a bool is an int.
    return str(value) if type(value) is int and value >= 0 else Literal(value).as_string()


def _scoped(values: dict[str, object], tenant: Tenant | None) -> dict[str, object]:
    if tenant is None:
        return values
    return values | {"project_id": tenant.project_id, "namespace_key": tenant.namespace_key}
