"""Writes the Python code of the contract into the client package, offline.

Generated code is committed, so that a clone runs without protoc and a review shows what changes
for callers. There is one copy, and the server imports it too: the stubs import `eunoe.v1` by its
absolute name. This file compiles and nothing else; what a contract may say is judged in lint.py.

    python -m proto.generate            write clients/python/eunoe/v1
    python -m proto.generate --check    write nothing; fail if that would change anything
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from google.protobuf import descriptor_pb2
from grpc_tools import protoc

PROTO_FOLDER = Path(__file__).resolve().parent
GENERATED_FOLDER = PROTO_FOLDER.parent / "clients" / "python" / "eunoe" / "v1"
PACKAGE_PATH = "eunoe/v1"

_INIT = '''"""Generated from proto/eunoe/v1 by proto/generate.py. Do not edit."""
'''


class ProtocFailed(Exception):
    """protoc refused the contract; its own words are on stderr."""


def descriptor_set(proto_folder: Path = PROTO_FOLDER) -> bytes:
    """The whole contract with its imports and comments, as a serialised FileDescriptorSet."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "contract.binpb"
        _protoc(
            proto_folder,
            _sources(proto_folder),
            "--include_imports",
            "--include_source_info",
            f"--descriptor_set_out={target}",
        )
        return target.read_bytes()


def generated_code(proto_folder: Path = PROTO_FOLDER) -> dict[str, bytes]:
    """What the generated package has to hold: file name to content."""
    everything = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set(proto_folder))
    with_services = [file.name for file in everything.file if file.service]
    # pip puts protoc's plugin beside the interpreter, which need not be on PATH.
    plugin = Path(sysconfig.get_path("scripts")) / "protoc-gen-mypy_grpc"
    with tempfile.TemporaryDirectory() as folder:
        _protoc(
            proto_folder, _sources(proto_folder), f"--python_out={folder}", f"--pyi_out={folder}"
        )
        _protoc(
            proto_folder,
            with_services,
            f"--plugin=protoc-gen-mypy_grpc={plugin}",
            f"--grpc_python_out={folder}",
            f"--mypy_grpc_out={folder}",
        )
        code = _read_package(Path(folder) / PACKAGE_PATH)
    return {"__init__.py": _INIT.encode(), **code}


def differences(wanted: Mapping[str, bytes], folder: Path = GENERATED_FOLDER) -> list[str]:
    """How the files in `folder` differ from the wanted ones, one sentence a file."""
    found = _read_package(folder)
    return [
        *(f"{name} is missing" for name in sorted(wanted.keys() - found.keys())),
        *(f"{name} is not generated any more" for name in sorted(found.keys() - wanted.keys())),
        *(
            f"{name} is out of date"
            for name in sorted(wanted.keys() & found.keys())
            if wanted[name] != found[name]
        ),
    ]


def write(code: Mapping[str, bytes], folder: Path = GENERATED_FOLDER) -> None:
    """Makes `folder` hold just this code."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _read_package(folder).keys() - code.keys():
        (folder / name).unlink()
    for name, content in code.items():
        (folder / name).write_bytes(content)


def main() -> int:
    """Generates, or checks what is there. Returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail on any drift")
    only_check = parser.parse_args().check
    code = generated_code()
    if not only_check:
        write(code)
        return 0
    drift = differences(code)
    for sentence in drift:
        print(f"{PACKAGE_PATH}/{sentence}: run `python -m proto.generate`", file=sys.stderr)
    return 1 if drift else 0


def _sources(proto_folder: Path) -> list[str]:
    return sorted(
        path.relative_to(proto_folder).as_posix()
        for path in (proto_folder / PACKAGE_PATH).glob("*.proto")
    )


def _read_package(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.py*") if path.is_file()}


def _protoc(proto_folder: Path, sources: Iterable[str], *options: str) -> None:
    # The .proto files that ours import are installed beside the code that reads them.
    includes = (
        proto_folder,
        _installed("google.api.annotations_pb2").parents[2],
        _installed("grpc_tools.protoc").parent / "_proto",
    )
    # The first argument is the program's name, as in any argv.
    arguments = ["protoc", *(f"-I{path}" for path in includes), *options, *sources]
    if protoc.main(arguments) != 0:  # type: ignore[no-untyped-call]  # grpc_tools has no types
        raise ProtocFailed


def _installed(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    return Path(spec.origin)


if __name__ == "__main__":
    sys.exit(main())
