"""The command line of the local Harvester, as a user types it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harvester_local import cluster
from harvester_local.cli import app

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs one command in the test's folder."""
    folder = tmp_path / "local"
    return lambda *words: CliRunner().invoke(app, [words[0], "--folder", str(folder), *words[1:]])


@pytest.fixture
def running(run: Run, tools: Mapping[str, Path], stand_in: Callable[[str], Sequence[str]], tmp_path: Path) -> Iterator[Run]:
    """The same, with a Harvester up that has a stand-in for its plane."""
    cluster.LocalHarvester(folder=tmp_path / "local", tools=tools, plane=stand_in("ready")).up()
    yield run
    run("down")


def test_the_options_are_the_settings(run: Run) -> None:
    text = run("up", "--help").stdout
    assert all(option in text for option in ("--version", "--nodes", "--boot-seconds", "--import-seconds", "--crds"))


def test_a_setting_out_of_range_is_refused_before_anything_starts(run: Run, tmp_path: Path) -> None:
    result = run("up", "--nodes", "0")
    assert (result.exit_code, result.stderr) == (1, "error: nodes: 0 is out of range; choose 1 to 100\n")
    assert not (tmp_path / "local").exists()


def test_a_setting_that_the_environment_gives_wrongly_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARVESTER_LOCAL_JITTER_SECONDS", "-1")
    result = run("up")
    assert (result.exit_code, result.stderr) == (1, "error: jitter_seconds: -1.0 is negative; choose 0 or more seconds\n")


@pytest.mark.parametrize("command", ["status", "logs"])
def test_without_one_the_next_step_is_told(run: Run, command: str) -> None:
    result = run(command)
    assert result.exit_code == 1
    assert "pulumi-harvester local up" in result.stderr


@pytest.mark.parametrize("command", ["down", "reset"])
def test_stopping_what_is_not_there_is_no_error(run: Run, command: str) -> None:
    assert run(command).exit_code == 0


def test_up_status_logs_and_down(running: Run, tmp_path: Path) -> None:
    again = running("up")
    assert again.exit_code == 0, again.stderr
    assert "already up" in again.stderr
    assert str(tmp_path / "local" / "kubeconfig") in again.stdout

    told = json.loads(running("status", "--json").stdout)
    assert told["state"] == "up"
    assert {program["name"] for program in told["programs"]} == {"etcd", "kube-apiserver", "plane", "kube-controller-manager"}

    assert "kube-apiserver: " in running("logs").stdout
    assert len(running("logs", "kube-apiserver", "-n", "2").stdout.splitlines()) == 2

    other = running("up", "--boot-seconds", "9")
    assert other.exit_code == 1
    assert "runs already" in other.stderr

    assert running("down").exit_code == 0
    after = running("status", "--json")
    assert (after.exit_code, json.loads(after.stdout)["state"]) == (1, "down")
