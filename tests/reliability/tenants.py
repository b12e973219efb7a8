"""Three tenants on one pool, and an application that has forgotten every filter (S4).

    python -m tests.reliability.tenants [--operations 100000] [--seed 1]

The stores' statements run without `namespace_key = …` and `project_id = …`, so that Postgres alone
keeps tenants apart. Three projects with two namespaces each use the same names and ids; they write,
read, search and delete through the services, and read, change and delete whole tables without a
`where`, while others fail or are cancelled half way on the same few connections. A fourth project
only watches: not a byte of its rows may change. What anybody gets to see is checked row by row.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib
import pkgutil
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from rich.progress import Progress

import eunoe_server.stores
from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.domain.dialogue import DialogueFilter, MessageFilter
from eunoe_server.domain.dialogue_draft import DialogueDraft
from eunoe_server.domain.memory import MemoryFilter
from eunoe_server.domain.memory_draft import MemoryDraft
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import DuplicateId, NotFound
from eunoe_server.providers.extractors.rules import RulesExtractor
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from eunoe_server.services.dialogues import Dialogues
from eunoe_server.services.facts import Facts
from eunoe_server.services.keys import Keys
from eunoe_server.services.memories import Memories
from eunoe_server.services.messages import Messages
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.stores.migrate import migrate
from eunoe_server.telemetry import Metrics
from tests.reliability.figures import Rows, main
from tests.reliability.postgres import outside_postgres

PROJECTS = ("amber", "birch", "cedar")
WATCHER = "watcher"
NAMESPACES = ("one", "two")
#: Few, so that ids meet and connections change hands all the time.
IDS = 12
CONNECTIONS = 4
CALLERS = 8

#: Tables without row security, with keys and times only; their statements keep their filters.
PLAIN_TABLES = ("commit_queue", "session_expiries", "search_splits", "request_claims")
OF_NOBODY = ("schema_migrations", "schema_migration_lock")
_FILTER = re.compile(
    r"(?:\w+\.)?(?:namespace_key|project_id) = "
    r"(?:%\((?:namespace_key|project_id|in_namespace)\)s|\{(?:namespace_key|project_id)\})"
)


@dataclass(slots=True)
class Statements:
    """How many statements there are, and how many lost their filters."""

    unfiltered: int = 0
    #: They work on tables without row security, or begin before a tenant is known.
    as_they_are: int = 0


@contextlib.contextmanager
def without_filters() -> Iterator[Statements]:
    """The stores with statements that ask for everybody's rows."""
    seen = Statements()
    kept: dict[Any, Mapping[str, LiteralString]] = {}
    for found in pkgutil.iter_modules(eunoe_server.stores.__path__):
        module: Any = importlib.import_module(f"eunoe_server.stores.{found.name}")
        if hasattr(module, "_SQL"):
            kept[module] = module._SQL
            module._SQL = {name: _unfiltered(query, seen) for name, query in module._SQL.items()}
    try:
        yield seen
    finally:
        for module, queries in kept.items():
            module._SQL = queries


def _unfiltered(query: LiteralString, seen: Statements) -> LiteralString:
    if any(table in query for table in PLAIN_TABLES) or not _FILTER.search(query):
        seen.as_they_are += 1
        return query
    seen.unfiltered += 1
    return _FILTER.sub("true", query)


@dataclass(slots=True)
class Outcome:
    """What a run showed."""

    operations: Counter[str] = field(default_factory=Counter)
    rows_seen: int = 0
    foreign: list[str] = field(default_factory=list)
    tables: tuple[str, ...] = ()
    #: Without rows of everybody, a table shows nothing.
    empty_tables: list[str] = field(default_factory=list)
    statements: Statements = field(default_factory=Statements)
    is_watcher_unchanged: bool = False
    misplaced: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """One namespace of one project, and the word that everything it stores holds."""

    caller: Caller
    namespace: str
    tenant: Tenant
    word: str


class Run:
    """The members, their services, and what they came to see."""

    def __init__(self, database: Database, dsn: str, seed: int) -> None:
        embedder, namespaces = WordLlamaEmbedder(), Namespaces(database)
        self.database = database
        self.dsn = dsn
        self.chance = random.Random(seed)  # noqa: S311 - a repeatable run
        self.outcome = Outcome()
        self.members: list[Member] = []
        self.keys = Keys(database)
        self.key_ids: dict[int, str] = {}
        self.namespaces = namespaces
        self.memories = Memories(database, namespaces, embedder)
        self.messages = Messages(database, namespaces, embedder)
        self.dialogues = Dialogues(database, namespaces, self.messages)
        self.facts = Facts(database, namespaces, embedder, RulesExtractor(), Metrics())

    async def populate(self) -> None:
        """Every project, every namespace, and something in each."""
        for project in (*PROJECTS, WATCHER):
            project_id = await self.keys.project(project)
            self.key_ids[project_id] = (await self.keys.create(project_id, name=project)).key.id
            for namespace in NAMESPACES:
                caller = Caller("", project_id, frozenset(Scope))
                key = await self.database.run(
                    Tenant(project_id),
                    lambda tx, n=namespace: tx.namespaces.resolve(n),  # type: ignore[misc]
                )
                member = Member(
                    caller, namespace, Tenant(project_id, key), f"{project}-{namespace}"
                )
                await self.keep(member)
                await self.talk(member)
                await self.learn(member)
                if project != WATCHER:
                    self.members.append(member)
        async with await AsyncConnection.connect(self.dsn) as outside:
            cursor = await outside.execute(
                "select relname from pg_class"
                " where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
                " and relname <> all(%s) order by relname",
                [[*PLAIN_TABLES, *OF_NOBODY]],
            )
            self.outcome.tables = tuple(table for (table,) in await cursor.fetchall())
            for statement in FILLINGS:
                await outside.execute(statement)
            for table in self.outcome.tables:
                cursor = await outside.execute(
                    SQL("select count(distinct project_id) from {}").format(Identifier(table))
                )
                if await cursor.fetchone() != (len(PROJECTS) + 1,):
                    self.outcome.empty_tables.append(table)

    def see(self, member: Member, what: str, texts: Sequence[str]) -> None:
        """Each must be the member's own."""
        self.outcome.rows_seen += len(texts)
        self.outcome.foreign += [
            f"{what}: {text[:80]}" for text in texts if member.word not in text
        ]

    def an_id(self) -> str:
        """Everybody's ids are the same."""
        return f"id-{self.chance.randrange(IDS)}"

    # Through the services

    async def keep(self, member: Member) -> None:
        draft = MemoryDraft(f'"tea of {member.word}"', id=self.an_id(), tags=(member.word,))
        with contextlib.suppress(DuplicateId):
            await self.memories.create(member.caller, member.namespace, draft)

    async def learn(self, member: Member) -> None:
        draft = MessageDraft("user", f'"I live in {member.word.title()}."')
        await self.facts.extract(member.caller, member.namespace, [draft], tags=[member.word])

    async def read(self, member: Member) -> None:
        with contextlib.suppress(NotFound):
            memory = await self.memories.get(member.caller, member.namespace, self.an_id())
            self.see(member, "a memory", [memory.value])

    async def read_anywhere(self, member: Member) -> None:
        page = await self.memories.list_page(
            member.caller, None, MemoryFilter(), limit=50, token="", newest_first=True
        )
        project = member.word.partition("-")[0]
        self.outcome.rows_seen += len(page.items)
        self.outcome.foreign += [
            f"a list of the project: {each.tags}"
            for each in page.items
            if not all(tag.startswith(project) for tag in each.tags)
        ]

    async def list_memories(self, member: Member) -> None:
        page = await self.memories.list_page(
            member.caller, member.namespace, MemoryFilter(include_superseded=True),
            limit=50, token="", newest_first=True,
        )  # fmt: skip
        self.see(member, "a list of memories", [" ".join(each.tags) for each in page.items])

    async def retag(self, member: Member) -> None:
        with contextlib.suppress(NotFound):
            await self.memories.retag(
                member.caller, member.namespace, self.an_id(), [member.word, f"{member.word}-again"]
            )

    async def forget(self, member: Member) -> None:
        with contextlib.suppress(NotFound):
            await self.memories.delete(member.caller, member.namespace, self.an_id())

    async def talk(self, member: Member) -> None:
        first = MessageDraft("user", f'"We of {member.word} talk."', name=member.word)
        with contextlib.suppress(DuplicateId):
            await self.dialogues.create(
                member.caller, member.namespace,
                DialogueDraft(id=self.an_id(), label=member.word), [first], ["messages[0]"], 60,
            )  # fmt: skip

    async def go_on(self, member: Member) -> None:
        draft = MessageDraft("user", f'"More of {member.word}."')
        with contextlib.suppress(NotFound):
            await self.messages.create(member.caller, member.namespace, self.an_id(), [draft], 60)

    async def list_dialogues(self, member: Member) -> None:
        page = await self.dialogues.list_page(
            member.caller, member.namespace, DialogueFilter(),
            limit=50, token="", newest_first=True,
        )  # fmt: skip
        self.see(member, "dialogues", [each.dialogue.label or "" for each in page.items])

    async def list_messages(self, member: Member) -> None:
        with contextlib.suppress(NotFound):
            page = await self.messages.list_page(
                member.caller, member.namespace, self.an_id(), MessageFilter(),
                limit=50, token="", newest_first=True,
            )  # fmt: skip
            self.see(member, "messages", [each.body for each in page.items])

    async def drop(self, member: Member) -> None:
        with contextlib.suppress(NotFound):
            await self.dialogues.delete(
                member.caller, member.namespace, self.an_id(), keep_facts=False
            )

    async def list_namespaces(self, member: Member) -> None:
        page = await self.namespaces.list_page(member.caller, prefix="", limit=50, token="")
        found = [each.namespace.namespace_key for each in page.items]
        own = {
            each.tenant.namespace_key
            for each in self.members
            if each.tenant.project_id == member.tenant.project_id
        }
        self.outcome.rows_seen += len(found)
        self.outcome.foreign += [f"namespace {key}" for key in found if key not in own]

    async def revoke_foreign_key(self, member: Member) -> None:
        foreign = [
            key for project, key in self.key_ids.items() if project != member.tenant.project_id
        ]
        key_id = self.chance.choice(foreign)
        with contextlib.suppress(NotFound):
            await self.keys.revoke(member.tenant.project_id, key_id)
            self.outcome.foreign.append(f"revoked {key_id}")

    # Past the services

    async def select_all(self, member: Member) -> None:
        table = self.chance.choice(self.outcome.tables)
        is_wide = self.chance.random() < 0.3
        tenant = Tenant(member.tenant.project_id) if is_wide else member.tenant
        async with self.database.transaction(tenant) as tx:
            self.compare(tenant, table, await rows(tx, SQL("select * from {}"), table))

    async def select_without_a_tenant(self, _member: Member) -> None:
        table = self.chance.choice(self.outcome.tables)
        async with self.database.transaction(None) as tx:
            found = await rows(tx, SQL("select * from {}"), table)
        self.outcome.foreign += [f"{table} without a tenant"] * len(found)

    async def select_mixed(self, member: Member) -> None:
        other = self.chance.choice(self.members)
        if other.tenant.project_id == member.tenant.project_id:
            return
        table = self.chance.choice(self.outcome.tables)
        mixed = Tenant(member.tenant.project_id, other.tenant.namespace_key)
        async with self.database.transaction(mixed) as tx:
            found = await rows(tx, SQL("select * from {}"), table)
        self.outcome.foreign += [f"{table} of a mixed tenant"] * len(found)

    async def change_all(self, member: Member) -> None:
        table = self.chance.choice([each for each in self.outcome.tables if each not in FIXED])
        change = SQL("update {} set project_id = project_id returning *")

        async def work(tx: Transaction) -> None:
            self.compare(member.tenant, table, await rows(tx, change, table))

        await self.database.run(member.tenant, work)

    async def delete_any(self, member: Member) -> None:
        table = self.chance.choice(DISPOSABLE)
        change = SQL("delete from {} where random() < 0.05 returning *")

        async def work(tx: Transaction) -> None:
            self.compare(member.tenant, table, await rows(tx, change, table))

        await self.database.run(member.tenant, work)

    async def smuggle(self, member: Member) -> None:
        other = self.chance.choice([each for each in self.members if each is not member])

        async def work(tx: Transaction) -> None:
            await connection_of(tx).execute(
                "insert into dialogues (namespace_key, project_id, id, label)"
                " values (%s, %s, gen_random_uuid()::text, 'smuggled')",
                [other.tenant.namespace_key, other.tenant.project_id],
            )
            self.outcome.foreign.append("a row was put into a foreign namespace")

        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            await self.database.run(member.tenant, work)

    async def fail(self, member: Member) -> None:
        async def work(tx: Transaction) -> None:
            await rows(tx, SQL("select * from {}"), "memories")
            await connection_of(tx).execute("select 1 / 0")

        with contextlib.suppress(psycopg.errors.DivisionByZero):
            await self.database.run(member.tenant, work)

    async def be_cancelled(self, member: Member) -> None:
        operation = self.chance.choice([self.read, self.keep, self.list_messages, self.doze])
        task = asyncio.create_task(operation(member))
        await asyncio.sleep(self.chance.uniform(0, 0.004))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def doze(self, member: Member) -> None:
        async with self.database.transaction(member.tenant) as tx:
            await connection_of(tx).execute("select pg_sleep(0.05)")

    def compare(self, tenant: Tenant, table: str, found: Sequence[dict[str, Any]]) -> None:
        """Every row names its project, and its namespace if it has one."""
        self.outcome.rows_seen += len(found)
        for row in found:
            is_own = row["project_id"] == tenant.project_id and (
                tenant.namespace_key is None
                or row.get("namespace_key", tenant.namespace_key) == tenant.namespace_key
            )
            if not is_own:
                self.outcome.foreign.append(f"{table}: {row['project_id']}")

    # The run

    async def go(self, operations: int, progress: Callable[[], None]) -> None:
        """So many operations by a few callers, each of a random member."""
        weighted = {
            self.select_all: 8, self.keep: 3, self.read: 3, self.list_memories: 2, self.retag: 1,
            self.forget: 1, self.talk: 2, self.go_on: 2, self.list_dialogues: 2,
            self.list_messages: 2, self.drop: 1, self.read_anywhere: 1, self.list_namespaces: 1,
            self.learn: 1, self.revoke_foreign_key: 1, self.select_without_a_tenant: 2,
            self.select_mixed: 2, self.change_all: 1, self.delete_any: 1, self.smuggle: 1,
            self.fail: 1, self.be_cancelled: 2,
        }  # fmt: skip
        names, weights = list(weighted), list(weighted.values())
        left = operations

        async def call() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                operation: Callable[[Member], Awaitable[None]] = self.chance.choices(
                    names, weights
                )[0]
                await operation(self.chance.choice(self.members))
                self.outcome.operations[operation.__name__] += 1
                progress()

        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(call())

    async def fingerprint(self) -> str:
        """Of every row of the project that only watches, as a superuser sees them."""
        digest = hashlib.sha256()
        async with await AsyncConnection.connect(self.dsn) as outside:
            for table in self.outcome.tables:
                cursor = await outside.execute(
                    SQL(
                        "select t::text from {} as t where project_id ="
                        " (select project_id from projects where name = %s) order by 1"
                    ).format(Identifier(table)),
                    [WATCHER],
                )
                for (row,) in await cursor.fetchall():
                    digest.update(row.encode())
        return digest.hexdigest()

    async def misplaced(self) -> int:
        """Rows whose words are not of the namespace they lie in, as a superuser sees them."""
        async with await AsyncConnection.connect(self.dsn) as outside:
            cursor = await outside.execute("""
                with held as (
                    select namespace_key, array_to_string(tags, ' ') as words from memories
                    union all select namespace_key, label from dialogues
                    union all select namespace_key, body from messages
                    union all select namespace_key, speaker from speakers
                )
                select count(*) from held
                inner join namespaces as n using (namespace_key)
                inner join projects as p using (project_id)
                where position(p.name || '-' || n.name in held.words) = 0""")
            row = await cursor.fetchone()
        assert row is not None
        return int(row[0])


#: What the services' operations here leave empty, filled for everybody.
FILLINGS: tuple[LiteralString, ...] = (
    (
        "insert into fact_mentions"
        " select namespace_key, memory_key, project_id, 'd', 'm', 0, 1, false from memories"
    ),
    (
        "insert into recalls select namespace_key, project_id, message_key, 1, 'memory', 1, 0.5"
        " from messages"
    ),
    (
        "insert into responses select namespace_key, 'r' || message_key, project_id, message_key"
        " from messages"
    ),
    (
        "insert into kept_answers select namespace_key, 'd', project_id, message_key, '', '{}'"
        " from messages"
    ),
    (
        "insert into search_cells select namespace_key, 9, project_id, null, null, 0, true"
        " from namespaces"
    ),
    "insert into search_words select namespace_key, 'tea', project_id, 0.5 from namespaces",
    (
        "insert into usage_days"
        " select namespace_key, project_id, 'k', current_date, 1, 1, 1, 1, 1, 1, 1, 1, 1"
        " from namespaces"
    ),
    "insert into monthly_calls select project_id, 'k', current_date, 1 from projects",
)
#: Tables whose rows nobody who serves may change.
FIXED = ("audit_events", "projects", "api_keys", "monthly_calls")
#: Tables whose rows may go without others that the services rely on.
DISPOSABLE = ("recalls", "responses", "fact_mentions", "speakers", "dialogues", "memories")


def connection_of(tx: Transaction) -> AsyncConnection[Any]:
    """Past the stores."""
    return tx.keys._connection


async def rows(tx: Transaction, statement: SQL, table: str) -> list[dict[str, Any]]:
    """What a statement gives that names no tenant."""
    cursor = connection_of(tx).cursor(row_factory=dict_row)
    await cursor.execute(statement.format(Identifier(table)))
    return await cursor.fetchall()


@contextlib.asynccontextmanager
async def pool(dsn: str) -> AsyncIterator[Database]:
    """Small, so that every connection serves everybody."""
    async with Database(
        dsn, max_connections=CONNECTIONS, max_waiting=1_000, acquire_timeout_seconds=60
    ) as database:
        yield database


async def run(
    dsn: str, operations: int, seed: int, progress: Callable[[], None] = lambda: None
) -> Outcome:
    """Against a migrated database of the run's own."""
    async with pool(dsn) as database:
        members = Run(database, dsn, seed)
        await members.populate()
        before = await members.fingerprint()
        with without_filters() as statements:
            await members.go(operations, progress)
        members.outcome.statements = statements
        members.outcome.is_watcher_unchanged = before == await members.fingerprint()
        members.outcome.misplaced = await members.misplaced()
    return members.outcome


async def measure(operations: int = 100_000, seed: int = 1) -> Rows:
    """For the table."""
    with outside_postgres() as postgres, Progress() as bar:
        await migrate(postgres.dsn)
        task = bar.add_task("tenants", total=operations)
        outcome = await run(postgres.dsn, operations, seed, lambda: bar.advance(task))
    what = "three tenants, filters off"
    return [
        (f"{what}: operations", f"{operations:,}", f"{outcome.operations.total():,}"),
        (
            f"{what}: foreign rows seen, changed or written",
            "0",
            f"{len(outcome.foreign)} of {outcome.rows_seen:,} rows seen",
        ),
        (f"{what}: rows in a foreign place", "0", str(outcome.misplaced)),
        (
            f"{what}: a fourth tenant's rows",
            "unchanged",
            "unchanged" if outcome.is_watcher_unchanged else "changed",
        ),
        (f"{what}: tables that hold nothing to be seen", "0", str(len(outcome.empty_tables))),
        (
            f"{what}: statements without filters, tables under row security",
            "all",
            f"{outcome.statements.unfiltered} statements, {len(outcome.tables)} tables",
        ),
    ]


if __name__ == "__main__":
    main(measure, __doc__, operations=100_000, seed=1)
