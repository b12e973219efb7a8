"""What `benchmarks/search.py` does to its own server's database, where the API would take hours.

It copies namespaces that were written through the API, row by row with all indexes, under new keys
and names; and it looks whether the division of a large namespace is complete.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal
from rich.progress import track

from eunoe_server.stores.search import MAX_WHOLE_TEXTS

PATIENCE_SECONDS = 300.0
#: Keys of a copy are this much higher than the original's; no sequence gets there.
DISTANCE = 1_000_000_000
#: Which columns hold keys, by table. What a namespace cannot be searched without, in order.
KEYS = {
    "namespaces": ("namespace_key",),
    "dialogues": ("namespace_key", "dialogue_key"),
    "messages": ("namespace_key", "dialogue_key", "message_key"),
    "search_entries": ("namespace_key", "dialogue_key", "entry_key", "object_key"),
}


def copy_namespaces(connection: Connection[Any], names: Sequence[str], total: int) -> None:
    """Copies these namespaces, as often as it takes to have `total` texts in all."""
    (texts,) = connection.execute(
        "select count(*) from search_entries join namespaces using (namespace_key)"
        " where name = any(%s)",
        [list(names)],
    ).fetchone() or (0,)
    copies = max(math.ceil((total - entries_in_all(connection)) / texts), 0)
    columns = {table: _columns(connection, table) for table in KEYS}
    for number in track(range(1, copies + 1), description="copying"):
        with connection.transaction():
            for table in KEYS:
                connection.execute(_copy(table, columns[table], number), [list(names)])
    connection.execute("vacuum analyze")


def entries_in_all(connection: Connection[Any]) -> int:
    """Texts that can be found, of all namespaces."""
    (entries,) = connection.execute("select count(*) from search_entries").fetchone() or (0,)
    return int(entries)


def await_upkeep(connection: Connection[Any], name: str) -> None:
    """Returns when nothing is left to split, and the namespace of this name is divided if large."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        (waiting, whole) = connection.execute(
            "select (select count(*) from search_splits), (select count(*) from search_entries"
            " join namespaces using (namespace_key) where name = %s and cell = 0)",
            [name],
        ).fetchone() or (0, 0)
        if not waiting and whole <= MAX_WHOLE_TEXTS:
            return
        time.sleep(0.5)
    raise AssertionError("the upkeep did not end")


def _columns(connection: Connection[Any], table: str) -> Sequence[str]:
    rows = connection.execute(
        "select column_name from information_schema.columns"
        " where table_schema = 'public' and table_name = %s and is_generated = 'NEVER'",
        [table],
    )
    return [column for (column,) in rows]


def _copy(table: str, columns: Sequence[str], number: int) -> Composed:
    keys = KEYS[table]
    values: list[Composable] = []
    for column in columns:
        value: Composable = Identifier(table, column)
        if column in keys:
            value = SQL("{} + {}").format(value, Literal(number * DISTANCE))
        elif (table, column) in {("namespaces", "name"), ("dialogues", "id")}:
            value = SQL("{} || {}").format(value, Literal(f"-{number}"))
        values.append(value)
    return SQL(
        "insert into {table} ({columns}) overriding system value select {values} from {table}"
        " where {table}.namespace_key in"
        " (select namespace_key from namespaces where name = any(%s))"
    ).format(
        table=Identifier(table),
        columns=SQL(", ").join(map(Identifier, columns)),
        values=SQL(", ").join(values),
    )
