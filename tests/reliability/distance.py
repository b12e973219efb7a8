"""A server whose way to its Postgres, and to nothing else, can be disturbed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from psycopg.conninfo import make_conninfo

from tests.fixtures.fault_proxy import FaultProxy
from tests.fixtures.server import ServerProcess, serving
from tests.fixtures.upstream import Upstream
from tests.reliability.postgres import OutsidePostgres, outside_postgres


@dataclass(frozen=True, slots=True)
class Distant:
    """The server, and what is around it."""

    server: ServerProcess
    #: Between the server and Postgres.
    network: FaultProxy
    postgres: OutsidePostgres
    upstream: Upstream


@contextlib.contextmanager
def behind_a_network(settings: Mapping[str, str] | None = None) -> Iterator[Distant]:
    """Runs while the context lasts."""
    with (
        outside_postgres() as postgres,
        FaultProxy(postgres.socket) as network,
        Upstream() as upstream,
        serving(
            {
                "EUNOE_DATABASE_URL": make_conninfo(
                    postgres.dsn, host="127.0.0.1", port=network.port
                ),
                "EUNOE_UPSTREAM_BASE_URL": upstream.base_url,
                **(settings or {}),
            }
        ) as server,
    ):
        yield Distant(server, network, postgres, upstream)
