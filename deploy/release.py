"""Builds what is published, into dist/, and tries it.

    python -m deploy.release        (make release)

* the wheel and the sdist of `eunoe-server` and of `eunoe`, each wheel built from its sdist
* the protos, to generate clients from
* an SBOM (CycloneDX): what the server's wheel, installed into an empty environment, brings
* SHA256SUMS over all of it

A release is refused that does not work where nothing else is: the server's wheel without the client
package that it needs at the same version, the client's wheel with anything of the server, a command
that does not start. What is built is the working tree, so a tree with changes is refused as well,
unless `--dirty`.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"


def main() -> str | None:
    """Builds and tries. Returns what is wrong, if anything is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--dirty", action="store_true", help="also with uncommitted changes")
    if not parser.parse_args().dirty and _output(["git", "status", "--porcelain"], ROOT):
        return "the tree has changes that no commit holds; see --dirty"
    server, client = version(ROOT), version(ROOT / "clients" / "python")
    if server != client:
        return f"the server is {server} and the client {client}"
    shutil.rmtree(DIST, ignore_errors=True)
    for project in (ROOT / "clients" / "python", ROOT):
        _run([sys.executable, "-m", "build", "--outdir", str(DIST), str(project)], ROOT)
    (DIST / f"eunoe-protos-{server}.tar.gz").write_bytes(proto_archive())
    with tempfile.TemporaryDirectory(prefix="eunoe-release-") as folder:
        _try_client(Path(folder) / "client", server)
        python = _try_server(Path(folder) / "server", server)
        sbom = DIST / f"eunoe-server-{server}.cdx.json"
        _forget_the_machine(python)
        bom = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"]
        root = ["--pyproject", str(ROOT / "pyproject.toml")]
        _run([*bom, *root, "--output-file", str(sbom), str(python)], ROOT)
    (DIST / "SHA256SUMS").write_text(checksums(sorted(DIST.iterdir())))
    print((DIST / "SHA256SUMS").read_text(), end="")
    return None


def version(folder: Path) -> str:
    """Of the distribution in a folder."""
    found: str = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"]
    return found


def proto_archive() -> bytes:
    """The protos and what buf needs to know of them; the same bytes for the same files."""
    files = [ROOT / "LICENSE", ROOT / "buf.yaml", *sorted((ROOT / "proto").rglob("*.proto"))]
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for path in files:
            # Only name, size and mode: neither times nor users of the machine that builds.
            entry = tarfile.TarInfo(str(path.relative_to(ROOT)))
            entry.size = path.stat().st_size
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(path.read_bytes()))
    return gzip.compress(tar.getvalue(), mtime=0)


def checksums(files: Sequence[Path]) -> str:
    """As `sha256sum --check` reads them."""
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files
    )


def _try_client(folder: Path, release: str) -> None:
    """The client alone, which must bring nothing of the server."""
    python = _environment(folder)
    _install(python, [f"eunoe-{release}"])
    code = (
        "import eunoe, importlib.util, sys; "
        "sys.exit(importlib.util.find_spec('eunoe_server') is not None)"
    )
    _run([str(python), "-W", "error", "-c", code], folder)


def _try_server(folder: Path, release: str) -> Path:
    """The server with its client; the environment's Python."""
    python = _environment(folder)
    _install(python, [f"eunoe-{release}", f"eunoe_server-{release}"])
    for arguments in (["--help"], ["routes"], ["migrate", "--help"]):
        _output([str(python.parent / "eunoe"), *arguments], folder)
    return python


def _forget_the_machine(python: Path) -> None:
    """Leaves in the environment what the server brings, and not how or where it got there."""
    uninstall = [str(python), "-m", "pip", "uninstall", "--quiet", "--yes"]
    _run([*uninstall, "setuptools", "pip"], python.parent)
    for path in python.parents[1].rglob("direct_url.json"):
        path.unlink()


def _environment(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def _install(python: Path, names: Sequence[str]) -> None:
    wheels = [str(wheel) for name in names for wheel in DIST.glob(f"{name}-*.whl")]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--constraint", str(ROOT / "constraints.txt"), *wheels], python.parent)


def _run(command: Sequence[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True)


def _output(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
