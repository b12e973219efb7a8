"""Refusing early what cannot be served in time, so that what is let in can (`admission.py`).

Two kinds of calls, each with a gate, because they use up different things:

* `calls` protects the event loop and the database's connections: reading, writing, searching.
  More at a time would finish no sooner, only later each.
* `chats` protects memory and file descriptors: calls that wait for a model, mostly asleep, for
  minutes. They hold no place among the `calls`, so however many there are, memories are read and
  searched. What they do with the database goes through `steps`, and they leave that before they
  wait for the model (`services/chat.py`); here it only says when a chat has no chance.

Health and reflection pass by all of them. `Shedding` is asked at the door, before everything: while
a gate refuses, a call is answered before it is read, checked for a key or logged (`grpc/door.py`).
It tells a stranger nothing but that the server is busy. `SheddingOverHttp` is asked the same at the
door of the shim (`http/door.py`).
`Admission` stands behind the limits of the key, and lets in or has wait.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import structlog

from eunoe_server.admission import Gate
from eunoe_server.telemetry import Metrics
from eunoe_server.transport.grpc.interceptors.chain import (
    CHATS,
    OPEN_SERVICES,
    WAITS_FOR_MODEL,
    Call,
    Interceptor,
)

log = structlog.get_logger()

#: Between two lines in the log that say how many were refused.
_REPORT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of a server."""

    calls: Gate
    chats: Gate
    steps: Gate

    def of(self, method: str) -> Gate:
        """The gate that a method goes through."""
        return self.chats if method in WAITS_FOR_MODEL else self.calls

    def are_refusing(self, method: str) -> bool:
        """Whether a call that came now would be refused."""
        if method in CHATS:
            return self.chats.is_refusing or self.steps.is_refusing
        return self.of(method).is_refusing


def _no_one_waits() -> None:
    """Of calls that no gate expects."""


#: Tells the gate of the current call that it has come.
_has_come: ContextVar[Callable[[], None]] = ContextVar("has_come", default=_no_one_waits)


class Shedding:
    """Refuses at the door what the gate would refuse, and counts that."""

    def __init__(self, gates: Gates, metrics: Metrics) -> None:
        self._gates = gates
        self._refused = metrics.calls_refused
        self._count = 0
        self._reported_at = 0.0

    def is_refusing(self, method: str) -> bool:
        """Whether the gate would refuse the call."""
        return not method.startswith(OPEN_SERVICES) and self._gates.are_refusing(method)

    def expect(self, method: str) -> Callable[[], None]:
        """What is to be called when the call has ended.

        Many may pass the door before the first of them is inside, so the gate expects each. Is
        called in the context in which the call will be served.
        """
        if method.startswith(OPEN_SERVICES):
            return _no_one_waits
        has_come = self._gates.of(method).expect()
        _has_come.set(has_come)
        return has_come

    def has_refused(self) -> None:
        """Counts a refusal; the log hears of them now and then."""
        self._refused.inc()
        self._count += 1
        now = time.monotonic()
        if now - self._reported_at >= _REPORT_SECONDS:
            log.warning("overloaded", refused=self._count)
            self._count, self._reported_at = 0, now


class SheddingOverHttp:
    """The same for requests that come through the shim of this process.

    Each becomes a call that the gates see only when it has been parsed, written, sent and received.
    So those on their way, inside and in line are counted here as well, each until it is answered:
    otherwise all that come in the meantime would be let in, and refused once most is done.
    """

    def __init__(self, gates: Gates, shedding: Shedding) -> None:
        self._shedding = shedding
        self._calls = _Way(gates.calls)
        self._chats = _Way(gates.chats)
        self._steps = gates.steps

    @property
    def is_crowded(self) -> bool:
        """Whether somebody who came now might have to wait."""
        return self._calls.is_full or self._chats.is_full or self._steps.is_refusing

    def let_in(self, method: str) -> Callable[[], None] | None:
        """What is to be called once the request is answered; None: the gate would refuse it."""
        way = self._chats if method in WAITS_FOR_MODEL else self._calls
        is_stuck = method in CHATS and self._steps.is_refusing
        return None if is_stuck or way.is_refusing else way.begin()

    def has_refused(self) -> None:
        """Counts a refusal with the others."""
        self._shedding.has_refused()


class _Way:
    """From the shim through one gate and back."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._on_it = 0

    @property
    def is_full(self) -> bool:
        return self._gate.is_full_with(self._others)

    @property
    def is_refusing(self) -> bool:
        return self._gate.is_refusing_behind(self._others)

    def begin(self) -> Callable[[], None]:
        """What is given ends it."""
        self._on_it += 1
        return self._end

    def _end(self) -> None:
        self._on_it -= 1

    @property
    def _others(self) -> int:
        # The gate may know some of them by now, and those who come over gRPC.
        return max(self._on_it, self._gate.expected)


class Admission(Interceptor):
    """Lets a call in, has it wait a moment, or refuses it."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Raises Overloaded."""
        has_come = _has_come.get()
        has_come()
        is_let_in = has_come is not _no_one_waits
        async with self._gates.of(call.method).entered(is_let_in=is_let_in):
            yield
