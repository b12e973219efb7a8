"""What kind of Postgres this is, for `eunoe doctor`: its versions, its size, what it would lose."""

from __future__ import annotations

from dataclasses import dataclass

from eunoe_server.stores.connection import connected

#: Without any of these an acknowledged write may be lost in a crash.
DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")


@dataclass(frozen=True, slots=True)
class Condition:
    """What was found."""

    postgres: str
    #: Empty: it is not installed.
    pgvector: str
    max_connections: int
    #: Of `DURABILITY`, those that are off.
    switched_off: tuple[str, ...]


async def look(conninfo: str) -> Condition:
    """Asks the server at `conninfo`. Raises StorageUnavailable."""
    async with connected(conninfo) as connection:
        cursor = await connection.execute(
            "select name, setting from pg_settings where name = any(%s)",
            [[*DURABILITY, "server_version", "max_connections"]],
        )
        settings: dict[str, str] = dict(await cursor.fetchall())
        cursor = await connection.execute(
            "select extversion from pg_extension where extname = 'vector'"
        )
        found = await cursor.fetchone()
    return Condition(
        postgres=settings["server_version"].split()[0],
        pgvector=found[0] if found else "",
        max_connections=int(settings["max_connections"]),
        switched_off=tuple(name for name in DURABILITY if settings[name] == "off"),
    )
