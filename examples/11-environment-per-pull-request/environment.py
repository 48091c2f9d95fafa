"""One environment per pull request, by Pulumi's Automation API: `python environment.py up|test|destroy pr-42`.

Settings come from the environment, as CI gives them: HARVESTER_KUBECONFIG, RANCHER_URL, RANCHER_TOKEN and, for a certificate
of one's own, RANCHER_CA (PEM, or a path to it). ENVIRONMENT_CONFIG is a JSON mapping of further settings of Pulumi.yaml.
Each command can be repeated: `up` goes on where another one ended, and `destroy` of what is not there is no error.
"""

import json
import os
import sys
from pathlib import Path

import yaml
from kubernetes import client, config
from pulumi import automation

FOLDER = Path(__file__).parent


def settings() -> dict[str, automation.ConfigValue]:
    """The stack's configuration. Raises KeyError for a variable that is missing."""
    rancher = {"host": f"{os.environ['RANCHER_URL'].rstrip('/')}/k8s/clusters/local", "token": os.environ["RANCHER_TOKEN"]}
    if ca := os.environ.get("RANCHER_CA"):
        rancher["ca"] = ca
    values = {
        "harvester:kubeconfig": automation.ConfigValue(os.environ["HARVESTER_KUBECONFIG"], secret=True),
        "harvester:clusters": automation.ConfigValue(json.dumps({"rancher": rancher}), secret=True),
    }
    further: dict[str, str] = json.loads(os.environ.get("ENVIRONMENT_CONFIG") or "{}")
    return values | {name: automation.ConfigValue(str(value)) for name, value in further.items()}


def up(name: str) -> None:
    """Make the environment, or bring it up to date."""
    stack = automation.create_or_select_stack(name, work_dir=str(FOLDER))
    stack.set_all_config(settings())
    stack.up(on_output=print)


def test(name: str) -> None:
    """Ask the environment's own API whether all nodes take workloads. SystemExit where one does not."""
    outputs = automation.select_stack(name, work_dir=str(FOLDER)).outputs()
    kubeconfig = yaml.safe_load(outputs["kubeconfig"].value)
    with config.new_client_from_config_dict(kubeconfig) as api:
        nodes = client.CoreV1Api(api).list_node().items
    ready = {
        node.metadata.name: any(c.type == "Ready" and c.status == "True" for c in node.status.conditions or []) for node in nodes
    }  # fmt: skip
    for node, state in sorted(ready.items()):
        print(f"{node}: {'ready' if state else 'not ready'}")
    if not ready or not all(ready.values()):
        sys.exit(f"{name}: the environment is not ready")


def destroy(name: str) -> None:
    """Remove the environment, and the stack."""
    try:
        stack = automation.select_stack(name, work_dir=str(FOLDER))
    except automation.StackNotFoundError:
        print(f"{name}: there is no such environment")
        return
    stack.set_all_config(settings())
    stack.destroy(on_output=print)
    stack.workspace.remove_stack(name)


COMMANDS = {"up": up, "test": test, "destroy": destroy}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in COMMANDS:
        sys.exit(f"usage: python environment.py {'|'.join(COMMANDS)} NAME")
    COMMANDS[sys.argv[1]](sys.argv[2])
