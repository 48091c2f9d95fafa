"""What happens to a machine, its disks and its addresses, on a cluster and through the real CLI."""

import pytest
import yaml
from declared import Estate, StackOf, declared, disk, estate
from target import VM, Target, eventually


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


def networks() -> list[dict[str, object]]:
    return [declared("VlanNetwork", name, cluster_network="mgmt", vlan_id=vlan) for name, vlan in (("red", 11), ("blue", 12))]


def on(network: str) -> dict[str, str]:
    return {"$of": f"{network}.id"}


class TestNics:
    def test_a_nic_that_cannot_be_plugged_in_stops_the_machine_once_and_keeps_the_first_mac(self, here: Estate) -> None:
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

    def test_removing_the_first_nic_keeps_the_second_mac(self, here: Estate) -> None:
        nics = [{"name": "one", "network": on("red")}, {"name": "two", "network": on("blue")}]
        here.declare(*networks(), here.vm(network_interfaces=nics)).stack.up()
        before = here.macs()
        here.declare(*networks(), here.vm(network_interfaces=nics[1:])).stack.up()
        assert here.macs() == {"two": before["two"]}
        here.stack.shows_no_change()

    def test_rewiring_a_nic_keeps_its_mac(self, here: Estate) -> None:
        here.declare(*networks(), here.vm(network_interfaces=[{"name": "one", "network": on("red")}])).stack.up()
        before = here.macs()
        here.declare(*networks(), here.vm(network_interfaces=[{"name": "one", "network": on("blue")}])).stack.up()
        assert here.macs() == before
        assert here.object()["spec"]["template"]["spec"]["networks"][0]["multus"]["networkName"].endswith("/blue")

    def test_a_halted_machine_is_only_changed(self, here: Estate) -> None:
        here.declare(*networks(), here.vm(run_strategy="Halted")).stack.up()
        here.declare(
            *networks(), here.vm(run_strategy="Halted", network_interfaces=[{"name": "default"}, {"name": "second", "network": on("red")}])
        )
        here.stack.up()
        found = here.object()
        assert found["spec"]["runStrategy"] == "Halted"
        assert len(found["spec"]["template"]["spec"]["networks"]) == 2
        here.stack.shows_no_change()

    def test_a_change_that_the_cluster_refuses_starts_the_machine_again_as_it_was(self, here: Estate) -> None:
        here.declare(
            *networks(), here.vm("other", network_interfaces=[{"name": "one", "network": on("red"), "mac_address": "52:54:00:00:00:01"}])
        )
        here.declare(*here.entries, here.vm()).stack.up()
        twice = [{"name": "default"}, {"name": "one", "network": on("red"), "mac_address": "52:54:00:00:00:01", "model": "e1000"}]
        here.declare(*here.entries[:-1], here.vm(network_interfaces=twice))
        output = here.stack.fails("up", "--yes", "--skip-preview")
        assert "Things were put back as they were before" in output
        eventually(lambda: bool(here.object()["status"].get("ready")))
        assert len(here.object()["spec"]["template"]["spec"]["networks"]) == 1


class TestWithoutAStop:
    def test_labels_and_description_do_not_touch_the_guest(self, here: Estate) -> None:
        here.declare(here.vm()).stack.up()
        boot = here.boot()
        here.declare(here.vm(labels={"team": "a"}, tags={"tier": "web"}, description="the first")).stack.up()
        assert here.boot() == boot
        assert here.object()["metadata"]["labels"]["team"] == "a"
        here.stack.shows_no_change()

    def test_a_disk_grows_while_the_guest_runs(self, here: Estate) -> None:
        here.declare(here.vm()).stack.up()
        boot = here.boot()
        here.declare(here.vm(disks=[disk("root", "2Gi", on_delete="delete")])).stack.up()
        (claim,) = here.claims().values()
        found = here.target.core.read_namespaced_persistent_volume_claim(claim, here.target.namespace)
        assert found.spec.resources.requests["storage"] == "2Gi"
        assert here.boot() == boot
        here.stack.shows_no_change()

    def test_power_is_declared(self, here: Estate) -> None:
        here.declare(here.vm()).stack.up()
        here.declare(here.vm(run_strategy="Halted")).stack.up()
        assert here.object()["status"]["printableStatus"] == "Stopped"
        here.declare(here.vm(run_strategy="Always")).stack.up()
        assert here.object()["spec"]["runStrategy"] == "Always"
        assert here.object()["status"]["ready"]
        here.stack.shows_no_change()


class TestDisks:
    def test_removing_the_first_of_two_disks_keeps_the_others_volume(self, here: Estate) -> None:
        here.declare(here.vm(disks=[disk("one"), disk("two")])).stack.up()
        before = here.claims()
        here.declare(here.vm(disks=[disk("two")])).stack.up()
        assert here.claims() == {"two": before["two"]}
        assert before["one"] in here.target.claims(), "a removed disk's volume is kept unless it says otherwise"
        here.stack.shows_no_change()

    def test_a_shrink_is_refused_at_preview(self, here: Estate) -> None:
        here.declare(here.vm(disks=[disk("root", "2Gi", on_delete="delete")])).stack.up()
        here.declare(here.vm(disks=[disk("root", "1Gi", on_delete="delete")]))
        assert "disks[root].size" in here.stack.fails("preview")

    def test_destroy_deletes_what_says_so_and_keeps_the_rest(self, here: Estate) -> None:
        here.declare(here.vm(disks=[disk("root", on_delete="delete"), disk("data")])).stack.up()
        data = here.claims()["data"]
        here.stack.destroy()
        assert here.target.claims() == [data]

    def test_a_new_machine_never_gets_the_kept_volume_of_an_old_one(self, here: Estate) -> None:
        here.declare(here.vm(disks=[disk("data")])).stack.up()
        (old,) = here.claims().values()
        here.stack.destroy()
        here.stack.up()
        (new,) = here.claims().values()
        assert new != old
        assert here.target.claims() == sorted([old, new])

    def test_a_disk_from_an_image_and_a_cdrom(self, here: Estate) -> None:
        disks = [
            disk("root", image={"$of": "image.id"}, boot_order=1, on_delete="delete"),
            {"name": "tools", "type": "cd-rom", "container_image": "example.org/tools"},
        ]
        here.declare(here.image(), here.vm(disks=disks)).stack.up()
        assert "root" in here.claims()
        here.stack.shows_no_change()
        here.stack.refresh_shows_no_drift()


class TestDrift:
    def test_what_somebody_changed_in_the_ui_is_shown_and_put_right(self, here: Estate) -> None:
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

    def test_a_machine_that_somebody_deleted_is_made_again(self, here: Estate) -> None:
        here.declare(here.vm()).stack.up()
        here.target.delete(VM, "vm")
        eventually(lambda: here.target.names(VM) == [])
        here.stack.run("up", "--yes", "--skip-preview", "--refresh")
        assert here.object()["status"]["ready"]


class TestOwnership:
    def test_a_machine_of_somebody_else_is_an_error_at_preview_and_left_alone(self, here: Estate, stack_of: StackOf) -> None:
        here.declare(here.vm()).stack.up()
        second = estate(here.target, stack_of).declare(here.vm())
        output = second.stack.fails("preview")
        assert "an object of that name exists" in output
        assert "adopt=True" in output

    def test_adopt_takes_over_without_a_restart(self, here: Estate, stack_of: StackOf) -> None:
        here.declare(here.vm()).stack.up()
        boot, claims = here.boot(), here.claims()
        second = estate(here.target, stack_of).declare(here.vm(adopt=True))
        second.stack.up()
        assert (here.boot(), here.claims()) == (boot, claims)
        second.stack.shows_no_change()


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
