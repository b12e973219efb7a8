"""What the `eunoe` command does without a server: schema, keys, namespaces, health, examination.

Each opens what it needs, does one thing, and closes it; an embedded Postgres that was not running
before is not running afterwards.
"""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from eunoe_server.app import open_database, open_embedder, open_postgres
from eunoe_server.domain.api_key import ApiKey
from eunoe_server.domain.audit import AuditEvent
from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.errors import InvalidInput
from eunoe_server.services.audit import AuditTrail
from eunoe_server.services.keys import Keys
from eunoe_server.services.namespaces import HeldNamespace, Namespaces
from eunoe_server.services.reindex import Progress, Reindex, VectorsInPlace
from eunoe_server.settings import Settings, split_address
from eunoe_server.stores import backup
from eunoe_server.stores.database import Database
from eunoe_server.stores.distribution import distribute
from eunoe_server.stores.migrate import migrate, status


async def apply_migrations(settings: Settings) -> Sequence[str]:
    """Brings the schema to this version; the names of the files applied now."""
    async with open_postgres(settings) as dsn:
        return await migrate(dsn)


async def missing_migrations(settings: Settings) -> Sequence[str]:
    """The names of the files that are not applied."""
    async with open_postgres(settings) as dsn:
        return (await status(dsn)).pending


async def distribute_tables(settings: Settings) -> Sequence[str]:
    """Spreads the tables over a Citus cluster; the statements that did it."""
    async with open_postgres(settings) as dsn:
        return await distribute(dsn)


async def back_up(settings: Settings, file: Path) -> None:
    """Writes the embedded database into `file`. A server may go on using it."""
    _require_embedded(settings)
    _require_data(settings)
    async with open_postgres(settings) as dsn:
        await backup.back_up(dsn, file)


async def restore(settings: Settings, file: Path) -> Sequence[str]:
    """Fills an empty data folder from `file`; the names of the migrations applied since."""
    _require_embedded(settings)
    async with open_postgres(settings) as dsn:
        return await backup.restore(dsn, file)


def _require_embedded(settings: Settings) -> None:
    if settings.database_url.get_secret_value():
        raise InvalidInput(
            "This is for the embedded Postgres. Back up and restore an outside one with its own "
            "tools, as a role that sees all rows (BYPASSRLS)."
        )


@asynccontextmanager
async def _migrated(settings: Settings) -> AsyncIterator[Database]:
    """The settings' database, made if there is none, with the schema of this version."""
    async with open_postgres(settings) as dsn:
        await migrate(dsn)
        async with open_database(settings, dsn) as database:
            yield database


@asynccontextmanager
async def _keys(settings: Settings, *, of_new: bool = False) -> AsyncIterator[Keys]:
    """The keys of the settings' database; of one that is made now only if `of_new`."""
    if not of_new:
        _require_data(settings)
    async with _migrated(settings) as database:
        yield Keys(database)


def _require_data(settings: Settings) -> None:
    is_embedded = not settings.database_url.get_secret_value()
    if is_embedded and not (settings.data_dir / "postgres").exists():
        raise InvalidInput(
            f"There is no data in {settings.data_dir.absolute()}. Set EUNOE_DATA_DIR to the "
            "server's, or start the server here first."
        )


async def create_key(
    settings: Settings,
    *,
    project: str,
    name: str,
    scopes: Sequence[Scope],
    namespace: str | None,
    namespace_prefix: str | None,
    expires_at: datetime | None,
    monthly_calls: int | None,
) -> str:
    """A new key's token."""
    async with _keys(settings, of_new=True) as keys:
        minted = await keys.create(
            await keys.project(project),
            name=name,
            scopes=scopes,
            namespace=namespace,
            namespace_prefix=namespace_prefix,
            expires_at=expires_at.replace(tzinfo=UTC) if expires_at else None,
            monthly_calls=monthly_calls,
        )
        return minted.token


async def list_keys(settings: Settings, *, project: str) -> Sequence[ApiKey]:
    """Every key of the project, newest first."""
    async with _keys(settings) as keys:
        project_id = await keys.project(project)
        page = await keys.list_page(project_id, limit=200)
        found = list(page.items)
        while page.next is not None:
            page = await keys.list_page(project_id, limit=200, after=page.next)
            found.extend(page.items)
        return found


def key_state(key: ApiKey) -> str:
    """`active`, `revoked` or `expired`."""
    if key.revoked_at is not None:
        return "revoked"
    return "active" if key.is_active else "expired"


async def rotate_key(
    settings: Settings, *, project: str, key_id: str, grace_seconds: int | None
) -> str:
    """The token of the key's successor. Raises InvalidInput, ApiKeyNotFound."""
    async with _keys(settings) as keys:
        project_id = await keys.project(project)
        return (await keys.rotate(project_id, key_id, grace_seconds=grace_seconds)).token


async def revoke_key(settings: Settings, *, project: str, key_id: str) -> None:
    """Raises ApiKeyNotFound."""
    async with _keys(settings) as keys:
        await keys.revoke(await keys.project(project), key_id)


@asynccontextmanager
async def _operator(settings: Settings, project: str) -> AsyncIterator[tuple[Database, Caller]]:
    """The settings' database, and its operator as a caller: of every right and no key."""
    _require_data(settings)
    async with _migrated(settings) as database:
        project_id = await database.open_project(project)
        if project_id is None:
            raise InvalidInput(f"There is no project `{project}`.")
        yield database, Caller(key_id="", project_id=project_id, scopes=frozenset(Scope))


async def list_namespaces(
    settings: Settings, *, project: str, prefix: str
) -> Sequence[HeldNamespace]:
    """Every namespace of the project whose name begins so, newest first."""
    async with _operator(settings, project) as (database, operator):
        found: list[HeldNamespace] = []
        token: str | None = ""
        while token is not None:
            page = await Namespaces(database).list_page(
                operator, prefix=prefix, limit=200, token=token
            )
            found.extend(page.items)
            token = page.next_token
        return found


async def retain_namespace(
    settings: Settings, *, project: str, name: str, days: int | None
) -> HeldNamespace:
    """Raises InvalidInput, NamespaceNotFound."""
    async with _operator(settings, project) as (database, operator):
        return await Namespaces(database).retain(operator, name, days)


async def erase_namespace(
    settings: Settings, *, project: str, name: str, dry_run: bool
) -> Mapping[str, int]:
    """Rows by table. Raises NamespaceNotFound."""
    async with _operator(settings, project) as (database, operator):
        return await Namespaces(database).erase(operator, name, dry_run=dry_run)


async def list_audit_events(
    settings: Settings, *, project: str, subject: str, limit: int
) -> Sequence[AuditEvent]:
    """The newest events of the project, or those about what has this id."""
    async with _operator(settings, project) as (database, operator):
        page = await AuditTrail(database).list_page(
            operator.project_id, subject_id=subject, limit=limit, token=""
        )
        return page.items


async def reindex(
    settings: Settings,
    stop: asyncio.Event,
    progress: Callable[[Progress], None],
    *,
    keep_others: bool,
) -> VectorsInPlace:
    """Moves all texts to the configured embedder as far as it gets; what is in place then."""
    async with _migrated(settings) as database, open_embedder(settings) as embedder:
        moving = Reindex(database, embedder)
        await moving.run(stop, progress, keep_others=keep_others)
        return await moving.look()


async def ask_readiness(settings: Settings) -> str:
    """Why the running server is not ready; empty when it is."""
    host, port = split_address(settings.ops_address)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/readyz"

    def ask() -> str:
        try:
            with urllib.request.urlopen(url, timeout=3):
                return ""
        except urllib.error.HTTPError as error:
            return error.read().decode(errors="replace").strip()
        except OSError as error:
            return f"No server answers on {settings.ops_address}: {error}"

    return await asyncio.to_thread(ask)
