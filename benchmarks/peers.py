"""The peers we are measured beside, each in an environment of its own.

They come from the package registry at the version named here, into `.cache/benchmarks`; without a
registry `Missing` is raised and what needs them is left out, and said to be.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from benchmarks.processes import PATIENCE_SECONDS, ROOT, Failed, stop
from tests.differential.environments import PythonEnvironment

CACHE = ROOT / ".cache" / "benchmarks"
PROGRAMS = Path(__file__).parent / "programs"

LITELLM = PythonEnvironment("litellm", ("litellm[proxy]==1.106.2",), CACHE)
MEM0 = PythonEnvironment("mem0", ("mem0ai==2.2.1", "psycopg[binary,pool]==3.3.9"), CACHE)

LITELLM_KEY = "sk-benchmark-0123456789"


@contextlib.contextmanager
def litellm_proxy(upstream: str) -> Iterator[str]:
    """The base URL of a LiteLLM proxy with one worker before this upstream.

    It checks a key as ours does; it has no database, no cache and no callbacks, and logs errors
    only, as its production notes advise.
    """
    LITELLM.make()
    with tempfile.TemporaryDirectory(prefix="eunoe-benchmark-") as folder:
        config = Path(folder) / "config.yaml"  # JSON is YAML
        config.write_text(
            json.dumps(
                {
                    "model_list": [
                        {
                            "model_name": "stand-in-1",
                            "litellm_params": {
                                "model": "openai/stand-in-1",
                                "api_base": upstream,
                                "api_key": "none",
                            },
                        }
                    ],
                    "general_settings": {"master_key": LITELLM_KEY},
                    "litellm_settings": {"telemetry": False, "num_retries": 0},
                }
            )
        )
        port = _free_port()
        command = [
            *LITELLM.command(PROGRAMS / "litellm_proxy.py"),
            *("--config", str(config), "--host", "127.0.0.1", "--port", str(port)),
            *("--num_workers", "1"),
        ]
        environment = {
            **os.environ,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # not fetched from elsewhere
            "LITELLM_LOG": "ERROR",
            "LITELLM_TELEMETRY": "False",
        }
        log = Path(folder) / "log"
        with (
            log.open("wb") as output,
            subprocess.Popen(  # noqa: S603 - ours
                command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder
            ) as process,
        ):
            try:
                base_url = f"http://127.0.0.1:{port}"
                _await_answer(f"{base_url}/health/liveliness", process, log)
                yield f"{base_url}/v1"
            finally:
                stop(process)


class Mem0:
    """A process that uses mem0; a context manager."""

    def __init__(self, dsn: str, embeddings: str) -> None:
        MEM0.make()
        self._stack = contextlib.ExitStack()
        self._opening = {"dsn": dsn, "embeddings": embeddings}

    def __enter__(self) -> Self:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="eunoe-benchmark-"))
        self._log = Path(folder) / "log"
        self._process = self._stack.enter_context(
            subprocess.Popen(  # noqa: S603 - ours
                MEM0.command(PROGRAMS / "mem0_library.py"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stack.enter_context(self._log.open("wb")),
                cwd=folder,
                env={
                    **os.environ,
                    "MEM0_TELEMETRY": "False",
                    "MEM0_DIR": folder,
                    "HOME": folder,
                },
            )
        )
        self._stack.callback(stop, self._process)
        try:
            self._say({**self._opening, "history": str(Path(folder) / "history.db")})
        except Failed:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def fill(self, asks: Sequence[tuple[str, str]]) -> None:
        """Stores (user, text) in bulk."""
        for start in range(0, len(asks), 10_000):
            self._say({"do": "fill", "asks": asks[start : start + 10_000]})

    def do(self, what: str, asks: Sequence[tuple[str, str]], batch: int) -> Any:
        """Milliseconds and results of a call for each (user, text)."""
        return self._say({"do": what, "asks": asks, "batch": batch})

    def _say(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise Failed(f"mem0: {self._log.read_text(errors='replace')[-2000:]}")
        return json.loads(answer)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _await_answer(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(url, timeout=2) as answer,  # noqa: S310 - loopback
        ):
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise Failed(f"LiteLLM did not start: {log.read_text(errors='replace')[-2000:]}")
