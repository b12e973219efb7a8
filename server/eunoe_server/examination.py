"""What `eunoe doctor` looks at, from the ground up. It changes nothing."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass

from eunoe_server.app import (
    connections_needed,
    open_database,
    open_embedder,
    open_model,
    open_postgres,
)
from eunoe_server.errors import EunoeError
from eunoe_server.services.reindex import Reindex, VectorsInPlace
from eunoe_server.settings import Settings, wants_traces
from eunoe_server.stores import condition
from eunoe_server.stores.condition import Condition
from eunoe_server.stores.database import Database
from eunoe_server.stores.migrate import status

#: How many conversations that were set aside are named; the rest are counted.
DEAD_SHOWN = 20
#: Due work that waits longer than this means that no worker is at it.
LATE_SECONDS = 60.0
#: Below this Postgres may soon be unable to write.
LEAST_FREE_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `eunoe doctor` looked at."""

    subject: str
    is_well: bool
    #: What was found; what to do, where something is to be done.
    text: str


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Looks at what a server needs, from the ground up, as far as it can be seen."""
    try:
        async with open_postgres(settings) as dsn:
            schema = await status(dsn)
            yield Finding(
                "schema", not schema.why_not, schema.why_not or f"at version {schema.found:04}"
            )
            if schema.why_not:
                return
            async for finding in _examine_database(settings, await condition.look(dsn)):
                yield finding
            async with open_database(settings, dsn) as database:
                async for finding in _examine_queue(database):
                    yield finding
                async with open_embedder(settings) as embedder:
                    yield _vectors(await Reindex(database, embedder).look())
    except EunoeError as error:
        yield Finding("database", False, error.message)
        return
    if wants_traces():
        yield _traces()
    async with open_embedder(settings) as embedder:
        try:
            await embedder.embed(["Is anybody there?"])
        except EunoeError as error:
            yield Finding("embedder", False, f"{embedder.name}: {error.message}")
        else:
            yield Finding("embedder", True, f"{embedder.name}, dimension {embedder.dimension}")
        async with open_model(settings, embedder) as model:
            where = settings.upstream_base_url or "eunoe-local, which answers by rules"
            try:
                await model.list_models()
            except EunoeError as error:
                yield Finding("upstream", False, f"{where}: {error.message}")
            else:
                yield Finding("upstream", True, where)


async def _examine_database(settings: Settings, found: Condition) -> AsyncIterator[Finding]:
    versions = f"Postgres {found.postgres}, pgvector {found.pgvector}"
    if found.switched_off:
        off = ", ".join(found.switched_off)
        yield Finding("database", False, f"{versions}; a crash may lose what was stored: {off} off")
    else:
        yield Finding("database", True, versions)
    needed = connections_needed(settings)
    yield Finding(
        "database",
        needed <= found.max_connections,
        f"a server with these settings takes {needed} of its {found.max_connections} connections",
    )
    if not settings.database_url.get_secret_value():
        free = shutil.disk_usage(settings.data_dir).free
        yield Finding("disk", free >= LEAST_FREE_BYTES, f"{free / 2**30:.1f} GiB free for the data")


def _traces() -> Finding:
    if importlib.util.find_spec("opentelemetry") is None:
        return Finding("traces", False, "OTEL_* asks for them; install eunoe-server[otel]")
    return Finding("traces", True, "exported by OTLP over HTTP")


async def _examine_queue(database: Database) -> AsyncIterator[Finding]:
    async with database.transaction(None) as tx:
        depth = await tx.commits.depth()
        dead = await tx.commits.list_dead(DEAD_SHOWN)
    yield Finding(
        "commits",
        depth.lag_seconds < LATE_SECONDS,
        f"{depth.waiting} waiting, {depth.leased} under way, "
        f"the oldest due for {depth.lag_seconds:.0f} s",
    )
    for commit in dead:
        yield Finding(
            "commits",
            False,
            f"conversation {commit.dialogue_key} of project {commit.project_id} was set aside "
            f"after {commit.attempts} tries ({commit.last_error}); its next message tries again",
        )
    if depth.dead > len(dead):
        yield Finding("commits", False, f"… and {depth.dead - len(dead)} more set aside")


def _vectors(found: VectorsInPlace) -> Finding:
    parts = [f"{found.served:,} texts of {found.embedder}"]
    if found.bare:
        parts.append(f"{found.bare:,} without, found by their words")
    if found.foreign:
        parts.append(
            f"{found.foreign:,} of {', '.join(found.others)}, found by their words only until "
            "`eunoe reindex` has run"
        )
    return Finding("vectors", not found.foreign, "; ".join(parts))
