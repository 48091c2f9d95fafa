"""`python -m harvester_local.toolchain [NAMES...]`: obtain programs, then print their paths.

Paths go to stdout, progress to stderr.
"""

from typing import Annotated

import typer

from harvester_local import toolchain
from harvester_local.errors import LocalError


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Which ones: {', '.join(toolchain.NAMES)}. Default: all.")] = None,
    *,
    folder: Annotated[bool, typer.Option("--folder", help="Print one folder with links to all of them, to be put on PATH.")] = False,
) -> None:
    """Find or obtain the programs that the local Harvester and Pulumi need."""
    wanted = names or toolchain.NAMES
    try:
        if folder:
            typer.echo(toolchain.bin_folder(wanted))
            return
        for path in toolchain.ensure(wanted).values():
            typer.echo(path)
    except LocalError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("interrupted: what is finished stays; the next run goes on from there", err=True)
        raise typer.Exit(130) from None  # as a shell reports a program that Ctrl-C ended


if __name__ == "__main__":
    typer.run(main)
