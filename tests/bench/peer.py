"""The peer itself, Harvester's provider for Terraform, with OpenTofu: where both are at hand.

`TOFU` names the program, else it is looked for on PATH. It finds the peer's plugin as always: in its registry, or in the mirror or the
folder that its own configuration (`TF_CLI_CONFIG_FILE`) says.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.measure import NAMESPACE, Place

SECONDS = 1800


def program() -> str | None:
    """OpenTofu, None where there is none."""
    return shutil.which(os.environ.get("TOFU", "tofu"))


class Peer:
    """A folder with as many machines as `against_polling` makes, for the peer."""

    def __init__(self, tofu: str, folder: Path) -> None:
        self._command = [tofu, f"-chdir={folder}"]

    def apply(self) -> None:
        """Make the machines, and wait for them."""
        self.run("apply", "-auto-approve")

    def plan_without_change(self) -> None:
        """Look at all machines; it is an error when one is to be changed."""
        self.run("plan", "-detailed-exitcode")

    def destroy(self) -> None:
        """Remove the machines; it does nothing where there are none."""
        self.run("destroy", "-auto-approve")

    def run(self, verb: str, *options: str) -> None:
        """One command. Raises AssertionError with what it said where it fails."""
        done = subprocess.run([*self._command, verb, "-no-color", *options], capture_output=True, text=True, timeout=SECONDS, check=False)
        assert not done.returncode, f"tofu {verb}:\n{done.stdout}\n{done.stderr}"


@contextmanager
def machines(tofu: str, here: Place, count: int) -> Iterator[Peer]:
    """Machines like those of the program `machines`, for the peer; destroyed at the end."""
    folder = here.work / "peer"
    folder.mkdir()
    (folder / "kubeconfig").write_text(here.target.kubeconfig)
    machine = {
        "count": count, "name": "peer${count.index}", "namespace": NAMESPACE, "memory": "256Mi",
        "disk": [{"name": "root", "size": "1Gi", "auto_delete": True}],
        "network_interface": [{"name": "default", "type": "masquerade"}],
    }  # fmt: skip
    declared = {
        "terraform": {"required_providers": {"harvester": {"source": "harvester/harvester"}}},
        "provider": {"harvester": {"kubeconfig": str(folder / "kubeconfig")}},
        "resource": {"harvester_virtualmachine": {"vm": machine}},
    }
    (folder / "main.tf.json").write_text(json.dumps(declared))
    peer = Peer(tofu, folder)
    peer.run("init")
    try:
        yield peer
    finally:
        peer.destroy()
