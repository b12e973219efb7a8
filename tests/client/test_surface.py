"""What the package promises beyond single calls: names, types, weight, one source."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import eunoe
from eunoe._endpoint import READS
from eunoe.v1 import admin_pb2, chat_pb2, dialogue_pb2, memory_pb2, search_pb2

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "python"

EXPORTED = """
ApiKey AsyncChatStream AsyncDialogue AsyncEunoe AsyncPaged AuditEvent ChatAnswer ChatChunk
ChatMessage ChatMessageInput ChatStream ChatUsage ClientClosed CreatedApiKey DeadlineExceeded
Dialogue DialogueEnded DuplicateId ErasureReceipt Eunoe EunoeError ExtractedMemory Extraction
ExtractionMessage Fact FactSource FieldViolation Found InternalError InvalidRequest JsonValue
LimitReached Memory MemoryReport Message Model Namespace NewMemory NewMessage NotAuthenticated
NotFound NotJson NotPermitted NotSupported Page Paged PreconditionFailed RecalledNote
RequestTooLarge ResolvedSearch SearchResults ServerNotReached Signal StateVersionMismatch Stored
TimeRange Tls ToolCall ToolCallDelta Unavailable UpstreamFailed Usage UsagePeriod
"""


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_exported_names_are_these() -> None:
    assert sorted(eunoe.__all__) == sorted(EXPORTED.split())
    for name in eunoe.__all__:
        assert getattr(eunoe, name) is not None
    assert dir(eunoe) == sorted(eunoe.__all__)
    with pytest.raises(AttributeError, match="Eunoo"):
        _ = eunoe.Eunoo


def test_the_blocking_client_is_generated_from_the_other() -> None:
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, str(CLIENT / "generate_sync.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_grpc_repeats_every_read_and_no_write() -> None:
    services = [
        service
        for module in (admin_pb2, chat_pb2, dialogue_pb2, memory_pb2, search_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
    ]
    reads = {
        service.full_name: {
            method.name
            for method in service.methods
            if method.name.startswith(("Get", "List", "Search"))
        }
        for service in services
    }
    assert {name: set(methods) for name, methods in READS.items()} == reads


def test_importing_the_contract_loads_nothing_of_the_client() -> None:
    loaded = python(
        "import sys, eunoe.v1.memory_pb2\n"
        "print(*(name for name in sys.modules if name.split('.')[0] in ('eunoe', 'grpc')))"
    )
    ours = {name for name in loaded.split() if not name.startswith("eunoe.v1")}
    assert ours == {"eunoe"}


def test_grpc_is_loaded_with_the_first_client_and_not_before() -> None:
    said = "print('grpc' in sys.modules)\n"
    assert python(f"import sys\nfrom eunoe import *\n{said}Eunoe(api_key='k')\n{said}") == (
        "False\nTrue\n"
    )


def test_importing_the_client_loads_only_what_it_declares() -> None:
    loaded = python(
        "import sys\nbefore = set(sys.modules)\nfrom eunoe import Eunoe, AsyncEunoe\n"
        "Eunoe(api_key='k'), AsyncEunoe(api_key='k')\n"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    foreign = set(loaded.split()) - set(sys.stdlib_module_names)
    # grpc brings typing_extensions, and its own further packages where they are installed.
    brought = {"cython_runtime", "typing_extensions"}
    assert {name for name in foreign - brought if not name.startswith(("_", "grpc"))} == {
        "eunoe",
        "google",
    }


RIGHT = """
from datetime import datetime
from typing import assert_type
from eunoe import *

def right(client: Eunoe) -> None:
    assert_type(client.memories.create({"a": [1, None]}, tags=["x"]), Memory)
    assert_type(client.search("q"), SearchResults[Memory])
    assert_type(client.search("q", "dialogue")[0].item, Dialogue)
    found = client.search("q", "message", limit=3, filter={"created": "last week"})
    assert_type(found[0].item, Message)
    for memory in client.memories.list(namespace="n"):
        assert_type(memory.created, datetime)
    for chunk in client.chat.stream([{"role": "user", "content": "hi"}], model="m"):
        assert_type(chunk.text, str)
    names: list[str] = ["a"]
    client.memories.create(names)

async def right_with_asyncio(client: AsyncEunoe) -> None:
    assert_type(await client.memories.get("id"), Memory)
    assert_type(await client.search("q", "dialogue"), SearchResults[AsyncDialogue])
    async for memory in client.memories.list():
        assert_type(memory, Memory)
"""

WRONG = {
    "a value that is not JSON": "client.memories.create({1, 2})",
    "a misspelled parameter": "client.memories.create('x', tag=['a'])",
    "a number for an id": "client.memories.get(3)",
    "a value that changes": "client.memories.get('a').value = 1",
    "a role nobody has": "client.chat.complete([{'role': 'robot', 'content': 'x'}])",
    "a message without a role": "client.dialogues.create(messages=[{'content': 'x'}])",
    "a misspelled option of a search": "client.search('q', namespce='n')",
    "a thing that cannot be found": "client.search('q', 'person')",
    "a mode that memory has not": "client.chat.complete('x', memory='maybe')",
    "no key": "Eunoe('127.0.0.1:50051')",
    "await of what blocks": "async def f() -> None: await client.memories.get('a')",
}


def test_right_code_passes_a_strict_type_check_and_wrong_code_does_not(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT)
    for number, code in enumerate(WRONG.values()):
        (tmp_path / f"wrong_{number}.py").write_text(
            f"from eunoe import Eunoe\nclient = Eunoe(api_key='k')\n{code}\n"
        )
    done = subprocess.run(  # noqa: S603 - our own code
        [
            str(Path(sys.executable).parent / "mypy"),
            "--config-file=",
            "--strict",
            "--no-error-summary",
            f"--cache-dir={ROOT / '.mypy_cache'}",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MYPYPATH": str(CLIENT)},
    )
    found = {
        Path(line.split(":")[0]).name for line in done.stdout.splitlines() if ": error:" in line
    }
    missed = [what for number, what in enumerate(WRONG) if f"wrong_{number}.py" not in found]
    assert not missed
    assert "right.py" not in found, done.stdout
