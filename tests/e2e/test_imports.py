"""`pulumi import` of every kind, on objects made by hand with kubectl: the next preview is empty.

Below the CLI each kind goes through the plugin's protocol as the engine speaks it. Through the CLI goes the whole estate at once,
with the program, the import file and the report that `pulumi-harvester import` writes.
"""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import by_hand
import pytest
import yaml
from declared import StackOf
from deployers import account, read
from importing import imported
from stack import SECONDS
from target import Target, namespace

from harvester_local.toolchain import bin_folder
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.registry import KINDS
from harvester_provider.schema.examples import EXAMPLES

pytestmark = pytest.mark.xdist_group("by-hand")
"""A setting and a node are edited for the time of all cases of the module, so that one worker takes them."""

ELSEWHERE = {"PoorMansCluster": "test_poor_mans_cluster"}
"""Kinds that are not on a Harvester, and the modules that import them."""
REFUSED = {
    "GuestKubeconfig": "machine: missing",
    "GuestNode": "cluster: missing.*machineUid: missing",
    "VirtualMachineRestore": "a restore is done once: declare the machine",
}
"""Kinds that cannot be imported from their object alone, and what the user is told."""


def test_every_kind_has_an_object_made_by_hand() -> None:
    assert {kind for kind, example in EXAMPLES.items() if not example.id} == REFUSED.keys()
    assert set(KINDS) == by_hand.BY_HAND.keys() | by_hand.ON_REQUEST.keys() | ELSEWHERE.keys()
    for module in ELSEWHERE.values():
        assert "imported(" in Path(__file__).with_name(f"{module}.py").read_text()


@pytest.fixture(scope="module")
def hands(cluster: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Target, Mapping[str, str]]]:
    """A namespace with one object of each kind, and their IDs."""
    name = f"hand-{uuid.uuid4().hex[:6]}"  # a cluster network has its name, of at most twelve characters
    cluster.namespaces.append(name)
    share = tmp_path_factory.mktemp("share")
    with namespace(cluster.core, name):
        target = Target(cluster.kubeconfig, cluster.endpoint, cluster.image_url, name, cluster.api, cluster.local)
        with by_hand.made(target, share) as ids:
            yield target, ids


TELLS: Mapping[str, tuple[str, Any]] = {
    "Addon": ("valuesContent", '{"prometheus": {"retention": "5d"}}'),
    "BackupSchedule": ("cron", "0 2 * * *"),
    "BackupTarget": ("type", "nfs"),
    "CloudInit": ("userData", by_hand.USER_DATA),
    "Image": ("displayName", "hand"),
    "LinkMonitor": ("nameRule", "^e"),
    "LoadBalancer": ("backendSelector", {"app": ["web"]}),
    "Namespace": ("description", "made by hand"),
    "RancherCluster": ("config", {"cni": "calico", "etcd-expose-metrics": False}),
    "Node": ("description", "the left one"),
    "Setting": ("value", "20"),
    "SriovNetworkDevice": ("virtualFunctions", 2),
    "SshKey": ("publicKey", by_hand.KEY),
    "VGpuDevice": ("profile", "NVIDIA A2-4Q"),
    "StorageClass": ("numberOfReplicas", 2),
    "VirtualMachine": ("memory", "256Mi"),
    "VirtualMachineTemplate": ("description", "made by hand"),
    "VlanConfig": ("uplink", {"nics": ["ens9"]}),
    "VlanNetwork": ("vlanId", 42),
    "Volume": ("size", "1Gi"),
    "VolumeSnapshot": ("snapshotClass", "longhorn-snapshot"),
}
"""One of the inputs that an import must have read, of the kinds that have more than a name there."""


async def test_each_kind_is_imported_by_its_id_and_its_next_preview_is_empty(hands: tuple[Target, Mapping[str, str]]) -> None:
    target, ids = hands
    with account(target, target.namespace, read(("reads", "imports"))) as kubeconfig:
        settings = ProviderSettings(kubeconfig=kubeconfig, endpoint=target.endpoint or None)
        found = {kind: await imported(settings, kind, identity) for kind, identity in ids.items()}
    told = {kind: said for kind, (_, said) in found.items()}
    tells = {**TELLS, **dict.fromkeys(("VirtualMachineBackup", "VirtualMachineSnapshot"), ("virtualMachine", target.namespace))}
    refused = {kind: told.pop(kind) for kind in REFUSED.keys() & ids.keys()}
    assert told == dict.fromkeys(told, "")
    assert not [(kind, said) for kind, said in refused.items() if not re.search(REFUSED[kind], said)]
    assert {kind: found[kind][0].get(tells[kind][0]) for kind in tells.keys() & ids.keys()} == {
        kind: value for kind, (_, value) in tells.items() if kind in ids
    }


def test_an_estate_made_by_hand_is_adopted_in_one_command_and_its_next_preview_is_empty(
    hands: tuple[Target, Mapping[str, str]], stack_of: StackOf, tmp_path: Path
) -> None:
    target, ids = hands
    kubeconfig, out = tmp_path / "kubeconfig", tmp_path / "adopted"
    endpoint = ["--endpoint", target.endpoint] if target.endpoint else []
    spaces = {identity.partition("/")[0] for identity in ids.values() if "/" in identity} - {"cattle-global-data", "fleet-default"}
    asked = [part for space in sorted(spaces) for part in ("--namespace", space)]
    if target.local is None:  # others are at work there on what is in no namespace
        ids = {kind: identity for kind, identity in ids.items() if "/" in identity}
        asked += [part for kind in ids for part in ("--kind", kind)]
    command = [Path(sys.executable).parent / "pulumi-harvester", "import", "--out", str(out), "--kubeconfig", str(kubeconfig)]
    with account(target, target.namespace, read(("reads", "imports")), "importer") as limited:
        kubeconfig.write_text(limited)
        subprocess.run([*command, *asked, *endpoint], check=True, timeout=SECONDS)
    imports, report = json.loads((out / "import.json").read_text())["resources"], (out / "left-out.md").read_text()
    found = {(entry["type"].rsplit(":", 1)[-1], entry["id"]) for entry in imports}
    parts = {"GuestAccess", "RancherCloudCredential", "RancherCluster", *REFUSED}
    assert "forbidden" not in report
    assert found >= {(kind, identity) for kind, identity in ids.items() if kind not in parts}, report
    assert not {kind for kind, _ in found} & parts
    if "VirtualMachineRestore" in ids:
        assert f"| VirtualMachineRestore {ids['VirtualMachineRestore']} | " in report
    if "RancherCluster" in ids:
        assert "Rancher made it as a node of a guest cluster: declare that cluster" in report
    assert by_hand.PASSWORD not in (out / "__main__.py").read_text()
    stack = stack_of(out)
    stack.run("config", "set-all", "--json", (out / "secrets.json").read_text())
    stack.run("import", "--file", "import.json", "--yes", "--skip-preview", "--generate-code=false")
    stack.shows_no_change()
    assert by_hand.PASSWORD not in stack.state()


@pytest.mark.timeout(1200)  # the language host is compiled for the first time
def test_the_code_that_an_import_generates_gives_an_empty_preview(
    hands: tuple[Target, Mapping[str, str]], stack_of: StackOf, tmp_path: Path
) -> None:
    """In YAML, whose language host writes code; the old one of Python cannot."""
    _, ids = hands
    project = {"name": "adopted", "runtime": "yaml"}
    folder = tmp_path / "generated"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    stack = stack_of(folder)
    stack.environment = {"PATH": os.pathsep.join([str(bin_folder(["pulumi", "pulumi-language-yaml"])), stack.env["PATH"]])}
    listed = [{"type": f"harvester:index:{kind}", "name": kind, "id": found} for kind, found in ids.items() if kind not in REFUSED]
    (stack.folder / "import.json").write_text(json.dumps({"resources": listed}))
    stack.run("import", "--file", "import.json", "--yes", "--skip-preview", "--out", "generated.yaml")
    generated = yaml.safe_load((stack.folder / "generated.yaml").read_text())
    assert generated["resources"].keys() == {entry["name"] for entry in listed}
    (stack.folder / "Pulumi.yaml").write_text(yaml.safe_dump({**project, **generated}))
    stack.shows_no_change()
