"""Rules of the kinds that have one or two: key pairs, template versions, migrations, instances.

Upstream: pkg/webhook/resources/{keypair,templateversion} in Harvester, and KubeVirt's admitters and mutators.
"""

from harvester_local.admission.review import DELETE, Request, bad_request, invalid, not_allowed, plain
from harvester_local.admission.world import World
from harvester_local.api.kinds import INSTANCE, KEY_PAIR, MIGRATION, TEMPLATE
from harvester_local.api.objects import Key, Obj, deleting, part
from harvester_local.model.keys import fingerprint
from harvester_local.model.machines import FINAL_PHASES, phase

MIGRATION_LABEL, MIGRATION_FINALIZER = "kubevirt.io/vmi-name", "kubevirt.io/migrationJobFinalize"
KUBEVIRT_ACCOUNTS = "system:serviceaccount:harvester-system:kubevirt-"


def validate_key_pair(request: Request, world: World) -> None:  # noqa: ARG001  one signature for all rules
    """Raise DeniedError unless the key is an OpenSSH public key."""
    key = part(request.new, "spec").get("publicKey") or ""
    if not key:
        raise invalid("public key is required", "spec.publicKey")
    try:
        fingerprint(key)
    except ValueError as error:
        raise invalid("key is not in valid OpenSSH public key format", "spec.publicKey") from error


def mutate_template_version(request: Request, world: World) -> Obj:  # noqa: ARG001  one signature for all rules
    """A version without a name gets one from its template's."""
    version, meta = dict(request.new), dict(request.new["metadata"])
    if not meta.get("name") and not meta.get("generateName"):
        meta["generateName"] = f"{Key.parse(version['spec']['templateId']).name}-"
    version["metadata"] = meta
    return version


def validate_template_version(request: Request, world: World) -> None:
    """Raise DeniedError for a version that fits no template, for every change, and for deleting the default."""
    if request.operation == DELETE:
        template = world.store.get(TEMPLATE, Key.parse(request.old["spec"]["templateId"], request.key.namespace))
        if part(template, "spec").get("defaultVersionId") == str(request.key):
            raise bad_request("Cannot delete the default templateVersion")
    elif request.created:
        _check_version(request, world)
    elif not deleting(request.new):
        raise not_allowed("Update templateVersion is not supported")


def _check_version(request: Request, world: World) -> None:
    spec = part(request.new, "spec")
    if not spec.get("templateId"):
        raise invalid("TemplateId is empty", "spec.templateId")
    template = Key.parse(spec["templateId"])
    if template.namespace != request.key.namespace:
        raise invalid("Template version and template should reside in the same namespace", "metadata.namespace")
    if world.store.get(TEMPLATE, template) is None:
        raise invalid(f'virtualmachinetemplates.harvesterhci.io "{template.name}" not found', "spec.templateId")
    for number, pair in enumerate(spec.get("keyPairIds") or []):
        if world.store.get(KEY_PAIR, Key.parse(pair)) is None:
            why = f'keypairs.harvesterhci.io "{Key.parse(pair).name}" not found'
            raise invalid(f"KeyPairID {pair} is invalid, {why}", f"spec.keyPairIds[{number}]")
    instance = part(spec, "vm", "spec", "template", "spec")
    limits = part(instance, "domain", "resources", "limits")
    if instance and not limits:
        raise invalid("CPU and Memory limits are required fields, but are missing from the input", "spec.vm.template.spec")
    for name, word in (("memory", "Memory"), ("cpu", "CPU")):
        if instance and name not in limits:
            raise invalid(f"{word} limit is an required field, but is missing from the input", "spec.vm.template.spec")


def mutate_migration(request: Request, world: World) -> Obj:  # noqa: ARG001  one signature for all rules
    """A migration is marked with its instance's name and held until its controller lets it go."""
    migration, meta = dict(request.new), dict(request.new["metadata"])
    meta["labels"] = {**(meta.get("labels") or {}), MIGRATION_LABEL: part(request.new, "spec").get("vmiName") or ""}
    meta["finalizers"] = sorted({*(meta.get("finalizers") or []), MIGRATION_FINALIZER})
    return {**migration, "metadata": meta}


def validate_instance(request: Request, world: World) -> None:  # noqa: ARG001  one signature for all rules
    """Raise DeniedError when somebody but KubeVirt itself changes what an instance is."""
    if part(request.old, "spec") != part(request.new, "spec") and not request.user.startswith(KUBEVIRT_ACCOUNTS):
        raise invalid("update of VMI object is restricted", "spec")


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
        raise plain(f'the VMI "{request.key.namespace}/{name}" does not exist')
    if phase(instance) in FINAL_PHASES:
        raise plain("Cannot migrate VMI in finalized state.")
    found = {c["type"]: c for c in part(instance, "status").get("conditions") or []}
    migratable = found.get("LiveMigratable", {})
    if migratable.get("status") == "False":
        raise plain(f"Cannot migrate VMI, Reason: {migratable.get('reason')}, Message: {migratable.get('message')}")
    for other in world.store.all(MIGRATION, request.key.namespace):
        if other["spec"].get("vmiName") == name and phase(other) not in FINAL_PHASES:
            job = other["metadata"]["uid"]
            raise plain(f"in-flight migration detected. Active migration job ({job}) is currently already in progress for VMI {name}.")
