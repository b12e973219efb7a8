"""Names of namespaces to their keys, remembered: every request asks for one.

Remembered for seconds only: another server may erase a namespace, and it may be made again under
another key. A write notices at once, because its key is gone; a read would find nothing for long.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from eunoe_server.domain.caller import Caller
from eunoe_server.domain.listing import Listing, TokenPage
from eunoe_server.domain.page import Page
from eunoe_server.domain.page_token import read_token, write_token
from eunoe_server.domain.tenant import Holdings, Namespace, Tenant
from eunoe_server.errors import NamespaceNotFound
from eunoe_server.stores.database import Database, Transaction

T = TypeVar("T")

#: How long a key is not looked up again.
FRESH_SECONDS = 5.0
#: Names remembered at most; the least recently used goes first.
MAX_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class HeldNamespace:
    """A namespace and how much lies in it."""

    namespace: Namespace
    holdings: Holdings


class Namespaces:
    """Finds, makes, lists and erases namespaces of a project."""

    def __init__(
        self, database: Database, *, monotonic_seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._now = monotonic_seconds
        self._keys: OrderedDict[tuple[int, str], tuple[int, float]] = OrderedDict()

    async def find(self, project_id: int, name: str) -> Tenant | None:
        """The tenant of an existing namespace; None when nobody has stored anything there."""
        return await self._resolve(project_id, name, create=False)

    async def write(
        self, project_id: int, name: str, work: Callable[[Transaction], Awaitable[T]]
    ) -> T:
        """Runs a write in a namespace, made if absent (again, if it was erased meanwhile)."""
        for is_last in (False, True):
            tenant = await self._resolve(project_id, name, create=True)
            try:
                return await self._database.run(tenant, work)
            except NamespaceNotFound:
                self._keys.pop((project_id, name), None)
                if is_last:
                    raise
        raise AssertionError("unreachable: the second try returns or raises")

    async def list_page(
        self, caller: Caller, *, prefix: str, limit: int, token: str
    ) -> TokenPage[HeldNamespace]:
        """The namespaces the caller may see, newest first, with what they hold."""
        if not prefix:
            prefix = caller.namespace_prefix or ""
        listing = Listing("namespaces", caller.project_id, (prefix, caller.namespace), True)
        place = read_token(token, listing) if token else None
        async with self._database.transaction(Tenant(caller.project_id)) as tx:
            if caller.namespace is not None:
                own = await tx.namespaces.get(caller.namespace)
                page: Page[Namespace] = Page([own] if own else [], None)
            else:
                page = await tx.namespaces.list_page(limit, place, prefix=prefix)
            seen = [each for each in page.items if caller.sees(each.name)]
            holdings = await tx.namespaces.holdings([each.namespace_key for each in seen])
        return TokenPage(
            [HeldNamespace(each, holdings[each.namespace_key]) for each in seen],
            write_token(page.next, listing) if page.next else None,
        )

    async def erase(self, caller: Caller, name: str, *, dry_run: bool) -> Mapping[str, int]:
        """Erases a namespace and all that was made from it; rows by table.

        With `dry_run` only counts. Raises NamespaceNotFound.
        """
        if not caller.sees(name):
            raise NamespaceNotFound
        tenant = await self.find(caller.project_id, name)
        if tenant is None:
            raise NamespaceNotFound

        async def work(tx: Transaction) -> Mapping[str, int]:
            census = await tx.namespaces.census()
            if not dry_run and not await tx.namespaces.erase():
                raise NamespaceNotFound
            return census

        census = await self._database.run(tenant, work)
        if not dry_run:
            self._keys.pop((caller.project_id, name), None)
        return census

    async def _resolve(self, project_id: int, name: str, *, create: bool) -> Tenant | None:
        key, remembered_at = self._keys.get((project_id, name), (None, 0.0))
        if key is None or self._now() - remembered_at > FRESH_SECONDS:
            key = await self._look_up(project_id, name, create=create)
            if key is None:
                self._keys.pop((project_id, name), None)
                return None
            self._keys[project_id, name] = (key, self._now())
            if len(self._keys) > MAX_REMEMBERED:
                self._keys.popitem(last=False)
        self._keys.move_to_end((project_id, name))
        return Tenant(project_id, key)

    async def _look_up(self, project_id: int, name: str, *, create: bool) -> int | None:
        async with self._database.transaction(Tenant(project_id)) as tx:
            key = await tx.namespaces.resolve(name)
        if key is not None or not create:
            return key

        async def work(tx: Transaction) -> int | None:
            return await tx.namespaces.resolve(name, create=True)

        return await self._database.run(Tenant(project_id), work)
