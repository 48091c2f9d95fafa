"""Keys and cloud-init data that machines use, and reading objects that exist."""

import base64
import json

import pytest
from declared import Entry, Estate, StackOf, declared, disk, estate
from target import VM, Target

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBjYvZz0R7uJaJcbpJnsgD7rSn9o5RMNcPfCnK4y81/k somebody@example.org"
PLANTED = "correct-horse-battery-staple"


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


def user_data(target: Target, secret: str) -> str:
    found = target.core.read_namespaced_secret(secret, target.namespace)
    return base64.b64decode(found.data["userdata"]).decode()


def test_a_key_reaches_the_user_data_of_a_machine(here: Estate) -> None:
    key = declared("SshKey", "key", public_key=KEY)
    here.declare(key, here.vm(ssh_keys=[{"$of": "key.id"}])).stack.up()
    (secret,) = here.target.secrets()
    assert KEY in user_data(here.target, secret)
    names = here.object()["spec"]["template"]["metadata"]["annotations"]["harvesterhci.io/sshNames"]
    assert json.loads(names) == [f"{here.target.namespace}/key"]
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()
    here.stack.destroy()
    assert here.target.leftovers() == []


def test_other_cloud_init_data_changes_the_secret_and_not_the_machine_that_uses_it(here: Estate) -> None:
    def program(package: str) -> list[Entry]:
        data = declared(
            "CloudInit", "data", user_data=f"#cloud-config\npackages: [{package}]\n", network_data="version: 2\nethernets: {}\n"
        )
        return [data, here.vm(cloud_init={"secret_name": {"$of": "data.id"}})]

    here.declare(*program("git")).stack.up()
    boot = here.boot()
    (drive,) = [volume for volume in here.object()["spec"]["template"]["spec"]["volumes"] if "cloudInitNoCloud" in volume]
    assert drive["cloudInitNoCloud"] == {"secretRef": {"name": "data"}, "networkDataSecretRef": {"name": "data"}}
    here.declare(*program("vim")).stack.up()
    assert "[vim]" in user_data(here.target, "data")
    assert here.boot() == boot
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()
    here.stack.destroy()
    assert here.target.leftovers() == []


def read(kind: str, name: str, identity: str) -> Entry:
    """An object that exists, read by its ID and not managed."""
    return {"kind": kind, "name": name, "inputs": {}, "get": identity}


def test_objects_that_exist_are_read_without_being_managed_and_without_showing_their_secrets(here: Estate, stack_of: StackOf) -> None:
    where = here.target.namespace
    kinds = {"key": "SshKey", "data": "CloudInit", "net": "VlanNetwork", "image": "Image", "vm": "VirtualMachine"}
    here.declare(
        declared("SshKey", "key", public_key=KEY),
        declared("CloudInit", "data", user_data=f"#cloud-config\npassword: {PLANTED}\n"),
        declared("VlanNetwork", "net", cluster_network="mgmt", vlan_id=9),
        here.image(),
        here.vm(
            disks=[disk("root", image={"$of": "image.id"}, on_delete="delete")],
            network_interfaces=[{"name": "default"}, {"name": "lan", "network": {"$of": "net.id"}}],
            cloud_init={"user_data": f"#cloud-config\npassword: {PLANTED}\n"},
        ),
    ).stack.up()
    boot = here.boot()
    reader = estate(here.target, stack_of)
    reader.declare(*(read(kind, name, f"{where}/{name}") for name, kind in kinds.items())).stack.up()
    found, made = reader.stack.outputs(), here.stack.outputs()
    assert {name: entry["id"] for name, entry in found.items()} == {name: f"{where}/{name}" for name in kinds}
    assert found["vm"]["volumes"] == made["vm"]["volumes"]
    assert {name: nic["mac_address"] for name, nic in found["vm"]["interfaces"].items()} == here.macs()
    reader.stack.shows_no_change()
    refreshed = reader.stack.run("refresh", "--yes", "--skip-preview", "--suppress-progress", "--diff").output
    for text in (refreshed, reader.stack.state(), here.stack.state(), reader.stack.preview("--diff")):
        assert PLANTED not in text
    reader.stack.destroy()
    assert here.target.names(VM) == ["vm"]
    assert here.boot() == boot
    here.stack.shows_no_change()
