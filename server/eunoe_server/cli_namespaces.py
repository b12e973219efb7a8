"""`eunoe namespaces` and `eunoe audit`: what is kept, for how long, and who did away with what.

They work on the database, beside a server that runs or without one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from eunoe_server.cli_options import Config, DatabaseUrl, DataDir, Project, load_settings, out

if TYPE_CHECKING:  # imported in the commands: others start faster without a database
    from eunoe_server.domain.audit import AuditEvent

app = typer.Typer()
namespaces = typer.Typer(
    help="Namespaces: list them, say how long they keep things, erase them.", no_args_is_help=True
)
app.add_typer(namespaces, name="namespaces")

Name = Annotated[str, typer.Argument(help='The namespace; "" is the global one.')]


@namespaces.command("list")
def list_namespaces(
    prefix: Annotated[str, typer.Option(help="Only those whose name begins so.")] = "",
    project: Project = "default",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    config: Config = None,
) -> None:
    """What the namespaces of a project hold, and how long they keep it."""
    settings = load_settings(config, data_dir=data_dir, database_url=database_url)
    from eunoe_server import administration  # noqa: PLC0415 - see TYPE_CHECKING

    table = Table("Name", "Memories", "Dialogues", "Messages", "Kept for", "Created", box=None)
    for held in asyncio.run(
        administration.list_namespaces(settings, project=project, prefix=prefix)
    ):
        table.add_row(
            held.namespace.name or '""',
            f"{held.holdings.memories:,}",
            f"{held.holdings.dialogues:,}",
            f"{held.holdings.messages:,}",
            _kept_for(held.namespace.retention_days, settings.retention.default_days),
            f"{held.namespace.created_at:%Y-%m-%d %H:%M}",
        )
    out.print(table)


@namespaces.command("retain")
def retain(
    name: Name,
    days: Annotated[
        int | None,
        typer.Option(min=0, help="Erase what nobody uses for so many days; 0: never."),
    ] = None,
    project: Project = "default",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    config: Config = None,
) -> None:
    """Say how long a namespace keeps things; without --days: as the server is set."""
    settings = load_settings(config, data_dir=data_dir, database_url=database_url)
    from eunoe_server import administration  # noqa: PLC0415 - as above

    held = asyncio.run(
        administration.retain_namespace(settings, project=project, name=name, days=days)
    )
    kept = _kept_for(held.namespace.retention_days, settings.retention.default_days)
    out.print(f"kept for: {kept}", highlight=False)


@namespaces.command("delete")
def delete(
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    project: Project = "default",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    config: Config = None,
) -> None:
    """Erase a namespace and all that was made from it. It cannot be undone."""
    settings = load_settings(config, data_dir=data_dir, database_url=database_url)
    from eunoe_server import administration  # noqa: PLC0415 - as above

    if not dry_run and not yes:
        _print_counts(
            asyncio.run(
                administration.erase_namespace(settings, project=project, name=name, dry_run=True)
            )
        )
        typer.confirm("Erase all of this?", abort=True)
    _print_counts(
        asyncio.run(
            administration.erase_namespace(settings, project=project, name=name, dry_run=dry_run)
        )
    )
    out.print("nothing was erased" if dry_run else "erased", highlight=False)


@app.command()
def audit(
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
    subject: Annotated[
        str, typer.Option(help="Only what was done to the key, memory, dialogue or message.")
    ] = "",
    project: Project = "default",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    config: Config = None,
) -> None:
    """Who made and ended keys, and erased what; the newest first, without any content."""
    settings = load_settings(config, data_dir=data_dir, database_url=database_url)
    from eunoe_server import administration  # noqa: PLC0415 - as above

    table = Table("When", "What", "Key", "Namespace", "Subject", "Rows", "Request", box=None)
    for event in asyncio.run(
        administration.list_audit_events(settings, project=project, subject=subject, limit=limit)
    ):
        table.add_row(
            f"{event.occurred_at:%Y-%m-%d %H:%M:%S}",
            event.kind,
            event.key_id or "-",
            _namespace(event),
            event.subject or "",
            ", ".join(f"{count:,} {kind}" for kind, count in event.counts.items() if count),
            event.request_id,
        )
    out.print(table)


def _kept_for(days: int | None, default_days: int) -> str:
    if days is None:
        return f"{_kept_for(default_days, 0)} (default)"
    return f"{days:,} days" if days else "ever"


def _namespace(event: AuditEvent) -> str:
    if event.namespace_key is None:
        return ""
    return f"#{event.namespace_key}" if event.namespace is None else event.namespace or '""'


def _print_counts(counts: Mapping[str, int]) -> None:
    for kind, count in counts.items():
        if count:
            out.print(f"{count:>12,} {kind}", highlight=False)
