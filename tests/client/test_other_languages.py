"""The templates for other languages: buf takes them, and what they generate compiles.

Compiling needs the language's own tools; where they are not at hand, that is skipped and said. What
the templates hand to a plugin is looked at in any case, by a plugin that only writes it down.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.compiler import plugin_pb2

from proto.generate import descriptor_set
from tests.fixtures.missing import missing

PAGE = (Path(__file__).parents[2] / "docs" / "clients-other-languages.md").read_text()
BUF = Path(sys.executable).parent / "buf"

#: Keeps the request that it gets in the folder it runs in, and generates nothing.
PLUGIN = f"""#!{sys.executable}
import sys
from pathlib import Path
from google.protobuf.compiler import plugin_pb2
Path(Path(sys.argv[0]).name + ".request").write_bytes(sys.stdin.buffer.read())
answer = plugin_pb2.CodeGeneratorResponse(supported_features=1)
sys.stdout.buffer.write(answer.SerializeToString())
"""


def block(name: str) -> str:
    """The fenced text under the comment `<!-- name -->`."""
    found = re.search(rf"<!-- {re.escape(name)} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, f"no block {name}"
    return found[1]


def generate(language: str, folder: Path, path: str) -> None:
    """Runs the page's command as it stands, with these programs on the path."""
    (folder / "eunoe.binpb").write_bytes(descriptor_set())
    (folder / f"buf.gen.{language}.yaml").write_text(block(f"buf.gen.{language}.yaml"))
    done = subprocess.run(  # noqa: S603 - our own page
        ["bash", "-euc", block(f"generate: {language}")],  # noqa: S607
        cwd=folder,
        env=os.environ | {"PATH": f"{path}:{BUF.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def recorded(language: str, plugin: str, folder: Path) -> plugin_pb2.CodeGeneratorRequest:
    """What a plugin is given."""
    tools = folder / "tools"
    tools.mkdir()
    for name in ("protoc-gen-go", "protoc-gen-go-grpc"):
        (tools / name).write_text(PLUGIN)
        (tools / name).chmod(0o755)
    generate(language, folder, str(tools))
    return plugin_pb2.CodeGeneratorRequest.FromString((folder / f"{plugin}.request").read_bytes())


def test_the_contract_is_one_file_made_by_the_command_that_is_shown(tmp_path: Path) -> None:
    command = block("the contract as one file").replace(".venv/bin/python", sys.executable)
    subprocess.run(  # noqa: S603 - our own page
        ["bash", "-euc", command.replace("> eunoe.binpb", f"> {tmp_path}/eunoe.binpb")],  # noqa: S607
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert (tmp_path / "eunoe.binpb").read_bytes() == descriptor_set()


def test_go_gets_our_files_under_the_module_of_the_caller(tmp_path: Path) -> None:
    request = recorded("go", "protoc-gen-go-grpc", tmp_path)
    assert all(name.startswith("eunoe/v1/") for name in request.file_to_generate)
    packages = {file.name: file.options.go_package for file in request.proto_file}
    assert packages["eunoe/v1/memory.proto"].startswith("example.com/app/gen/eunoe/v1")
    assert packages["google/api/http.proto"].startswith("google.golang.org/genproto/")


def test_generated_go_compiles(tmp_path: Path) -> None:
    if absent := [
        tool for tool in ("go", "protoc-gen-go", "protoc-gen-go-grpc") if shutil.which(tool) is None
    ]:
        pytest.skip(f"NOT TESTED: there is no {', '.join(absent)} here, so no Go was compiled")
    generate("go", tmp_path, "")
    subprocess.run(["go", "mod", "init", "example.com/app"], cwd=tmp_path, check=True)  # noqa: S607
    modules = subprocess.run(
        ["go", "mod", "tidy"],  # noqa: S607 - the tools above
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    if modules.returncode:
        missing(f"no Go module proxy gives what gRPC needs: {modules.stderr[-300:]}")
    subprocess.run(["go", "build", "./..."], cwd=tmp_path, check=True)  # noqa: S607


def test_generated_java_compiles(tmp_path: Path) -> None:
    tools = [tool for tool in ("protoc", "protoc-gen-grpc-java") if shutil.which(tool) is None]
    jars = os.environ.get("EUNOE_TEST_JAVA_CLASSPATH", "")
    if tools or not jars:
        pytest.skip(
            f"NOT TESTED: no Java was compiled: missing {', '.join(tools) or 'nothing'}; "
            "EUNOE_TEST_JAVA_CLASSPATH names the jars of grpc-protobuf and grpc-stub"
        )
    generate("java", tmp_path, "")
    sources = sorted(str(path) for path in (tmp_path / "gen").rglob("*.java"))
    subprocess.run(["javac", "-cp", jars, "-d", "out", *sources], cwd=tmp_path, check=True)  # noqa: S603, S607
