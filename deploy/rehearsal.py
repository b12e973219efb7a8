"""Runs the steps of the Dockerfile without a container engine, in an empty folder.

    python -m deploy.rehearsal

Each instruction is read from the file itself: what is copied, what is run, the environment, the
command that serves and the one that asks whether it is healthy. Absolute paths of the image become
paths in the folder, and ports become free ones. It fails where an image would: a file that is not
copied, a package that does not install, a server that does not become healthy or does not stop.

What it cannot show: the base image (this machine's Python stands in), the user (`RUN useradd` is
left out), and whatever an engine adds.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[1]
#: Of the image's folders, those that are made anew below an empty one.
IMAGE_FOLDERS = ("/opt/eunoe", "/var/lib/eunoe", "/src")
HEALTHY_SECONDS = 60.0
STOP_SECONDS = 60.0


class Rehearsal:
    """One image in the making, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._work = folder
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        # Where packages come from is this machine's affair, as it is a build machine's.
        self._environment |= {
            name: text
            for name, text in os.environ.items()
            if name.startswith(("PIP_", "SSL_", "UV_")) or name.lower().endswith("_proxy")
        }
        self._serve: list[str] = []
        self._ask: list[str] = []

    def follow(self, instruction: str, rest: str) -> None:
        """One instruction."""
        match instruction:
            case "WORKDIR":
                self._work = Path(self._here(rest))
                self._work.mkdir(parents=True)
            case "COPY" if not rest.startswith("--from="):  # the other stage is the same folder
                *sources, target = rest.split()
                self._copy(sources, self._work / target)
            case "RUN" if not rest.startswith("useradd "):
                run = rest.replace("/opt/eunoe/bin/pip", "/opt/eunoe/bin/python -m pip")
                self._run(["sh", "-euc", self._here(run)], self._work)
            case "ENV":
                for pair in shlex.split(rest):
                    name, _, text = pair.partition("=")
                    text = self._here(text).replace("$PATH", self._environment["PATH"])
                    self._environment[name] = re.sub(r"^0\.0\.0\.0:\d+$", "127.0.0.1:0", text)
            case "HEALTHCHECK":
                self._ask = msgspec.json.decode(rest.partition(" CMD ")[2], type=list[str])
            case "CMD":
                self._serve = msgspec.json.decode(rest, type=list[str])

    def serve(self) -> None:
        """Serves as a container would, until it is healthy, and stops it."""
        announced = self._folder / "announced"
        with announced.open("wb") as said:
            server = subprocess.Popen(self._serve, env=self._environment, stderr=said)
        try:
            until = time.monotonic() + HEALTHY_SECONDS
            while not self._is_healthy(announced):
                if server.poll() is not None or time.monotonic() > until:
                    sys.exit(f"not healthy:\n{announced.read_text()[-4000:]}")
                time.sleep(0.2)
            server.send_signal(signal.SIGTERM)
            if status := server.wait(STOP_SECONDS):
                sys.exit(f"stopped with status {status}")
        finally:
            server.kill()

    def _is_healthy(self, announced: Path) -> bool:
        found = re.search(r"metrics on http://(\S+)", announced.read_text())
        if found is None:
            return False
        # The image asks at its own port; here it is the free one that was announced.
        environment = self._environment | {"EUNOE_OPS_ADDRESS": found[1]}
        return subprocess.run(self._ask, env=environment, check=False).returncode == 0

    def _copy(self, sources: list[str], target: Path) -> None:
        unwanted = shutil.ignore_patterns("__pycache__", ".cache")
        for source in (ROOT / each for each in sources):
            if source.is_dir():
                shutil.copytree(source, target, ignore=unwanted)
            else:
                shutil.copy(source, target)

    def _here(self, text: str) -> str:
        for path in IMAGE_FOLDERS:
            text = text.replace(path, f"{self._folder}{path}")
        return text

    def _run(self, command: list[str], folder: Path) -> None:
        subprocess.run(command, cwd=folder, env=self._environment, check=True)


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """The instructions of a Dockerfile, continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE))
    for line in filter(None, map(str.strip, joined.splitlines())):
        instruction, _, rest = line.partition(" ")
        yield instruction, rest.strip()


def main() -> None:
    """Says each step before it takes it."""
    with tempfile.TemporaryDirectory(prefix="eunoe-image-") as folder:
        # As root the embedded Postgres runs as another account, which has to get in.
        Path(folder).chmod(0o711)
        rehearsal = Rehearsal(Path(folder))
        for instruction, rest in instructions((ROOT / "Dockerfile").read_text()):
            print(f"{instruction} {rest}"[:100], flush=True)
            rehearsal.follow(instruction, rest)
        rehearsal.serve()
    print("installed, served, healthy, stopped")


if __name__ == "__main__":
    main()
