"""One of several processes that serve: `python -m eunoe_server.supervised`, started by its parent.

What it has to know comes pickled on standard input (it holds secrets, so neither arguments nor
environment are the place), and standard input stays open as long as the parent lives. Without its
parent it ends at once: nobody would stop it, and the ports are the next server's. Once it serves
it says so on standard output.

It refuses to decide anything that concerns all processes: schema, keys, health, metrics.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import sys
from dataclasses import dataclass

import structlog

from eunoe_server.errors import EunoeError
from eunoe_server.serving_loop import serve_in_loop
from eunoe_server.settings import Settings
from eunoe_server.telemetry import configure_logs

READY = b"ready\n"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one process does."""

    #: Which of the processes it is, from 1; a process that replaces another has the same.
    number: int
    settings: Settings
    #: An inherited socket, bound to the address for HTTP.
    http_descriptor: int


async def serve(assignment: Assignment, stop: asyncio.Event) -> None:
    """Serves until `stop` is set."""
    from eunoe_server.app import running  # noqa: PLC0415 - after the metrics know where they go

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _end_without_parent)
    structlog.contextvars.bind_contextvars(process=assignment.number)
    with socket.socket(fileno=assignment.http_descriptor) as http:
        async with running(assignment.settings, http):
            os.write(sys.stdout.fileno(), READY)
            await stop.wait()


def _end_without_parent() -> None:
    if not os.read(sys.stdin.fileno(), 1):
        os._exit(1)


def main() -> None:
    """Reads the assignment and does it."""
    assignment: Assignment = pickle.load(sys.stdin.buffer)  # noqa: S301 - the parent wrote it
    settings = assignment.settings
    configure_logs(settings.server.log_format, settings.server.log_level)
    try:
        serve_in_loop(lambda stop: serve(assignment, stop))
    except (EunoeError, OSError) as error:
        structlog.get_logger().error("cannot serve", why=str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
