"""What the files of the `eunoe` command share: their options, and settings made from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import pydantic
import typer
from rich.console import Console

from eunoe_server.settings import CONFIG_FILE_VARIABLE, Settings

out = Console()
err = Console(stderr=True)

DataDir = Annotated[
    Path | None, typer.Option(envvar="EUNOE_DATA_DIR", help="Where the embedded Postgres lives.")
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(envvar="EUNOE_DATABASE_URL", help="An outside Postgres; empty: the embedded one."),
]
Config = Annotated[
    Path | None, typer.Option(envvar=CONFIG_FILE_VARIABLE, help="A settings file (TOML).")
]
Project = Annotated[str, typer.Option(help="The project they belong to.")]


def load_settings(config: Path | None = None, **flags: Any) -> Settings:
    """Flags over environment over file; what is wrong is said by name and ends the command."""
    if config is not None:
        if not config.is_file():
            raise typer.BadParameter(f"{config} does not exist", param_hint="--config")
        os.environ[CONFIG_FILE_VARIABLE] = str(config)
    try:
        return Settings.load(**flags)
    except pydantic.ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            name = "__".join(str(part) for part in problem["loc"]).upper()
            what = problem["msg"].removeprefix("Value error, ")
            err.print(f"[red]eunoe:[/red] EUNOE_{name}: {what}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
