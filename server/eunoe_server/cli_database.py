"""`eunoe migrate`, `backup` and `restore`: what is done to the database as a whole."""

from __future__ import annotations

import asyncio
import enum
from pathlib import Path
from typing import Annotated

import typer

from eunoe_server.cli_options import Config, DatabaseUrl, DataDir, err, load_settings, out

app = typer.Typer()


class Cluster(enum.StrEnum):
    """Distributed databases that want to be told where tables live."""

    CITUS = "citus"


@app.command()
def migrate(
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    config: Config = None,
    check: Annotated[bool, typer.Option(help="Only say what is missing; exit 1 if so.")] = False,
    distribute: Annotated[
        Cluster | None,
        typer.Option(help="Afterwards, spread the tables over the nodes of such a cluster."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the statements of --distribute.")
    ] = False,
) -> None:
    """Bring the database's schema to this version."""
    from eunoe_server.stores import distribution  # noqa: PLC0415 - other commands start faster without

    if dry_run:
        if distribute is None:
            raise typer.BadParameter("goes with --distribute", param_hint="--dry-run")
        for statement in distribution.statements():
            out.print(f"{statement};", highlight=False, markup=False, soft_wrap=True)
        return
    settings = load_settings(config, data_dir=data_dir, database_url=database_url)
    from eunoe_server.administration import (  # noqa: PLC0415 - as above
        apply_migrations,
        distribute_tables,
        missing_migrations,
    )

    if check:
        missing = asyncio.run(missing_migrations(settings))
        for name in missing:
            out.print(name, highlight=False)
        out.print(f"{len(missing)} missing" if missing else "The schema is at this version.")
        raise typer.Exit(1 if missing else 0)
    applied = asyncio.run(apply_migrations(settings))
    for name in applied:
        out.print(f"applied {name}", highlight=False)
    out.print("The schema is at this version.")
    if distribute is not None:
        executed = asyncio.run(distribute_tables(settings))
        out.print(f"{len(executed)} statements have distributed it.", highlight=False)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Write all of the embedded Postgres into one file, while servers serve."""
    settings = load_settings(config, data_dir=data_dir)
    from eunoe_server.administration import back_up  # noqa: PLC0415 - as above

    asyncio.run(back_up(settings, file))
    err.print(f"{file}: {file.stat().st_size:,} bytes", highlight=False, soft_wrap=True)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `eunoe backup` wrote.")],
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Fill an empty data folder from a backup, and bring it to this version's schema."""
    settings = load_settings(config, data_dir=data_dir)
    from eunoe_server.administration import restore as fill  # noqa: PLC0415 - as above

    for name in asyncio.run(fill(settings, file)):
        err.print(f"applied {name}", highlight=False)
    err.print(f"restored into {settings.data_dir.absolute()}", highlight=False, soft_wrap=True)
