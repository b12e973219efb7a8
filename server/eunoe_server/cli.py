"""The `eunoe` command: one function a subcommand, each a few lines over `app.py` or a service.

Only `serve` stays in the foreground. The others do one thing, print it, and leave no server behind
that was not there before.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from eunoe_server.cli_database import app as database
from eunoe_server.cli_namespaces import app as namespaces
from eunoe_server.cli_options import (
    Config,
    DatabaseUrl,
    DataDir,
    Project,
    err,
    load_settings,
    out,
)
from eunoe_server.cli_transfer import app as transfer
from eunoe_server.domain.caller import Scope
from eunoe_server.errors import EunoeError
from eunoe_server.settings import unknown_variables
from eunoe_server.signals import with_signals

if TYPE_CHECKING:  # imported in the commands, as the others are
    from eunoe_server.services.reindex import VectorsInPlace

app = typer.Typer(
    help="A self-hosted memory server for applications built on language models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
keys = typer.Typer(help="API keys: make, list, rotate and revoke them.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(database)
app.add_typer(namespaces)
app.add_typer(transfer)


def main() -> None:
    """The entry point: our own errors are a sentence, not a traceback."""
    # The embedded Postgres is started by fork and exec, which needs none of gRPC's fork handlers.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    try:
        app()
    except (EunoeError, OSError) as error:
        err.print(f"[red]eunoe:[/red] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)


@app.command()
def serve(
    http_address: Annotated[
        str | None, typer.Option(envvar="EUNOE_HTTP_ADDRESS", help="HTTP/JSON, host:port.")
    ] = None,
    grpc_address: Annotated[
        str | None, typer.Option(envvar="EUNOE_GRPC_ADDRESS", help="gRPC, host:port.")
    ] = None,
    ops_address: Annotated[
        str | None, typer.Option(envvar="EUNOE_OPS_ADDRESS", help="Health and metrics, host:port.")
    ] = None,
    upstream_base_url: Annotated[
        str | None,
        typer.Option(
            envvar="EUNOE_UPSTREAM_BASE_URL",
            help="An OpenAI-compatible endpoint; empty: the built-in offline model.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            envvar="EUNOE_SERVER__WORKERS", min=1, max=64, help="Processes that serve together."
        ),
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    config: Config = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then drain; a second signal ends at once."""
    settings = load_settings(
        config,
        http_address=http_address,
        grpc_address=grpc_address,
        ops_address=ops_address,
        upstream_base_url=upstream_base_url,
        server={"workers": workers} if workers else None,
        data_dir=data_dir,
        database_url=database_url,
    )
    for name in unknown_variables():
        err.print(f"[yellow]eunoe:[/yellow] {name} is not a setting; `eunoe config` lists them.")
    if settings.server.workers > 1:
        from eunoe_server.supervisor import supervise_until  # noqa: PLC0415 - as below

        asyncio.run(
            with_signals(
                lambda stop: supervise_until(
                    settings, stop, announce=_announce, environment=os.environ
                )
            )
        )
        return
    # Other commands start faster without these.
    from eunoe_server.app import serve_until  # noqa: PLC0415
    from eunoe_server.serving_loop import serve_in_loop  # noqa: PLC0415

    serve_in_loop(lambda stop: serve_until(settings, stop, announce=_announce))


@app.command()
def shim(
    target: Annotated[str, typer.Option(help="The gRPC server, host:port or unix:/path.")],
    http_address: Annotated[
        str | None, typer.Option(envvar="EUNOE_HTTP_ADDRESS", help="HTTP/JSON, host:port.")
    ] = None,
    config: Config = None,
) -> None:
    """Serve only HTTP/JSON, in front of a gRPC server that runs elsewhere."""
    settings = load_settings(config, http_address=http_address)
    from eunoe_server.app import shim_until  # noqa: PLC0415 - as above
    from eunoe_server.serving_loop import serve_in_loop  # noqa: PLC0415

    serve_in_loop(lambda stop: shim_until(settings, target, stop, announce=_announce))


def _announce(line: str) -> None:
    # Not a log line: a person reads it, and the first key appears here only.
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@app.command()
def routes() -> None:
    """The HTTP routes and the RPC behind each."""
    from eunoe_server.transport.http.app import route_table  # noqa: PLC0415 - as above

    # Plain columns, so that they can be piped on whole.
    for method, path, rpc in route_table():
        out.print(f"{method:6} {path:40} {rpc}", highlight=False, soft_wrap=True)


@app.command()
def config(data_dir: DataDir = None, database_url: DatabaseUrl = None, file: Config = None) -> None:
    """The settings in effect, secrets hidden."""
    settings = load_settings(file, data_dir=data_dir, database_url=database_url)
    out.print_json(settings.model_dump_json())


@app.command()
def reindex(
    prepare: Annotated[
        bool,
        typer.Option(
            help="Keep the old vectors, for servers that still run with the old embedder."
        ),
    ] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    config: Config = None,
) -> None:
    """Make the vectors of the configured embedder where they are missing, while servers serve.

    Until it is done, a server with that embedder finds the others' texts by their words. To miss
    nothing: run it with --prepare, restart the servers with the new embedder, and run it again.
    Stop it at any time; the same command goes on from there.
    """
    settings = load_settings(config, data_dir=data_dir, database_url=database_url)
    from eunoe_server.administration import reindex as move  # noqa: PLC0415 - as above

    with Progress(
        "[progress.description]{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,
    ) as bar:
        task = bar.add_task("texts", total=None)
        found: list[VectorsInPlace] = []
        was_stopped = False

        async def work(stop: asyncio.Event) -> None:
            nonlocal was_stopped
            found.append(
                await move(
                    settings,
                    stop,
                    lambda at: bar.update(task, completed=at.done, total=at.total),
                    keep_others=prepare,
                )
            )
            was_stopped = stop.is_set()

        asyncio.run(with_signals(work))
    (now,) = found
    err.print(f"{now.served:,} texts have vectors of {now.embedder}.", highlight=False)
    if left := now.foreign + now.bare:
        why = "stopped" if was_stopped else "written meanwhile by servers with another embedder"
        err.print(f"{left:,} have none: {why}; the same command goes on.", highlight=False)
        raise typer.Exit(1)


@app.command()
def health(
    ops_address: Annotated[
        str | None, typer.Option(envvar="EUNOE_OPS_ADDRESS", help="Of the running server.")
    ] = None,
    config: Config = None,
) -> None:
    """Ask a running server whether it is ready; exit 1 if not."""
    settings = load_settings(config, ops_address=ops_address)
    from eunoe_server.administration import ask_readiness  # noqa: PLC0415 - as above

    answer = asyncio.run(ask_readiness(settings))
    out.print(answer or "ready", highlight=False)
    raise typer.Exit(1 if answer else 0)


@app.command()
def doctor(
    data_dir: DataDir = None, database_url: DatabaseUrl = None, config: Config = None
) -> None:
    """Look at everything a server needs; exit 1 if something is ill."""
    settings = load_settings(config, data_dir=data_dir, database_url=database_url)
    from eunoe_server.examination import examine  # noqa: PLC0415 - as above

    async def look() -> bool:
        is_well = not unknown_variables()
        for name in unknown_variables():
            out.print(f"[red]ill [/red] settings  {name} is not a setting", highlight=False)
        async for finding in examine(settings):
            mark = "[green]well[/green]" if finding.is_well else "[red]ill [/red]"
            out.print(f"{mark} {finding.subject:9} {finding.text}", highlight=False, soft_wrap=True)
            is_well = is_well and finding.is_well
        return is_well

    raise typer.Exit(0 if asyncio.run(look()) else 1)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="read, write or admin; repeat it. Default: read, write."),
    ] = None,
    namespace: Annotated[
        str | None, typer.Option(help="Bind the key to this one namespace.")
    ] = None,
    namespace_prefix: Annotated[
        str | None, typer.Option(help="Bind the key to namespaces that begin so.")
    ] = None,
    expires: Annotated[
        datetime | None, typer.Option(help="When the key stops working (UTC).")
    ] = None,
    monthly_calls: Annotated[
        int | None,
        typer.Option(
            min=0, help="Calls in a calendar month at most; 0: any number. Default: the server's."
        ),
    ] = None,
    project: Project = "default",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    config: Config = None,
) -> None:
    """Make a key and print it. It cannot be shown again."""
    settings = load_settings(config, data_dir=data_dir, database_url=database_url)
    from eunoe_server import administration  # noqa: PLC0415 - as above

    token = asyncio.run(
        administration.create_key(
            settings,
            project=project,
            name=name,
            scopes=scope or [Scope.READ, Scope.WRITE],
            namespace=namespace,
            namespace_prefix=namespace_prefix,
            expires_at=expires,
            monthly_calls=monthly_calls,
        )
    )
    out.print(token, highlight=False, soft_wrap=True)


@keys.command("list")
def list_keys(
    project: Project = "default",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    config: Config = None,
) -> None:
    """The keys of a project, without their secrets."""
    settings = load_settings(config, data_dir=data_dir, database_url=database_url)
    from eunoe_server import administration  # noqa: PLC0415 - as above

    table = Table("Id", "Name", "Scopes", "Namespace", "Created", "State", box=None)
    for key in asyncio.run(administration.list_keys(settings, project=project)):
        bound = "any" if key.namespace is None else key.namespace
        if key.namespace_prefix is not None:
            bound = f"{key.namespace_prefix}*"
        table.add_row(
            key.id,
            key.name,
            ",".join(key.scopes),
            bound,
            f"{key.created_at:%Y-%m-%d %H:%M}",
            administration.key_state(key),
        )
    out.print(table)


@keys.command("rotate")
def rotate_key(
    key_id: Annotated[str, typer.Argument(help="As `eunoe keys list` shows it.")],
    grace: Annotated[
        int | None, typer.Option(min=0, help="Seconds that the old key works yet. Default: a day.")
    ] = None,
    project: Project = "default",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    config: Config = None,
) -> None:
    """Make a key with the rights of another and print it; the old one ends after the grace."""
    settings = load_settings(config, data_dir=data_dir, database_url=database_url)
    from eunoe_server import administration  # noqa: PLC0415 - as above

    token = asyncio.run(
        administration.rotate_key(settings, project=project, key_id=key_id, grace_seconds=grace)
    )
    out.print(token, highlight=False, soft_wrap=True)


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="As `eunoe keys list` shows it.")],
    project: Project = "default",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    config: Config = None,
) -> None:
    """Revoke a key. Running servers refuse it within five seconds."""
    settings = load_settings(config, data_dir=data_dir, database_url=database_url)
    from eunoe_server import administration  # noqa: PLC0415 - as above

    asyncio.run(administration.revoke_key(settings, project=project, key_id=key_id))
    out.print(f"revoked {key_id}", highlight=False)
