"""The pool, and transactions that see one tenant.

Each transaction begins by saying as whom and for whom it works; Postgres then shows it nothing
else. The beginning is one string of statements and one round trip; psycopg's pipeline mode would
save that round trip and cost more time than it saves. A namespace that was looked up a while ago
may be gone, so the beginning asks for it as well.
`SET LOCAL` with integer literals, never `set_config()`: that one does not reach the workers of a
distributed database. As the role is set there as well, nothing depends on the session, and a
pooler between us and Postgres does no harm.

Reads are cancelled with their caller, writes are not (`run`); both end when their time is up, also
when the database does not answer (`time_limit`). While it is known to be gone, calls fail at once
instead of each waiting for it. No connection is held while something slow happens;
`domain.open_transaction` says so to providers.

It refuses to hand out a connection without a transaction.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg
from pgvector.psycopg import register_vector_async
from psycopg import AsyncConnection, AsyncCursor
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from eunoe_server.domain.api_key import ApiKey
from eunoe_server.domain.deadline import seconds_left
from eunoe_server.domain.idempotency import RequestKey, current_claim
from eunoe_server.domain.open_transaction import marked_open
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import IdempotencyInProgress, NamespaceNotFound, StorageUnavailable
from eunoe_server.stores.audit import Audit
from eunoe_server.stores.clock import DatabaseClock
from eunoe_server.stores.commits import Commits
from eunoe_server.stores.dialogues import Dialogues
from eunoe_server.stores.driver_errors import RETRY_SECONDS, LostRace, translated_errors
from eunoe_server.stores.facts import Facts
from eunoe_server.stores.idempotency import FoundClaim, Idempotency, claim_of
from eunoe_server.stores.keys import Keys
from eunoe_server.stores.memories import Memories
from eunoe_server.stores.messages import Messages
from eunoe_server.stores.namespaces import Namespaces
from eunoe_server.stores.narrowing import Narrowing
from eunoe_server.stores.projects import Projects
from eunoe_server.stores.readiness import Probe, Readiness
from eunoe_server.stores.recalls import Recalls
from eunoe_server.stores.responses import Responses
from eunoe_server.stores.retention import Retention
from eunoe_server.stores.rows import made_by
from eunoe_server.stores.search import Search
from eunoe_server.stores.sessions import Sessions
from eunoe_server.stores.shield import shielded
from eunoe_server.stores.store import Read
from eunoe_server.stores.time_limit import TimeLimit
from eunoe_server.stores.usage import UsageSums
from eunoe_server.tracing import client_span

T = TypeVar("T")

#: What a connection string may say otherwise. A database behind a dead network is noticed in
#: seconds, where the system's defaults take minutes.
CONNECTION_DEFAULTS = {
    "application_name": "eunoe",
    "connect_timeout": "3",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
#: What a span says of a transaction; never its statements, in which values may stand.
_SPAN = {"db.system.name": "postgresql"}
#: How often a write is tried that others keep getting in the way of.
RUN_ATTEMPTS = 6
#: A transaction gives up so long before its deadline, so that its caller can still be told. Who
#: waits for less than a few times that hears it from its own clock.
NOTICE_SECONDS = 0.6
#: Without an answer for so long, and with the probe in vain, nobody is sent to the database.
SILENCE_SECONDS = 2.0
#: A process that stands still must not keep others from its rows.
IDLE_IN_TRANSACTION_SECONDS = 30

#: Without sequential scans, so that a plan made when the tables were small is as good later.
_PLANS_ONCE = b"; set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off"


class Transaction:
    """The stores, on one connection, for one tenant."""

    __slots__ = (
        "_ending",
        "audit",
        "commits",
        "dialogues",
        "facts",
        "idempotency",
        "keys",
        "memories",
        "messages",
        "namespaces",
        "narrowing",
        "recalls",
        "responses",
        "retention",
        "search",
        "sessions",
        "usage",
    )

    def __init__(
        self,
        connection: AsyncConnection[Any],
        tenant: Tenant | None,
        ending: list[bytes] | None = None,
    ) -> None:
        self._ending = ending
        self.keys = Keys(connection, tenant)
        self.namespaces = Namespaces(connection, tenant)
        self.dialogues = Dialogues(connection, tenant)
        self.messages = Messages(connection, tenant)
        self.memories = Memories(connection, tenant)
        self.facts = Facts(connection, tenant)
        self.commits = Commits(connection, tenant)
        self.sessions = Sessions(connection, tenant)
        self.search = Search(connection, tenant)
        self.narrowing = Narrowing(connection, tenant)
        self.recalls = Recalls(connection, tenant)
        self.responses = Responses(connection, tenant)
        self.usage = UsageSums(connection, tenant)
        self.retention = Retention(connection, tenant)
        self.audit = Audit(connection, tenant)
        self.idempotency = Idempotency(connection, tenant)

    def at_end(self, statements: bytes) -> None:
        """Does this in the round trip that commits, for writes whose outcome nobody asks for."""
        if self._ending is None:
            raise ValueError("a transaction for reading writes nothing")
        self._ending.append(statements)


class Database:
    """An async context manager: open inside, closed outside."""

    def __init__(
        self,
        conninfo: str,
        *,
        min_connections: int = 2,
        max_connections: int = 10,
        max_waiting: int = 200,
        acquire_timeout_seconds: float = 2.0,
        statement_timeout_seconds: float = 10.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        conninfo = make_conninfo(**CONNECTION_DEFAULTS | _texts(conninfo_to_dict(conninfo)))
        self._statement_timeout_seconds = statement_timeout_seconds
        self._max_connections = max_connections
        self._jitter = jitter
        self._clock = DatabaseClock()
        self._probe = Probe(conninfo, self._clock)
        #: Of transactions that have read what they wanted.
        self._endings: set[asyncio.Task[None]] = set()
        self._answered_at = 0.0
        self._pool = AsyncConnectionPool(
            conninfo,
            open=False,
            kwargs={"autocommit": True},
            configure=self._configure,
            # Even an empty one: with it the pool takes a connection back without suspending, so
            # that a cancellation can never come between the two (psycopg/psycopg#1208).
            reset=_nothing_to_reset,
            min_size=min_connections,
            max_size=max_connections,
            max_waiting=max_waiting,
            timeout=acquire_timeout_seconds,
            # The pool's pause between attempts doubles; giving up early lets the next caller try
            # at once, so that a database that is back is used within seconds.
            reconnect_timeout=3.0,
            name="eunoe",
        )

    async def __aenter__(self) -> Self:
        # Not waited for: without its database the server starts, and says that it is not ready.
        await self._pool.open(wait=False)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.gather(*self._endings, return_exceptions=True)
        await self._probe.close()
        await self._pool.close()

    @asynccontextmanager
    async def transaction(
        self,
        tenant: Tenant | None,
        *,
        statement_timeout_seconds: float | None = None,
    ) -> AsyncIterator[Transaction]:
        """A transaction for reading; undone by any exception. Nobody waits for its end.

        When the caller is cancelled, so is the statement. Raises StorageUnavailable, Overloaded,
        as `searching`, `ask` and `run` do; and NamespaceNotFound where a tenant that was remembered
        is there no more.
        """
        async with self._open(tenant, longest_seconds=statement_timeout_seconds) as (connection, _):
            yield Transaction(connection, tenant)

    @asynccontextmanager
    async def searching(
        self, tenant: Tenant, first: Read[T] | None = None
    ) -> AsyncIterator[tuple[Transaction, Sequence[T]]]:
        """A transaction for a search, and what `first` finds as it begins. It must not write.

        Made for its round trips to be few: `first` shares one with the beginning, and nobody waits
        for the end. The plan of a statement is kept whatever its values are, since those of a
        search take longer to plan than to run, and have one good plan.
        """
        if first is None:
            async with self._open(tenant, _PLANS_ONCE) as (connection, _):
                yield Transaction(connection, tenant), ()
            return
        more = _PLANS_ONCE + b"; " + first.statement
        async with self._open(tenant, more, first.make) as (connection, cursor):
            yield Transaction(connection, tenant), await first.rows(cursor)

    async def ask(self, tenant: Tenant | None, read: Read[T]) -> Sequence[T]:
        """What one statement reads, in a transaction of its own and in one round trip."""
        more = b"; " + read.statement + b"; commit"
        with translated_errors(), marked_open(), client_span("transaction", _SPAN):
            connection, cursor, limit = await self._begin(tenant, more, read.make)
            try:
                return await read.rows(cursor, statements_after=1)  # the commit
            finally:
                await self._give_back(connection, limit)

    async def find_claim(self, key: RequestKey, kept_seconds: float) -> FoundClaim | None:
        """The claim of an idempotency key; every keyed write looks for it.

        Raises StorageUnavailable, Overloaded.
        """
        found = await self.ask(None, claim_of(key, kept_seconds))
        return found[0] if found else None

    async def run(
        self,
        tenant: Tenant | None,
        work: Callable[[Transaction], Awaitable[T]],
        again: Callable[[Transaction], Awaitable[T]] | None = None,
    ) -> T:
        """The result of `work`, once it is committed. For everything that writes.

        Not cancelled with the caller: what was begun is finished, then the cancellation goes on.
        Begun again when another transaction got in its way, so `work` does nothing but database
        work. Raises Overloaded when that goes on and on.

        With `again` this is what the call is about: under an idempotency key `work` is done once,
        and a repeat gets what `again` reads. Raises IdempotencyInProgress when another server has
        done it since the key was looked up.
        """
        return await shielded(self._run(tenant, work if again is None else _once(work, again)))

    async def _run(self, tenant: Tenant | None, work: Callable[[Transaction], Awaitable[T]]) -> T:
        for attempt in range(1, RUN_ATTEMPTS + 1):
            try:
                ending: list[bytes] = []
                async with self._open(tenant, ending=ending) as (connection, _):
                    return await work(Transaction(connection, tenant, ending))
            except LostRace:
                if attempt == RUN_ATTEMPTS:
                    raise
                await asyncio.sleep(0.005 * 2**attempt * (0.5 + self._jitter()))
        raise AssertionError("unreachable")

    def now(self) -> datetime:
        """The database's time of day, which all servers share (`clock.py`). Asks nobody."""
        return self._clock.now()

    async def find_key(self, key_id: str) -> ApiKey | None:
        """The key of this id, of whatever project: nobody's tenant is known before."""
        async with self._open(None) as (connection, _):
            await _name(connection, "eunoe.key_id", key_id)
            return await Keys(connection, None).get(key_id)

    async def open_project(self, name: str, *, create: bool = False) -> int | None:
        """The project of this name, made if asked; None when there is none."""
        return await shielded(self._open_project(name, create=create))

    async def _open_project(self, name: str, *, create: bool) -> int | None:
        async with self._open(None, ending=()) as (connection, _):
            await _name(connection, "eunoe.project_name", name)
            return await Projects(connection, None).resolve(name, create=create)

    async def readiness(self) -> Readiness:
        """Whether calls can be served, and why not; answers within a second."""
        return await self._probe.ask()

    def pool_stats(self) -> Mapping[str, int]:
        """The pool's counters, under the names psycopg_pool gives them."""
        return self._pool.get_stats()

    @asynccontextmanager
    async def _open(
        self,
        tenant: Tenant | None,
        more: bytes = b"",
        make: Callable[..., Any] = dict,
        *,
        longest_seconds: float | None = None,
        ending: Sequence[bytes] | None = None,
    ) -> AsyncIterator[tuple[AsyncConnection[Any], AsyncCursor[Any]]]:
        """`ending` goes before the commit; None: it only read, and nobody waits for that."""
        with translated_errors(), marked_open(), client_span("transaction", _SPAN):
            connection, cursor, limit = await self._begin(
                tenant, more, make, longest_seconds=longest_seconds
            )
            ends_later = False
            try:
                yield connection, cursor
                if ending is None:
                    ends_later = True
                else:
                    await connection.execute(b"; ".join((*ending, b"commit")))
            except BaseException:
                await shielded(_undo(connection))
                raise
            finally:
                if ends_later:
                    self._end_later(connection, limit)
                else:
                    await self._give_back(connection, limit)

    def _end_later(self, connection: AsyncConnection[Any], limit: TimeLimit) -> None:
        ending = asyncio.create_task(self._end(connection, limit), name="end of a reading")
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def _end(self, connection: AsyncConnection[Any], limit: TimeLimit) -> None:
        try:
            await connection.execute("commit")
        except psycopg.Error:
            await _undo(connection)
        finally:
            await self._give_back(connection, limit)

    async def _begin(
        self,
        tenant: Tenant | None,
        more: bytes,
        make: Callable[..., Any],
        *,
        longest_seconds: float | None = None,
    ) -> tuple[AsyncConnection[Any], AsyncCursor[Any], TimeLimit]:
        """A connection that has begun and done `more`, its results, and when it has to be done.

        Raises NamespaceNotFound when a tenant that was remembered is there no more. A connection
        that has died meanwhile is replaced, not handed out. That costs nothing, where a check
        of each connection would cost a round trip.
        """
        beginning = _beginning(tenant, longest_seconds or self._statement_timeout_seconds)
        for _ in range(self._max_connections + 1):
            connection = await self._acquire()
            try:
                limit = TimeLimit(connection, self._seconds_allowed(longest_seconds))
            except StorageUnavailable:  # its time went by while it waited for the connection
                await self._pool.putconn(connection)
                raise
            try:
                cursor = connection.cursor(row_factory=made_by(make))
                await cursor.execute(beginning + more)
                if tenant is not None and tenant.is_remembered:
                    await _make_sure(cursor, beginning)
            except BaseException as error:
                is_dead = (
                    isinstance(error, psycopg.OperationalError)
                    and connection.closed
                    and not limit.was_reached
                )
                try:
                    await shielded(_undo(connection))
                finally:
                    await self._give_back(connection, limit)
                if not is_dead:
                    raise
            else:
                self._answered_at = time.monotonic()
                return connection, cursor, limit
        raise StorageUnavailable(retry_after_seconds=RETRY_SECONDS)

    async def _acquire(self) -> AsyncConnection[Any]:
        if self._probe.is_in_vain and time.monotonic() - self._answered_at > SILENCE_SECONDS:
            raise StorageUnavailable(retry_after_seconds=RETRY_SECONDS)
        failures = self._connection_failures()
        try:
            return await self._pool.getconn(min(self._pool.timeout, self._seconds_allowed()))
        except PoolTimeout:
            # Nobody got a connection: were all in use, or could none be made?
            if self._connection_failures() > failures:
                raise StorageUnavailable(retry_after_seconds=RETRY_SECONDS) from None
            raise

    async def _give_back(self, connection: AsyncConnection[Any], limit: TimeLimit) -> None:
        try:
            await limit.lift()
        finally:
            await self._pool.putconn(connection)

    def _seconds_allowed(self, longest_seconds: float | None = None) -> float:
        """How long a transaction that begins now may take: as long as a statement, or less.

        Raises StorageUnavailable when its time is up.
        """
        longest, left = longest_seconds or self._statement_timeout_seconds, seconds_left()
        if left is None:
            return longest
        if left == 0:
            raise StorageUnavailable(
                "The database took too long. Try again.", retry_after_seconds=RETRY_SECONDS
            )
        return min(longest, left - NOTICE_SECONDS if left > 2.5 * NOTICE_SECONDS else left)

    async def _configure(self, connection: AsyncConnection[Any]) -> None:
        await register_vector_async(connection)
        await connection.execute(
            f"set idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s'".encode()
        )
        await self._clock.ask(connection)

    def _connection_failures(self) -> int:
        return self._pool.get_stats().get("connections_errors", 0)


async def nothing_more(tx: Transaction) -> None:
    """What the repeat of a deletion does."""
    del tx


def _once(
    work: Callable[[Transaction], Awaitable[T]], again: Callable[[Transaction], Awaitable[T]]
) -> Callable[[Transaction], Awaitable[T]]:
    """`work` with its claim, or `again` if the call repeats one that was done."""
    claim = current_claim()
    if claim is None:
        return work
    if claim.is_done:
        return again

    async def claimed(tx: Transaction) -> T:
        # First of all, so that of two at once one waits before it has done anything.
        if not await tx.idempotency.take(claim):
            raise IdempotencyInProgress(retry_after_seconds=RETRY_SECONDS)
        return await work(tx)

    return claimed


def _beginning(tenant: Tenant | None, timeout_seconds: float) -> bytes:
    """The statements that begin a transaction. Nothing but our own words and integers."""
    if tenant is None:
        role, project_id, namespace_key = "eunoe_app", 0, 0
    elif tenant.namespace_key is None:
        role, project_id, namespace_key = "eunoe_project", tenant.project_id, 0
    else:
        role, project_id, namespace_key = "eunoe_app", tenant.project_id, tenant.namespace_key
    beginning = (
        f"begin; set local role {role}; set local eunoe.project_id = {project_id:d}; "
        f"set local eunoe.namespace_key = {namespace_key:d}; "
        f"set local statement_timeout = {int(timeout_seconds * 1000):d}"
    )
    if tenant is not None and tenant.is_remembered:
        beginning += (
            f"; select from namespaces where namespace_key = {namespace_key:d}"
            f" and project_id = {project_id:d}"
        )
    return beginning.encode()


async def _make_sure(cursor: AsyncCursor[Any], beginning: bytes) -> None:
    """That the last statement of `beginning` has found the namespace."""
    await cursor.set_result(beginning.count(b"; "))
    if cursor.rowcount == 0:
        raise NamespaceNotFound


async def _name(connection: AsyncConnection[Any], setting: str, text: str) -> None:
    """Shows the transaction the row that bears this name. It comes from outside, so it is bound."""
    await connection.execute("select set_config(%s, %s, true)", [setting, text])


async def _undo(connection: AsyncConnection[Any]) -> None:
    """Ends the transaction whatever its state, so that the pool gets a clean connection back."""
    if connection.pgconn.transaction_status in (
        TransactionStatus.INTRANS,
        TransactionStatus.INERROR,
    ):
        try:
            await connection.rollback()
        except psycopg.Error:
            await connection.close()


async def _nothing_to_reset(connection: AsyncConnection[Any]) -> None:
    del connection


def _texts(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in parameters.items() if value is not None}
