"""What a log line shows of an exception: its kind, its place and its codes, not what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

PROGRAM = """
import logging, sys
import structlog
from eunoe_server.telemetry import configure_logs

configure_logs(sys.argv[1], sys.argv[2])
log = structlog.get_logger()

def parse(text):
    return int(text)

try:
    try:
        parse("canary-one")
    except ValueError as error:
        raise OSError(28, "canary-two", "canary-three") from error
except OSError:
    log.exception("failed", step="store")
    logging.getLogger("a.library").exception("failed elsewhere")
    logging.getLogger("a.library").warning("nothing happened")
"""


def lines(log_format: str, level: str) -> str:
    """What a process of its own writes."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, log_format, level],
        capture_output=True,
        text=True,
        check=True,
    ).stderr


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_an_exception_is_logged_without_what_it_says(log_format: str) -> None:
    written = lines(log_format, "info")
    assert "canary" not in written
    assert written.count("OSError (errno 28)") == 2  # ours and the library's
    assert "in parse" in written
    assert "ValueError" in written
    assert "step" in written


def test_at_debug_it_is_logged_whole() -> None:
    written = lines("json", "debug")
    assert "canary-one" in written
    assert "canary-two" in written
    assert all(json.loads(line) for line in written.splitlines())


async def test_of_the_database_s_errors_the_state_is_shown(dsn: str) -> None:
    from eunoe_server.tracebacks import without_messages

    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        with pytest.raises(psycopg.DataError) as failed:
            await connection.execute("select 'canary'::json")
    shown = without_messages((failed.type, failed.value, failed.tb)).splitlines()
    assert shown[-1] == "psycopg.errors.InvalidTextRepresentation (sqlstate 22P02)"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_line_for_which_there_is_no_room_is_lost_and_nothing_else(log_format: str) -> None:
    program = (
        "import sys, structlog\n"
        "from eunoe_server.telemetry import configure_logs\n"
        "configure_logs(sys.argv[1], 'info')\n"
        "for number in range(1_000):\n"
        "    structlog.get_logger().info('rpc', number=number)\n"
        "print('went on')\n"
    )
    with Path("/dev/full").open("w") as full:
        went_on = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", program, log_format],
            stderr=full,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert went_on.stdout == "went on\n"
