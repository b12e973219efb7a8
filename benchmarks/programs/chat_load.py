"""Callers that chat over HTTP, each asking again as soon as it is answered.

A program of its own (`processes.run_program`): it reads a `ChatOrder` and prints a `ChatReport`.
Each caller is a thread with a connection and no client library, so what a client costs is in no
figure but the load's own share of the processor, which the report states.
"""

from __future__ import annotations

import dataclasses
import http.client
import itertools
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from benchmarks.processes import own_program, run_program

#: Longest time for one answer.
ANSWER_SECONDS = 60
#: A caller that gets an error comes back as late as a busy server asks to.
AFTER_ERROR_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ChatOrder:
    """What to ask, where, and for how long."""

    #: Of the chat completions.
    url: str
    api_key: str
    #: (namespace, question); each is asked once before any is asked again.
    asks: tuple[tuple[str, str], ...]
    callers: int
    seconds: float
    stream: bool = False
    #: Messages that a conversation has before it is measured; 0: every chat is a new conversation.
    dialogue_messages: int = 0
    #: Callers begin spread over this time, as people do.
    spread_seconds: float = 0.0
    #: Chats of each caller that open connections and warm caches up, and are not counted.
    warm_up_chats: int = 3
    model: str = "stand-in-1"


@dataclass(slots=True)
class ChatReport:
    """What came of it."""

    #: A chat each: when it ended since the start in seconds, first byte and whole in milliseconds.
    chats: list[tuple[float, float, float]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    #: Notes that were put into the chats, as the server said.
    notes: int = 0
    elapsed_seconds: float = 0.0
    #: Of one processor, used by this program.
    load_share: float = 0.0

    @property
    def milliseconds(self) -> list[float]:
        """How long the answers took."""
        return [whole for _, _, whole in self.chats]

    @property
    def first_milliseconds(self) -> list[float]:
        """How long until they began."""
        return [first for _, first, _ in self.chats]

    @property
    def rate(self) -> float:
        """Chats a second."""
        return len(self.chats) / self.elapsed_seconds


def chat(order: ChatOrder) -> ChatReport:
    """Has the callers chat, in a process of their own."""
    seconds = order.seconds + order.spread_seconds + ANSWER_SECONDS
    report = run_program(own_program("chat_load"), dataclasses.asdict(order), seconds=seconds)
    return ChatReport(**report)


class Caller:
    """One of them."""

    def __init__(self, order: ChatOrder, number: int) -> None:
        self._order = order
        self._number = number
        self._asks = itertools.cycle(order.asks[number :: order.callers] or order.asks)
        self._url = urlsplit(order.url)
        assert self._url.hostname is not None
        self._connection = http.client.HTTPConnection(
            self._url.hostname, self._url.port, timeout=ANSWER_SECONDS
        )
        self._namespace = ""
        self._messages: list[dict[str, Any]] = []
        self.report = ChatReport()

    def warm_up(self) -> None:
        """Chats that are not counted."""
        for _ in range(self._order.warm_up_chats):
            self._next()
        self.report = ChatReport()

    def run(self, started: float) -> None:
        """Chats until the time is over, once at least."""
        order = self._order
        time.sleep(order.spread_seconds * self._number / order.callers)
        self._next()
        while time.perf_counter() - started < order.seconds:
            self._next()

    def _next(self) -> None:
        order = self._order
        # Ten turns of a conversation of the length asked for, then another.
        if len(self._messages) >= order.dialogue_messages + 20 or not order.dialogue_messages:
            self._messages = []
        if not self._messages:
            self._namespace, question = next(self._asks)
            if order.dialogue_messages:
                self._begin()
        else:
            _, question = next(self._asks)
        self._messages.append({"role": "user", "content": question})
        before = time.perf_counter()
        try:
            first, answer = self._ask()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.report.errors.append(f"{type(error).__name__}: {error}"[:500])
            self._connection.close()
            self._messages = []
            time.sleep(AFTER_ERROR_SECONDS)
            return
        ended = time.perf_counter()
        self._messages.append({"role": "assistant", "content": answer})
        self.report.chats.append((ended, 1000 * (first - before), 1000 * (ended - before)))

    def _begin(self) -> None:
        """A conversation as it was before: its messages come with the first chat of it."""
        for number in range(self._order.dialogue_messages - 2):
            _, text = next(self._asks)
            role = "assistant" if number % 2 else "user"
            self._messages.append({"role": role, "content": text})
        self._messages.append({"role": "user", "content": "Let us go on."})
        _, answer = self._ask()
        self._messages.append({"role": "assistant", "content": answer})

    def _ask(self) -> tuple[float, str]:
        """When the answer began, and what it is. Raises ValueError, OSError, HTTPException."""
        order = self._order
        body: dict[str, Any] = {"model": order.model, "messages": self._messages}
        if order.stream:
            body["stream"] = True
        self._connection.request(
            "POST",
            self._url.path,
            json.dumps(body).encode(),
            {
                "authorization": f"Bearer {order.api_key}",
                "content-type": "application/json",
                "x-memory-namespace": self._namespace,
            },
        )
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise ValueError(f"{answer.status} {answer.read()[:300].decode(errors='replace')}")
        self.report.notes += int(answer.getheader("x-memory-hits", "0"))
        if not order.stream:
            whole = answer.read()
            return time.perf_counter(), json.loads(whole)["choices"][0]["message"]["content"]
        first = 0.0
        text = ""
        line = b""
        while line := answer.readline():
            if not line.startswith(b"data: "):
                continue
            first = first or time.perf_counter()
            if line == b"data: [DONE]\n":
                answer.read()
                return first, text
            text += json.loads(line[6:])["choices"][0]["delta"].get("content", "")
        raise ValueError("the stream broke off")


def measure(order: ChatOrder) -> ChatReport:
    """All callers at once."""
    callers = [Caller(order, number) for number in range(order.callers)]
    threads = [threading.Thread(target=caller.warm_up) for caller in callers]
    _run(threads)
    started, used = time.perf_counter(), time.process_time()
    _run([threading.Thread(target=caller.run, args=(started,)) for caller in callers])
    elapsed = time.perf_counter() - started
    whole = ChatReport(elapsed_seconds=elapsed, load_share=(time.process_time() - used) / elapsed)
    for caller in callers:
        whole.chats += [
            (ended - started, first, all_) for ended, first, all_ in caller.report.chats
        ]
        whole.errors += caller.report.errors
        whole.notes += caller.report.notes
    return whole


def _run(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    found = json.load(sys.stdin)
    found["asks"] = tuple(map(tuple, found["asks"]))
    json.dump(dataclasses.asdict(measure(ChatOrder(**found))), sys.stdout)
