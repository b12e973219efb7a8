"""Memories beside mem0: the same texts, the same Postgres, vectors of the same model.

mem0 is a library in its user's process; ours is a server that is called. mem0 stores what it is
given as it is (`infer=False`), so neither asks a model. Its vectors come over HTTP from a loopback
endpoint; so do ours in the first of our sides, and the second embeds by itself, as it is installed.
All take turns, one call at a time. The first texts go in in bulk.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import Protocol

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier
from rich.progress import track

from benchmarks.figures import Curve, Figure, Line, Outcome, Row, beside, take_turns
from benchmarks.invented_texts import Turn, invented_turns
from benchmarks.peers import Mem0
from benchmarks.programs.call_load import Call, CallOrder, call
from benchmarks.stage import Plan, Stage
from eunoe.v1 import memory_pb2, memory_pb2_grpc
from eunoe_server.stores.embedded import EmbeddedUser
from tests.fixtures.server import KEY, METADATA, ServerProcess, serving

MEM0, ENDPOINT, BUILT_IN = "mem0", "ours, the same endpoint", "ours, as installed"
#: Texts of one user.
USER_TEXTS = 100
#: What is compared, what stores little first, and its share of the calls of a round.
KINDS = {"list": 1.0, "search": 1.0, "create": 1.0, "find_created": 0.5, "batch": 0.05}
#: What they are called where their name does not say it.
WHATS = {"batch": "a batch", "find_created": "create until a search finds it"}

Asks = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Timed:
    """Calls of one kind."""

    milliseconds: Sequence[float]
    results: Sequence[float]


class Side(Protocol):
    """Something that keeps memories."""

    def fill(self, asks: Asks) -> None:
        """Stores (user, text) in bulk."""

    def do(self, kind: str, asks: Asks) -> Timed:
        """A call of this kind for each."""


class Ours:
    """A server."""

    def __init__(self, server: ServerProcess, batch: int) -> None:
        self._server = server
        self._batch = batch

    def fill(self, asks: Asks) -> None:
        """In batches, a user's texts in a namespace of his own."""
        with self._server.channel() as channel:
            memories = memory_pb2_grpc.MemoryServiceStub(channel)
            for start in track(range(0, len(asks), USER_TEXTS), "storing in ours"):
                request = memory_pb2.BatchCreateMemoriesRequest(namespace=asks[start][0])
                for _, text in asks[start : start + USER_TEXTS]:
                    request.memories.add(value_json=f'"{text}"')
                memories.BatchCreateMemories(request, metadata=METADATA)

    def do(self, kind: str, asks: Asks) -> Timed:
        """As many calls, of the same kind."""
        report = call(
            CallOrder(
                Call(kind), self._server.grpc, KEY, tuple(asks), callers=1, seconds=0,
                batch=self._batch, calls=len(asks),
            )
        )  # fmt: skip
        return Timed(report.milliseconds, report.results)


class Peer:
    """mem0."""

    def __init__(self, mem0: Mem0, batch: int) -> None:
        self._mem0 = mem0
        self._batch = batch

    def fill(self, asks: Asks) -> None:
        """Through its own store: its calls store one text at a time."""
        for start in track(range(0, len(asks), 5_000), "storing in mem0"):
            self._mem0.fill(asks[start : start + 5_000])

    def do(self, kind: str, asks: Asks) -> Timed:
        """A call for each."""
        # The server's calls are warm too.
        self._mem0.do(kind, asks[:1], self._batch)
        return Timed(**self._mem0.do(kind, asks, self._batch))


def memories(stage: Stage) -> Outcome:
    """Create, batch, list and search, at each size. Raises Missing without mem0."""
    rows: list[Row] = []
    points: dict[str, dict[str, list[tuple[float, Figure]]]] = {kind: {} for kind in KINDS}
    stage.say("mem0, which the first run installs")
    with contextlib.ExitStack() as stack:
        sides = _open(stage, stack)
        turns = invented_turns(seed=9)
        stored: list[tuple[str, Turn]] = []
        for texts in stage.plan.memories:
            stage.say(f"beside mem0: {texts:,} texts")
            added = [
                (f"user-{number // USER_TEXTS}", turn)
                for number, turn in enumerate(islice(turns, texts - len(stored)), len(stored))
            ]
            for side in sides.values():
                side.fill([(user, turn.text) for user, turn in added])
            stored += added
            for kind in KINDS:
                timed = _turns(stage.plan, sides, kind, stored)
                rows += _rows(kind, texts, timed)
                for name, every in timed.items():
                    p50 = Figure.of(median(each.milliseconds) for each in every)
                    points[kind].setdefault(name, []).append((texts, p50))
    curves = tuple(
        Curve(
            f"mem0-{kind.replace('_', '-')}",
            f"{WHATS.get(kind, kind).capitalize()}, beside mem0",
            "texts stored",
            "p50, ms",
            tuple(Line(name, tuple(found)) for name, found in points[kind].items()),
        )
        for kind in KINDS
    )  # fmt: skip
    return Outcome(tuple(rows), curves)


def _open(stage: Stage, stack: contextlib.ExitStack) -> dict[str, Side]:
    """Every side on one Postgres, each in a database of its own."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="eunoe-benchmark-"))
    user = EmbeddedUser(Path(folder) / "data")
    stack.callback(user.leave)
    dsn = user.enter()
    databases = {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        for name in ("mem0", "endpoint", "built_in"):
            connection.execute(SQL("create database {}").format(Identifier(name)))
            databases[name] = make_conninfo(dsn, dbname=name)
    batch = stage.plan.memory_batch
    mem0 = Peer(stack.enter_context(Mem0(databases["mem0"], stage.upstream)), batch)
    same = {
        "EUNOE_DATABASE_URL": databases["endpoint"],
        "EUNOE_EMBEDDER__PROVIDER": "openai",
        "EUNOE_EMBEDDER__BASE_URL": stage.upstream,
        "EUNOE_EMBEDDER__API_KEY": "none",
        "EUNOE_EMBEDDER__MODEL": "wordllama",
        "EUNOE_EMBEDDER__DIMENSION": "256",
    }
    built_in = {"EUNOE_DATABASE_URL": databases["built_in"]}
    return {
        MEM0: mem0,
        ENDPOINT: Ours(stack.enter_context(serving(same)), batch),
        BUILT_IN: Ours(stack.enter_context(serving(built_in)), batch),
    }


def _turns(
    plan: Plan, sides: dict[str, Side], kind: str, stored: Sequence[tuple[str, Turn]]
) -> dict[str, list[Timed]]:
    choose = Random(13)  # noqa: S311 - no secret
    count = max(round(plan.memory_calls * KINDS[kind]), 2)
    chosen = choose.choices(stored, k=count)
    asks = [(user, turn.question if kind == "search" else turn.text) for user, turn in chosen]
    orders: dict[str, Callable[[], Timed]] = {
        name: partial(side.do, kind, asks) for name, side in sides.items()
    }
    return take_turns(orders, plan.rounds)


def _rows(kind: str, texts: int, timed: dict[str, list[Timed]]) -> list[Row]:
    what = WHATS.get(kind, kind)
    gave = "searches" if kind == "find_created" else "results"
    results = {name: mean(mean(each.results) for each in every) for name, every in timed.items()}
    return [
        beside(
            f"{what} among {texts:,} memories, p50 ({name.removeprefix('ours, ')})",
            "ms",
            [median(each.milliseconds) for each in timed[name]],
            MEM0,
            [median(each.milliseconds) for each in timed[MEM0]],
            note=f"{gave}: ours {results[name]:.1f}, mem0 {results[MEM0]:.1f}",
        )
        for name in (ENDPOINT, BUILT_IN)
    ]
