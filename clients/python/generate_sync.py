"""Writes the blocking client from the one for asyncio, so that there is one client to maintain.

The two differ in words: `await` goes, `async for` becomes `for`, `AsyncEunoe` becomes `Eunoe`,
`grpc.aio` becomes `grpc`. What asyncio alone needs stands in a block whose first line ends in
`# async only`, and goes as well. A test keeps the result current.

    python clients/python/generate_sync.py            write eunoe/_sync
    python clients/python/generate_sync.py --check    write nothing; fail on any drift
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent / "eunoe"
SOURCE, TARGET = PACKAGE / "_async", PACKAGE / "_sync"

_HEADER = "# Generated from ../_async by generate_sync.py. Do not edit.\n"

#: In this order.
_WORDS = [
    (r"for asyncio; the blocking one in `_sync` is generated from it", "without asyncio"),
    (r"\bgrpc\.aio\.UnaryStreamCall\b", "grpc.CallIterator"),
    (r"\nimport grpc\.aio(?=\n)", ""),
    (r"\bgrpc\.aio\b", "grpc"),
    (r", also before there is an event loop", ""),
    (r"\bimport asyncio\n", ""),
    (r"\basyncio\.sleep\b", "time.sleep"),
    (r"\basync (def|for|with)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAwaitable\[(Page\[T\])\]", r"\1"),
    (r"\b(AsyncGenerator|AsyncIterator), Awaitable, ", r"\1, "),
    (r"\b__a(enter|exit|iter|next)__\b", r"__\1__"),
    (r"\baclose\b", "close"),
    (r"AsyncStub\b", "Stub"),
    (r"\bAsync([A-Z])", r"\1"),
    (r"\b_async\b", "_sync"),
]


def blocking(source: str) -> str:
    """The same module without asyncio."""
    code = "".join(_without_async_only(source.splitlines(keepends=True)))
    for pattern, replacement in _WORDS:
        code = re.sub(pattern, replacement, code)
    return _formatted(_HEADER + code)


def generated() -> dict[str, str]:
    """What `_sync` has to hold: file name to content."""
    return {path.name: blocking(path.read_text()) for path in sorted(SOURCE.glob("*.py"))}


def main() -> str | None:
    """Generates, or checks what is there. Returns what is wrong, if anything is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail on any drift")
    only_check = parser.parse_args().check
    TARGET.mkdir(exist_ok=True)  # ruff sorts the imports of what exists
    wanted = generated()
    found = {path.name: path.read_text() for path in TARGET.glob("*.py")}
    drift = sorted(name for name in wanted | found if wanted.get(name) != found.get(name))
    if only_check:
        return f"_sync has drifted from _async: {', '.join(drift)}" if drift else None
    for name in found.keys() - wanted.keys():
        (TARGET / name).unlink()
    for name, code in wanted.items():
        (TARGET / name).write_text(code)
    return None


def _without_async_only(lines: Iterable[str]) -> Iterator[str]:
    skipped_indent: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if skipped_indent is not None and (not line.strip() or indent > skipped_indent):
            continue
        skipped_indent = indent if line.rstrip().endswith("# async only") else None
        if skipped_indent is None:
            yield line


def _formatted(code: str) -> str:
    ruff = Path(sysconfig.get_path("scripts")) / "ruff"
    settings = ["--config", str(PACKAGE.parents[2] / "pyproject.toml")]
    as_file = ["--stdin-filename", str(TARGET / "module.py"), "-"]
    for step in (
        ["check", "--quiet", "--select", "I,F401,UP028", "--fix-only", "--unsafe-fixes"],
        ["format", "--quiet"],
    ):
        command = [str(ruff), *step, *settings, *as_file]
        done = subprocess.run(  # noqa: S603 - our own formatter
            command, input=code, capture_output=True, text=True, check=True
        )
        code = done.stdout
    return code


if __name__ == "__main__":
    sys.exit(main())
