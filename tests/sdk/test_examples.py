"""The examples as programs: typed against the SDK, and to be run with what a user has at hand."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from mocked_engine import Ran, run_file

ROOT = Path(__file__).parents[2]
CLUSTER_WIDE = {"store", "parvester"}
"""The resources of the examples that are in no namespace."""
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/__main__.py"))


WITH_MACHINES = [path for path in EXAMPLES if "VirtualMachine(" in (path / "__main__.py").read_text()]


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name)
def example(request: pytest.FixtureRequest) -> Path:
    return request.param


def _ran(example: Path, **config: str) -> Ran:
    project = yaml.safe_load((example / "Pulumi.yaml").read_text())
    defaults = {name: yaml.safe_dump(setting["default"]).splitlines()[0].strip("'") for name, setting in project["config"].items()}
    return run_file(example / "__main__.py", {}, defaults | config)


@pytest.mark.parametrize("example", WITH_MACHINES, ids=lambda path: path.name)
def test_everything_an_example_makes_is_named_after_its_stack_and_in_the_chosen_namespace(example: Path) -> None:
    inputs = _ran(example, namespace="lab").inputs
    assert {"Image", "VirtualMachine"} <= {kind.rsplit(":", 1)[1] for kind in _ran(example).types.values()}
    assert all(item["name"].startswith("dev-") for item in inputs.values())
    assert all(item["namespace"] == "lab" for name, item in inputs.items() if name not in CLUSTER_WIDE)


@pytest.mark.parametrize(("second", "names"), [("none", ["default"]), ("vlanA", ["default", "second"]), ("vlanB", ["default", "second"])])
def test_the_second_nic_is_where_the_setting_says(second: str, names: list[str]) -> None:
    nics = _ran(ROOT / "examples/03-change-a-nic", secondNic=second).inputs["rewired"]["networkInterfaces"]
    assert [nic["name"] for nic in nics] == names
    assert [nic["network"] for nic in nics[1:]] == [f"default/dev-{second.lower()}" for _ in nics[1:]]


def test_an_example_is_typed_against_the_sdk(example: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", str(example / "__main__.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_example_names_its_settings_with_their_defaults(example: Path) -> None:
    project = yaml.safe_load((example / "Pulumi.yaml").read_text())
    assert project["runtime"] == "python"
    program = (example / "__main__.py").read_text()
    for name, setting in project["config"].items():
        assert f'"{name}"' in program, f"{name} is not used"
        assert {"type", "description", "default"} <= set(setting)


def test_an_example_says_how_to_run_it(example: Path) -> None:
    assert "pulumi up" in (example / "README.md").read_text()
    assert (example / "requirements.txt").read_text() == "pulumi-harvester\n"


def test_an_example_leaves_no_volume_behind(example: Path) -> None:
    program = (example / "__main__.py").read_text()
    made = program.count("DiskArgs(") + program.count('VirtualMachineRestore(\n        "phoenix"')
    assert made == program.count('on_delete="delete"')
