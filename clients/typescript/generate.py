"""Writes the TypeScript code of the contract, offline: buf with the local protoc-gen-es.

Generated code is committed, as Python's is (proto/generate.py), and a test keeps it current. Beside
our own messages it holds those of google.rpc that errors carry. Needs `npm install` in this folder.

    python -m clients.typescript.generate            write src/gen
    python -m clients.typescript.generate --check    write nothing; fail on any drift
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from google.rpc import error_details_pb2
from grpc_tools import protoc

from proto import generate as contract

HERE = Path(__file__).resolve().parent
GENERATED = HERE / "src" / "gen"
PLUGIN = HERE / "node_modules" / ".bin" / "protoc-gen-es"


def generated_code() -> dict[str, bytes]:
    """What `src/gen` has to hold: path to content."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        for descriptors in (contract.descriptor_set(), _error_details()):
            image = Path(folder) / "image.binpb"
            image.write_bytes(descriptors)
            plugin = {
                "local": str(PLUGIN),
                "out": str(out),
                "opt": ["target=ts", "import_extension=js"],
            }
            buf = Path(sysconfig.get_path("scripts")) / "buf"
            template = json.dumps({"version": "v2", "plugins": [plugin]})
            subprocess.run(  # noqa: S603 - our own tools
                [str(buf), "generate", str(image), "--template", template], check=True
            )
        # @bufbuild/protobuf has google.protobuf itself.
        return {name: code for name, code in _read(out).items() if "google/protobuf/" not in name}


def differences(wanted: dict[str, bytes]) -> list[str]:
    """The files in `src/gen` that are not as they have to be."""
    found = _read(GENERATED)
    return sorted(name for name in wanted | found if wanted.get(name) != found.get(name))


def main() -> str | None:
    """Generates, or checks what is there. Returns what is wrong, if anything is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail on any drift")
    only_check = parser.parse_args().check
    wanted = generated_code()
    drift = differences(wanted)
    if only_check:
        return f"src/gen has drifted from the protos: {', '.join(drift)}" if drift else None
    for name in drift:
        path = GENERATED / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted[name])
        else:
            path.unlink()
    return None


def _error_details() -> bytes:
    # googleapis-common-protos installs its .proto files beside its code.
    includes = Path(error_details_pb2.__file__).parents[2]
    well_known = Path(protoc.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "details.binpb"
        arguments = [
            "protoc",
            f"-I{includes}",
            f"-I{well_known}",
            "--include_imports",
            f"--descriptor_set_out={target}",
            "google/rpc/error_details.proto",
        ]
        if protoc.main(arguments) != 0:  # type: ignore[no-untyped-call]  # grpc_tools has no types
            raise contract.ProtocFailed
        return target.read_bytes()


def _read(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.ts")}


if __name__ == "__main__":
    sys.exit(main())
