"""`eunoe import` and `eunoe export`, against a server that runs.

Exit status: 0 when all of it is done; 1 when something was refused or the server failed; 2 when
the command was wrong; 130 when it was interrupted. The summary is written in any case.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:  # imported in the commands: others start faster without gRPC
    from eunoe_server.transfer.connection import Connection
    from eunoe_server.transfer.importing import Importer, Summary
    from eunoe_server.transfer.records import Place, Record

app = typer.Typer()
err = Console(stderr=True, highlight=False)

Target = Annotated[
    str, typer.Option(envvar="EUNOE_GRPC_ADDRESS", help="The server's gRPC address, host:port.")
]
ApiKey = Annotated[
    str,
    typer.Option(
        envvar=["EUNOE_API_KEY", "EUNOE_BOOTSTRAP_API_KEY"],
        help="An API key; better in the environment.",
        show_default=False,
    ),
]

INTERRUPTED = 130


@app.command("import")
def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="JSON Lines of `eunoe export`, DialogueDB's JSON, ChatGPT's conversations.json, "
            "or lists of OpenAI messages.",
        ),
    ],
    namespace: Annotated[
        str | None, typer.Option(help="Put everything here, whatever the files say.")
    ] = None,
    commit_after: Annotated[
        int | None,
        typer.Option(min=0, help="Seconds until facts are extracted and chats recall it."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, store nothing.")
    ] = False,
    target: Target = "127.0.0.1:50051",
    api_key: ApiKey = "",
) -> None:
    """Import dialogues, messages and memories. The same command again goes on where it stopped."""
    from eunoe_server.transfer.destination import RunningServer  # noqa: PLC0415 - as above
    from eunoe_server.transfer.importing import Importer  # noqa: PLC0415
    from eunoe_server.transfer.rehearsal import Rehearsal  # noqa: PLC0415

    with _connected(target, api_key) as server, _progress() as progress:
        bar = progress.add_task("", total=sum(path.stat().st_size for path in files))
        done_bytes = 0

        def tell(place: Place, why: str) -> None:
            progress.console.print(f"{place.name}: {why}", markup=False, soft_wrap=True)

        def advance(place: Place) -> None:
            progress.update(bar, completed=done_bytes + place.bytes_read)

        importer = Importer(
            Rehearsal(server) if dry_run else RunningServer(server),
            tell=tell,
            progress=advance,
            namespace=namespace,
            commit_after_seconds=commit_after,
        )
        status = 0
        for path in files:
            progress.update(bar, description=path.name)
            if status := _import_file(importer, path):
                break
            done_bytes += path.stat().st_size
            progress.update(bar, completed=done_bytes)
    _print_summary(importer.summary, "would be new" if dry_run else "new")
    if status and not dry_run:
        err.print("Stopped before the end; the same command again goes on from here.")
    raise typer.Exit(status or (1 if importer.summary.errors else 0))


def _import_file(importer: Importer, path: Path) -> int:
    """Gives the exit status if the import must stop, else 0."""
    from eunoe_server.transfer.checking import checked  # noqa: PLC0415 - as above
    from eunoe_server.transfer.connection import CallFailed  # noqa: PLC0415
    from eunoe_server.transfer.reading import read_records  # noqa: PLC0415

    def read() -> Iterator[Record]:
        return checked(read_records(path))

    try:
        importer.run(read)
    except CallFailed as error:
        _complain(error.message)
        return 1
    except OSError as error:
        _complain(f"{path}: {error.strerror}")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


@app.command("export")
def export(
    namespace: Annotated[
        list[str] | None, typer.Option(help="Only this namespace; repeat it. Default: all.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", dir_okay=False, help="A file; default: standard output."),
    ] = None,
    include_superseded: Annotated[
        bool,
        typer.Option(
            "--include-superseded", help="Also messages that a conversation has left, to read."
        ),
    ] = False,
    target: Target = "127.0.0.1:50051",
    api_key: ApiKey = "",
) -> None:
    """Write memories, dialogues and messages as JSON Lines, which `eunoe import` reads."""
    from eunoe_server.transfer.connection import CallFailed  # noqa: PLC0415 - as above
    from eunoe_server.transfer.exporting import export_lines, namespaces_of  # noqa: PLC0415

    written: Counter[str] = Counter()
    try:
        with _connected(target, api_key) as server, _written_whole(output) as file:
            for name in namespaces_of(server) if namespace is None else namespace:
                for line in export_lines(server, name, with_superseded=include_superseded):
                    file.write(line.text)
                    written[line.kind] += 1
            file.flush()
    except CallFailed as error:
        _complain(error.message)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # Whoever read it has enough, as `head` does. Python would try to flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    names = {"dialogue": "dialogues", "message": "messages", "memory": "memories"}
    err.print(", ".join(f"{written[kind]:,} {name}" for kind, name in names.items()))


@contextmanager
def _written_whole(output: Path | None) -> Iterator[BinaryIO]:
    """The file to write. It takes its name when it is whole, so half an export never has it."""
    if output is None:
        yield sys.stdout.buffer
        return
    if output.exists() and not output.is_file():  # a pipe, a device
        with output.open("wb") as file:
            yield file
        return
    partial_file = output.with_name(f"{output.name}.partial")
    try:
        with partial_file.open("wb") as file:
            yield file
        partial_file.replace(output)
    finally:
        partial_file.unlink(missing_ok=True)


def _connected(target: str, api_key: str) -> Connection:
    if not api_key:
        raise typer.BadParameter("set EUNOE_API_KEY", param_hint="--api-key")
    from eunoe_server.transfer.connection import Connection  # noqa: PLC0415 - as above

    return Connection(target, api_key)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,
    )


def _complain(what: str) -> None:
    err.print(f"eunoe: {what}", markup=False, soft_wrap=True)


def _print_summary(summary: Summary, new: str) -> None:
    for name, counts in (
        ("dialogues", summary.dialogues),
        ("messages", summary.messages),
        ("memories", summary.memories),
    ):
        err.print(f"{name}: {counts.created:,} {new}, {counts.already_there:,} there already")
    for why, count in summary.passed.items():
        err.print(f"passed over: {count:,} {why}", soft_wrap=True)
    err.print(f"errors: {summary.errors:,}")
