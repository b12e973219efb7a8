"""Namespaces: from their names to their keys, what they hold, how long they keep it, erasing them.

Every request asks for a key, so keys are remembered. Another server may erase a namespace, and it
may be made again under another key: so what was not looked up within seconds is made sure of as the
transaction begins (`read`, `write`), or looked up again (`find`).
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from eunoe_server.domain.audit import AuditKind
from eunoe_server.domain.caller import Caller
from eunoe_server.domain.idempotency import current_repeat
from eunoe_server.domain.listing import Listing, TokenPage
from eunoe_server.domain.page import Page
from eunoe_server.domain.page_token import read_token, write_token
from eunoe_server.domain.tenant import Holdings, Namespace, Tenant
from eunoe_server.errors import InvalidInput, NamespaceNotFound
from eunoe_server.services.audit import record
from eunoe_server.stores.database import Database, Transaction, nothing_more
from eunoe_server.stores.namespaces import namespace_named

T = TypeVar("T")

#: How long a key that was looked up or made sure of is neither again.
FRESH_SECONDS = 5.0
#: Names remembered at most; the least recently used goes first.
MAX_REMEMBERED = 50_000
#: A namespace with more rows is erased in steps of so many, each within a statement's time.
ERASED_AT_ONCE = 5_000
MAX_RETENTION_DAYS = 36_500


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
        #: By project and name, each with when it was there.
        self._known: OrderedDict[tuple[int, str], tuple[Tenant, float]] = OrderedDict()

    async def find(self, project_id: int, name: str) -> Tenant | None:
        """The tenant of an existing namespace; None when nobody has stored anything there."""
        return await self._resolve(project_id, name, create=False)

    async def read(
        self, project_id: int, name: str, work: Callable[[Tenant], Awaitable[T]]
    ) -> T | None:
        """What `work` finds in a namespace; None when nobody has stored anything there.

        `work` reads in transactions. It is called again when one finds the namespace gone, which
        may have been made anew since.
        """
        began, tenant = self._now(), self._remembered(project_id, name)
        if tenant is not None:
            try:
                found = await work(tenant)
            except NamespaceNotFound:
                self._forget(project_id, name)
            else:
                self._confirm(name, tenant, began)
                return found
        tenant = await self.find(project_id, name)
        return None if tenant is None else await work(tenant)

    async def scope(self, caller: Caller, name: str | None) -> Tenant | None:
        """Where to look: one namespace, or all of the project. None: there is no such namespace.

        A key that is bound to a prefix must name one (`admin.proto`). Raises what
        `Caller.namespace_for` raises.
        """
        if name is None and not caller.is_bound:
            return Tenant(caller.project_id)
        return await self.find(caller.project_id, caller.namespace_for(name))

    async def write(
        self,
        project_id: int,
        name: str,
        work: Callable[[Transaction], Awaitable[T]],
        again: Callable[[Transaction], Awaitable[T]] | None = None,
    ) -> T:
        """Runs a write in a namespace, made if absent (again, if it was erased meanwhile).

        `again` is what a repeat reads (`Database.run`); it makes nothing. Raises NamespaceNotFound.
        """
        if again is not None and current_repeat():
            if (tenant := await self.find(project_id, name)) is None:
                raise NamespaceNotFound("What this request was about has been deleted since.")
            return await self._database.run(tenant, work, again)
        for is_last in (False, True):
            tenant = self._remembered(project_id, name)
            if tenant is None:
                tenant = await self._resolve(project_id, name, create=True)
            try:
                return await self._database.run(tenant, work, again)
            except NamespaceNotFound:
                self._forget(project_id, name)
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

    async def retain(self, caller: Caller, name: str, days: int | None) -> HeldNamespace:
        """Has what nobody uses for so many days erased; 0: never, None: as the server is set.

        Raises InvalidInput, NamespaceNotFound.
        """
        if days is not None and not 0 <= days <= MAX_RETENTION_DAYS:
            raise InvalidInput.of("retentionDays", f"must be 0 to {MAX_RETENTION_DAYS:,}")
        tenant = await self._existing(caller, name)

        async def work(tx: Transaction) -> HeldNamespace:
            namespace = await tx.namespaces.retain(days)
            if namespace is None:
                raise NamespaceNotFound
            await record(tx, AuditKind.NAMESPACE_CHANGED, caller.key_id)
            return await _held(tx, namespace)

        async def again(tx: Transaction) -> HeldNamespace:
            return await _held(tx, await tx.namespaces.get(name))

        return await self._database.run(tenant, work, again)

    async def erase(self, caller: Caller, name: str, *, dry_run: bool) -> Mapping[str, int]:
        """Erases a namespace and all that was made from it; rows by table, before it began.

        Keys that are bound to it and work no more go as well; those that work are somebody's
        access, and stay. With `dry_run` only counts. A large namespace goes in steps: whoever is
        interrupted calls again. Raises NamespaceNotFound.
        """
        if (done := current_repeat()) is not None:
            receipt: dict[str, int] = json.loads(done.outcome)
            return receipt
        tenant = await self._existing(caller, name)
        async with self._database.transaction(tenant) as tx:
            census = await tx.namespaces.census()
        if dry_run:
            async with self._database.transaction(Tenant(caller.project_id)) as tx:
                return {**census, "api_keys": await tx.keys.count_ended(name)}
        keys = await self._database.run(
            Tenant(caller.project_id), lambda tx: tx.keys.forget_ended(name)
        )
        counts = {**census, "api_keys": keys}
        if sum(census.values()) > ERASED_AT_ONCE:
            while (
                await self._database.run(tenant, lambda tx: tx.namespaces.thin_out(ERASED_AT_ONCE))
                >= ERASED_AT_ONCE
            ):
                pass

        async def work(tx: Transaction) -> None:
            if not await tx.namespaces.erase():
                raise NamespaceNotFound
            await record(tx, AuditKind.NAMESPACE_ERASED, caller.key_id, counts=counts)
            await tx.idempotency.note(json.dumps(counts))

        await self._database.run(tenant, work, again=nothing_more)
        self._forget(caller.project_id, name)
        return counts

    async def _existing(self, caller: Caller, name: str) -> Tenant:
        tenant = await self.find(caller.project_id, name) if caller.sees(name) else None
        if tenant is None:
            raise NamespaceNotFound
        return tenant

    async def _resolve(self, project_id: int, name: str, *, create: bool) -> Tenant | None:
        tenant = self._remembered(project_id, name)
        if tenant is None or tenant.is_remembered:
            began, key = self._now(), await self._look_up(project_id, name, create=create)
            if key is None:
                self._forget(project_id, name)
                return None
            tenant = Tenant(project_id, key)
            self._remember(name, tenant, began)
        return tenant

    def _remembered(self, project_id: int, name: str) -> Tenant | None:
        known = self._known.get((project_id, name))
        if known is None:
            return None
        self._known.move_to_end((project_id, name))
        tenant, was_there_at = known
        is_fresh = self._now() - was_there_at <= FRESH_SECONDS
        return tenant if is_fresh else replace(tenant, is_remembered=True)

    def _remember(self, name: str, tenant: Tenant, was_there_at: float) -> None:
        self._known[tenant.project_id, name] = tenant, was_there_at
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)

    def _confirm(self, name: str, tenant: Tenant, was_there_at: float) -> None:
        """Notes that a transaction has made sure, unless something newer has been learnt since."""
        known = self._known.get((tenant.project_id, name))
        if tenant.is_remembered and known is not None and known[0] == tenant.confirmed():
            self._known[tenant.project_id, name] = known[0], max(known[1], was_there_at)

    def _forget(self, project_id: int, name: str) -> None:
        self._known.pop((project_id, name), None)

    async def _look_up(self, project_id: int, name: str, *, create: bool) -> int | None:
        project = Tenant(project_id)
        found = await self._database.ask(project, namespace_named(project, name))
        if found or not create:
            return found[0].namespace_key if found else None
        return await self._database.run(project, lambda tx: tx.namespaces.resolve(name))


async def _held(tx: Transaction, namespace: Namespace | None) -> HeldNamespace:
    if namespace is None:
        raise NamespaceNotFound
    holdings = await tx.namespaces.holdings([namespace.namespace_key])
    return HeldNamespace(namespace, holdings[namespace.namespace_key])
