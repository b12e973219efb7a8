"""The clients that work with OpenAI, each in an environment of its own.

Made from the package registries by the first test run that needs them, kept in a folder that git
ignores, and made anew when what they hold changes here. They are never mixed: two clients may want
two versions of the same package, and none of them belongs to what the server needs.

Without a registry, or without Node, an environment is missing: its tests are skipped, and said to
be; where `CI` is set they fail.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.fixtures.missing import missing

CACHE = Path(__file__).parents[2] / ".cache" / "differential"

#: A registry fails now and then; a second attempt finds what the first one has cached.
_INSTALL_ATTEMPTS = 2
_INSTALL_SECONDS = 300.0

_PIP_PATIENCE = ("--retries", "5", "--timeout", "30")
_NPM_PATIENCE = ("--fetch-retries=5", "--fetch-timeout=30000")


class Missing(Exception):
    """An environment that could not be made, and why."""


@dataclass(frozen=True, slots=True)
class PythonEnvironment:
    """A virtual environment."""

    name: str
    requirements: tuple[str, ...]
    cache: Path = CACHE

    def command(self, program: Path) -> list[str]:
        """What runs a program in it."""
        return [str(self._folder / "bin" / "python"), str(program)]

    def make(self) -> None:
        """Makes it, if it is not there. Raises Missing."""
        _make(self._folder, self._install)

    @property
    def _folder(self) -> Path:
        return self.cache / _labelled(self.name, sys.version, *self.requirements)

    def _install(self, folder: Path) -> None:
        # Our pip installs into it: making it one of its own, and compiling what no program imports,
        # takes longer than the rest.
        _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
        pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
        quiet = ["--quiet", "--no-compile", "--disable-pip-version-check"]
        _run([*pip, *quiet, *_PIP_PATIENCE, *self.requirements])


@dataclass(frozen=True, slots=True)
class OwnEnvironment:
    """The one that the tests run in: it has the package that the server itself uses."""

    name: str

    def command(self, program: Path) -> list[str]:
        """What runs a program in it."""
        return [sys.executable, str(program)]

    def make(self) -> None:
        """It is there."""


@dataclass(frozen=True, slots=True)
class NodeEnvironment:
    """A folder with packages for Node."""

    name: str
    packages: tuple[str, ...]

    def command(self, program: Path) -> list[str]:
        """What runs a program in it: a copy, because Node looks for packages beside the program."""
        copy = self._folder / program.name
        shutil.copyfile(program, copy)
        return [_which("node"), str(copy)]

    def make(self) -> None:
        """Makes it, if it is not there. Raises Missing."""
        _which("node")
        _make(self._folder, self._install)

    @property
    def _folder(self) -> Path:
        return CACHE / _labelled(self.name, *self.packages)

    def _install(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        quiet = ["--silent", "--no-audit", "--no-fund", "--no-package-lock"]
        npm = [_which("npm"), "install", "--prefix", str(folder)]
        _run([*npm, *quiet, *_NPM_PATIENCE, *self.packages])


Environment = PythonEnvironment | OwnEnvironment | NodeEnvironment


def require(environment: Environment) -> None:
    """Makes the environment, or ends the test: skipped, or failed where `CI` is set."""
    try:
        environment.make()
    except Missing as why:
        missing(f"the client environment {environment.name!r} is missing: {why}")


def _labelled(name: str, *contents: str) -> str:
    return f"{name}-{hashlib.sha256(repr(contents).encode()).hexdigest()[:12]}"


#: Why those could not be made that were tried: once is enough.
_FAILED: dict[Path, Missing] = {}


def _make(folder: Path, install: Callable[[Path], None]) -> None:
    """Installs into `folder` once, however many ask at the same time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    with (CACHE / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        complete = folder / ".complete"
        if complete.exists():
            return
        if folder in _FAILED:
            raise _FAILED[folder]
        shutil.rmtree(folder, ignore_errors=True)
        for attempt in range(1, _INSTALL_ATTEMPTS + 1):
            try:
                install(folder)
                break
            except Missing as missing:
                if attempt == _INSTALL_ATTEMPTS:
                    _FAILED[folder] = missing
                    raise
        complete.touch()


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - the commands are the ones above
            command, capture_output=True, timeout=_INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Missing(f"it did not install within {_INSTALL_SECONDS:.0f} s") from error
    except OSError as error:
        raise Missing(str(error)) from error
    if done.returncode != 0:
        raise Missing(done.stderr.decode(errors="replace").strip()[-1_000:] or "it did not install")


def _which(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Missing(f"there is no {name} here; install Node 20 or newer, which brings it")
    return found
