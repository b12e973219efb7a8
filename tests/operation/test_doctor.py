"""`eunoe doctor` finds what would hurt later: a database that forgets, too few connections."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier
from pydantic import SecretStr

from eunoe_server.examination import Finding, examine
from eunoe_server.settings import DatabaseSettings, ServerSettings, Settings


async def findings(dsn: str, folder: Path, **settings: object) -> list[Finding]:
    """All that it finds about a server on this database."""
    loaded = Settings.load(database_url=SecretStr(dsn), data_dir=folder, **settings)
    return [finding async for finding in examine(loaded)]


async def test_a_sound_database_is_well(dsn: str, tmp_path: Path) -> None:
    found = await findings(dsn, tmp_path)
    assert [finding for finding in found if not finding.is_well] == []
    assert {finding.subject for finding in found} == {
        "schema", "database", "commits", "vectors", "embedder", "upstream",
    }  # fmt: skip


async def test_a_database_that_may_forget_what_it_acknowledged_is_ill(
    dsn: str, tmp_path: Path
) -> None:
    name = Identifier(str(conninfo_to_dict(dsn)["dbname"]))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(SQL("alter database {} set synchronous_commit = off").format(name))
    [ill] = [finding for finding in await findings(dsn, tmp_path) if not finding.is_well]
    assert ill.subject == "database"
    assert "synchronous_commit" in ill.text


async def test_more_processes_than_the_database_has_connections_for_are_ill(
    dsn: str, tmp_path: Path
) -> None:
    found = await findings(
        dsn,
        tmp_path,
        server=ServerSettings(workers=32),
        database=DatabaseSettings(pool_max=20),
    )
    [ill] = [finding for finding in found if not finding.is_well]
    # 32 times 20 and one that asks whether it is there, the parent's two and its one.
    assert "takes 675 of" in ill.text


async def test_traces_that_cannot_be_made_are_ill(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "opentelemetry" else find(name)
    )
    [ill] = [finding for finding in await findings(dsn, tmp_path) if not finding.is_well]
    assert (ill.subject, "eunoe-server[otel]" in ill.text) == ("traces", True)


async def test_a_database_that_is_away_is_ill_and_no_traceback(tmp_path: Path) -> None:
    [ill] = await findings("postgresql://127.0.0.1:9/none", tmp_path)
    assert ill == Finding("database", False, "The database cannot be reached.")
