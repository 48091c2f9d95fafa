"""`pulumi-harvester local ...`: the life cycle of a local Harvester from the command line.

Options are read, results are printed, errors become one message and exit code 1. Nothing is decided here. The answer
goes to stdout, progress and errors to stderr.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from harvester_local.cluster import LocalHarvester
from harvester_local.errors import LocalError
from harvester_local.logs import follow, last_lines, log_files
from harvester_local.options import Choice, with_settings_options
from harvester_local.progress import to_stderr
from harvester_local.settings import Settings
from harvester_local.status import ProgramStatus, Status

app = typer.Typer(name="local", help="A Harvester API on this machine, for trying things out and for tests.", no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder", envvar="HARVESTER_LOCAL", help="Its folder.", show_default="pulumi-harvester/local in your data folder", file_okay=False
    ),
]
Crds = Annotated[
    Path | None,
    typer.Option(
        envvar="HARVESTER_CRDS",
        help="Folder of CustomResourceDefinitions to use in place of the built-in ones.",
        exists=True,
        file_okay=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
@with_settings_options
def up(folder: Folder = None, crds: Crds = None, **options: Choice) -> None:
    """Start it, or find it running. Options not given are as at the last start."""
    with _errors_told():
        harvester = LocalHarvester(_settings(folder, options), folder=folder, crds=crds, report=to_stderr)
        harvester.up()
        _print_status(harvester.status())


@app.command()
def down(folder: Folder = None) -> None:
    """Stop it. Its data stays."""
    with _errors_told():
        LocalHarvester(folder=folder, report=to_stderr).down()


@app.command()
def status(folder: Folder = None, *, as_json: AsJson = False) -> None:
    """Show its programs, ports and files. Exit code 1 when it is not up."""
    with _errors_told():
        now = LocalHarvester(folder=folder, report=to_stderr).status()
    if as_json:
        typer.echo(json.dumps(now.to_json(), indent=2))
    else:
        _print_status(now)
    raise typer.Exit(0 if now.state == "up" else 1)


@app.command()
def reset(folder: Folder = None) -> None:
    """Stop it and drop its data. Kubeconfigs stay valid."""
    with _errors_told():
        LocalHarvester(folder=folder, report=to_stderr).reset()


@app.command()
def logs(
    name: Annotated[str | None, typer.Argument(help="One program's name; all if not given.")] = None,
    folder: Folder = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines of each.")] = 20,
    *,
    following: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what is added, until Ctrl-C.")] = False,
) -> None:
    """Print the logs of its programs."""
    with _errors_told():
        files = log_files(LocalHarvester(folder=folder).layout, name)
        _print_lines(last_lines(files, lines), named=len(files) > 1)
        if following:
            _print_lines(follow(files), named=len(files) > 1)


@contextmanager
def _errors_told() -> Iterator[None]:
    try:
        yield
    except (LocalError, ValueError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None  # as a shell reports a program that Ctrl-C ended


def _settings(folder: Path | None, options: dict[str, Choice]) -> Settings | None:
    """Settings of the last start with the given options in their place; None when none was given."""
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    return replace(LocalHarvester(folder=folder).last_settings(), **given) if given else None


def _print_lines(lines: Iterator[tuple[str, str]], *, named: bool) -> None:
    for name, line in lines:
        typer.echo(f"{name}: {line}" if named else line)


def _print_status(now: Status) -> None:
    console = Console(highlight=False)
    console.print(f"Harvester {now.version}: [bold]{now.state}[/]")
    if now.programs:
        table = Table("program", "version", "pid", "up for", "memory", "ports", box=box.SIMPLE, show_edge=False)
        table.columns[0].no_wrap = True
        for program in now.programs:
            table.add_row(*_row(program))
        console.print(table)
    for label, value in (
        ("kubeconfig", now.kubeconfig),
        ("endpoint", now.endpoint),
        ("images", now.images_url),
        ("CRDs", now.crds or "built-in"),
    ):
        console.print(f"{label:10} {value}", soft_wrap=True)


def _row(program: ProgramStatus) -> tuple[str, ...]:
    return (
        program.name,
        program.version or "",
        str(program.pid),
        f"{program.uptime:.0f} s" if program.uptime is not None else "[red]ended[/]",
        f"{program.memory / 2**20:.0f} MiB" if program.memory else "",
        ", ".join(f"{name} {port}" for name, port in program.ports.items()),
    )
