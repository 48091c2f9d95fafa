"""Storage classes: Longhorn's parameters, encryption, third-party drivers, the one default, and what is never deleted."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from small_kinds import OWNER, merged, only_put, reasons, with_unknowns

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object
from harvester_provider.core.plan import Patch, Plan, Put, Remove
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import IMAGE, SECRET, STORAGE_CLASS
from harvester_provider.resources.storage_class import KIND
from harvester_provider.resources.storage_class.model import StorageClassInputs

REF, KEY = Ref(STORAGE_CLASS, "fast"), Ref(SECRET, "fast-crypto", "longhorn-system")
PASSPHRASE = "correct-horse-battery-staple"
DEFAULT = "storageclass.kubernetes.io/is-default-class"
PREVIOUS = "harvester.pulumi.com/previous-default-class"


def storage_class(**values: Any) -> StorageClassInputs:
    return StorageClassInputs.model_validate({"name": "fast", "owner": OWNER, **values})


def other(name: str, **annotations: Json) -> Object:
    return {"metadata": {"name": name, "annotations": annotations}}


def seen(found: Object | None, *others: Object, images: tuple[Object, ...] = (), key: Object | None = None) -> Snapshot:
    classes = (*others, *((found,) if found else ()))
    return Snapshot({REF: found, KEY: key}, {Listing(STORAGE_CLASS): classes, Listing(IMAGE): images})


def put_of(plan: Plan, ref: Ref) -> Object:
    (put,) = [step for step in plan.steps if isinstance(step, Put) and step.ref == ref]
    return put.body


def made(inputs: StorageClassInputs, *write_backs: Json) -> Object:
    found: Json = put_of(KIND.create(inputs, seen(None)), REF)
    for write_back in write_backs:
        found = merged(found, write_back)
    assert isinstance(found, Mapping)
    return found


def flags(plan: Plan) -> list[tuple[str, Any]]:
    """Who is made the default class and who not, in the order of the steps."""
    out: list[tuple[str, Any]] = []
    for step in plan.steps:
        if isinstance(step, Put | Patch):
            marks = step.body["metadata"].get("annotations", {})  # type: ignore[call-overload,index,union-attr]  # merge patches and objects
            out += [(step.ref.name, marks[DEFAULT])] if DEFAULT in marks else []
    return out


def test_a_longhorn_class_has_the_parameters_of_harvesters_own() -> None:
    body = only_put(KIND.create(storage_class(), seen(None)))
    assert body["provisioner"] == "driver.longhorn.io"
    assert body["parameters"] == {"numberOfReplicas": "3", "staleReplicaTimeout": "30", "migratable": "true"}
    assert (body["reclaimPolicy"], body["volumeBindingMode"], body["allowVolumeExpansion"]) == ("Delete", "Immediate", True)


def test_tags_engine_and_locality_are_parameters() -> None:
    inputs = storage_class(
        number_of_replicas=2, stale_replica_timeout=60, migratable=False, data_locality="best-effort", data_engine="v2",
        node_selector=["rack1", "gpu"], disk_selector=["nvme"], parameters={"fsType": "xfs"},
    )  # fmt: skip
    assert made(inputs)["parameters"] == {
        "numberOfReplicas": "2", "staleReplicaTimeout": "60", "migratable": "false", "dataLocality": "best-effort", "dataEngine": "v2",
        "nodeSelector": "rack1,gpu", "diskSelector": "nvme", "fsType": "xfs",
    }  # fmt: skip


def test_another_driver_gets_its_own_parameters_and_nothing_of_longhorn() -> None:
    inputs = storage_class(
        provisioner="rook-ceph.rbd.csi.ceph.com", parameters={"pool": "vms"}, cdi={"volume_modes": {"Block": ["ReadWriteMany"]}, "clone_strategy": "csi-clone"},
    )  # fmt: skip
    body = made(inputs)
    assert body["parameters"] == {"pool": "vms"}
    marks = body["metadata"]["annotations"]  # type: ignore[call-overload,index]  # it has metadata
    assert marks["cdi.harvesterhci.io/storageProfileVolumeModeAccessModes"] == '{"Block":["ReadWriteMany"]}'
    assert marks["cdi.harvesterhci.io/storageProfileCloneStrategy"] == "csi-clone"


def test_a_passphrase_becomes_a_secret_that_the_class_names() -> None:
    plan = KIND.create(storage_class(encryption={"passphrase": PASSPHRASE}), seen(None))
    data = put_of(plan, KEY)["data"]
    decoded = {key: base64.b64decode(value).decode() for key, value in data.items()}  # type: ignore[union-attr,arg-type]  # a Secret's data
    assert decoded == {
        "CRYPTO_KEY_VALUE": PASSPHRASE, "CRYPTO_KEY_PROVIDER": "secret", "CRYPTO_KEY_CIPHER": "aes-xts-plain64",
        "CRYPTO_KEY_HASH": "sha256", "CRYPTO_KEY_SIZE": "256", "CRYPTO_PBKDF": "argon2i",
    }  # fmt: skip
    parameters = put_of(plan, REF)["parameters"]
    assert parameters["encrypted"] == "true"  # type: ignore[call-overload,index]  # it has parameters
    for stage in ("provisioner", "node-stage", "node-publish", "node-expand"):
        assert parameters[f"csi.storage.k8s.io/{stage}-secret-name"] == "fast-crypto"  # type: ignore[call-overload,index]
        assert parameters[f"csi.storage.k8s.io/{stage}-secret-namespace"] == "longhorn-system"  # type: ignore[call-overload,index]
    assert PASSPHRASE not in "\n".join(plan.lines())


def test_another_passphrase_is_refused_without_being_told() -> None:
    old, new = storage_class(encryption={"passphrase": PASSPHRASE}), storage_class(encryption={"passphrase": "another"})
    plan = KIND.update(old, new, seen(made(old)))
    assert not plan.steps
    assert "could not be read any more" in plan.refused[0].why
    assert "another" not in plan.refused[0].why.replace("another class", "")


def test_the_key_goes_with_its_class_and_an_existing_secret_stays() -> None:
    inputs = storage_class(encryption={"passphrase": PASSPHRASE})
    key = {"metadata": {"annotations": {"harvester.pulumi.com/owner": OWNER}}}
    assert [step.ref for step in KIND.delete(inputs, seen(made(inputs), key=key)).steps if isinstance(step, Remove)] == [REF, KEY]
    given = storage_class(encryption={"secret": "default/key"})
    assert [step.ref for step in KIND.delete(given, seen(made(given))).steps if isinstance(step, Remove)] == [REF]


@pytest.mark.parametrize(
    ("inputs", "path", "said"),
    [
        ({"provisioner": "x.csi", "number_of_replicas": 2}, "numberOfReplicas", "only Longhorn knows it"),
        ({"provisioner": "x.csi", "encryption": {"secret": "a/b"}}, "encryption", "only Longhorn knows it"),
        ({"parameters": {"diskSelector": "ssd"}}, "parameters.diskSelector", "there is an input for it"),
        ({"parameters": {"encrypted": "true"}}, "parameters.encrypted", "write encryption"),
        ({"encryption": {}}, "encryption", "give either secret"),
        ({"encryption": {"secret": "a/b", "passphrase": "c"}}, "encryption", "give either secret"),
        ({"encryption": {"secret": "key"}}, "encryption.secret", "no namespace/name"),
        ({"provisioner": "x.csi", "cdi": {"clone_strategy": "snapshot"}}, "cdi.snapshotClass", "missing"),
        ({"provisioner": "x.csi", "cdi": {"filesystem_overhead": "5%"}}, "cdi.filesystemOverhead", "0.055"),
        ({"provisioner": "x.csi", "cdi": {"volume_modes": {"block": []}}}, "cdi.volumeModes.block", "Block or Filesystem"),
        ({"data_engine": "v1", "cdi": {"clone_strategy": "copy"}}, "cdi", "does not use CDI"),
    ],
)
def test_bad_inputs_are_told_with_the_way_out(inputs: Any, path: str, said: str) -> None:
    assert said in reasons(KIND, storage_class(**inputs))[path]


def test_rules_on_unknown_values_stay_silent() -> None:
    values = {"name": "fast", "encryption": {"passphrase": "x"}, "cdi": {"clone_strategy": "copy"}, "parameters": {"a": "b"}}
    for inputs in with_unknowns(values, StorageClassInputs):
        assert not KIND.check(inputs)
        KIND.requires(inputs)


def test_the_class_that_becomes_the_default_takes_the_role_before_and_remembers_from_whom() -> None:
    plan = KIND.create(storage_class(default_class=True), seen(None, other("old", **{DEFAULT: "true"})))
    assert flags(plan) == [("old", "false"), ("fast", "true")]
    assert put_of(plan, REF)["metadata"]["annotations"][PREVIOUS] == "old"  # type: ignore[call-overload,index]  # it has metadata
    assert [step.ref.name for step in plan.recover if isinstance(step, Patch)] == ["old"]


@pytest.mark.parametrize("end", ["update", "delete"])
def test_the_default_role_goes_back_to_who_had_it(end: str) -> None:
    inputs = storage_class(default_class=True)
    mine = made(inputs, {"metadata": {"annotations": {PREVIOUS: "old"}}})
    at = seen(mine, other("old", **{DEFAULT: "false"}))
    plan = KIND.delete(inputs, at) if end == "delete" else KIND.update(inputs, storage_class(), at)
    assert flags(plan) == [("fast", "false"), ("old", "true")]


def test_the_default_role_is_not_given_to_a_class_that_is_gone() -> None:
    inputs = storage_class(default_class=True)
    assert flags(KIND.delete(inputs, seen(made(inputs, {"metadata": {"annotations": {PREVIOUS: "old"}}})))) == [("fast", "false")]


def test_a_role_that_was_never_declared_is_left_alone() -> None:
    mine = made(storage_class(), {"metadata": {"annotations": {DEFAULT: "true"}}})
    assert KIND.observe(REF, storage_class(), seen(mine)) == storage_class()
    assert not KIND.update(storage_class(), storage_class(description="x"), seen(mine)).replaces


def test_a_reserved_class_stays_and_is_said_to() -> None:
    plan = KIND.delete(
        storage_class(), seen(made(storage_class(), {"metadata": {"annotations": {"harvesterhci.io/is-reserved-storageclass": "true"}}}))
    )
    assert not plan.steps
    assert "stays in the cluster" in plan.notes[0]


@pytest.mark.parametrize("end", ["replace", "delete"])
def test_a_class_that_images_need_is_neither_deleted_nor_replaced(end: str) -> None:
    image = {"metadata": {"namespace": "default", "name": "ubuntu"}, "spec": {"targetStorageClassName": "fast"}}
    at = seen(made(storage_class()), images=(image,))
    plan = KIND.delete(storage_class(), at) if end == "delete" else KIND.update(storage_class(), storage_class(number_of_replicas=1), at)
    assert not plan.steps
    assert "default/ubuntu" in plan.refused[0].why


@pytest.mark.parametrize(
    "change",
    [
        {"number_of_replicas": 1},
        {"parameters": {"a": "b"}},
        {"provisioner": "x.csi"},
        {"reclaim_policy": "Retain"},
        {"encryption": {"secret": "a/b"}},
    ],
)
def test_what_kubernetes_fixes_replaces(change: Any) -> None:
    assert KIND.update(storage_class(), storage_class(**change), seen(made(storage_class()))).replaces


def test_growth_and_the_cdi_profile_change_in_place() -> None:
    old = storage_class(provisioner="x.csi", cdi={"clone_strategy": "copy", "filesystem_overhead": "0.1"})
    new = storage_class(provisioner="x.csi", cdi={"clone_strategy": "csi-clone"}, allow_volume_expansion=False)
    plan = KIND.update(old, new, seen(made(old)))
    (patch,) = plan.steps
    assert isinstance(patch, Patch)
    assert patch.body == {
        "allowVolumeExpansion": False,
        "metadata": {
            "annotations": {"cdi.harvesterhci.io/storageProfileCloneStrategy": "csi-clone", "cdi.harvesterhci.io/filesystemOverhead": None}
        },
    }
    assert plan.effect is Effect.METADATA


@pytest.mark.parametrize(
    ("inputs", "write_back"),
    [
        ({}, {}),
        ({"number_of_replicas": 3, "node_selector": ["a", "b"], "migratable": True}, {}),
        ({"data_engine": "v2"}, {"metadata": {"annotations": {"cdi.harvesterhci.io/storageProfileCloneStrategy": "copy"}}}),
        (
            {"provisioner": "lvm.driver.harvesterhci.io", "parameters": {"type": "striped"}, "volume_binding_mode": "WaitForFirstConsumer"},
            {},
        ),
        (
            {
                "provisioner": "x.csi",
                "cdi": {"volume_modes": {"Block": ["ReadWriteMany"]}, "snapshot_class": "s", "filesystem_overhead": "0.1"},
            },
            {},
        ),
        ({"encryption": {"secret": "default/key"}}, {}),
        ({"default_class": True}, {"metadata": {"annotations": {PREVIOUS: "old"}}}),
    ],
)
def test_what_the_cluster_writes_back_is_no_drift(inputs: Any, write_back: Json) -> None:
    declared = storage_class(**inputs)
    found = seen(made(declared, write_back))
    assert KIND.observe(REF, declared, found) == declared
    assert not [change for change in KIND.update(KIND.observe(REF, None, found), declared, found).replaces if change != "cdi"]


def test_a_key_that_somebody_changed_is_drift() -> None:
    declared = storage_class(encryption={"passphrase": PASSPHRASE})
    key = put_of(KIND.create(declared, seen(None)), KEY)
    assert KIND.observe(REF, declared, seen(made(declared), key=key)) == declared
    changed = merged(key, {"data": {"CRYPTO_KEY_VALUE": base64.b64encode(b"other").decode()}})
    assert isinstance(changed, Mapping)
    observed = KIND.observe(REF, declared, seen(made(declared), key=changed)).encryption
    assert observed is not None
    assert observed.passphrase == "other"


def test_a_class_that_says_nothing_of_growth_is_read_as_one_that_does_not_grow() -> None:
    silent = {name: value for name, value in made(storage_class()).items() if name != "allowVolumeExpansion"}
    assert KIND.observe(REF, None, seen(silent)).allow_volume_expansion is False
