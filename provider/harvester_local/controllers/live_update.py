"""What of a changed template reaches a running instance, and what needs a restart.

Pure: from the spec the instance was started with, the machine as it is now and the instance, to one patch and one
verdict. Follows KubeVirt's VM controller under vmRolloutStrategy LiveUpdate: addRestartRequiredIfNeeded and the
handle...Request functions of vm.go, pkg/network/controllers/vm.go and pkg/network/vmliveupdate. Interfaces and
hotpluggable volumes are followed even while a restart is pending, the rest is not.
"""

import copy
from dataclasses import dataclass, field
from decimal import Decimal

from harvester_local.api.objects import Obj, is_true, items, part
from harvester_local.api.quantities import binary, decimal
from harvester_local.api.versions import Rules
from harvester_local.model.machines import amount, claim_of, disks, interfaces, networks, not_pluggable, template_spec, volumes

NOT_LIVE = "a non-live-updatable field was changed in the template spec"
PLACEMENT = ("nodeSelector", "affinity", "tolerations")
_CPU_RATIO = 10
"""KubeVirt's default cpuAllocationRatio."""


@dataclass
class LiveUpdate:
    """The outcome. `spec` is a merge patch for the instance's spec."""

    spec: Obj = field(default_factory=dict)
    status: Obj = field(default_factory=dict)
    """A merge patch for the instance's status."""
    migration: list[str] = field(default_factory=list)
    """Conditions to set on the instance, so that it gets a migration."""
    called_back: bool = False
    """Whether volumes that were on the move are to stay."""
    restart: str = ""
    """Why a restart is needed, empty when none is."""

    def devices(self) -> Obj:
        """The part of the patch for the devices."""
        domain: Obj = self.spec.setdefault("domain", {})
        devices: Obj = domain.setdefault("devices", {})
        return devices


def live_update(started: Obj, machine: Obj, instance: Obj, rules: Rules, *, pending: bool) -> LiveUpdate:
    """Compare a machine with its running instance, started with the instance spec `started`.

    `pending` is whether a restart is known to be needed already.
    """
    base, wanted, result = copy.deepcopy(started), template_spec(machine), LiveUpdate()
    _interfaces(base, wanted, instance, result)
    _volumes(base, machine, instance, rules, result)
    _take_over_live_fields(base, wanted)
    if _bare(base) != _bare(wanted):
        result.restart = NOT_LIVE
    elif not pending:
        _placement(wanted, instance, result)
        result.restart = (
            _sockets(wanted, instance, result) or _memory(wanted, instance, result) or _moved_volumes(machine, instance, rules, result)
        )
    return result


def departed_interfaces(machine: Obj, instance: Obj | None) -> list[str]:
    """Interfaces marked absent that no instance has any more: KubeVirt drops them from the machine's spec."""
    present = {nic["name"] for nic in (*interfaces(part(instance, "spec")), *items(instance, "status", "interfaces"))}
    return [nic["name"] for nic in interfaces(template_spec(machine)) if nic.get("state") == "absent" and nic["name"] not in present]


def _take_over_live_fields(base: Obj, wanted: Obj) -> None:
    for name in PLACEMENT:
        base[name] = wanted.get(name)
    if "cpu" in part(base, "domain") and "cpu" in part(wanted, "domain"):
        base["domain"]["cpu"]["sockets"] = part(wanted, "domain", "cpu").get("sockets")
    if guest := part(wanted, "domain", "memory").get("guest"):
        base["domain"].setdefault("memory", {})["guest"] = guest


# Interfaces ---------------------------------------------------------------------------------------------------------


def _interfaces(base: Obj, wanted: Obj, instance: Obj, result: LiveUpdate) -> None:
    """New bridge interfaces and marked ones change on the instance; only what it has can need a restart."""
    spec = part(instance, "spec")
    now, nets = _by_name(interfaces(spec)), _by_name(networks(spec))
    after, wanted_nets = _by_name(interfaces(wanted)), _by_name(networks(wanted))
    same = all(_stateless(after.get(name)) == _stateless(nic) for name, nic in now.items())
    if same and all(wanted_nets.get(name) == net for name, net in nets.items()):
        base.setdefault("domain", {}).setdefault("devices", {})["interfaces"] = interfaces(wanted)
        base["networks"] = networks(wanted)
    migrate = touched = False
    for name, nic in after.items():
        if name not in now and nic.get("state") != "absent" and ("bridge" in nic or "sriov" in nic) and name in wanted_nets:
            now[name], nets[name], migrate = nic, wanted_nets[name], True
        elif name in now and nic.get("state") != now[name].get("state") and now[name].get("state") != "absent":
            now[name] = {**_stateless(now[name]), **({"state": nic["state"]} if nic.get("state") else {})}
            migrate, touched = migrate or nic.get("state") == "absent", True
    if migrate or touched:
        result.devices()["interfaces"] = list(now.values())
        result.spec["networks"] = list(nets.values())
    if migrate:
        result.migration.append("MigrationRequired")


def _stateless(nic: Obj | None) -> Obj:
    return {k: v for k, v in (nic or {}).items() if k != "state"}


# Volumes ------------------------------------------------------------------------------------------------------------


def _volumes(base: Obj, machine: Obj, instance: Obj, rules: Rules, result: LiveUpdate) -> None:
    """Hotpluggable volumes with their disks; a cd-rom drive stays when its medium goes."""
    wanted = template_spec(machine)
    if _volumes_are_live(base, wanted, moving=_moves(machine)):
        base["volumes"] = volumes(wanted)
    if _disks_are_live(base, wanted):
        base.setdefault("domain", {}).setdefault("devices", {})["disks"] = disks(wanted)
    if not rules.declarative_disk_hotplug or _moves(machine):  # hotplug.go plugs nothing while volumes are to be moved
        return
    spec = part(instance, "spec")
    now, after = _by_name(volumes(spec)), _by_name(volumes(wanted))
    plugged = {n for n, v in now.items() if _hotpluggable(v)}
    asked = {n: v for n, v in after.items() if _hotpluggable(v) and (n not in now or n in plugged)}
    if {n: now[n] for n in plugged} == asked:
        return
    result.spec["volumes"] = [*(v for n, v in now.items() if n not in plugged), *asked.values()]
    known, gone = _by_name(disks(spec)), plugged - set(asked)
    kept = [d for d in known.values() if d["name"] not in gone or "cdrom" in d]
    fresh = [d for d in disks(wanted) if d["name"] in asked and d["name"] not in known]
    result.devices()["disks"] = [*kept, *fresh]


def _volumes_are_live(base: Obj, wanted: Obj, *, moving: bool) -> bool:
    before, after = _by_name(volumes(base)), _by_name(volumes(wanted))
    for name, volume in after.items():
        if _hotpluggable(volume) or (moving and name in before and claim_of(volume)):
            continue
        if before.get(name) != volume:
            return False
    return all(_hotpluggable(volume) for name, volume in before.items() if name not in after)


def _disks_are_live(base: Obj, wanted: Obj) -> bool:
    before, after = _by_name(disks(base)), _by_name(disks(wanted))
    old_volumes, new_volumes = _by_name(volumes(base)), _by_name(volumes(wanted))
    changed = [name for name, disk in after.items() if before.get(name) != disk and not _hotpluggable(new_volumes.get(name))]
    removed = [disk for name, disk in before.items() if name not in after]
    fixed = [disk for disk in removed if disk["name"] in old_volumes and not _hotpluggable(old_volumes[disk["name"]])]
    return not changed and not fixed and not any("cdrom" in disk for disk in removed)


def _moved_volumes(machine: Obj, instance: Obj, rules: Rules, result: LiveUpdate) -> str:
    """Storage migration: volumes that point to other claims are copied by a migration; a text when that needs a restart."""
    now = result.spec.get("volumes") or volumes(part(instance, "spec"))
    after = _by_name(volumes(template_spec(machine)))
    moved = [after[v["name"]] if v["name"] in after and claim_of(v) else v for v in now]
    if _called_back(moved, instance):
        result.spec["volumes"], result.status, result.called_back = moved, {"migratedVolumes": None}, True
        return ""
    if not (rules.storage_migration and _moves(machine)) or moved == now:
        return ""
    changed = {v["name"]: {"claimName": claim_of(v)} for v in now if claim_of(v) != claim_of(after.get(v["name"]) or v)}
    for volume in items(instance, "status", "volumeStatus"):
        modes = part(volume, "persistentVolumeClaimInfo").get("accessModes")
        if modes == ["ReadWriteOnce"] and volume["name"] not in changed:
            return f"cannot migrate the VM. The volume {volume['name']} is RWO and not included in the migration volumes"
    claims = [
        {"volumeName": name, "sourcePVCInfo": source, "destinationPVCInfo": {"claimName": claim_of(after[name])}}
        for name, source in changed.items()
    ]
    result.spec["volumes"], result.status = moved, {"migratedVolumes": claims}
    result.migration.append("VolumesChange")
    return ""


def _called_back(moved: list[Obj], instance: Obj) -> bool:
    """Whether all volumes that are on the move are to be the former ones again (volume-migration.go, VolumeMigrationCancel)."""
    sources = {v["volumeName"]: v["sourcePVCInfo"]["claimName"] for v in items(instance, "status", "migratedVolumes")}
    wanted = {v["name"]: claim_of(v) for v in moved if v["name"] in sources}
    return is_true(instance, "VolumesChange") and bool(sources) and wanted == sources


def _moves(machine: Obj) -> bool:
    return bool(part(machine, "spec").get("updateVolumesStrategy") == "Migration")


def _hotpluggable(volume: Obj | None) -> bool:
    source = part(volume, "persistentVolumeClaim") or part(volume, "dataVolume")
    return bool(source.get("hotpluggable"))


# CPU, memory, placement ---------------------------------------------------------------------------------------------


def _placement(wanted: Obj, instance: Obj, result: LiveUpdate) -> None:
    running = part(instance, "spec")
    for name in PLACEMENT:
        if (running.get(name) or None) != (wanted.get(name) or None):
            result.spec[name] = wanted.get(name)


def _sockets(wanted: Obj, instance: Obj, result: LiveUpdate) -> str:
    """Plug sockets in; a text when that needs a restart."""
    cpu, now = part(wanted, "domain", "cpu"), part(instance, "spec", "domain", "cpu")
    sockets, current = cpu.get("sockets"), now.get("sockets", 1)
    if not sockets or sockets == current or is_true(instance, "HotVCPUChange") or _migrates(instance):
        return ""
    if sockets > now.get("maxSockets", 0):
        return "CPU sockets updated in template spec to a value higher than what's available"
    if sockets < current:
        return "Reduction of CPU socket count requires a restart"
    domain = result.spec.setdefault("domain", {})
    domain["cpu"] = {"sockets": sockets}
    added = Decimal((sockets - current) * now.get("cores", 1) * now.get("threads", 1)) / _CPU_RATIO
    _add_to_resources(domain, instance, "cpu", added)
    result.migration.append("HotVCPUChange")
    return ""


def _memory(wanted: Obj, instance: Obj, result: LiveUpdate) -> str:
    """Plug memory in; a text when that needs a restart."""
    asked, current = amount(wanted, "domain", "memory", "guest"), amount(instance, "spec", "domain", "memory", "guest")
    if asked is None or current is None or asked == current or is_true(instance, "HotMemoryChange") or _migrates(instance):
        return ""
    if refusal := _memory_refusal(asked, wanted, instance):
        return refusal
    domain = result.spec.setdefault("domain", {})
    domain["memory"] = {"guest": part(wanted, "domain", "memory")["guest"]}
    _add_to_resources(domain, instance, "memory", asked - current)
    result.migration.append("HotMemoryChange")
    return ""


def _memory_refusal(asked: Decimal, wanted: Obj, instance: Obj) -> str:
    most = amount(instance, "spec", "domain", "memory", "maxGuest")
    at_boot = amount(instance, "status", "memory", "guestAtBoot")
    if not is_true(instance, "LiveMigratable"):
        return "memory updated in template spec. Memory-hotplug is only available for migratable VMs"
    if most is None:
        return "memory updated in template spec. Memory-hotplug is not available for this VM configuration"
    if why := not_pluggable(asked, most, wanted):
        return f"memory hotplug not supported, {why}"
    if at_boot is not None and asked < at_boot:
        return "memory updated in template spec to a value lower than what the VM started with"
    return ""


def _add_to_resources(domain: Obj, instance: Obj, name: str, added: Decimal) -> None:
    """Raise what the instance asks its node for along with what is plugged in."""
    for which in ("requests", "limits"):
        known = amount(instance, "spec", "domain", "resources", which, name)
        if known is not None:
            value = binary(known + added) if name == "memory" else decimal(known + added)
            domain.setdefault("resources", {}).setdefault(which, {})[name] = value


def _migrates(instance: Obj) -> bool:
    state = part(instance, "status", "migrationState")
    return bool(state) and not state.get("completed")


def _by_name(entries: list[Obj]) -> dict[str, Obj]:
    return {entry["name"]: entry for entry in entries}


def _bare(value: object) -> object:
    """Without null fields and empty lists, which mean the same as absent ones; an empty object such as `tpm: {}` is one."""
    if isinstance(value, dict):
        return {k: bare for k, v in value.items() if (bare := _bare(v)) not in (None, [])}
    if isinstance(value, list):
        return [_bare(v) for v in value]
    return value
