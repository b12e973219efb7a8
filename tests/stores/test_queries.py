"""The SQL files: every block is used, and Postgres understands it."""

from __future__ import annotations

import re
from importlib import resources

import pytest
from psycopg import AsyncConnection
from psycopg.sql import SQL

from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import NEWEST_FIRST

SUBJECTS = sorted(
    file.name.removesuffix(".sql")
    for file in resources.files("eunoe_server.stores").joinpath("sql").iterdir()
    if file.name.endswith(".sql")
)


@pytest.mark.parametrize("subject", SUBJECTS)
async def test_every_query_prepares(subject: str, dsn: str) -> None:
    # Finds misspelt columns and parameters without a type, without any row.
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        for name, query in load_queries(subject).items():
            if "{follows}" in query:
                query = SQL(query).format(**NEWEST_FIRST).as_string(connection)
            parameters = dict.fromkeys(re.findall(r"%\((\w+)\)[sb]", query))
            for number, parameter in enumerate(parameters, start=1):
                query = re.sub(rf"%\({parameter}\)[sb]", f"${number}", query)
            try:
                await connection.execute(f"prepare {name}_block as {query}".encode())
            except Exception as exc:
                raise AssertionError(f"{subject}.sql, {name}: {exc}") from exc


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_block_is_used_by_the_store_of_its_name(subject: str) -> None:
    code = resources.files("eunoe_server.stores").joinpath(f"{subject}.py").read_text("utf-8")
    for name in load_queries(subject):
        assert f'"{name}"' in code, f"nothing uses {name} of {subject}.sql"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_part_is_named_in_a_block_of_its_file(subject: str) -> None:
    file = resources.files("eunoe_server.stores").joinpath("sql", f"{subject}.sql")
    text = file.read_text("utf-8")
    statements = re.sub(r"^\s*--.*\n", "", text, flags=re.MULTILINE)
    for part in re.findall(r"^-- (\{\w+\}) --$", text, flags=re.MULTILINE):
        assert part in statements, f"nothing is made of {part} of {subject}.sql"


def test_a_block_is_its_text_without_comments() -> None:
    queries = load_queries("dialogues")
    assert queries["end"].startswith("update dialogues")
    assert all("--" not in query for query in queries.values())
