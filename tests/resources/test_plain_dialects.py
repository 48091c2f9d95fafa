"""The dialects for clusters with KubeVirt and without Harvester: what is made there, and what is refused."""

import base64
import itertools
import json
from typing import Any

import pytest
from small_kinds import reasons

from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import PlanRefused
from harvester_provider.core.flavour import Flavour
from harvester_provider.core.json import Object, dig
from harvester_provider.core.plan import Await, Patch, Put, Remove
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Waiting
from harvester_provider.resources.apis import DATA_VOLUME, IMAGE, NETWORK, PERSISTENT_VOLUME_CLAIM, SECRET, STORAGE_CLASS, VIRTUAL_MACHINE
from harvester_provider.resources.dialects import speaks
from harvester_provider.resources.image.model import ImageInputs
from harvester_provider.resources.image.plain import Populated
from harvester_provider.resources.plain import STORAGE_CLASSES, size_of, storage_class
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.plain import PlainVirtualMachine

OWNER = "shop/dev/it"
FEDORA = "https://example.org/fedora.qcow2"
DISC = Ref(DATA_VOLUME, "fedora", "default")
VM = Ref(VIRTUAL_MACHINE, "vm1", "default")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJvfNl4cHkkFRNBhVwEv8JDk3zFRPQyUcNnkdDlEJL4p ada"
IMAGE_KIND, KEYS, NETWORKS, VOLUMES = (speaks(name, Flavour.KUBEVIRT) for name in ("Image", "SshKey", "VlanNetwork", "Volume"))


def classes(*names: str, default: str = "", grows: bool = False) -> dict[Any, tuple[Object, ...]]:
    notes = {"storageclass.kubernetes.io/is-default-class": "true"}
    found = ({"metadata": {"name": name, "annotations": notes if name == default else {}}, "allowVolumeExpansion": grows} for name in names)
    return {STORAGE_CLASSES: tuple(found)}


def seen(objects: dict[Ref, Object | None] | None = None, **more: Any) -> Snapshot:
    listed = classes("local-path", **more)
    named = {Ref(STORAGE_CLASS, str(dig(each, "metadata", "name"))): each for each in listed[STORAGE_CLASSES]}
    return Snapshot({**named, **(objects or {})}, listed)


def image(**more: Any) -> ImageInputs:
    return ImageInputs.model_validate({"name": "fedora", "namespace": "default", "owner": OWNER, "url": FEDORA, **more})


def test_an_image_is_the_data_volume_of_the_article() -> None:
    """Field by field what the third seed article applies by hand, with the volume mode that a local path has anyway."""
    (put,) = IMAGE_KIND.create(image(), seen({DISC: None})).steps
    assert isinstance(put, Put)
    assert put.ref == DISC
    assert put.body["metadata"]["annotations"]["cdi.kubevirt.io/storage.bind.immediate.requested"] == ""  # type: ignore[call-overload,index]
    assert put.body["spec"] == {
        "source": {"http": {"url": FEDORA}},
        "storage": {
            "accessModes": ["ReadWriteOnce"],
            "volumeMode": "Filesystem",
            "resources": {"requests": {"storage": "10Gi"}},
            "storageClassName": "local-path",
        },
    }


@pytest.mark.parametrize(
    ("there", "default", "chosen"),
    [(("local-path",), "", "local-path"), (("local-path", "longhorn"), "longhorn", "longhorn")],
    ids=["the only one", "the default one"],
)
def test_a_storage_class_that_is_not_declared_is(there: tuple[str, ...], default: str, chosen: str) -> None:
    assert storage_class(None, Snapshot({}, classes(*there, default=default))) == chosen


@pytest.mark.parametrize(("there", "why"), [((), "there is none"), (("a", "b"), "there are a, b")])
def test_where_no_class_is_the_obvious_one_it_must_be_named(there: tuple[str, ...], why: str) -> None:
    with pytest.raises(PlanRefused, match=why):
        storage_class(None, Snapshot({}, classes(*there)))


def volume_state(phase: str, restarts: int = 0, message: str = "") -> Object:
    said = {"type": "Running", "status": "False", "reason": "Error", "message": message}
    spec = {
        "source": {"http": {"url": FEDORA}},
        "storage": {"storageClassName": "local-path", "resources": {"requests": {"storage": "10Gi"}}},
    }
    meta = {"annotations": {"harvester.pulumi.com/owner": OWNER}}
    return {"metadata": meta, "spec": spec, "status": {"phase": phase, "restartCount": restarts, "conditions": [said] if message else []}}


def test_an_import_has_failed_when_it_was_tried_more_often_than_declared() -> None:
    judge = Populated(DISC, retry=2)
    assert judge(Snapshot({DISC: volume_state("ImportInProgress", 2, "404")})) == Waiting("ImportInProgress, 404", trouble="404")
    verdict = judge(Snapshot({DISC: volume_state("ImportInProgress", 3, "404")}))
    assert isinstance(verdict, Failed)
    assert "404" in verdict.why
    assert judge(Snapshot({DISC: volume_state("Succeeded", 3)})) == Ready()


def test_an_image_of_ours_whose_import_failed_is_made_again() -> None:
    plan = IMAGE_KIND.update(image(), image(), seen({DISC: volume_state("ImportInProgress", 9, "404")}))
    assert [type(step) for step in plan.steps] == [Remove, Put, Await]


def test_an_image_cannot_be_changed_and_its_chosen_class_is_no_drift() -> None:
    found = seen({DISC: volume_state("Succeeded")})
    assert IMAGE_KIND.observe(DISC, image(), found) == image()
    assert IMAGE_KIND.update(image(), image(volume_size="20Gi"), found).replaces == ("volumeSize",)


def test_what_an_image_cannot_be_without_harvester_is_refused() -> None:
    encrypted = image(url=None, source_type="clone", source_image="default/a", crypto_operation="encrypt", storage_class="c")
    assert set(reasons(IMAGE_KIND, encrypted)) == {"sourceType"}
    assert set(reasons(IMAGE_KIND, image(checksum="0" * 128))) == {"checksum"}


@pytest.mark.parametrize(("cluster_network", "bridge"), [("mgmt", "br0"), ("servers", "servers-br")])
def test_a_network_is_on_a_bridge_of_the_nodes(cluster_network: str, bridge: str) -> None:
    inputs = NETWORKS.inputs(name="net-101", namespace="default", owner=OWNER, cluster_network=cluster_network, untagged=True)
    (put,) = NETWORKS.create(inputs, Snapshot()).steps
    config = json.loads(put.body["spec"]["config"])
    assert (config["type"], config["bridge"], config["ipam"], config["cniVersion"]) == ("bridge", bridge, {}, "0.3.1")
    assert NETWORKS.observe(Ref(NETWORK, "net-101", "default"), inputs, Snapshot({put.ref: put.body})) == inputs
    assert not NETWORKS.requires(inputs)


def test_a_key_is_a_secret_with_the_fingerprint_that_harvester_shows() -> None:
    inputs = KEYS.inputs(name="ada", namespace="default", owner=OWNER, public_key=KEY)
    (put,) = KEYS.create(inputs, Snapshot()).steps
    assert put.ref == Ref(SECRET, "ada", "default")
    after = Snapshot({put.ref: put.body})
    assert KEYS.observe(put.ref, inputs, after) == inputs
    assert KEYS.outputs(inputs, after)["fingerprint"].count(":") == 15


def machine(**more: Any) -> VirtualMachineInputs:
    disks = [{"name": "root", "image": "fedora", "size": "10Gi"}, {"name": "data", "size": "1Gi", "on_delete": "delete"}]
    nics = [{"name": "net", "network": "net-101"}]
    base = {"name": "vm1", "namespace": "default", "owner": OWNER, "disks": disks, "network_interfaces": nics, "wait_for": "nothing"}
    return VirtualMachineInputs.model_validate({**base, **more})


@pytest.fixture
def machines() -> PlainVirtualMachine:
    numbers = itertools.count(1)
    return PlainVirtualMachine(lambda: f"{next(numbers):05}")


def made(machines: PlainVirtualMachine, inputs: VirtualMachineInputs) -> tuple[Object, list[Put]]:
    """The machine's object, and the volumes that are made for it."""
    image_there: dict[Ref, Object | None] = {DISC: volume_state("Succeeded"), VM: None}
    (put,) = machines.create(inputs, seen(image_there)).steps
    assert isinstance(put, Put)
    steps = machines.settle(inputs, seen({**image_there, VM: put.body}))
    return put.body, [step for step in steps if isinstance(step, Put)]


def test_a_machines_volumes_are_clones_of_its_image_and_blank_ones(machines: PlainVirtualMachine) -> None:
    body, puts = made(machines, machine())
    sources = [put.body["spec"]["source"] for put in puts]  # type: ignore[call-overload,index]
    assert sources == [{"pvc": {"namespace": "default", "name": "fedora"}}, {"blank": {}}]
    used = [volume["persistentVolumeClaim"]["claimName"] for volume in body["spec"]["template"]["spec"]["volumes"]]  # type: ignore[call-overload,index]
    assert used == [put.ref.name for put in puts]
    assert all(put.body["spec"]["storage"]["accessModes"] == ["ReadWriteOnce"] for put in puts)  # type: ignore[call-overload,index]


def test_a_nic_gets_a_mac_address_that_it_keeps(machines: PlainVirtualMachine) -> None:
    body, _ = made(machines, machine())
    (nic,) = body["spec"]["template"]["spec"]["domain"]["devices"]["interfaces"]  # type: ignore[call-overload,index]
    assert nic["macAddress"].startswith("02:")
    found = machines.observe(VM, machine(), seen({VM: body}))
    assert found.network_interfaces == machine().network_interfaces


def test_a_create_that_was_interrupted_makes_the_volumes_that_are_missing(machines: PlainVirtualMachine) -> None:
    body, (first, second) = made(machines, machine())
    there = seen({DISC: volume_state("Succeeded"), VM: body, first.ref: first.body})
    assert [step.ref for step in machines.settle(machine(), there) if isinstance(step, Put)] == [second.ref]


def test_a_new_disk_brings_its_volume_in_the_stop(machines: PlainVirtualMachine) -> None:
    body, puts = made(machines, machine())
    more = machine(disks=[*(disk.wire() for disk in machine().disks), {"name": "more", "size": "2Gi"}])
    there = seen({DISC: volume_state("Succeeded"), VM: body, **{put.ref: put.body for put in puts}})
    steps = machines.update(machine(), more, there).steps
    assert [step.ref.name for step in steps if isinstance(step, Put)] == ["vm1-more-00004"]


@pytest.mark.parametrize("grows", [True, False])
def test_a_volume_grows_where_its_storage_can(machines: PlainVirtualMachine, *, grows: bool) -> None:
    body, puts = made(machines, machine())
    claims = {
        Ref(PERSISTENT_VOLUME_CLAIM, put.ref.name, "default"): {"spec": put.body["spec"]["storage"]}  # type: ignore[call-overload,index]
        for put in puts
    }
    there = seen({DISC: volume_state("Succeeded"), VM: body, **{put.ref: put.body for put in puts}, **claims}, grows=grows)
    root, data = (disk.wire() for disk in machine().disks)
    plan = machines.update(machine(), machine(disks=[root, {**data, "size": "2Gi"}]), there)
    if grows:
        assert [step.ref.name for step in plan.steps if isinstance(step, Patch) and step.ref != VM] == [puts[1].ref.name]
    else:
        assert [change.effect for change in plan.changes] == [Effect.REFUSED]


def test_an_image_that_is_not_there_yet_stops_the_machine_before_it_is_made(machines: PlainVirtualMachine) -> None:
    with pytest.raises(PlanRefused, match="not imported yet"):
        machines.create(machine(), seen({DISC: volume_state("ImportInProgress"), VM: None}))
    assert [need.ref for need in machines.requires(machine()) if need.property == "disks[0].image"] == [DISC]


def test_nothing_of_harvesters_is_read(machines: PlainVirtualMachine) -> None:
    body, _ = made(machines, machine())
    there = seen({VM: body})
    wants = [want for want in machines.reads(VM, machine(memory="2Gi", ssh_keys=["ada"]), there) if isinstance(want, Ref)]
    assert not [want for want in wants if want.api.group.endswith("harvesterhci.io")]
    assert IMAGE not in {want.api for want in wants}


@pytest.mark.parametrize(
    ("claim", "volume", "size"),
    [("11362347344", "10Gi", "10Gi"), ("20Gi", "10Gi", "20Gi"), ("10Gi", "", "10Gi"), ("", "10Gi", None)],
    ids=["as CDI makes it", "grown since", "not CDI's", "not made yet"],
)
def test_the_size_of_a_volume_leaves_out_what_cdi_adds(claim: str, volume: str, size: str | None) -> None:
    def asks(text: str) -> Object:
        return {"resources": {"requests": {"storage": text}}} if text else {}

    found = size_of({"spec": asks(claim)}, {"spec": {"storage": asks(volume)}})
    assert (found.text if found else None) == size


def test_a_volume_from_an_image_is_a_clone_that_cdi_makes() -> None:
    inputs = VOLUMES.inputs(name="data", namespace="default", owner=OWNER, image="fedora", size="10Gi")
    ref = Ref(PERSISTENT_VOLUME_CLAIM, "data", "default")
    (put,) = VOLUMES.create(inputs, seen({DISC: volume_state("Succeeded"), ref: None})).steps
    assert put.ref == Ref(DATA_VOLUME, "data", "default")
    assert put.body["spec"]["source"] == {"pvc": {"namespace": "default", "name": "fedora"}}


def test_a_key_that_is_no_secret_of_ours_is_no_key() -> None:
    encoded = base64.b64encode(b"\xff\xfe").decode()
    ref = Ref(SECRET, "ada", "default")
    assert KEYS.observe(ref, None, Snapshot({ref: {"data": {"publicKey": encoded}}})).public_key == ""
