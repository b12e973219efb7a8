"""The documentation is true: generated pages are current, and every command in the others runs.

The blocks of a page run in their order, in one folder, against the server that the tests share; its
addresses stand in place of the default ones, and users are renamed so that two runs do not meet. A
`text` block says what the block before it prints. A block is left out only under a comment that
says why.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs import generate
from tests.fixtures.server import KEY, ServerProcess

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    "quick-start.md",
    "concepts.md",
    "retries.md",
    *sorted(path.name for path in DOCS.glob("move-*.md")),
]

_BLOCK = re.compile(
    r"(?:<!-- (?P<left_out>not run here: .+?) -->\n)?```(?P<kind>\w+)\n(?P<code>.*?)```", re.DOTALL
)
_USERS = re.compile(r"user_\d+|\b(?:alice|bob|carol|dave)(?=\b|_)")


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """What runs, and what it prints, in order."""
    for found in _BLOCK.finditer((DOCS / page).read_text()):
        if found["left_out"] is None:
            yield found["kind"], found["code"]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_runs(
    page: str, server: ServerProcess, namespace: str, tmp_path: Path
) -> None:
    binaries = Path(sys.executable).parent
    environment = os.environ | {
        "EUNOE_API_KEY": KEY,
        "EUNOE_GRPC_ADDRESS": server.grpc,
        "EUNOE_DATA_DIR": str(server.data_dir),
        "PATH": f"{binaries}:{os.environ['PATH']}",
    }
    programs = {"sh": ["bash", "-euc"], "python": [sys.executable, "-W", "error", "-c"]}
    printed = ""
    for kind, code in blocks(page):
        if kind == "text":
            assert printed == code
            continue
        code = code.replace("http://127.0.0.1:8080", server.http)
        code = code.replace("127.0.0.1:50051", server.grpc)
        code = _USERS.sub(lambda found: f"{namespace}.{found[0]}", code)
        done = subprocess.run(  # noqa: S603 - our own pages
            [*programs[kind], code],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{code}\n{done.stderr}"
        assert '"error"' not in done.stdout, f"{code}\n{done.stdout}"
        printed = done.stdout


def test_generated_pages_are_current() -> None:
    for name, text in generate.pages().items():
        assert (DOCS / name).read_text() == text, f"{name}: run `python -m docs.generate`"


def test_every_link_leads_somewhere() -> None:
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (DOCS.parent / "Makefile").read_text()
    for page in DOCS.rglob("*.md"):
        for target in set(re.findall(r"\bmake ([a-z-]+)$", page.read_text(), re.MULTILINE)):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: {target}"
