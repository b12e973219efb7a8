"""What is used, counted beside the calls and never in their way; and the monthly quota of a key.

A use case says what it did (`count`); whoever runs the call collects it (`Meter.metered`). The sums
wait in memory and are written once a second and at the end, so no call waits for them. What that
costs: a server that is killed loses its last second, and a second whose writing was interrupted may
count twice. When the database is away the sums wait for it.

The quota is checked against the calls that this process has seen and what the database knew a
second ago of the others, so several servers may together let a second's worth of calls through
too many. While the database cannot be asked, a key's calls go on: a quota is no reason for an
outage.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, date, datetime

import structlog

from eunoe_server.domain.caller import Caller
from eunoe_server.domain.idempotency import current_repeat
from eunoe_server.domain.tenant import Tenant
from eunoe_server.domain.usage import (
    Account,
    Usage,
    UsagePeriod,
    days_asked_for,
    month_of,
    next_month,
)
from eunoe_server.errors import Overloaded, QuotaExceeded, StorageUnavailable
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.stores.database import Database, Transaction

log = structlog.get_logger()

#: Between two writings of the sums.
FLUSH_SECONDS = 1.0
#: Sums that wait at most; beyond, namespaces are told apart no more, and nothing is lost of a
#: project's own.
MAX_WAITING = 100_000
#: OpenAI's packages wait no longer than this, and give up on an answer that asks for more.
MAX_RETRY_SECONDS = 120.0

#: What the current call has done: (namespace, sums). None: nobody collects.
_done: ContextVar[list[tuple[str | int, Usage]] | None] = ContextVar("done", default=None)


def count(namespace: str | int, used: Usage) -> None:
    """Says what was used in a namespace, named or by its key; heard if the work is metered."""
    done = _done.get()
    # What a repeat under an idempotency key gets was counted when it was done.
    if done is not None and current_repeat() is None:
        done.append((namespace, used))


class Meter:
    """Collects, keeps and shows what was used. Of one event loop."""

    def __init__(
        self,
        database: Database,
        namespaces: Namespaces,
        *,
        default_monthly_calls: int = 0,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._database = database
        self._namespaces = namespaces
        self._default_monthly_calls = default_monthly_calls
        self._now = now or database.now
        self._waiting: dict[int, dict[Account, Usage]] = defaultdict(dict)
        #: By project, then by key and month: calls that are not written yet.
        self._calls: dict[int, Counter[tuple[str, date]]] = defaultdict(Counter)
        #: Calls of keys that have a quota, those not written included.
        self._known: dict[tuple[str, date], int] = {}

    async def admit(self, caller: Caller, namespace: str | None) -> None:
        """Counts one call, in a namespace if it names one. Raises QuotaExceeded."""
        today = self._today()
        month = caller.key_id, month_of(today)
        quota = self._default_monthly_calls
        if caller.monthly_calls is not None:
            quota = caller.monthly_calls
        if quota:
            if month not in self._known:
                await self._learn_calls(caller.project_id, month)
            if self._known.get(month, 0) >= quota:
                raise self._exceeded(today)
            if month in self._known:
                self._known[month] += 1
        self._calls[caller.project_id][month] += 1
        self._add(caller.project_id, Account(namespace, caller.key_id, today), Usage(calls=1))

    @contextmanager
    def metered(self, project_id: int, key_id: str) -> Iterator[None]:
        """What is done inside is counted for this key (empty: for nobody's)."""
        done: list[tuple[str | int, Usage]] = []
        before = _done.set(done)
        try:
            yield
        finally:
            # A stream that its caller leaves may be closed in another context than it began in.
            with suppress(ValueError):
                _done.reset(before)
            for namespace, used in done:
                self._add(project_id, Account(namespace, key_id, self._today()), used)

    async def period(
        self,
        caller: Caller,
        namespace: str | None,
        *,
        start: datetime | None,
        end: datetime | None,
        key_id: str,
    ) -> UsagePeriod:
        """What was used on those days, as far as it is written. Raises InvalidParameter."""
        days = days_asked_for(start, end, self._now())
        scope = await self._namespaces.scope(caller, namespace)
        if scope is None:
            return UsagePeriod({})
        async with self._database.transaction(Tenant(caller.project_id)) as tx:
            return UsagePeriod(
                await tx.usage.by_day(days, in_namespace=scope.namespace_key, key_id=key_id or None)
            )

    @asynccontextmanager
    async def flushing(self) -> AsyncIterator[None]:
        """Writes the sums in the background, and once more on leaving."""
        task = asyncio.create_task(self._flush_for_ever(), name="usage")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.flush()

    async def flush(self) -> None:
        """Writes what waits; what cannot be written waits on."""
        for project_id in [*self._waiting]:
            used = self._waiting.pop(project_id)
            calls = self._calls.pop(project_id, Counter())
            try:
                written = await self._write(project_id, used, calls)
            except (StorageUnavailable, Overloaded):
                self._wait_on(project_id, used, calls)
            except Exception:
                # Not again and again: a bug must not fill the log nor the memory.
                log.exception("usage not written", accounts=len(used))
            else:
                self._heard(project_id, written)
        self._forget_past_months()

    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def _write(
        self, project_id: int, used: Mapping[Account, Usage], calls: Counter[tuple[str, date]]
    ) -> Mapping[tuple[str, date], int]:
        async def work(tx: Transaction) -> Mapping[tuple[str, date], int]:
            await tx.usage.add(used)
            return await tx.usage.add_calls(calls) if calls else {}

        return await self._database.run(Tenant(project_id), work)

    def _wait_on(
        self, project_id: int, used: Mapping[Account, Usage], calls: Counter[tuple[str, date]]
    ) -> None:
        for account, sums in used.items():
            self._add(project_id, account, sums)
        self._calls[project_id] += calls

    def _heard(self, project_id: int, written: Mapping[tuple[str, date], int]) -> None:
        """What the database knows now, of all servers."""
        for month in written.keys() & self._known.keys():
            self._known[month] = written[month] + self._calls[project_id][month]

    def _forget_past_months(self) -> None:
        this_month = month_of(self._today())
        for month in [month for month in self._known if month[1] < this_month]:
            del self._known[month]

    async def _learn_calls(self, project_id: int, month: tuple[str, date]) -> None:
        with suppress(StorageUnavailable, Overloaded):
            async with self._database.transaction(Tenant(project_id)) as tx:
                calls = await tx.usage.calls_in(*month)
            # Another call of the key may have asked as well, and counted itself meanwhile.
            self._known.setdefault(month, calls + self._calls[project_id][month])

    def _exceeded(self, today: date) -> QuotaExceeded:
        resets = next_month(today)
        seconds = (resets - self._now()).total_seconds()
        return QuotaExceeded(
            metadata={"resets": resets.strftime("%Y-%m-%dT%H:%M:%SZ")},
            retry_after_seconds=min(max(seconds, 1.0), MAX_RETRY_SECONDS),
        )

    def _add(self, project_id: int, account: Account, used: Usage) -> None:
        waiting = self._waiting[project_id]
        if len(waiting) >= MAX_WAITING and account not in waiting:
            account = replace(account, namespace=None)
        waiting[account] = waiting.get(account, Usage()) + used

    def _today(self) -> date:
        return self._now().astimezone(UTC).date()
