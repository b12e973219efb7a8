"""`eunoe migrate`, `backup` and `restore`: what is done to the database as a whole."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from eunoe_server.cli_options import Config, DatabaseUrl, DataDir, err, load_settings, out

app = typer.Typer()


@app.command()
def migrate(
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    config: Config = None,
    check: Annotated[bool, typer.Option(help="Only say what is missing; exit 1 if so.")] = False,
) -> None:
    """Bring the database's schema to this version."""
    settings = load_settings(config, data_dir=data_dir, database_url=database_url)
    from eunoe_server.administration import apply_migrations, missing_migrations  # noqa: PLC0415 - other commands start faster without

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
