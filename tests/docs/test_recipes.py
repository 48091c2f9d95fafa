"""The recipes for CI of example 11: what they run is there, and is told all that it needs."""

import re
from pathlib import Path

import yaml

EXAMPLE = Path(__file__).parents[2] / "examples" / "11-environment-per-pull-request"
SCRIPT = (EXAMPLE / "environment.py").read_text()
COMMANDS = {"up", "test", "destroy"}


def commands(text: str) -> set[str]:
    return set(re.findall(r"environment/environment\.py (\w+)", text))


def test_the_workflow_makes_tests_and_removes_and_gives_the_script_its_settings() -> None:
    text = (EXAMPLE / "github-actions.yaml").read_text()
    (job,) = yaml.safe_load(text)["jobs"].values()
    assert commands(text) == COMMANDS
    assert set(re.findall(r'environ(?:\.get\(|\[)"(\w+)"', SCRIPT)) <= job["env"].keys()
    closed = [step["if"] for step in job["steps"] if "environment.py" in step.get("run", "")]
    assert closed == ["github.event.action != 'closed'"] * 2 + ["github.event.action == 'closed'"]


def test_the_pipeline_stops_the_environment_that_it_made() -> None:
    text = (EXAMPLE / "gitlab-ci.yml").read_text()
    jobs = yaml.safe_load(text)
    assert commands(text) == COMMANDS
    assert jobs["up"]["environment"]["on_stop"] == "destroy"
    assert jobs["destroy"]["environment"] == {"name": jobs["up"]["environment"]["name"], "action": "stop"}
    assert set(re.findall(r'environ(?:\.get\(|\[)"(\w+)"', SCRIPT)) <= set(re.findall(r"[A-Z_]{6,}", text))
