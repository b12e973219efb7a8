"""Namespaces: from the name that a caller gives to the key that rows carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eunoe_server.domain.page import Page, Place
from eunoe_server.domain.tenant import Holdings, Namespace
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Store

_SQL = load_queries("namespaces")


class Namespaces(Store):
    """Of one project; the transaction is project-wide, but for `census` and `erase`."""

    __slots__ = ()

    async def resolve(self, name: str, *, create: bool = False) -> int | None:
        """The key of the namespace of this name, made if asked; None when there is none."""
        namespace = await self.get(name)
        if namespace is None and create:
            # Without a row, somebody else has just made it.
            namespace = await self._one(_SQL["insert"], Namespace, name=name)
            namespace = namespace or await self.get(name)
        return namespace.namespace_key if namespace else None

    async def get(self, name: str) -> Namespace | None:
        """The namespace of this name."""
        return await self._one(_SQL["get"], Namespace, name=name)

    async def list_page(
        self,
        limit: int,
        after: Place | None = None,
        *,
        prefix: str = "",
        newest_first: bool = True,
    ) -> Page[Namespace]:
        """Namespaces whose names begin with `prefix`."""
        return await self._page(
            _SQL["list_page"],
            Namespace,
            lambda namespace: Place(namespace.created_at, namespace.namespace_key),
            limit=limit,
            after=after,
            newest_first=newest_first,
            prefix=prefix,
        )

    async def holdings(self, namespace_keys: Sequence[int]) -> Mapping[int, Holdings]:
        """What namespaces hold, by key."""
        return dict(
            await self._all(_SQL["holdings"], _holdings, namespace_keys=list(namespace_keys))
        )

    async def census(self) -> Mapping[str, int]:
        """Rows in the transaction's own namespace, by table."""
        return dict(await self._all(_SQL["census"], _kind_and_rows))

    async def erase(self) -> bool:
        """Deletes the transaction's own namespace with all that lies in it; False: it was gone."""
        await self._execute(_SQL["unqueue"])
        await self._execute(_SQL["forget_sessions"])
        return await self._execute(_SQL["erase"]) > 0


def _holdings(
    namespace_key: int, memories: int, dialogues: int, messages: int
) -> tuple[int, Holdings]:
    return namespace_key, Holdings(memories, dialogues, messages)


def _kind_and_rows(kind: str, rows: int) -> tuple[str, int]:
    return kind, rows
