"""Judges the contract with buf, offline: its style, its format, and whether old callers still work.

buf would fetch the protos that ours import from a registry; instead it reads the descriptor set
that generate.py compiles against the installed ones. Nothing here writes.

    python -m proto.lint                check all three against the last contract on main
    python -m proto.lint --against REF  the same against another commit
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from proto.generate import PROTO_FOLDER, descriptor_set

REPOSITORY = PROTO_FOLDER.parent
BUF_CONFIG = REPOSITORY / "buf.yaml"

# What "the last commit on main" is called in a clone, in a checkout of a change, and in neither.
_MAIN = ("main", "origin/main", "HEAD")


def style_complaints(proto_folder: Path = PROTO_FOLDER) -> str:
    """What buf's STANDARD and COMMENTS rules find. Empty: nothing."""
    with tempfile.TemporaryDirectory() as folder:
        image = _image(proto_folder, Path(folder) / "contract.binpb")
        return _buf("lint", str(image), "--config", str(BUF_CONFIG), "--exclude-path", "google")


def format_complaints(proto_folder: Path = PROTO_FOLDER) -> str:
    """The diff that would bring the files into buf's format. Empty: they are."""
    return _buf("format", "--diff", "--exit-code", str(proto_folder))


def breaking_changes(old_proto_folder: Path, proto_folder: Path = PROTO_FOLDER) -> str:
    """What would break callers of the old contract, in protobuf or in JSON. Empty: nothing."""
    with tempfile.TemporaryDirectory() as folder:
        new = _image(proto_folder, Path(folder) / "new.binpb")
        old = _image(old_proto_folder, Path(folder) / "old.binpb")
        options = ("--against", str(old), "--config", str(BUF_CONFIG), "--exclude-imports")
        return _buf("breaking", str(new), *options)


def committed_protos(commit: str, target: Path) -> bool:
    """Writes the protos of a commit below `target`. False when it has none."""
    listed = _git("ls-tree", "-r", "--name-only", commit, "--", "proto")
    names = [name for name in listed.stdout.decode().split("\n") if name.endswith(".proto")]
    for name in names:
        path = target / Path(name).relative_to("proto")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_git("show", f"{commit}:{name}").stdout)
    return bool(names)


def last_contract_on_main() -> str | None:
    """The last commit on main whose protos are not those of this tree.

    That is the last one on main while a change is made, and the one before it once the change has
    landed. None where there is no such commit.
    """
    for ref in _MAIN if shutil.which("git") else ():
        if _git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").returncode == 0:
            for commit in _git("log", "--format=%H", "-n", "2", ref, "--", "proto").stdout.split():
                if _git("diff", "--quiet", commit.decode(), "--", "proto").returncode != 0:
                    return commit.decode()
            return None
    return None


def main() -> int:
    """Prints what is wrong. Returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--against", help="the commit whose callers must still be served")
    against = parser.parse_args().against or last_contract_on_main()
    complaints = [style_complaints(), format_complaints()]
    with tempfile.TemporaryDirectory() as folder:
        if against and committed_protos(against, Path(folder)):
            complaints.append(breaking_changes(Path(folder)))
        else:
            sys.stderr.write("buf breaking: no commit holds another contract, nothing to break\n")
    sys.stderr.write("".join(complaints))
    return 1 if any(complaints) else 0


def _image(proto_folder: Path, target: Path) -> Path:
    target.write_bytes(descriptor_set(proto_folder))
    return target


def _buf(*arguments: str) -> str:
    # pip puts buf beside the interpreter, which need not be on PATH.
    ran = _run([str(Path(sysconfig.get_path("scripts")) / "buf"), *arguments])
    if ran.returncode == 0:
        return ""
    return f"buf {arguments[0]}:\n{(ran.stdout + ran.stderr).decode()}"


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return _run(["git", *arguments])


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    # Only our own words and the names of our own files are ever run.
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
