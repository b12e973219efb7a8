"""Commits under kills: each conversation once, none lost, none late (issue 4; R17, R18, R19).

    python -m tests.reliability.commit_kills [--conversations 500] [--workers 4]

Several workers share one Postgres. A random one is killed with SIGKILL every two seconds and
replaced, one is frozen past its lease, and one extraction in ten never answers. Afterwards the
database is asked, past the server: how many conversations were committed, how many facts there
are of each, and how long the last message of each waited.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg

from tests.fixtures.server import ServerProcess, call, serving
from tests.reliability.figures import Rows, main
from tests.reliability.postgres import outside_postgres

COMMIT_AFTER_SECONDS = 1
LEASE_SECONDS = 5
EXTRACTION_TIMEOUT_SECONDS = 1
KILL_EVERY_SECONDS = 2.0
ALLOWED_LATENESS_SECONDS = COMMIT_AFTER_SECONDS + LEASE_SECONDS + 5
POISON = "poison"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run showed."""

    conversations: int
    committed: int
    facts: int
    conversations_with_one_fact: int
    worst_wait_seconds: float
    median_wait_seconds: float
    kills: int
    freezes: int
    extractions: int
    dead: int
    dead_attempts: int

    def table(self) -> str:
        """One line a figure."""
        lines = [
            f"{name.replace('_', ' '):32} {getattr(self, name):>8}"
            for name in self.__dataclass_fields__
        ]
        return "\n".join([*lines, f"{'allowed wait seconds':32} {ALLOWED_LATENESS_SECONDS:>8}"])


class _Model(ThreadingHTTPServer):
    """A model that finds one fact in each message, is silent to one request in ten, and chokes on
    the poisoned conversation."""

    daemon_threads = True

    def __init__(self, chance: random.Random) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.chance = chance
        self.calls = 0
        self.lock = threading.Lock()


class _Answer(BaseHTTPRequestHandler):
    server: _Model

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = asked["messages"][1]["content"]
        with self.server.lock:
            self.server.calls += 1
            is_silent = self.server.chance.random() < 0.1
        if POISON in text:
            self.send_error(500)
            return
        if is_silent:
            time.sleep(3 * EXTRACTION_TIMEOUT_SECONDS)
            return
        found = {"facts": [_candidate(m) for m in _shown(text)]}
        message = {"role": "assistant", "content": json.dumps(found)}
        body = json.dumps(
            {
                "id": "1",
                "object": "chat.completion",
                "model": "extractor",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


def _shown(text: str) -> list[dict[str, object]]:
    return [message for message in json.loads(text) if message["role"] == "user"]


def _candidate(message: dict[str, object]) -> dict[str, object]:
    number = str(message["text"]).rpartition(" ")[2].rstrip(".")
    return {
        "message": message["message"],
        "quote": message["text"],
        "text": f"The user owns a boat called Boat {number}.",
        "type": "fact",
        "confidence": 0.9,
        "attribute": "owns",
        "object": f"boat {number}",
        "is_negated": False,
        "operation": "assert",
    }


@contextlib.contextmanager
def _model(seed: int) -> Iterator[_Model]:
    model = _Model(random.Random(seed))  # noqa: S311 - a repeatable run
    thread = threading.Thread(target=model.serve_forever, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        model.shutdown()
        model.server_close()
        thread.join()


def run(*, conversations: int, workers: int, seed: int = 1) -> Figures:
    """Holds the conversations, kills all the while, and counts."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable run
    with (
        _model(seed) as model,
        outside_postgres() as postgres,
        serving({"EUNOE_DATABASE_URL": postgres.dsn, "EUNOE_WORKER__CONCURRENCY": "0"}) as front,
        tempfile.TemporaryDirectory(prefix="eunoe-test-") as folder,
        contextlib.ExitStack() as stack,
    ):
        settings = {
            "EUNOE_DATABASE_URL": postgres.dsn,
            "EUNOE_WORKER__CONCURRENCY": "4",
            "EUNOE_WORKER__LEASE_SECONDS": str(LEASE_SECONDS),
            "EUNOE_UPSTREAM__FIRST_BYTE_SECONDS": str(EXTRACTION_TIMEOUT_SECONDS),
            "EUNOE_EXTRACTOR__PROVIDER": "llm",
            "EUNOE_EXTRACTOR__BASE_URL": f"http://127.0.0.1:{model.server_port}/v1",
            "EUNOE_EXTRACTOR__API_KEY": "extractor-key",
        }
        crew = [ServerProcess(Path(folder) / f"worker-{n}", settings) for n in range(workers)]
        for worker in crew:
            worker.start()
            stack.callback(worker.stop)
        with ThreadPoolExecutor(1) as background:
            held = background.submit(_hold, front, conversations)
            kills, freezes = _disturb(crew, postgres.dsn, conversations, held.done, chance)
            held.result()
        return _count(postgres.dsn, conversations, kills, freezes, model.calls)


def _hold(front: ServerProcess, conversations: int) -> None:
    """Half a dozen new conversations a second, and the poisoned one first."""
    texts = [f"I have the {POISON} 0."] + [
        f"I own a boat called Boat {n}." for n in range(conversations)
    ]
    with ThreadPoolExecutor(4) as pool:
        for text in texts:
            pool.submit(_say, front, text)
            time.sleep(0.15)


def _say(front: ServerProcess, text: str) -> None:
    path = f"/v1/memory/chat/completions?namespace=kills&commit_after={COMMIT_AFTER_SECONDS}"
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    answer = call(front, "POST", path, body)
    assert answer.status == 200
    assert "x-memory-degraded" not in answer.headers


def _disturb(
    crew: list[ServerProcess],
    dsn: str,
    conversations: int,
    all_held: Callable[[], bool],
    chance: random.Random,
) -> tuple[int, int]:
    """Kills and replaces a worker every two seconds until all is committed; freezes one once."""
    kills = freezes = 0
    starting: dict[ServerProcess, Future[ServerProcess]] = {}
    deadline = time.monotonic() + 120 + conversations / 4
    with ThreadPoolExecutor(len(crew)) as pool:
        while time.monotonic() < deadline:
            time.sleep(KILL_EVERY_SECONDS)
            running = [each for each in crew if each not in starting or starting[each].done()]
            if not running:
                continue
            victim = chance.choice(running)
            if kills == 2:
                # Its leases run out, others take over; then it wakes and may write nothing.
                os.kill(victim.pid, signal.SIGSTOP)
                time.sleep(LEASE_SECONDS + 2)
                os.kill(victim.pid, signal.SIGCONT)
                time.sleep(1)
                freezes += 1
            victim.kill()
            starting[victim] = pool.submit(victim.start)
            kills += 1
            if all_held() and _waiting(dsn) == 0:
                break
    for started in starting.values():
        started.result()
    return kills, freezes


def _waiting(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "select count(*) from commit_queue where state = 'waiting'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def _count(dsn: str, conversations: int, kills: int, freezes: int, extractions: int) -> Figures:
    with psycopg.connect(dsn) as connection:
        waits = [
            float(row[0])
            for row in connection.execute(
                """
                select extract(epoch from max(committed_at) - max(created_at))
                from messages group by dialogue_key
                having bool_and(committed_at is not null) order by 1
                """
            )
        ]
        facts = connection.execute(
            """
            select source_dialogue_id, count(*) from memories
            where fact_type is not null group by source_dialogue_id
            """
        ).fetchall()
        dead = connection.execute(
            "select attempts from commit_queue where state = 'dead'"
        ).fetchall()
    return Figures(
        conversations=conversations,
        committed=len(waits),
        facts=sum(count for _, count in facts),
        conversations_with_one_fact=sum(count == 1 for _, count in facts),
        worst_wait_seconds=round(max(waits, default=0.0), 2),
        median_wait_seconds=round(waits[len(waits) // 2], 2) if waits else 0.0,
        kills=kills,
        freezes=freezes,
        extractions=extractions,
        dead=len(dead),
        dead_attempts=int(dead[0][0]) if dead else 0,
    )


async def measure(conversations: int = 500, workers: int = 4, seed: int = 1) -> Rows:
    """For the table."""
    figures = await asyncio.to_thread(
        lambda: run(conversations=conversations, workers=workers, seed=seed)
    )
    what = f"{figures.kills} kills of workers"
    return [
        (f"{what}: conversations committed", str(conversations), str(figures.committed)),
        (
            f"{what}: conversations with their one fact",
            f"{conversations} of {figures.facts} facts",
            str(figures.conversations_with_one_fact),
        ),
        (
            f"{what}: the longest wait for a commit",
            f"{ALLOWED_LATENESS_SECONDS} s",
            f"{figures.worst_wait_seconds} s",
        ),
        (
            f"{what}: extractions a conversation",
            "",
            f"{figures.extractions / max(1, conversations):.2f}",
        ),
        (
            "a poisoned conversation: set aside, after so many tries",
            "1, 5",
            f"{figures.dead}, {figures.dead_attempts}",
        ),
    ]


if __name__ == "__main__":
    main(measure, __doc__, conversations=500, workers=4, seed=1)
