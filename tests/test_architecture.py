"""Imports go one way. What a layer may not import is listed here, and nowhere excepted."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[1] / "server" / "eunoe_server"

OURS = "eunoe_server"

#: Layer -> what it may import of ours. `app.py` and `cli.py` stand above all of them.
ALLOWED = {
    "domain": {"domain", "errors"},
    "stores": {"stores", "domain", "errors", "tracing"},
    "providers": {"providers", "domain", "errors", "tracing"},
    "services": {"services", "stores", "providers", "domain", "errors", "telemetry", "admission"},
    "workers": {"workers", "services", "stores", "domain", "errors", "telemetry"},
    "transport": {"transport", "services", "domain", "errors", "telemetry", "admission", "tracing"},
    # `eunoe import` and `eunoe export`: a gRPC client with files at its other end.
    "transfer": {"transfer", "transport", "domain", "errors"},
    "errors": set(),
    "settings": set(),
    "tracing": {"opentelemetry_spans"},
    "opentelemetry_spans": {"tracing"},
    "telemetry": {"tracebacks"},
    "tracebacks": set(),
    "admission": {"errors"},
}

_EDGE = {"grpc", "google", "starlette", "uvicorn", "eunoe"}
_DRIVER = {"psycopg", "psycopg_pool", "pgvector"}

#: Layer -> libraries that belong to another layer.
FORBIDDEN = {
    "domain": _EDGE | _DRIVER | {"openai"},
    "services": _EDGE | _DRIVER | {"openai"},
    "workers": _EDGE | _DRIVER | {"openai"},
    "stores": _EDGE | {"openai"},
    "providers": _EDGE | _DRIVER,
    "transport": _DRIVER | {"openai"},
    "errors": _EDGE | _DRIVER | {"openai"},
}


def imports(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_of(layer: str) -> list[Path]:
    folder = SERVER / layer
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [SERVER / f"{layer}.py"]


@pytest.mark.parametrize("layer", ALLOWED)
def test_a_layer_imports_nothing_from_above(layer: str) -> None:
    for path in files_of(layer):
        for name in imports(path):
            if name.startswith(f"{OURS}."):
                target = name.split(".")[1]
                assert target in ALLOWED[layer], f"{path.relative_to(SERVER)} imports {name}"


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_a_library_stays_in_its_layer(layer: str) -> None:
    for path in files_of(layer):
        for name in imports(path):
            assert name.split(".")[0] not in FORBIDDEN[layer], (
                f"{path.relative_to(SERVER)} imports {name}"
            )


def test_the_shim_imports_neither_services_nor_domain() -> None:
    for path in (SERVER / "transport" / "http").rglob("*.py"):
        for name in imports(path):
            assert not name.startswith((f"{OURS}.services", f"{OURS}.domain")), f"{path}: {name}"


def test_the_server_imports_only_generated_code_of_the_client() -> None:
    for path in SERVER.rglob("*.py"):
        for name in imports(path):
            assert name.split(".")[0] != "eunoe" or name.startswith("eunoe.v1"), f"{path}: {name}"


def test_only_the_settings_and_the_command_line_read_the_environment() -> None:
    readers = {
        path.relative_to(SERVER).as_posix()
        for path in SERVER.rglob("*.py")
        if {"os.environ", "os.getenv"} & _attributes(path)
    }
    assert readers <= {"settings.py", "cli.py", "cli_options.py"}


def _attributes(path: Path) -> set[str]:
    return {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
