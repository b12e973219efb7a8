"""Every example runs as it is, against the server that the tests share.

Only the users they talk about are renamed, so that two runs do not meet. An example that no test
here runs is an error.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.differential.environments import NodeEnvironment, PythonEnvironment, require
from tests.fixtures.server import KEY, ServerProcess, wait_until

#: The first run makes the environments that some of them need.
pytestmark = pytest.mark.timeout(900)

EXAMPLES = Path(__file__).parents[2] / "examples"

LANGCHAIN = PythonEnvironment("langchain", ("langchain-openai>=1.7,<2",))
# The last one for Node 20.
NODE = NodeEnvironment("openai-node", ("openai@6",))

#: What the output of each has to match, from its beginning to its end.
PRINTS = {
    "memories.py": r"\('health', 'dietary'\) User is allergic to peanuts\n"
    r"\('profile', 'customer'\) \{'firstName': 'Jane', .*\}\n"
    r"User is allergic to peanuts\n",
    "dialogue_async.py": r"user: My parcel has not come\nassistant: I am sorry. Let me look.\n"
    r"The dialogue has ended .*\n",
    "chat_stream.py": r".*peanuts.*\n(recalled: .*\n)*recalled: .*peanuts.*\n(recalled: .*\n)*",
    "openai_session.py": r".*Alice.*\n.*Alice.*\n",
    "openai_session.mjs": r".*Alice.*\n.*Alice.*\n",
    "langchain_memory.py": r".*Bob.*\n",
    "memories.sh": r'\{"id":"user_789_theme",.*"value":\{"theme": "dark", "fontSize": 16\},.*\}\n'
    r'\{"items":\[\{"id":"user_789_theme".*\}\n'
    r'.*"tags":\["preferences","ui-settings","active"\].*\n'
    r'\{"results":\[\{"object":"memory","relevance":.*\}\n'
    r'\{"success":true,"id":"user_789_theme"\}\n',
    "chat.sh": r'.*"content":.*Alice.*\n.*"content":.*Alice.*\n',
}


def environment(server: ServerProcess) -> Mapping[str, str]:
    """Where the examples find the server."""
    return os.environ | {
        "EUNOE_API_KEY": KEY,
        "EUNOE_GRPC_ADDRESS": server.grpc,
        "EUNOE_HTTP_URL": server.http,
    }


def renamed(text: str, namespace: str) -> str:
    """With users of this test's own."""
    return re.sub(r"user_\d+|\balice\b|\bbob\b", lambda found: f"{namespace}.{found[0]}", text)


def command(program: Path) -> list[str]:
    """What runs it. Skips where its environment is missing; fails there if `CI` is set."""
    match program.suffix:
        case ".sh":
            return ["bash", str(program)]
        case ".mjs":
            require(NODE)
            return NODE.command(program)
        case _ if program.name.startswith("langchain"):
            require(LANGCHAIN)
            return LANGCHAIN.command(program)
        case _:
            return [sys.executable, "-W", "error", str(program)]


@pytest.mark.parametrize("name", PRINTS)
def test_an_example_prints_what_it_says(
    name: str, server: ServerProcess, namespace: str, tmp_path: Path
) -> None:
    program = tmp_path / name
    program.write_text(renamed((EXAMPLES / name).read_text(), namespace))
    done = subprocess.run(  # noqa: S603 - our own examples
        command(program),
        env=environment(server),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = done.stdout.replace(f"{namespace}.", "")
    assert re.fullmatch(PRINTS[name], printed), printed


def test_the_service_keeps_and_finds_notes(
    server: ServerProcess, namespace: str, tmp_path: Path
) -> None:
    with serving(server, tmp_path / "log") as url:
        kept = urllib.request.Request(f"{url}/notes/{namespace}", b"Allergic to peanuts")  # noqa: S310
        urllib.request.urlopen(kept).close()  # noqa: S310 - loopback
        query = urllib.parse.urlencode({"q": "What food must be avoided?"})
        with urllib.request.urlopen(f"{url}/notes/{namespace}?{query}") as answer:  # noqa: S310
            assert answer.read() == b'["Allergic to peanuts"]'


@contextmanager
def serving(server: ServerProcess, log: Path) -> Iterator[str]:
    """The example service under uvicorn, and its address."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "service:app", "--port", "0"],
            env=environment(server),
            cwd=EXAMPLES,
            stderr=output,
            stdout=output,
        )
    address = re.compile(r"http://127\.0\.0\.1:\d+")
    try:
        wait_until(lambda: address.search(log.read_text()) is not None, "the service to listen")
        found = address.search(log.read_text())
        assert found is not None
        yield found[0]
    finally:
        process.terminate()
        process.wait(30)


def test_every_example_is_run_and_short() -> None:
    examples = {path.name for path in EXAMPLES.iterdir() if path.is_file()}
    assert examples == {*PRINTS, "service.py", "memories.mjs"}
    for name in examples:
        assert len((EXAMPLES / name).read_text().splitlines()) < 40, name
