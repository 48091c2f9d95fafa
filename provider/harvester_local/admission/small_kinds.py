"""Rules of the kinds that have one or two: key pairs, storage classes, template versions, migrations.

Upstream: pkg/webhook/resources/{keypair,storageclass,templateversion} in Harvester, and KubeVirt's migration admitter.
"""

from harvester_local.admission.review import DELETE, Request, failed, invalid, not_allowed
from harvester_local.admission.world import DEFAULT_CLASS, World
from harvester_local.api.kinds import IMAGE, INSTANCE, KEY_PAIR, MIGRATION, STORAGE_CLASS, TEMPLATE
from harvester_local.api.objects import Key, Obj, annotations, key_of, part
from harvester_local.model.keys import fingerprint
from harvester_local.model.machines import FINAL_PHASES, phase

RESERVED_CLASSES = ("harvester-longhorn", "longhorn", "longhorn-static", "vmstate-persistence")


def validate_key_pair(request: Request, world: World) -> None:  # noqa: ARG001  one signature for all rules
    """Raise DeniedError unless the key is an OpenSSH public key."""
    key = part(request.new, "spec").get("publicKey") or ""
    if not key:
        raise invalid("public key is required", "spec.publicKey")
    try:
        fingerprint(key)
    except ValueError as error:
        raise invalid("key is not in valid OpenSSH public key format", "spec.publicKey") from error


def validate_storage_class(request: Request, world: World) -> None:
    """Raise DeniedError for a second default class, a wrong data locality, and the deletion of one in use."""
    name = request.key.name
    if request.operation == DELETE:
        if name in RESERVED_CLASSES:
            raise invalid(f"storage class {name} is reserved by Harvester and can't be deleted")
        users = [i for i in world.store.all(IMAGE) if i["spec"].get("targetStorageClassName") == name]
        if users:
            raise invalid(f"storage class {name} is used by virtual machine image {key_of(users[0])}")
        return
    others = [c for c in world.store.all(STORAGE_CLASS) if annotations(c).get(DEFAULT_CLASS) == "true" and c["metadata"]["name"] != name]
    if annotations(request.new).get(DEFAULT_CLASS) == "true" and others:
        raise invalid(
            f"default storage class {others[0]['metadata']['name']} already exists, please reset it first", "metadata.annotations"
        )
    locality = part(request.new, "parameters").get("dataLocality")
    if locality and locality not in {"disabled", "best-effort"}:
        raise invalid(f"data locality {locality} is not supported", "parameters.dataLocality")


def mutate_template_version(request: Request, world: World) -> Obj:  # noqa: ARG001  one signature for all rules
    """A version without a name gets one from its template's."""
    version, meta = dict(request.new), dict(request.new["metadata"])
    if not meta.get("name") and not meta.get("generateName"):
        meta["generateName"] = f"{Key.parse(version['spec']['templateId']).name}-"
    version["metadata"] = meta
    return version


def validate_template_version(request: Request, world: World) -> None:
    """Raise DeniedError for a template or key that is missing, for every change, and for deleting the default."""
    if request.operation == DELETE:
        version = str(request.key)
        used = [t for t in world.store.all(TEMPLATE) if part(t, "spec").get("defaultVersionId") == version]
        if used:
            raise invalid("Cannot delete the default templateVersion")
        return
    if not request.created:
        if part(request.old, "spec") != part(request.new, "spec"):
            raise not_allowed("Update templateVersion is not supported")
        return
    spec = part(request.new, "spec")
    template = Key.parse(spec.get("templateId", ""), request.key.namespace)
    if template.namespace != request.key.namespace or world.store.get(TEMPLATE, template) is None:
        raise invalid(f"template {template} is not found in the namespace of the version", "spec.templateId")
    for pair in spec.get("keyPairIds") or []:
        if world.store.get(KEY_PAIR, Key.parse(pair)) is None:
            raise invalid(f'keypairs.harvesterhci.io "{Key.parse(pair).name}" not found', "spec.keyPairIds")


def validate_migration(request: Request, world: World) -> None:
    """Raise DeniedError unless the instance runs, can be migrated and is not migrating already."""
    if not request.created:
        if part(request.old, "spec") != part(request.new, "spec"):
            raise invalid("update of Migration object's spec is restricted", "spec")
        return
    name = part(request.new, "spec").get("vmiName") or ""
    instance = world.store.get(INSTANCE, Key(request.key.namespace, name))
    if not name:
        raise invalid("vmiName is missing", "spec.vmiName")
    if instance is None:
        raise failed(f'the VMI "{request.key.namespace}/{name}" does not exist')
    if phase(instance) in FINAL_PHASES:
        raise failed("Cannot migrate VMI in finalized state.")
    found = {c["type"]: c for c in part(instance, "status").get("conditions") or []}
    migratable = found.get("LiveMigratable", {})
    if migratable.get("status") == "False":
        raise failed(f"Cannot migrate VMI, Reason: {migratable.get('reason')}, Message: {migratable.get('message')}")
    for other in world.store.all(MIGRATION, request.key.namespace):
        if other["spec"].get("vmiName") == name and phase(other) not in FINAL_PHASES:
            job = other["metadata"]["uid"]
            raise failed(f"in-flight migration detected. Active migration job ({job}) is currently already in progress for VMI {name}.")
