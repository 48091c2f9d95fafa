"""The command line: `pulumi-harvester ...`. It translates arguments and prints; what it does is done elsewhere."""

import sys

import typer

from harvester_provider.core.errors import HarvesterError

app = typer.Typer(
    name="pulumi-harvester", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, help="Harvester as code."
)


def _mount() -> None:
    """Add the commands and groups. The local Harvester is there when its extra dependencies are."""
    from harvester_provider.cli.adopt import command as adopt  # noqa: PLC0415  not needed by those who import the app
    from harvester_provider.cli.images import images  # noqa: PLC0415  it brings the clients, which take a moment

    app.command("import")(adopt)
    app.command("images")(images)
    try:
        from harvester_local.cli import app as local  # noqa: PLC0415  an optional extra
    except ModuleNotFoundError as error:
        missing = error.name

        @app.command("local", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
        def explain() -> None:
            """A Harvester API on this machine (needs the extra `local`)."""
            raise HarvesterError(f"the local Harvester needs {missing}: pip install 'pulumi-harvester[local]'")
    else:
        from harvester_provider.cli.demo import app as demo  # noqa: PLC0415  it needs the local Harvester

        app.add_typer(local, name="local", help="A Harvester API on this machine.")
        app.add_typer(demo, name="demo", help="The first example on a local Harvester.")


def main() -> None:
    """The console script."""
    _mount()
    try:
        app()
    except HarvesterError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  a command line prints
        sys.exit(1)
