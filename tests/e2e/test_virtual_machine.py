"""What happens to a machine, its disks and its addresses, on a cluster and through the real CLI."""

import pytest
import yaml
from declared import Estate, StackOf, declared, estate
from target import VM, Target


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


def networks() -> list[dict[str, object]]:
    return [declared("VlanNetwork", name, cluster_network="mgmt", vlan_id=vlan) for name, vlan in (("red", 11), ("blue", 12))]


def on(network: str) -> dict[str, str]:
    return {"$of": f"{network}.id"}


def test_a_nic_that_cannot_be_plugged_in_stops_the_machine_once_and_keeps_the_first_mac(here: Estate) -> None:
    here.declare(*networks(), here.vm(run_strategy="Always")).stack.up()
    before, boot = here.macs(), here.boot()
    second = {"name": "second", "network": on("red"), "model": "e1000"}
    here.declare(*networks(), here.vm(run_strategy="Always", network_interfaces=[{"name": "default"}, second]))
    preview = here.stack.preview()
    assert "networkInterfaces[second]: stop-modify-start" in preview
    here.stack.up()
    assert here.boot() != boot
    assert here.macs()["default"] == before["default"]
    assert here.object()["spec"]["runStrategy"] == "Always"
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()


def test_what_somebody_changed_in_the_ui_is_shown_and_put_right(here: Estate) -> None:
    here.declare(here.vm(labels={"team": "a"}, description="declared")).stack.up()
    here.target.patch(
        VM, "vm", {"metadata": {"labels": {"team": "b", "theirs": "x"}, "annotations": {"field.cattle.io/description": "by hand"}}}
    )
    output = here.stack.run("preview", "--refresh", "--diff").output
    assert "by hand" in output
    here.stack.run("up", "--yes", "--skip-preview", "--refresh")
    meta = here.object()["metadata"]
    assert (meta["labels"]["team"], meta["labels"]["theirs"]) == ("a", "x")
    assert meta["annotations"]["field.cattle.io/description"] == "declared"


def test_a_machine_of_somebody_else_is_an_error_at_preview_and_left_alone(here: Estate, stack_of: StackOf) -> None:
    here.declare(here.vm()).stack.up()
    second = estate(here.target, stack_of).declare(here.vm())
    output = second.stack.fails("preview")
    assert "an object of that name exists" in output
    assert "adopt=True" in output


def test_cloud_init_data_answer_files_and_kubeconfig_are_nowhere_to_be_read(here: Estate) -> None:
    planted = "correct-horse-battery-staple"
    user_data = f"#cloud-config\npassword: {planted}\n"
    here.declare(here.vm(cloud_init={"user_data": user_data}, sysprep={"autounattend": f"<unattend>{planted}</unattend>"}))
    outputs = [here.stack.preview(), here.stack.up(), here.stack.state(), here.stack.run("stack", "output", "--json").output]
    token = yaml.safe_load(here.target.kubeconfig)["users"][0]["user"].get("token", planted)
    assert not any(secret in output for output in outputs for secret in (planted, token))
    here.stack.shows_no_change()
    here.stack.destroy()
    assert here.target.leftovers() == []
