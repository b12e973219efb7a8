"""How the TypeScript client is built for tests, and where it is found as applications find it.

Node is needed, and a package index for its first install. Without them the tests that need it are
skipped and say so; where `CI` is set they fail.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.fixtures.missing import missing

CLIENT = Path(__file__).parents[2] / "clients" / "typescript"

_PATIENCE_SECONDS = 100


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    """What a command prints in the client's folder."""
    done = subprocess.run(  # noqa: S603 - our own programs
        command,
        cwd=CLIENT,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-8_000:]}\n{done.stderr[-2_000:]}"
    return done.stdout


def build() -> Path:
    """The client and its tests, compiled with strict types."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        missing("there is no node or npm here; install Node 20 or newer")
    package = CLIENT / "package.json"
    installed = CLIENT / "node_modules" / ".installed"
    with (CLIENT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.read_text() != package.read_text():
            quiet = ["--silent", "--no-audit", "--no-fund", "--no-package-lock"]
            try:
                run(str(npm), "install", *quiet)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                missing(f"npm could not install what the TypeScript client needs: {error}")
            installed.write_text(package.read_text())
        shutil.rmtree(CLIENT / "build", ignore_errors=True)
        run("node_modules/.bin/tsc")
    return CLIENT / "build"


def publish(folder: Path) -> None:
    """Puts the package into `folder` as it is published, for programs that lie there."""
    run("node_modules/.bin/tsc", "-p", "tsconfig.build.json", "--outDir", str(folder / "dist"))
    package = folder / "node_modules" / "@eunoe" / "client"
    package.mkdir(parents=True)
    shutil.copytree(folder / "dist", package / "dist")
    shutil.copy(CLIENT / "package.json", package)
    for dependency in json.loads((CLIENT / "package.json").read_text())["dependencies"]:
        link = folder / "node_modules" / dependency
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(CLIENT / "node_modules" / dependency)


def run_published(program: Path, environment: dict[str, str]) -> str:
    """What a program prints that lies beside the published package."""
    return run("node", "--preserve-symlinks", str(program), environment=environment)
