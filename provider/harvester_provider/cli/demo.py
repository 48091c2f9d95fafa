"""`pulumi-harvester demo`: a real program, by the real Pulumi CLI, against a local Harvester. For a first look.

It only runs what a user would type, prints each command before it runs it, and keeps the stack's state beside the
local Harvester's data.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harvester_local.cluster import LocalHarvester
from harvester_local.toolchain import bin_folder
from harvester_provider.core.errors import HarvesterError

app = typer.Typer(no_args_is_help=True)
_console = Console(stderr=True, highlight=False, soft_wrap=True)

STACK = "demo"
Program = Annotated[Path, typer.Option(help="The Pulumi program to run.", exists=True, file_okay=False)]
_DEFAULT = Path("examples/01-first-vm")


class _Cli:
    """The Pulumi CLI for one program and the stack of the demo, whose state is in the local Harvester's folder."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = program
        self._work = folder / "pulumi"
        for part in ("home", "state"):
            (self._work / part).mkdir(parents=True, exist_ok=True)
        self._config = self._work / f"Pulumi.{program.resolve().name}.yaml"
        self._env = {
            **os.environ,
            "PATH": os.pathsep.join([str(bin_folder()), str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "PULUMI_HOME": str(self._work / "home"),
            "PULUMI_BACKEND_URL": f"file://{self._work / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "demo",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            # the SDK is installed in place, where Pulumi does not see that it needs no plugin of its own
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def run(self, *command: str, quiet: bool = False) -> None:
        """Run `pulumi ...`, print it as a user would type it, and stop where it fails."""
        if not quiet:
            _console.print(f"\n[bold]$ pulumi {' '.join(command)}[/bold]")
        full = ["pulumi", *command, "--stack", STACK] if command[0] != "stack" else ["pulumi", *command]
        if command[0] in {"up", "preview", "config", "destroy"}:
            full += ["--config-file", str(self._config)]
        done = subprocess.run(full, cwd=self.program, env=self._env, check=False, stdout=subprocess.DEVNULL if quiet else None)  # noqa: S603  the user's own program
        if done.returncode:
            raise HarvesterError(f"`pulumi {' '.join(command)}` ended with {done.returncode}: see above; the local Harvester still runs")

    def select(self) -> None:
        """The demo's stack, made where it is not there."""
        self.run("stack", "select", "--create", STACK, quiet=True)

    def configure(self, **values: str) -> None:
        """Settings of the program; those of the provider are secret."""
        for key, value in values.items():
            name = key.replace("__", ":")
            self.run("config", "set", *(["--secret"] if name == "harvester:kubeconfig" else []), name, value, quiet=True)


@app.command()
def up(program: Program = _DEFAULT) -> None:
    """Start a local Harvester, run the program with `pulumi up`, and show that a second look finds no change."""
    local = LocalHarvester(report=lambda line: _console.print(f"local Harvester: {line}")).up()
    _console.print(f"local Harvester: up at {local.endpoint}, kubeconfig {local.kubeconfig}")
    cli = _Cli(program, local.folder)
    cli.select()
    cli.configure(harvester__kubeconfig=str(local.kubeconfig), imageUrl=f"{local.images_url}/tiny.qcow2")
    cli.run("up", "--yes", "--skip-preview")
    cli.run("preview", "--expect-no-changes")
    cli.run("stack", "output")
    _console.print(f"\nLook around: kubectl --kubeconfig {local.kubeconfig} get vm,vmi -A     End it: make demo-down")


@app.command()
def down(program: Program = _DEFAULT) -> None:
    """Destroy the program's stack and stop the local Harvester."""
    local = LocalHarvester(report=lambda line: _console.print(f"local Harvester: {line}"))
    if (local.folder / "pulumi").is_dir():
        local.up()
        cli = _Cli(program, local.folder)
        cli.select()
        cli.run("destroy", "--yes", "--skip-preview")
    local.down()
    _console.print("local Harvester: stopped; its data stays (drop it with `pulumi-harvester local reset`)")
