"""What it was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Self

from eunoe_server.stores.cluster import find_programs

SYNCED_WRITES = 50


@dataclass(frozen=True, slots=True)
class Machine:
    """What a figure depends on besides the code."""

    processor: str
    cores: int
    memory_gibibytes: float
    system: str
    python: str
    postgres: str
    eunoe: str
    #: Of 8 KiB to the disk where databases lie; every acknowledged write waits for one.
    synced_write_milliseconds: float
    #: Processes that wanted a core in the minute before; more than a few tenths: it was not quiet.
    load_before: float

    @classmethod
    def this(cls) -> Self:
        """The one we run on, now."""
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return cls(
            _processor(),
            len(os.sched_getaffinity(0)),
            round(pages / 2**30, 1),
            f"{platform.system()} {platform.release()}",
            f"{platform.python_implementation()} {platform.python_version()}",
            _postgres(),
            version("eunoe-server"),
            _synced_write_milliseconds(),
            round(os.getloadavg()[0], 2),
        )

    def line(self) -> str:
        """What it is, in one sentence."""
        return (
            f"{self.processor}, {self.cores} cores, {self.memory_gibibytes} GiB, {self.system}, "
            f"{self.python}, {self.postgres}, Eunoe {self.eunoe}"
        )

    def state(self) -> str:
        """How it was."""
        return (
            f"load before: {self.load_before}; a synced write: {self.synced_write_milliseconds} ms"
        )


def _processor() -> str:
    """As the system calls it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _synced_write_milliseconds() -> float:
    """The median."""
    times = []
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(SYNCED_WRITES):
            before = time.perf_counter()
            os.write(file.fileno(), bytes(8192))
            os.fdatasync(file.fileno())
            times.append(1000 * (time.perf_counter() - before))
    return round(median(times), 2)


def _postgres() -> str:
    """The embedded one, with pgvector."""
    program = find_programs() / "postgres"
    said = subprocess.run([program, "--version"], capture_output=True, check=True)  # noqa: S603
    return said.stdout.decode().strip().removeprefix("postgres ").replace("(", "").replace(")", "")
