"""Idempotency keys in use: finding the claim of a request, holding it, forgetting it in time.

Why a repeat is safe is told in `domain/idempotency.py`. Here is what happens around a call:

* Within one process, requests under one key go one after the other (`claimed`): the second finds
  what the first has done and costs no transaction of its own. Between processes the database
  decides; who comes second there is told to come again.
* A write claims its key when it writes, which takes milliseconds. A chat asks its model first,
  which takes long and costs money, so it claims with a lease (`leased`): renewed while it lives,
  given back when it fails, and free again within `LEASE_SECONDS` when its server was killed. An
  answer that nobody has stored is lost then, and the model is asked again: no server can know
  whether the model was reached.

Failures are never kept: a request that was refused or that failed may be sent again as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4
from weakref import WeakValueDictionary

import structlog

from eunoe_server.domain.deadline import due_in
from eunoe_server.domain.idempotency import (
    KEPT_SECONDS,
    Claim,
    KeptAnswer,
    RequestKey,
    current_claim,
    enter_claim,
    new_seed,
)
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import (
    IdempotencyInProgress,
    IdempotencyKeyReused,
    MessageNotFound,
    Overloaded,
    StorageUnavailable,
)
from eunoe_server.stores.database import Database, Transaction

log = structlog.get_logger()

#: How long a chat's claim outlives its server; several times the pause between renewals.
LEASE_SECONDS = 10.0
#: How long a database that does not answer is waited for; a chat goes on without its key then.
ASK_SECONDS = 2.0
#: When somebody may come back who was too early.
RETRY_SECONDS = 1.0
#: Claims forgotten in one transaction.
FORGET_LIMIT = 1_000
#: When an answer whose erasure failed is tried again.
ERASE_RETRY_SECONDS = 60.0


class Idempotency:
    """The idempotency keys of all tenants."""

    def __init__(
        self,
        database: Database,
        *,
        kept_seconds: float = KEPT_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._kept_seconds = kept_seconds
        self._lease_seconds = lease_seconds
        self._queues: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def claimed(self, key: RequestKey) -> AsyncIterator[Claim]:
        """Lets the call work under its claim, alone in this process.

        Raises IdempotencyKeyReused, IdempotencyInProgress, StorageUnavailable, Overloaded.
        """
        async with self._queues.setdefault(key.digest, asyncio.Lock()):
            claim = await self._find(key)
            enter_claim(claim)
            yield claim

    async def _find(self, key: RequestKey) -> Claim:
        with due_in(ASK_SECONDS):
            found = await self._database.find_claim(key, self._kept_seconds)
        if found is not None and found.is_expired:
            await self._forget(key.project_id, key.digest, found.namespace_key)
            found = None
        if found is None or not (found.is_done or found.is_running):
            return Claim(key, new_seed())
        if found.request_digest != key.request_digest:
            raise IdempotencyKeyReused
        if found.is_running:
            raise IdempotencyInProgress(retry_after_seconds=RETRY_SECONDS)
        return Claim(
            key,
            found.seed,
            is_done=True,
            outcome=found.outcome,
            namespace_key=found.namespace_key,
        )

    @asynccontextmanager
    async def leased(self) -> AsyncIterator[None]:
        """Holds the claim of this call, if it has one, for work that stores its answer itself.

        Raises IdempotencyInProgress. When the database cannot be asked, the work goes on without.
        """
        claim = current_claim()
        if claim is None or (held := await self._lease(claim)) is None:
            yield
            return
        enter_claim(held)
        renewing = asyncio.create_task(self._renew(held), name="idempotency lease")
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            # A claim that is finished has no lease any more, and stays.
            with suppress(StorageUnavailable, Overloaded), due_in(ASK_SECONDS):
                await self._database.run(None, lambda tx: tx.idempotency.release(held))

    async def _lease(self, claim: Claim) -> Claim | None:
        held = claim.leased(uuid4())
        try:
            with due_in(ASK_SECONDS):
                is_ours = await self._database.run(
                    None, lambda tx: tx.idempotency.lease(held, self._lease_seconds)
                )
        except (StorageUnavailable, Overloaded):
            log.warning("chat goes on without its idempotency key")
            return None
        if not is_ours:
            raise IdempotencyInProgress(retry_after_seconds=RETRY_SECONDS)
        return held

    async def _renew(self, claim: Claim) -> None:
        is_ours = True
        while is_ours:
            await asyncio.sleep(self._lease_seconds / 3)
            # Out of reach for a while is not lost yet: whoever stores the answer finds out.
            with suppress(StorageUnavailable, Overloaded):
                is_ours = await self._database.run(
                    None, lambda tx: tx.idempotency.renew(claim, self._lease_seconds)
                )

    async def kept_answer(self, claim: Claim) -> KeptAnswer:
        """What the model answered when this was done. Raises MessageNotFound: it was erased."""
        async with self._database.transaction(
            Tenant(claim.key.project_id, claim.namespace_key)
        ) as tx:
            answer = await tx.idempotency.kept_answer(claim.key)
        if answer is None:
            raise MessageNotFound("The answer to this request has been erased since.")
        return answer

    async def forget_next(self) -> bool:
        """Forgets claims that are too old, with their answers; False when there are none."""
        forgotten = await self._database.run(
            None, lambda tx: tx.idempotency.forget_expired(self._kept_seconds, FORGET_LIMIT)
        )
        expired = await self._database.run(
            None, lambda tx: tx.idempotency.claim_expired(self._kept_seconds, ERASE_RETRY_SECONDS)
        )
        if expired is not None:
            await self._forget(expired.project_id, expired.digest, expired.namespace_key)
        return forgotten == FORGET_LIMIT or expired is not None

    async def _forget(self, project_id: int, digest: bytes, namespace_key: int | None) -> None:
        async def work(tx: Transaction) -> None:
            await tx.idempotency.forget(project_id, digest)

        tenant = None if namespace_key is None else Tenant(project_id, namespace_key)
        await self._database.run(tenant, work)
