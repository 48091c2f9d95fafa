"""The real Pulumi CLI on a copy of a real program, with a state folder of its own."""

import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from harvester_local.toolchain import bin_folder

SECONDS = 300
SECRET = re.compile("kubeconfig|password|secret|token|userdata", re.IGNORECASE)
"""Settings that users set with `--secret`."""
LISTED_PYTHON = Path(__file__).with_name("listed-python")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@cache
def tools() -> Path:
    """The folder with the Pulumi CLI."""
    return bin_folder()


@cache
def packages() -> str:
    """The answer to `pip list`, which takes a fifth of the time of a CLI command and is the same for all of a run."""
    listed = subprocess.run([sys.executable, "-m", "pip", "list", "-v", "--format", "json"], check=True, capture_output=True).stdout
    with tempfile.NamedTemporaryFile(prefix="packages-", suffix=".json", delete=False) as file:
        file.write(listed)
    atexit.register(os.unlink, file.name)
    return file.name


@dataclass
class Result:
    code: int
    output: str


class PulumiFailed(AssertionError):
    def __init__(self, command: Sequence[str], result: Result) -> None:
        super().__init__(f"`pulumi {' '.join(command)}` ended with {result.code}:\n{result.output}")
        self.output = result.output


@dataclass
class Stack:
    """One stack of a program in `folder`. `name` becomes the prefix of the examples' objects."""

    folder: Path
    home: Path
    name: str
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, program: Path, work: Path, name: str, config: Mapping[str, str], environment: Mapping[str, str]) -> "Stack":
        folder = work / "program"
        shutil.copytree(program, folder)
        for part in ("home", "state"):
            (work / part).mkdir()
        stack = cls(folder, work, name, environment)
        stack.run("stack", "init", name)
        stack.configure(config)
        return stack

    def configure(self, config: Mapping[str, str]) -> None:
        if config:
            settings = [
                part for key, value in config.items() for part in ("--secret" if SECRET.search(key) else "--plaintext", f"{key}={value}")
            ]
            self.run("config", "set-all", *settings)

    @property
    def env(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "HARVESTER_", "KUBECONFIG"))}
        return {
            **kept,
            "PATH": os.pathsep.join([str(tools()), str(Path(sys.executable).parent), kept.get("PATH", "")]),
            "PULUMI_HOME": str(self.home / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.home / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "correct horse",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            # the SDK is installed in place, where Pulumi does not see that it needs no plugin of its own
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_PYTHON_CMD": str(LISTED_PYTHON),
            "LISTING_PYTHON": sys.executable,
            "LISTED": packages(),
            "PYTHONDONTWRITEBYTECODE": "",  # compiled once, as pip does when it installs
            "NO_COLOR": "1",
            **self.environment,
        }

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """A command in a process group of its own, for tests that interrupt it."""
        return subprocess.Popen(
            ["pulumi", *command, "--non-interactive", "--color", "never"], cwd=self.folder, env=self.env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def run(self, *command: str, check: bool = True, seconds: float = SECONDS) -> Result:
        process = self.start(*command)
        try:
            output, _ = process.communicate(timeout=seconds)
        except BaseException:
            end_group(process)
            raise
        result = Result(process.returncode, output)
        if check and result.code:
            raise PulumiFailed(command, result)
        return result

    def up(self, *options: str) -> str:
        return self.run("up", "--yes", "--skip-preview", "--suppress-progress", *options).output

    def fails(self, *command: str, seconds: float = SECONDS) -> str:
        """The output of a command that must fail."""
        result = self.run(*command, check=False, seconds=seconds)
        assert result.code, f"`pulumi {' '.join(command)}` should have failed:\n{result.output}"
        return result.output

    def preview(self, *options: str) -> str:
        return self.run("preview", "--suppress-progress", *options).output

    def shows_no_change(self) -> None:
        self.preview("--expect-no-changes", "--diff")

    def refresh_shows_no_drift(self) -> None:
        self.run("refresh", "--yes", "--skip-preview", "--expect-no-changes", "--suppress-progress")

    def destroy(self) -> str:
        return self.run("destroy", "--yes", "--skip-preview", "--suppress-progress").output

    def outputs(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("stack", "output", "--json", "--show-secrets").output)
        return found

    def state(self) -> str:
        return self.run("stack", "export").output

    def resources(self) -> list[str]:
        """The types of the resources in the state, those of the program itself left out."""
        found = json.loads(self.state())["deployment"].get("resources", [])
        return [entry["type"] for entry in found if entry["type"].startswith(("pulumi-python:", "harvester:"))]


def end_group(process: "subprocess.Popen[str]") -> None:
    """End a command and all that it started, which are in its own group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
    if process.stdout:
        process.stdout.close()
