"""What a program says to the engine through the SDK, and what it gets back."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import dill
import pulumi
import pytest
from mocked_engine import Ran, run, secret

import pulumi_harvester
from harvester_provider.frontends.dynamic import DynamicProvider
from pulumi_harvester._resource import conceal

PROGRAM = """
class WebServer(harvester.VirtualMachine):
    "A user's own class."

vm = harvester.VirtualMachine(
    "web",
    memory="4Gi",
    cpu=2,
    labels={"app.kubernetes.io/part_of": "shop", "teamName": "x"},
    disks=[
        harvester.DiskArgs(name="root", container_image="leap", boot_order=1),
        {"name": "data", "size": "1Gi", "on_delete": "delete"},
    ],
    network_interfaces=[harvester.NetworkInterfaceArgs(name="nic", mac_address="52:54:00:00:00:01")],
    cloud_init=harvester.CloudInitDriveArgs(user_data="#cloud-config", type="configDrive"),
)
harvester.VirtualMachine("by-dict", memory="1Gi", cloud_init={"user_data": "#cloud-config", "type": "noCloud"})
harvester.VirtualMachine("on-the-wire", cloud_init={"userData": "#cloud-config"})
harvester.VirtualMachine("by-args", harvester.VirtualMachineArgs(name="db", memory="1Gi"), pulumi.ResourceOptions(protect=True))
harvester.VirtualMachine(
    "later", memory=vm.memory, disks=pulumi.Output.from_input([harvester.DiskArgs(name="root", boot_order=2)]),
    cloud_init=vm.cloud_init.apply(lambda drive: harvester.CloudInitDriveArgs(user_data=drive.user_data)),
    opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="3m")),
)
mine = WebServer("mine", memory="1Gi")
found = harvester.VirtualMachine.get("found", "other/vm", cluster="second")
return {
    "id": vm.id, "ip": vm.ip_address, "cpu": vm.cpu, "labels": vm.labels,
    "mac": vm.interfaces.apply(lambda nics: nics["nic"].mac_address),
    "boot": vm.disks.apply(lambda disks: disks[0].boot_order), "size": vm.disks[1]["size"],
    "node": mine.node_name, "absent": vm.hostname, "foundId": found.id, "foundNode": found.node_name,
}
"""
ANSWERS = {
    "web": {"ipAddress": "10.0.0.9", "interfaces": {"nic": {"macAddress": "52:54:00:00:00:01", "ipAddresses": ["10.0.0.9"]}}},
    "mine": {"nodeName": "node-1"},
    "found": {"nodeName": "node-2"},
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(tmp_path_factory.mktemp("program"), PROGRAM, ANSWERS)


def test_a_resource_is_registered_with_the_type_of_the_dynamic_provider(ran: Ran) -> None:
    assert ran.types["web"] == "pulumi-python:dynamic/harvester:VirtualMachine"


def test_the_name_in_the_program_is_the_name_in_the_cluster_unless_one_is_given(ran: Ran) -> None:
    assert ran.inputs["web"]["name"] == "web"
    assert ran.inputs["by-args"]["name"] == "db"


def test_every_resource_says_whose_it_is(ran: Ran) -> None:
    assert ran.inputs["by-args"]["owner"] == "shop/dev/by-args"


def test_names_are_translated_at_every_level_in_classes_and_in_dictionaries(ran: Ran) -> None:
    assert ran.inputs["web"]["disks"] == [
        {"name": "root", "containerImage": "leap", "bootOrder": 1},
        {"name": "data", "size": "1Gi", "onDelete": "delete"},
    ]
    assert ran.inputs["web"]["networkInterfaces"] == [{"name": "nic", "macAddress": "52:54:00:00:00:01"}]
    assert ran.inputs["later"]["disks"] == [{"name": "root", "bootOrder": 2}]


def test_the_keys_of_labels_are_the_users_own_both_ways(ran: Ran) -> None:
    labels = {"app.kubernetes.io/part_of": "shop", "teamName": "x"}
    assert ran.inputs["web"]["labels"] == labels
    assert ran.values["labels"] == labels


@pytest.mark.parametrize("name", ["web", "by-dict", "on-the-wire", "later"])
def test_a_secret_inside_an_argument_is_told_as_a_secret(ran: Ran, name: str) -> None:
    """The test double shows what holds a secret as a secret, as a whole."""
    drive = ran.inputs[name]["cloudInit"]
    assert drive == secret(drive["value"])
    assert drive["value"]["userData"] == "#cloud-config"


async def test_only_the_secret_inside_a_value_is_wrapped() -> None:
    found = conceal({"parts": [{"userData": "s", "name": "a"}, {"name": "b"}]}, ("parts", "*", "user_data"))
    assert isinstance(found["parts"][0]["userData"], pulumi.Output)
    assert (found["parts"][0]["name"], found["parts"][1]) == ("a", {"name": "b"})


def test_what_was_not_given_is_not_sent(ran: Ran) -> None:
    assert set(ran.inputs["mine"]) == {"name", "owner", "memory"}


def test_outputs_are_values_of_the_declared_types(ran: Ran) -> None:
    assert (ran.values["id"], ran.values["ip"], ran.values["mac"]) == ("default/web", "10.0.0.9", "52:54:00:00:00:01")
    assert ran.values["size"] == "1Gi"
    assert ran.values["absent"] is None


def test_whole_numbers_stay_whole_on_their_way_through_the_engine(ran: Ran) -> None:
    """The wire knows floating-point numbers only."""
    assert [(type(ran.values[key]), ran.values[key]) for key in ("cpu", "boot")] == [(int, 2), (int, 1)]


def test_time_outs_of_the_resource_options_are_those_of_the_resource(ran: Ran) -> None:
    assert ran.inputs["later"]["timeouts"] == {"create": "3m"}


def test_a_users_subclass_is_of_the_same_kind_and_has_its_outputs(ran: Ran) -> None:
    assert ran.types["mine"] == ran.types["web"]
    assert ran.values["node"] == "node-1"


def test_a_resource_is_read_by_its_id_in_the_named_cluster(ran: Ran) -> None:
    assert ran.inputs["found"] == {"cluster": "second"}
    assert (ran.values["foundId"], ran.values["foundNode"]) == ("other/vm", "node-2")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("harvester.VirtualMachine('web', cpus=2)", "VirtualMachine web: there is no input 'cpus', did you mean 'cpu'?"),
        ("harvester.VlanNetwork('lan', vlan_id=5)", "VlanNetwork lan: cluster_network is missing"),
        ("harvester.Image('leap', harvester.VirtualMachineArgs())", "pass ImageArgs(...) or the inputs by keyword"),
        (
            "harvester.Image('leap', harvester.ImageArgs(), url='http://x')",
            "url beside ImageArgs(...): pass all inputs in one way or the other",
        ),
    ],
)
def test_a_mistake_in_the_arguments_is_told_with_the_way_out(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(RuntimeError, match="TypeError") as caught:
        run(tmp_path, line)
    assert message in str(caught.value)


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'VirtualMashine'"):
        _ = pulumi_harvester.VirtualMashine  # type: ignore[attr-defined]  that is the point


def test_the_provider_in_the_state_is_a_name_and_a_reference_and_nothing_else(ran: Ran) -> None:
    """What is pickled into every resource must not grow, nor depend on the program; it is the same in every run."""
    pickled = base64.b64decode(ran.providers["web"])
    assert pickled == dill.dumps(DynamicProvider("VirtualMachine"))
    assert len(pickled) < 150
    assert set(ran.providers.values()) == {ran.providers["web"]}


def test_pulumi_is_told_not_to_look_for_a_plugin_and_type_checkers_that_there_are_types() -> None:
    """Without the first, every command of Pulumi's tries to download a plugin that is named like the package."""
    folder = Path(pulumi_harvester.__file__).parent
    assert json.loads((folder / "pulumi-plugin.json").read_text()) == {"resource": False}
    assert (folder / "py.typed").exists()


def test_a_program_pays_only_for_the_kinds_it_uses() -> None:
    """Neither the models nor the client of the cluster are loaded to declare a resource."""
    code = "import sys, pulumi_harvester; pulumi_harvester.Image; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "pulumi_harvester.image" in loaded
    assert not {"pulumi_harvester.virtual_machine", "pydantic", "kubernetes", "harvester_provider.wiring"} & set(loaded)
