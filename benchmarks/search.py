"""How fast a search is over many texts, and that none of its results is missing.

    python -m benchmarks.search [--texts 100000] [--namespaces 1000] [--total 1000000] [--quick]
    python -m benchmarks.search --target 127.0.0.1:50051 --api-key KEY

Invented conversations go in through the public gRPC API of a server in a process of its own; this
process only loads, asks and counts. Printed are, each as the median over rounds with the lowest
and the highest: how many messages a second are written with vector and index; searches in small
namespaces while the total grows; and single namespaces up to a large one, with how many of the
first ten results in that one an exact search has too.

Two things are not done over the API. The growth to `--total` copies rows inside the database, as a
million calls would measure patience. The exact search reads the whole large namespace in one
transaction that is then undone. With `--target` there is no way in but the API: both are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from random import Random
from statistics import mean, median, quantiles
from uuid import uuid4

import grpc
import psycopg
from rich.progress import track

from benchmarks.growth import await_upkeep, copy_namespaces, entries_in_all
from benchmarks.invented_texts import Turn, invented_turns
from eunoe.v1 import dialogue_pb2, dialogue_pb2_grpc, search_pb2, search_pb2_grpc
from eunoe_server.app import open_postgres
from eunoe_server.domain.question import read_question
from eunoe_server.domain.ranking import rank
from eunoe_server.domain.search_entry import SearchObject, SearchScope
from eunoe_server.domain.tenant import Tenant
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from eunoe_server.settings import Settings
from eunoe_server.stores.database import Database
from tests.fixtures.server import KEY, ServerProcess, serving

LIMIT = 10
DIALOGUE_MESSAGES = 50
#: Long enough that no commit takes place while questions are asked.
COMMIT_AFTER_SECONDS = 86_400
#: Calls under way at a time while loading.
WRITERS = 4
#: Beyond those of the small namespaces, which are numbered.
SINGLE_SEEDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is loaded and asked."""

    #: Texts in small namespaces, and how many of those there are.
    texts: int
    namespaces: int
    #: Texts in the large namespace.
    large: int
    #: Texts in all after the growth.
    total: int
    #: Questions a round; a tenth of them in the large namespace.
    questions: int
    rounds: int
    #: Texts in namespaces between the small ones and the large one.
    between: tuple[int, ...] = ()


FULL = Sizes(100_000, 1_000, 100_000, 1_000_000, 500, 5, (1_000, 10_000))
QUICK = Sizes(600, 12, 300, 1_500, 20, 2)


@dataclass(slots=True)
class Figures:
    """What rounds of questions gave."""

    milliseconds: list[list[float]] = field(default_factory=list)
    results: list[int] = field(default_factory=list)

    def medians(self) -> list[float]:
        """Milliseconds, a median each round."""
        return [median(each) for each in self.milliseconds]

    def line(self, name: str, per_query: int) -> str:
        """Median and 95th percentile of the rounds, and how many results came back."""
        p50 = self.medians()
        p95 = [quantiles(each, n=20)[-1] for each in self.milliseconds]
        return (
            f"{name}: p50 {median(p50):.2f} ms ({min(p50):.2f} to {max(p50):.2f}), "
            f"p95 {median(p95):.2f} ms; results {mean(self.results):.2f} of {per_query}, "
            f"the fewest {min(self.results)}"
        )


@dataclass(slots=True)
class Measured:
    """What a run gave."""

    #: Searches in small namespaces, by texts in all.
    small: dict[int, Figures] = field(default_factory=dict)
    #: Searches in one namespace, by its texts.
    single: dict[int, Figures] = field(default_factory=dict)


class Eunoe:
    """A running server, through its public API."""

    def __init__(
        self, target: str, api_key: str, *, commit_after_seconds: int = COMMIT_AFTER_SECONDS
    ) -> None:
        self._commit_after_seconds = commit_after_seconds
        self._channel = grpc.insecure_channel(target)
        self._dialogues = dialogue_pb2_grpc.DialogueServiceStub(self._channel)
        self._search = search_pb2_grpc.SearchServiceStub(self._channel)
        self._metadata = (("authorization", f"Bearer {api_key}"),)

    def write(self, namespace: str, turns: Sequence[Turn]) -> None:
        """One dialogue, in one call."""
        request = dialogue_pb2.CreateDialogueRequest(
            namespace=namespace, commit_after_seconds=self._commit_after_seconds
        )
        for number, turn in enumerate(turns):
            request.messages.add(
                id=uuid4().hex,
                role="assistant" if number % 2 else "user",
                content_json=json.dumps(turn.text),
            )
        self._dialogues.CreateDialogue(request, metadata=self._metadata)

    def ask(self, namespace: str, question: str) -> Sequence[str]:
        """The ids of the messages that are found."""
        answer = self._search.Search(
            search_pb2.SearchRequest(
                query=question, object="message", namespace=namespace, limit=LIMIT
            ),
            metadata=self._metadata,
        )
        return [each.message.id for each in answer.results]

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()


@dataclass(slots=True)
class Loaded:
    """What is in the server by now, as far as questions need to know."""

    #: A run's own, so that a target may be measured twice.
    prefix: str
    namespaces: list[str] = field(default_factory=list)
    questions: dict[str, list[str]] = field(default_factory=dict)


def main() -> None:
    """Prints the lines."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=FULL.texts, help="in small namespaces")
    parser.add_argument("--namespaces", type=int, default=FULL.namespaces, help="small ones")
    parser.add_argument("--large", type=int, default=FULL.large, help="texts in the large one")
    parser.add_argument("--total", type=int, default=FULL.total, help="texts after the growth")
    parser.add_argument("--questions", type=int, default=FULL.questions, help="a round")
    parser.add_argument("--rounds", type=int, default=FULL.rounds)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs")
    parser.add_argument("--target", default="", help="a running server; default: one is started")
    parser.add_argument("--api-key", default="", help="for that server")
    options = parser.parse_args()
    sizes = Sizes(
        options.texts,
        options.namespaces,
        options.large,
        options.total,
        options.questions,
        options.rounds,
        FULL.between,
    )
    measure(QUICK if options.quick else sizes, options.target, options.api_key)


def measure(sizes: Sizes, target: str = "", api_key: str = "") -> Measured:
    """Loads, asks and prints."""
    measured = Measured()
    with contextlib.ExitStack() as stack:
        server = None
        if not target:
            server = stack.enter_context(serving())
            target, api_key = server.grpc, KEY
        eunoe = Eunoe(target, api_key)
        stack.callback(eunoe.close)
        loaded = Loaded(f"bench-{uuid4().hex[:8]}")

        step = sizes.namespaces // 10
        load_small(eunoe, loaded, sizes, step)
        first = step * sizes.texts // sizes.namespaces
        measured.small[first] = ask_small(eunoe, loaded, sizes, first)
        load_small(eunoe, loaded, sizes, sizes.namespaces - step)
        measured.small[sizes.texts] = ask_small(eunoe, loaded, sizes, sizes.texts)
        for texts in (*sizes.between, sizes.large):
            load_single(eunoe, loaded, texts)
        asyncio.run(single_and_growth(eunoe, loaded, sizes, server, measured))
    return measured


def load_small(eunoe: Eunoe, loaded: Loaded, sizes: Sizes, count: int) -> None:
    """Adds `count` small namespaces."""
    first, texts = len(loaded.namespaces), sizes.texts // sizes.namespaces
    batches: list[tuple[str, Sequence[Turn]]] = []
    for number in range(first, first + count):
        name = f"{loaded.prefix}-{number}"
        turns = list(islice(invented_turns(seed=number), texts))
        loaded.namespaces.append(name)
        loaded.questions[name] = [turn.question for turn in turns]
        batches += _dialogues(name, turns)
    _write(eunoe, batches, f"{count:,} namespaces of {texts:,} texts")


def load_single(eunoe: Eunoe, loaded: Loaded, texts: int) -> None:
    """Adds one namespace of so many texts, of another seed than all small ones'."""
    name = single_name(loaded, texts)
    turns = list(islice(invented_turns(seed=SINGLE_SEEDS + texts), texts))
    loaded.questions[name] = [turn.question for turn in turns]
    _write(eunoe, list(_dialogues(name, turns)), f"one namespace of {texts:,} texts")


def single_name(loaded: Loaded, texts: int) -> str:
    """What the namespace of so many texts is called."""
    return f"{loaded.prefix}-single-{texts}"


def _dialogues(name: str, turns: Sequence[Turn]) -> Iterator[tuple[str, Sequence[Turn]]]:
    for first in range(0, len(turns), DIALOGUE_MESSAGES):
        yield name, turns[first : first + DIALOGUE_MESSAGES]


def _write(eunoe: Eunoe, batches: Sequence[tuple[str, Sequence[Turn]]], what: str) -> None:
    """Writes dialogues and prints how fast, by tenths of the whole."""
    rates = []
    parts = [part for n in range(10) if (part := batches[n::10])]
    with ThreadPoolExecutor(WRITERS) as writers:
        for part in track(parts, description=f"writing {what}"):
            started = time.perf_counter()
            list(writers.map(lambda batch: eunoe.write(*batch), part))
            elapsed = time.perf_counter() - started
            rates.append(sum(len(turns) for _, turns in part) / elapsed)
    print(
        f"written, {what}, {DIALOGUE_MESSAGES} a call, {WRITERS} callers: "
        f"{median(rates):,.0f} messages/s ({min(rates):,.0f} to {max(rates):,.0f})"
    )


def ask_small(eunoe: Eunoe, loaded: Loaded, sizes: Sizes, in_all: int) -> Figures:
    """Questions to small namespaces chosen at random."""
    per_query = min(LIMIT, sizes.texts // sizes.namespaces)
    figures = _ask(eunoe, loaded, loaded.namespaces, sizes.questions, sizes.rounds)
    name = (
        f"search, a namespace of {sizes.texts // sizes.namespaces:,} texts, {in_all:,} texts in all"
    )
    print(figures.line(name, per_query))
    return figures


def _ask(
    eunoe: Eunoe, loaded: Loaded, namespaces: Sequence[str], questions: int, rounds: int
) -> Figures:
    choose = Random(7)  # noqa: S311 - no secret
    figures = Figures()
    for number in range(rounds + 1):
        times = []
        for _ in range(questions):
            namespace = choose.choice(namespaces)
            question = choose.choice(loaded.questions[namespace])
            started = time.perf_counter()
            found = eunoe.ask(namespace, question)
            times.append(1000 * (time.perf_counter() - started))
            figures.results.append(len(found))
        # The first round warms plans and caches up.
        if number:
            figures.milliseconds.append(times)
    return figures


async def single_and_growth(
    eunoe: Eunoe,
    loaded: Loaded,
    sizes: Sizes,
    server: ServerProcess | None,
    measured: Measured,
) -> None:
    """The single namespaces, and the small ones among `sizes.total` texts."""
    questions = max(sizes.questions // 10, 10)

    def ask_single() -> None:
        for texts in (*sizes.between, sizes.large):
            name = single_name(loaded, texts)
            figures = _ask(eunoe, loaded, [name], questions, sizes.rounds)
            print(figures.line(f"search, one namespace of {texts:,} texts", min(LIMIT, texts)))
            measured.single[texts] = figures

    if server is None:
        ask_single()
        print("recall against exact search, growth: left out, they need the database")
        return
    # The server's own, which is running: joined, not started.
    settings = Settings.load(data_dir=server.data_dir, database_url="")
    async with open_postgres(settings) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            large = single_name(loaded, sizes.large)
            started = time.perf_counter()
            await_upkeep(connection, large)
            print(f"upkeep, done after {time.perf_counter() - started:.1f} s more")
            ask_single()
            async with Database(dsn) as database:
                print(await compare(eunoe, loaded, large, database, connection, questions))
            copy_namespaces(connection, loaded.namespaces, sizes.total)
            in_all = entries_in_all(connection)
        measured.small[in_all] = ask_small(eunoe, loaded, sizes, in_all)


async def compare(
    eunoe: Eunoe,
    loaded: Loaded,
    name: str,
    database: Database,
    connection: psycopg.Connection[tuple[int, ...]],
    count: int,
) -> str:
    """How many of the first results an exact search has too."""
    asked = Random(11).sample(loaded.questions[name], count)  # noqa: S311 - no secret
    found = [eunoe.ask(name, question) for question in asked]
    exact = await _exactly(_tenant(connection, name), database, asked)
    shares = [
        len(set(one) & set(other)) / len(other) for one, other in zip(found, exact, strict=True)
    ]
    return (
        f"search, recall@{LIMIT} against an exact one, {count} questions: {mean(shares):.3f}, "
        f"the lowest {min(shares):.2f}"
    )


class _Undo(Exception):
    """Ends the transaction without a trace."""


async def _exactly(
    tenant: Tenant, database: Database, asked: Sequence[str]
) -> Sequence[Sequence[str]]:
    """The ids that the ranking puts first when it is given every text."""
    embedder = WordLlamaEmbedder()
    questions = [read_question(text, datetime.now(UTC)) for text in asked]
    vectors = await embedder.embed([question.topic for question in questions])
    scope = SearchScope(objects=frozenset({SearchObject.MESSAGE}), include_uncommitted=True)
    found: list[Sequence[str]] = []
    with contextlib.suppress(_Undo):
        async with database.transaction(tenant, statement_timeout_seconds=120) as tx:
            # Undivided, a namespace is read whole.
            await tx.search.cells.dissolve()
            for question, vector in zip(questions, vectors, strict=True):
                candidates = await tx.search.candidates(question, vector, embedder.name, scope)
                keys = [each.object_key for each in rank(candidates, question, LIMIT)]
                shown = await tx.messages.found(keys)
                found.append([each.message.id for each in shown.rows])
            raise _Undo
    return found


def _tenant(connection: psycopg.Connection[tuple[int, ...]], name: str) -> Tenant:
    row = connection.execute(
        "select project_id, namespace_key from namespaces where name = %s", [name]
    ).fetchone()
    assert row is not None
    return Tenant(row[0], row[1])


if __name__ == "__main__":
    main()
