"""Every example of seeds 002 and 003 runs as it is printed there and gives what the seed says.

Those with an SDK run with our client's name for theirs; those over HTTP with our host. The ones of
seed 003 that use OpenAI's packages and curl are among the examples that we publish
(`test_examples.py`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.typescript import run_published
from tests.fixtures.missing import missing
from tests.fixtures.server import KEY, ServerProcess

EXAMPLES = Path(__file__).parent / "seed_examples"

#: What each prints, from its beginning to its end.
PRINTS = {
    "memory_client.mjs": r"""Acme Corp User Profile \[ 'profile', 'customer' \]
{ theme: 'dark', fontSize: 16 }
Found 1 memories undefined
\[ 'preferences', 'ui-settings', 'active' \]
null
\[ 'Scheduling Preference', 'User Profile' \]
Vegetarian diet
{ tier: 'enterprise', signupDate: '2025-01-15', verified: true }
""",
    "memory_fetch.mjs": r"""Memory id: string
{ severity: 'critical', verified: true }
1 undefined
\[ 'preferences', 'ui-settings', 'active' \]
User is allergic to peanuts
true true
""",
    "memory_requests.py": r"""Memory id: str
{'firstName': 'Jane', 'lastName': 'Doe', 'company': 'Acme Corp'}
Found 2 memories
Found 1 more
\['preferences', 'ui-settings', 'active'\]
True True
""",
    "session_client.mjs": r".*Alice.*\n.*Alice.*\n",
    "session_fetch.mjs": r".*Alice.*\n.*Alice.*\n",
    "session_requests.py": r".*Alice.*\n.*Alice.*\n",
}


@pytest.mark.parametrize("name", PRINTS)
def test_an_example_of_a_seed_gives_what_the_seed_says(
    name: str,
    server: ServerProcess,
    namespace: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    text = (EXAMPLES / name).read_text()
    # Users of this test's own, so that two runs do not meet.
    text = re.sub(r"user_(?=[0-9$])", f"{namespace}_", text)
    environment = {
        "EUNOE_API_KEY": KEY,
        "EUNOE_GRPC_ADDRESS": server.grpc,
        "EUNOE_HTTP_URL": server.http,
    }
    if "@eunoe/client" in text:
        program = request.getfixturevalue("published") / name
        program.write_text(text)
        printed = run_published(program, environment)
    else:
        program = tmp_path / name
        program.write_text(text)
        interpreter = shutil.which("node") if program.suffix == ".mjs" else sys.executable
        if interpreter is None:
            missing("there is no node here; install Node 20 or newer")
        done = subprocess.run(  # noqa: S603 - our own programs
            [interpreter, str(program)],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed = done.stdout
    assert re.fullmatch(PRINTS[name], printed), printed


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == {*PRINTS}
