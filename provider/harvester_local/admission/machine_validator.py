"""What Harvester's validator refuses about a VirtualMachine, in the order of upstream's checks.

Upstream: pkg/webhook/resources/virtualmachine/validator.go at v1.6 to v1.9. There is no check on delete.
"""

from harvester_local.admission.claims import check_expand, provisioner_of
from harvester_local.admission.review import Request, failed, invalid
from harvester_local.admission.world import World
from harvester_local.api.kinds import VOLUME_CLAIM
from harvester_local.api.objects import Key, Obj, annotations, labels, part
from harvester_local.api.quantities import parse
from harvester_local.model.images import LONGHORN
from harvester_local.model.machines import (
    RESERVED_MEMORY,
    VOLUME_TEMPLATES,
    TemplateError,
    amount,
    claims,
    disks,
    interfaces,
    networks,
    template_spec,
    volume_templates,
    volumes,
)
from harvester_local.model.networks import CLUSTER_NETWORK_LABEL

MAINTENANCE_LABEL = "harvesterhci.io/maintain-mode-strategy"
MAINTENANCE_STRATEGIES = ("Migrate", "ShutdownAndRestartAfterEnable", "ShutdownAndRestartAfterDisable", "Shutdown")


def validate_machine(request: Request, world: World) -> None:
    """Raise DeniedError for what upstream refuses on create and update."""
    machine, old = request.new, request.old
    if not template_spec(machine):
        return
    _check_spec(machine, world)
    if not request.created:
        _check_template_changes(old, machine, world)
        if world.rules.storage_migration:
            _check_targets(machine, world)
    _check_maintenance(machine, old)
    if not request.created and interfaces(template_spec(old)) == interfaces(template_spec(machine)):
        return
    _check_macs(machine, world)
    if world.rules.checks_cdrom_bus:
        _check_cdroms(machine)


def _check_spec(machine: Obj, world: World) -> None:
    try:
        volume_templates(machine)
    except TemplateError as error:
        raise invalid(str(error), "metadata.annotations") from error
    _check_claims(machine, world)
    spec = template_spec(machine)
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        raise invalid("Termination grace period can't be negative", "spec.Template.Spec.TerminationGracePeriodSeconds")
    limit, guest = amount(spec, "domain", "resources", "limits", "memory"), amount(spec, "domain", "memory", "guest")
    if world.rules.requires_memory and not limit and not guest:
        raise invalid("either memory.guest or resources.limits.memory must be set", "spec.template.spec.domain")
    _check_reserved_memory(machine, spec)


def _check_claims(machine: Obj, world: World) -> None:
    namespace, own = machine["metadata"]["namespace"], machine["metadata"].get("name")
    for volume in volumes(template_spec(machine)):
        name = str(part(volume, "persistentVolumeClaim").get("claimName") or "")
        claim = world.store.get(VOLUME_CLAIM, Key(namespace, name))
        if claim is None:
            continue
        if annotations(claim).get("harvesterhci.io/goldenImage") == "true":
            raise invalid(f"PVC {namespace}/{name} is a golden image, it can't be used as a volume in VM", "spec.templates.spec.volumes")
        if provisioner_of(claim, world) != LONGHORN and "ReadWriteMany" in claim["spec"].get("accessModes", []):
            continue
        if any(other["metadata"]["name"] != own for other in world.machines_with_claim(Key(namespace, name))):
            raise invalid(
                f"PVC {namespace}/{name} is already used by other VM, please use a shareable RWX volume.", "spec.templates.spec.volumes"
            )


def _check_reserved_memory(machine: Obj, spec: Obj) -> None:
    text, limit = annotations(machine).get(RESERVED_MEMORY), amount(spec, "domain", "resources", "limits", "memory")
    if not text or not limit:
        return
    field = f"metadata.annotations[{RESERVED_MEMORY}]"
    try:
        reserved = parse(text)
    except ValueError as error:
        raise invalid(str(error), field) from error
    if reserved >= limit:
        raise invalid("reservedMemory cannot be equal or greater than limits.memory", field)
    guest = amount(spec, "domain", "memory", "guest")
    if guest and guest + reserved > limit:
        raise invalid(
            f"guest memory {int(guest)} plus reservedMemory {int(reserved)} cannot be greater than limits.memory {int(limit)}", field
        )
    if reserved < 0:
        raise invalid("reservedMemory cannot be less than 0", field)


def _check_template_changes(old: Obj, new: Obj, world: World) -> None:
    before, after = annotations(old).get(VOLUME_TEMPLATES, ""), annotations(new).get(VOLUME_TEMPLATES, "")
    if not after or before == after:
        return
    known, changed = {e["metadata"]["name"]: e for e in volume_templates(old)}, ""
    for entry in volume_templates(new):
        name, store_class = entry["metadata"]["name"], part(entry, "spec").get("storageClassName")
        if not before:
            if world.rules.checks_added_template_classes and store_class and world.storage_class(store_class) is None:
                raise invalid(f"storage class {store_class} does not exist", f"metadata.annotations.{VOLUME_TEMPLATES}")
        elif name in known:
            _check_size(new["metadata"]["namespace"], known[name], entry, world)
            was = part(known[name], "spec").get("storageClassName")
            if was and store_class and was != store_class:
                changed += f" new name {store_class} in volume {name};"
    if changed:
        raise failed(f"storage class names for the volumes in the {VOLUME_TEMPLATES} annotation cannot be changed;{changed}")


def _check_targets(machine: Obj, world: World) -> None:
    """Storage migration: one volume at a time, of a machine that runs, to a claim that is there and large enough."""
    entries = [entry for entry in volume_templates(machine) if entry.get("targetVolume")]
    used, field = claims(template_spec(machine)), f"metadata.annotations[{VOLUME_TEMPLATES}]"
    if len(entries) > 1:
        raise invalid("only one volume migration is allowed at a time", field)
    for entry in entries:
        source, target = entry["metadata"]["name"], entry["targetVolume"]
        if target in used:
            continue  # it is on its way
        if source not in used:
            raise invalid(f"PVC {source} is not attached to the VM", field)
        if part(machine, "status").get("printableStatus") != "Running":
            raise invalid("VM must be running to set targetVolume for volume migration", field)
        found = world.store.get(VOLUME_CLAIM, Key(machine["metadata"]["namespace"], target))
        if found is None:
            raise invalid(f"targetVolume PVC {machine['metadata']['namespace']}/{target} not found", field)
        have, needed = amount(found, "spec", "resources", "requests", "storage"), amount(entry, "spec", "resources", "requests", "storage")
        if have is not None and needed is not None and have < needed:
            new, old = (part(each, "spec", "resources", "requests")["storage"] for each in (found, entry))
            raise invalid(f"targetVolume {target} size ({new}) must not be less than source volume {source} size ({old})", field)


def _check_size(namespace: str, old: Obj, new: Obj, world: World) -> None:
    before = amount(old, "spec", "resources", "requests", "storage") or 0
    after = amount(new, "spec", "resources", "requests", "storage") or 0
    name = new["metadata"]["name"]
    if after < before:
        raise invalid(f"{name} PVC requests storage can't be less than previous value", f"metadata.annotations.{VOLUME_TEMPLATES}")
    if after > before:
        claim = world.store.get(VOLUME_CLAIM, Key(namespace, name))
        if claim is None:
            raise failed(f'persistentvolumeclaims "{name}" not found')
        check_expand(claim, world)


def _check_maintenance(machine: Obj, old: Obj) -> None:
    strategy = labels(machine).get(MAINTENANCE_LABEL)
    if strategy is None or strategy in MAINTENANCE_STRATEGIES or (old and labels(old).get(MAINTENANCE_LABEL) == strategy):
        return
    raise invalid(f"invalid maintenance mode strategy: {strategy}", f"metadata.labels[{MAINTENANCE_LABEL}]")


def _check_macs(machine: Obj, world: World) -> None:
    """The same MAC address twice on one cluster network, on interfaces of different machines."""
    key = Key(machine["metadata"]["namespace"], machine["metadata"].get("name", ""))
    for mac, where in _macs_by_network(machine, world).items():
        for other in world.machines_with_mac(mac[1]):
            found = _macs_by_network(other, world).get(mac)
            if found and (Key(other["metadata"]["namespace"], other["metadata"]["name"]), found) != (key, where):
                raise failed(f"duplicate mac address present for vm {key.name} for cluster network {mac[0]}")


def _macs_by_network(machine: Obj, world: World) -> dict[tuple[str, str], str]:
    """Interface names by cluster network (empty for the pod network) and MAC address."""
    spec, on = template_spec(machine), {}
    for network in networks(spec):
        name = part(network, "multus").get("networkName")
        if name:
            key = Key.parse(name, "default")
            nad = world.network(key)
            if nad is None:
                raise failed(f'network-attachment-definitions.k8s.cni.cncf.io "{key.name}" not found')
            on[network["name"]] = labels(nad).get(CLUSTER_NETWORK_LABEL, "")
    return {(on.get(nic["name"], ""), nic["macAddress"]): nic["name"] for nic in interfaces(spec) if nic.get("macAddress")}


def _check_cdroms(machine: Obj) -> None:
    spec = template_spec(machine)
    known = {v["name"]: v for v in volumes(spec)}
    for disk in disks(spec):
        if "cdrom" not in disk or part(disk, "cdrom").get("bus") == "sata":
            continue
        if disk["name"] not in known:
            raise failed("empty cd-rom device should connect via SATA bus")
        if part(known[disk["name"]], "persistentVolumeClaim").get("hotpluggable"):
            raise failed("hotpluggable cd-rom volume should connect via SATA bus")
