"""What the README prints to be copied is run as it stands, but for the address of the server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.fixtures.server import KEY, ServerProcess

README = Path(__file__).parents[1] / "README.md"


def block(name: str) -> str:
    """The fenced code under the comment `<!-- name -->`."""
    found = re.search(
        rf"<!-- {re.escape(name)} -->\n```\w+\n(?P<code>.*?)```", README.read_text(), re.DOTALL
    )
    assert found is not None, f"no block {name}"
    return found["code"]


def run(server: ServerProcess, command: list[str], code: str, namespace: str) -> list[str]:
    """The lines that the code prints, each example in a namespace of its own."""
    code = code.replace("http://127.0.0.1:8080", server.http).replace("alice", namespace)
    code = code.replace("a-first-key-of-my-own", KEY).replace("5f0c", namespace)
    done = subprocess.run(  # noqa: S603 - our own README
        [*command, code],
        env={**os.environ, "EUNOE_BOOTSTRAP_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_first_conversation_with_curl(server: ServerProcess, namespace: str) -> None:
    printed = "\n".join(run(server, ["bash", "-euc"], block("first conversation: curl"), namespace))
    assert "peanuts" in printed.rpartition("chatcmpl")[2]


def test_the_first_conversation_with_the_openai_sdk(server: ServerProcess, namespace: str) -> None:
    code = block("first conversation: python")
    _, name, food = run(server, [sys.executable, "-c"], code, namespace)
    assert "Alice" in name
    assert "peanuts" in food


def test_the_conversation_of_a_session(server: ServerProcess, namespace: str) -> None:
    code = block("first conversation: session")
    printed = "\n".join(run(server, ["bash", "-euc"], code, namespace))
    assert "Alice" in printed.rpartition("chatcmpl")[2]


def test_memories_are_stored_found_and_extracted(server: ServerProcess, namespace: str) -> None:
    printed = "\n".join(run(server, ["bash", "-euc"], block("memories: curl"), namespace))
    stored, _, rest = printed.partition('{"results"')
    found, _, extracted = rest.partition('{"success"')
    assert "allergic to peanuts" in stored
    assert "allergic to peanuts" in found
    assert '"memories_created":1' in extracted


def test_every_make_target_the_readme_names_exists() -> None:
    makefile = (README.parent / "Makefile").read_text()
    for target in set(re.findall(r"^make ([a-z-]+)", README.read_text())):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
