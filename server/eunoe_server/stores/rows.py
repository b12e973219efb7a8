"""Rows as what they stand for.

psycopg's `kwargs_row` does the same with names that it decodes anew for each result. Python matches
a keyword with a parameter at once if both are one and the same string, and else by comparing it
with all of them, which adds up in a row of twenty columns.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from psycopg import AsyncCursor
from psycopg.rows import AsyncRowFactory, RowMaker, no_result

Row = TypeVar("Row")


def made_by(make: Callable[..., Row]) -> AsyncRowFactory[Row]:
    """What `make` makes of a row's columns, which are its keywords."""

    def made(cursor: AsyncCursor[Any]) -> RowMaker[Row]:
        result = cursor.pgresult
        if result is None or not result.nfields:
            return no_result
        names = [_name(result.fname(at) or b"") for at in range(result.nfields)]

        def row(values: Sequence[Any]) -> Row:
            return make(**dict(zip(names, values, strict=True)))

        return row

    return made


@lru_cache(1_000)
def _name(column: bytes) -> str:
    return sys.intern(column.decode())
