"""Images, volumes, storage classes, key pairs, template versions and migrations at admission; and the server's answers."""

import base64
import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plane_objects import NAMESPACE, claim, creating, instance_of, machine, obj, removing, storage_class, updating, world

from harvester_local.admission.claims import validate_claim
from harvester_local.admission.images import mutate_image, validate_image
from harvester_local.admission.patches import json_patch
from harvester_local.admission.registry import WEBHOOKS
from harvester_local.admission.review import DeniedError
from harvester_local.admission.server import answer
from harvester_local.admission.small_kinds import (
    mutate_migration,
    mutate_template_version,
    validate_instance,
    validate_key_pair,
    validate_migration,
    validate_template_version,
)
from harvester_local.admission.storage_classes import mutate_storage_class, validate_secret, validate_storage_class
from harvester_local.admission.world import World
from harvester_local.api import kinds
from harvester_local.api.objects import Obj

SIZES = {"numberOfReplicas": "3", "staleReplicaTimeout": "30", "migratable": "true"}


def image(name: str = "ubuntu", *, labelled: bool = False, status: Obj | None = None, **spec: Any) -> Obj:
    whole = {"displayName": name, "sourceType": "download", "url": "http://host/x.qcow2", "backend": "backingimage", **spec}
    labels = {"harvesterhci.io/imageDisplayName": whole["displayName"]} if labelled else {}
    return obj(kinds.IMAGE, name, metadata={"labels": labels, "annotations": {}}, spec=whole, status=status or {})


def refused(check: Any, request: Any, where: World) -> tuple[int, str]:
    with pytest.raises(DeniedError) as refusal:
        check(request, where)
    return refusal.value.code, refusal.value.message


# Images -------------------------------------------------------------------------------------------------------------


def test_an_image_gets_the_default_class_and_its_parameters() -> None:
    stored = mutate_image(creating(image()), world())
    assert stored["spec"]["targetStorageClassName"] == "longhorn"
    assert stored["metadata"]["annotations"] == {"harvesterhci.io/storageClassName": "longhorn"}
    assert stored["spec"]["storageClassParameters"] == SIZES


def test_parameters_of_the_user_give_way_to_those_of_a_longhorn_class() -> None:
    two = storage_class("two", numberOfReplicas="2", diskSelector="ssd", unknown="x")
    asked = image(storageClassParameters={"numberOfReplicas": "1"})
    asked["metadata"]["annotations"] = {"harvesterhci.io/storageClassName": "two"}
    assert mutate_image(creating(asked), world(two))["spec"]["storageClassParameters"] == {
        **SIZES,
        "numberOfReplicas": "2",
        "diskSelector": "ssd",
    }


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"displayName": ""}, "displayName is required"),
        ({"url": ""}, "url is required"),
        ({"sourceType": "upload"}, 'url should be empty when image source type is "upload"'),
        (
            {"sourceType": "export-from-volume", "url": "", "pvcName": "p", "pvcNamespace": "n"},
            'failed to get pvc p/n, error: persistentvolumeclaims "p" not found',
        ),
        ({"sourceType": "clone", "url": ""}, 'sourceParameters is required when image source type is "clone"'),
    ],
)
def test_an_image_that_cannot_be_had_is_refused(spec: Obj, text: str) -> None:
    assert refused(validate_image, creating(image(**spec)), world()) == (422, text)


def test_display_names_are_compared_by_label() -> None:
    twin = image("other", displayName="ubuntu")
    assert refused(validate_image, creating(twin), world(image(labelled=True))) == (409, "A resource with the same name exists")
    validate_image(creating(twin), world(image()))


@pytest.mark.parametrize(("field", "value"), [("url", "http://host/y"), ("displayName", "x"), ("sourceType", "upload"), ("pvcName", "p")])
def test_what_an_image_is_made_from_never_changes(field: str, value: str) -> None:
    old = image()
    assert refused(validate_image, updating(old, image(**{field: value})), world(old)) == (422, f"{field} cannot be modified")


def test_description_checksum_and_retry_may_change() -> None:
    old = image()
    validate_image(updating(old, image(description="d", checksum="c", retry=5)), world(old))


def test_an_image_under_a_volume_stays() -> None:
    used = image(status={"storageClassName": "lh-1"})
    code, text = refused(validate_image, removing(used), world(used, claim("disk", cls="lh-1")))
    assert (code, text) == (422, f"Cannot delete image {NAMESPACE}/ubuntu: being used by volume {NAMESPACE}/disk")
    validate_image(removing(used), world(used, claim("disk", cls="longhorn")))


# Volumes ------------------------------------------------------------------------------------------------------------


def test_a_volume_of_a_machine_stays_until_the_machine_goes() -> None:
    vm, disk = machine(), claim("vm-root")
    code, text = refused(validate_claim, removing(disk), world(vm, disk))
    assert (code, text) == (409, f"can not delete the volume vm-root which is currently attached to VM: {NAMESPACE}/vm")
    vm["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x"]}
    validate_claim(removing(disk), world(vm, disk))


def test_reserved_classes_are_for_nobody() -> None:
    code, text = refused(validate_claim, creating(claim("c", cls="vmstate-persistence")), world())
    assert (code, text) == (422, "can not create volume with the reserved storage class vmstate-persistence")


# Others -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "text"), [("", "public key is required"), ("nope", "key is not in valid OpenSSH public key format")])
def test_a_key_pair_holds_a_public_key(key: str, text: str) -> None:
    assert refused(validate_key_pair, creating(obj(kinds.KEY_PAIR, "k", spec={"publicKey": key})), world()) == (422, text)


ENCRYPTED = {
    f"csi.storage.k8s.io/{stage}-secret-{what}": "s"
    for stage in ("provisioner", "node-stage", "node-publish")
    for what in ("name", "namespace")
}


@pytest.mark.parametrize(
    ("cls", "text"),
    [
        (
            storage_class("two", default=True),
            "default storage class longhorn already exists, please reset it first before set two as default",
        ),
        (storage_class("two", dataLocality="strict-local"), "storage class with strict-local data locality is not allowed"),
        (storage_class("two", encrypted="true"), f"storage class must contain {', '.join(ENCRYPTED)}"),
        (storage_class("two", encrypted="x"), "invalid value for `encrypted`"),
        (
            storage_class("two", encrypted="true", **{**ENCRYPTED, "csi.storage.k8s.io/node-stage-secret-name": "t"}),
            "secret names and namespaces in csi.storage.k8s.io/node-stage-secret-name and "
            "csi.storage.k8s.io/node-stage-secret-namespace are different from others",
        ),
    ],
)
def test_a_storage_class_that_makes_no_sense_is_refused(cls: Obj, text: str) -> None:
    assert refused(validate_storage_class, creating(cls), world()) == (422, text)


def key_secret(**changed: str | None) -> Obj:
    """A Secret that Longhorn takes, with some fields changed or left out."""
    fields = {"VALUE": "x", "PROVIDER": "secret", "CIPHER": "aes-xts-plain64", "HASH": "sha256", "SIZE": "256"}
    texts = {**{f"CRYPTO_KEY_{name}": text for name, text in fields.items()}, "CRYPTO_PBKDF": "argon2i", **changed}
    data = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items() if text is not None}
    where = ENCRYPTED["csi.storage.k8s.io/provisioner-secret-namespace"]
    return obj(kinds.SECRET, ENCRYPTED["csi.storage.k8s.io/provisioner-secret-name"], metadata={"namespace": where}, data=data)


def test_other_storage_classes_pass() -> None:
    encrypted = storage_class("c", encrypted="true", **ENCRYPTED)
    for cls in (storage_class("a"), storage_class("b", dataLocality="best-effort"), encrypted):
        validate_storage_class(creating(cls), world(key_secret()))


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ({}, "not found"),
        ({"CRYPTO_KEY_HASH": None}, "missing field: CRYPTO_KEY_HASH"),
        ({"CRYPTO_KEY_VALUE": ""}, "invalid field: CRYPTO_KEY_VALUE"),
    ],
)
def test_an_encrypted_class_needs_a_secret_with_a_whole_key(secret: dict[str, str | None], text: str) -> None:
    encrypted = storage_class("c", encrypted="true", **ENCRYPTED)
    assert text in refused(validate_storage_class, creating(encrypted), world(*([key_secret(**secret)] if secret else [])))[1]


def test_the_secret_of_an_encrypted_class_stays() -> None:
    encrypted = storage_class("c", encrypted="true", **ENCRYPTED)
    assert refused(validate_secret, removing(key_secret()), world(encrypted)) == (422, "Secret is used by encrypted storage classes: [c]")
    validate_secret(removing(key_secret()), world())


def test_a_driver_that_cdi_does_not_know_needs_its_access_modes_and_harvesters_own_get_them() -> None:
    code, text = refused(validate_storage_class, creating(storage_class("x", provisioner="x.csi")), world())
    assert code == 422
    assert "volume access modes are required for CDI" in text
    lvm = storage_class("y", provisioner="lvm.driver.harvesterhci.io")
    filled = mutate_storage_class(creating(lvm), world())
    assert filled["metadata"]["annotations"]["cdi.harvesterhci.io/storageProfileCloneStrategy"] == "snapshot"
    validate_storage_class(creating(filled), world())


def test_a_storage_class_under_an_image_stays() -> None:
    used = storage_class("two")
    code, text = refused(validate_storage_class, removing(used), world(used, image(targetStorageClassName="two")))
    assert (code, text) == (422, "storage class two is used by virtual machine images: [ubuntu]")
    validate_storage_class(removing(used), world(used))


def test_a_template_version_is_named_after_its_template_and_never_changes() -> None:
    template = obj(kinds.TEMPLATE, "base", spec={"defaultVersionId": f"{NAMESPACE}/base-1"})
    version = obj(kinds.TEMPLATE_VERSION, "base-1", spec={"templateId": f"{NAMESPACE}/base"})
    nameless = copy.deepcopy(version)
    nameless["metadata"]["name"] = ""
    assert mutate_template_version(creating(nameless), world())["metadata"]["generateName"] == "base-"
    labelled = copy.deepcopy(version)
    labelled["metadata"]["labels"] = {"a": "b"}
    assert refused(validate_template_version, updating(version, labelled), world()) == (
        405,
        "Update templateVersion is not supported",
    )
    assert refused(validate_template_version, removing(version), world(template)) == (400, "Cannot delete the default templateVersion")
    validate_template_version(creating(version), world(template))


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"templateId": f"{NAMESPACE}/gone"}, 'virtualmachinetemplates.harvesterhci.io "gone" not found'),
        ({"templateId": "elsewhere/base"}, "Template version and template should reside in the same namespace"),
        (
            {"keyPairIds": [f"{NAMESPACE}/gone"]},
            f'KeyPairID {NAMESPACE}/gone is invalid, keypairs.harvesterhci.io "gone" not found',
        ),
        (
            {"vm": {"spec": {"template": {"spec": {"domain": {}}}}}},
            "CPU and Memory limits are required fields, but are missing from the input",
        ),
    ],
)
def test_a_template_version_fits_its_template(spec: Obj, text: str) -> None:
    template = obj(kinds.TEMPLATE, "base", spec={})
    version = obj(kinds.TEMPLATE_VERSION, "base-1", spec={"templateId": f"{NAMESPACE}/base", **spec})
    assert refused(validate_template_version, creating(version), world(template)) == (422, text)


def test_a_migration_is_marked_and_held() -> None:
    stored = mutate_migration(creating(obj(kinds.MIGRATION, "m", spec={"vmiName": "vm"})), world())["metadata"]
    assert stored["labels"] == {"kubevirt.io/vmi-name": "vm"}
    assert stored["finalizers"] == ["kubevirt.io/migrationJobFinalize"]


def test_an_instance_is_changed_by_kubevirt_alone() -> None:
    old = instance_of(machine())
    new, marked = copy.deepcopy(old), copy.deepcopy(old)
    new["spec"]["terminationGracePeriodSeconds"] = 0
    marked["metadata"]["annotations"] = {"a": "b"}
    assert refused(validate_instance, updating(old, new), world()) == (422, "update of VMI object is restricted")
    validate_instance(replace(updating(old, new), user="system:serviceaccount:harvester-system:kubevirt-api"), world())
    validate_instance(updating(old, marked), world())


def test_only_a_running_machine_that_can_move_is_migrated() -> None:
    migration = obj(kinds.MIGRATION, "m", spec={"vmiName": "vm"})
    assert refused(validate_migration, creating(migration), world()) == (400, f'the VMI "{NAMESPACE}/vm" does not exist')
    held = instance_of(machine(), conditions=[{"type": "LiveMigratable", "status": "False", "reason": "R", "message": "M"}])
    assert refused(validate_migration, creating(migration), world(held))[1] == "Cannot migrate VMI, Reason: R, Message: M"
    validate_migration(creating(migration), world(instance_of(machine())))


# The server ---------------------------------------------------------------------------------------------------------


def review(new: Obj, operation: str = "CREATE") -> Obj:
    meta = new["metadata"]
    return {"request": {"uid": "r", "operation": operation, "name": meta["name"], "namespace": meta["namespace"], "object": new}}


def rule(webhook: str, kind: kinds.Kind) -> Any:
    hook = next(w for w in WEBHOOKS if w.name == webhook)
    return hook.rule(kind.group, kind.plural)


def test_a_refusal_carries_code_reason_and_fields() -> None:
    response = answer(rule("validator.harvesterhci.io", kinds.IMAGE), review(image(displayName="")), world())
    assert response["allowed"] is False
    assert response["status"] == {
        "status": "Failure",
        "code": 422,
        "reason": "Invalid",
        "message": "displayName is required",
        "details": {"causes": [{"reason": "FieldValueInvalid", "message": "displayName is required", "field": "spec.displayName"}]},
    }


def test_a_broken_patch_of_upstream_is_sent_as_it_is() -> None:
    vm = machine()
    del vm["spec"]["template"]["spec"]["domain"]["cpu"]
    response = answer(rule("mutator.harvesterhci.io", kinds.MACHINE), review(vm), world())
    operations = json.loads(base64.b64decode(response["patch"]))
    assert operations == [{"op": "replace", "path": "/spec/template/spec/domain/cpu/maxSockets", "value": 1}]


def test_every_webhook_writes_or_refuses_and_never_both() -> None:
    for webhook in WEBHOOKS:
        assert {rule.mutate is not None for rule in webhook.rules} == {webhook.mutating}
        assert all((rule.mutate is None) != (rule.validate is None) for rule in webhook.rules)


keys = st.text("ab/~", max_size=3)
values = st.recursive(st.none() | st.integers() | st.booleans(), lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=8)


def apply(document: Any, operations: list[Obj]) -> Any:
    """A small JSON patch engine of the test's own."""
    result = copy.deepcopy(document)
    for operation in operations:
        *steps, last = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]]
        place = result
        for step in steps:
            place = place[step]
        if operation["op"] == "remove":
            del place[last]
        else:
            assert operation["op"] == ("replace" if last in place else "add")
            place[last] = operation["value"]
    return result


@given(st.dictionaries(keys, values), st.dictionaries(keys, values))
def test_a_patch_turns_one_object_into_the_other(before: Obj, after: Obj) -> None:
    operations = json_patch(before, after)
    assert json.dumps(apply(before, operations), sort_keys=True) == json.dumps(after, sort_keys=True)
    assert json_patch(after, after) == []
