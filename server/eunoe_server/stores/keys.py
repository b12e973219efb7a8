"""API keys. The secret never gets here; its SHA-256 does."""

from __future__ import annotations

from typing import Any

from eunoe_server.domain.api_key import ApiKey, NewApiKey
from eunoe_server.domain.page import Page, Place
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Store

_SQL = load_queries("keys")


class Keys(Store):
    """Of one project. `get` alone also works before the project is known (`Database.find_key`)."""

    __slots__ = ()

    async def insert(self, new: NewApiKey) -> ApiKey:
        """Stores a key. Raises DuplicateId."""
        ((key, _),) = await self._all(
            _SQL["insert"],
            _key,
            id=new.id,
            secret_sha256=new.secret_sha256,
            name=new.name,
            scopes=list(new.scopes),
            namespace=new.namespace,
            namespace_prefix=new.namespace_prefix,
            expires_at=new.expires_at,
            monthly_calls=new.monthly_calls,
        )
        return key

    async def get(self, key_id: str) -> ApiKey | None:
        """The key of this id, revoked and expired ones too."""
        key = await self._one(_SQL["get"], _key, id=key_id)
        return key[0] if key else None

    async def list_page(
        self, limit: int, after: Place | None = None, *, newest_first: bool = True
    ) -> Page[ApiKey]:
        """Keys of the project, revoked and expired ones too."""
        page = await self._page(
            _SQL["list_page"],
            _key,
            lambda row: row[1],
            limit=limit,
            after=after,
            newest_first=newest_first,
        )
        return Page(items=[key for key, _ in page.items], next=page.next)

    async def revoke(self, key_id: str) -> ApiKey | None:
        """Ends a key; None when there is none."""
        key = await self._one(_SQL["revoke"], _key, id=key_id)
        return key[0] if key else None

    async def retire(self, key_id: str, grace_seconds: float) -> None:
        """Has a key end after so long, unless it ends before."""
        await self._execute(_SQL["retire"], id=key_id, grace_seconds=grace_seconds)

    async def count_ended(self, namespace: str) -> int:
        """How many keys that are bound to this namespace work no more."""
        return await self._one(_SQL["count_ended"], _count, namespace=namespace) or 0

    async def forget_ended(self, namespace: str) -> int:
        """Deletes them, because their rows would keep the namespace's name; how many they were."""
        return await self._execute(_SQL["forget_ended"], namespace=namespace)


def _key(*, key_number: int, scopes: list[str], **columns: Any) -> tuple[ApiKey, Place]:
    key = ApiKey(scopes=tuple(scopes), **columns)
    return key, Place(created_at=key.created_at, key=key_number)


def _count(keys: int) -> int:
    return keys
