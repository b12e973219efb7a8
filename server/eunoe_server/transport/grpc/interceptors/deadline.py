"""No call waits for the database longer than its caller does, nor for ever.

The deadline is told to what the call does (`domain.deadline`) and kept there: whoever waits for the
database knows how to stop it, where an interrupted handler would only be gone. Calls that wait for
a model have no deadline here. Models may take minutes, and what a chat does with the database has
deadlines of its own (`services/chat.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from eunoe_server.domain.deadline import due_in
from eunoe_server.transport.grpc.interceptors.chain import WAITS_FOR_MODEL, Call, Frame

#: What waits for a model, and an erasure, which goes in steps and takes as long as there is much.
_TAKES_ITS_TIME = WAITS_FOR_MODEL | {"/eunoe.v1.AdminService/DeleteNamespace"}


class Deadline(Frame):
    """The caller's deadline, or `seconds` for one that set none or a later one."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    @contextmanager
    def within(self, call: Call) -> Iterator[None]:
        """Sets it for everything inside."""
        if call.method in _TAKES_ITS_TIME:
            yield
            return
        remaining = call.context.time_remaining()
        with due_in(self._seconds if remaining is None else min(self._seconds, remaining)):
            yield
