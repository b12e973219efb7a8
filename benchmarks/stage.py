"""What several suites stand on: how much is measured, a model endpoint, a server that remembers."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Self

from rich.console import Console

from benchmarks import search
from benchmarks.processes import own_program, serving_program
from benchmarks.replay import uncommitted
from tests.fixtures.server import KEY, ServerProcess

#: Longest time for the commits of what is loaded.
COMMIT_SECONDS = 3_600
#: Questions of one load; more than are asked in a round.
ASKS = 5_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int
    #: Of each side in each round.
    seconds: float
    #: What the server remembers that chats go through, in namespaces of equal size.
    messages: int
    namespaces: int
    #: Callers at once, for the growth with them; the first is one, the others are for throughput.
    callers: tuple[int, ...]
    #: The number of them that throughput is stated for.
    many_callers: int
    #: Messages of a conversation, for the growth with them.
    dialogue_messages: tuple[int, ...]
    #: Callers of the crowd, and how long it stays.
    crowd: int
    crowd_seconds: float
    #: Memories stored beside a peer's, one size after the other.
    memories: tuple[int, ...]
    #: Calls of each kind in a round, beside that peer.
    memory_calls: int
    #: Texts of one batch there.
    memory_batch: int
    #: What search is measured over.
    search: search.Sizes
    #: Times that servers are started.
    starts: int
    #: Whether `make serve` is tried on a fresh clone, which installs everything.
    fresh_clone: bool
    #: Conversations that are not in this repository; see `recall.py`.
    locomo: Path | None = None
    user_assistant: Path | None = None


FULL = Plan(
    rounds=5,
    seconds=5,
    messages=100_000,
    namespaces=1_000,
    callers=(1, 4, 16, 64),
    many_callers=16,
    dialogue_messages=(2, 20, 100, 400),
    crowd=200,
    crowd_seconds=60,
    memories=(10_000,),
    memory_calls=200,
    memory_batch=100,
    search=search.FULL,
    starts=5,
    fresh_clone=True,
)
#: Shows that everything runs; its figures mean nothing.
QUICK = Plan(
    rounds=2,
    seconds=0.2,
    messages=80,
    namespaces=4,
    callers=(1, 2),
    many_callers=2,
    dialogue_messages=(2, 4),
    crowd=4,
    crowd_seconds=0.8,
    memories=(60,),
    memory_calls=5,
    memory_batch=4,
    search=search.QUICK,
    starts=2,
    fresh_clone=False,
)


@dataclass
class Stage:
    """Opened at first use, closed at the end of the run; a context manager."""

    plan: Plan
    console: Console = field(default_factory=lambda: Console(stderr=True))

    def __post_init__(self) -> None:
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def say(self, what: str) -> None:
        """Tells the person who waits."""
        self.console.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim] {what}", highlight=False)

    @cached_property
    def upstream(self) -> str:
        """The base URL of a model endpoint that answers at once."""
        return self._stack.enter_context(serving_program(own_program("upstream")))

    @contextlib.contextmanager
    def remembering(self, upstream: str = "", **environment: str) -> Iterator[ServerProcess]:
        """A server that remembers what the plan says; commits of what is added meanwhile wait.

        They wait so that each round finds the same work to do. What a commit costs is no part of a
        chat, and depends on what people say.
        """
        server = ServerProcess(
            self._memory,
            {
                "EUNOE_UPSTREAM_BASE_URL": upstream or self.upstream,
                "EUNOE_CHAT__COMMIT_AFTER_SECONDS": "86400",
                **environment,
            },
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()

    def asks(self) -> tuple[tuple[str, str], ...]:
        """Questions about what is remembered, each with its namespace, and others next time.

        Nobody asks the same again and again; a server that is asked so has more and more copies.
        """
        return tuple(islice(self._all_asks, ASKS))

    @cached_property
    def _all_asks(self) -> Iterator[tuple[str, str]]:
        questions = self._loaded.questions
        every = [(name, question) for name, asked in questions.items() for question in asked]
        Random(5).shuffle(every)  # noqa: S311 - no secret
        return cycle(every)

    @cached_property
    def _loaded(self) -> search.Loaded:
        self._memory  # noqa: B018 - loads
        return self._names

    @cached_property
    def _memory(self) -> Path:
        """The data folder of the server that remembers."""
        plan = self.plan
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="eunoe-benchmark-"))
        data_dir = Path(folder) / "data"
        self.say(f"storing {plan.messages:,} messages in {plan.namespaces:,} namespaces")
        server = ServerProcess(data_dir).start()
        try:
            eunoe = search.Eunoe(server.grpc, KEY, commit_after_seconds=0)
            self._names = search.Loaded("chats")
            sizes = search.Sizes(plan.messages, plan.namespaces, 0, 0, 0, 0)
            search.load_small(eunoe, self._names, sizes, plan.namespaces)
            eunoe.close()
            started = time.monotonic()
            while uncommitted(server):
                assert time.monotonic() - started < COMMIT_SECONDS, "the commits did not end"
                time.sleep(0.2)
            self.say(f"committed {time.monotonic() - started:.0f} s later")
        finally:
            server.stop()
        return data_dir
