"""What of a changed template reaches a running instance, and what needs a restart.

Pure: from the spec the instance was started with, the spec wanted now and the instance's own, to one patch and one
verdict. The rules are KubeVirt's for vmRolloutStrategy LiveUpdate, see virt-controller's vm.go, pkg/network/vmliveupdate,
pkg/storage/hotplug and pkg/liveupdate/memory; when a field is not named here, a change of it needs a restart.
"""

import copy
from dataclasses import dataclass, field

from harvester_local.api.objects import Obj, is_true, part
from harvester_local.api.versions import Rules
from harvester_local.model.machines import amount, claim_of, disks, interfaces, networks, template_spec, volumes

PLACEMENT = ("nodeSelector", "affinity", "tolerations")
_MEBIBYTE = 1 << 20
_LEAST_MEMORY = 1 << 30


@dataclass
class LiveUpdate:
    """The outcome: `spec` is a merge patch for the instance's spec, `migration` the conditions that ask for a migration."""

    spec: Obj = field(default_factory=dict)
    migration: list[str] = field(default_factory=list)
    restart_required: bool = False
    departed: list[str] = field(default_factory=list)
    """Interfaces marked absent that have left the instance: KubeVirt drops them from the machine's spec."""


def live_update(started: Obj, machine: Obj, instance: Obj, rules: Rules) -> LiveUpdate:
    """Compare a machine with its running instance, which was started with the instance spec `started`."""
    base, wanted, result = copy.deepcopy(started), copy.deepcopy(template_spec(machine)), LiveUpdate()
    running = part(instance, "spec")
    _placement(base, wanted, running, result)
    _cpu(base, wanted, instance, result)
    _memory(base, wanted, instance, result)
    _interfaces(base, wanted, running, rules, result)
    _disks(base, wanted, running, rules, result)
    if _bare(base) != _bare(wanted):
        return LiveUpdate(restart_required=True)
    return result


def _placement(base: Obj, wanted: Obj, running: Obj, result: LiveUpdate) -> None:
    for name in PLACEMENT:
        base.pop(name, None)
        value = wanted.pop(name, None)
        if (running.get(name) or None) != (value or None):
            result.spec[name] = value


def _cpu(base: Obj, wanted: Obj, instance: Obj, result: LiveUpdate) -> None:
    cpu, now = part(wanted, "domain", "cpu"), part(instance, "spec", "domain", "cpu")
    sockets, current = cpu.get("sockets", 1), now.get("sockets", 1)
    if sockets != current:
        if not current < sockets <= now.get("maxSockets", 0) or not is_true(instance, "LiveMigratable"):
            return
        result.spec.setdefault("domain", {})["cpu"] = {"sockets": sockets}
        result.migration.append("HotVCPUChange")
    if "sockets" in cpu:
        part(base, "domain", "cpu")["sockets"] = sockets


def _memory(base: Obj, wanted: Obj, instance: Obj, result: LiveUpdate) -> None:
    asked = amount(wanted, "domain", "memory", "guest")
    current, most = amount(instance, "spec", "domain", "memory", "guest"), amount(instance, "spec", "domain", "memory", "maxGuest")
    if asked is None or current is None:
        return
    if asked != current:
        at_boot = amount(instance, "status", "memory", "guestAtBoot") or current
        fits = most is not None and _LEAST_MEMORY <= at_boot <= asked <= most and asked % (2 * _MEBIBYTE) == 0
        if not fits or asked < current or not is_true(instance, "LiveMigratable"):
            return
        result.spec.setdefault("domain", {})["memory"] = {"guest": wanted["domain"]["memory"]["guest"]}
        result.migration.append("HotMemoryChange")
    part(base, "domain", "memory")["guest"] = wanted["domain"]["memory"]["guest"]


def _interfaces(base: Obj, wanted: Obj, running: Obj, rules: Rules, result: LiveUpdate) -> None:
    """Bridge interfaces come and go live; what left the instance after `state: absent` is no difference any more."""
    before, after, now = _by_name(interfaces(base)), _by_name(interfaces(wanted)), _by_name(interfaces(running))
    nets, live_nets = _by_name(networks(wanted)), _by_name(networks(running))
    changed = False
    for name, nic in after.items():
        if nic.get("state") == "absent":
            changed |= _unplug(name, now, rules)
            if name not in now:
                result.departed.append(name)
        elif name not in before and name not in now and name in nets and _pluggable(nic, nets[name], rules):
            now[name], live_nets[name], changed = copy.deepcopy(nic), nets[name], True
        elif name in now and nic.get("state") != now[name].get("state"):
            now[name] = {**{k: v for k, v in now[name].items() if k != "state"}, **({"state": nic["state"]} if "state" in nic else {})}
            result.spec.setdefault("domain", {}).setdefault("devices", {})["interfaces"] = list(now.values())
    if changed:
        result.spec.setdefault("domain", {}).setdefault("devices", {})["interfaces"] = list(now.values())
        result.spec["networks"] = list(live_nets.values())
        result.migration.append("MigrationRequired")
    settled = {name for name in {*before, *after} if _settled(name, before, after, now)}
    for spec in (base, wanted):
        part(spec, "domain", "devices")["interfaces"] = [_stateless(n) for n in interfaces(spec) if n["name"] not in settled]
        spec["networks"] = [n for n in networks(spec) if n["name"] not in settled]


def _unplug(name: str, now: dict[str, Obj], rules: Rules) -> bool:
    if name in now and now[name].get("state") != "absent" and rules.nic_hotplug:
        now[name] = {**now[name], "state": "absent"}
        return True
    return False


def _pluggable(nic: Obj, network: Obj, rules: Rules) -> bool:
    return rules.nic_hotplug and "bridge" in nic and "multus" in network and nic.get("model", "virtio") == "virtio"


def _settled(name: str, before: dict[str, Obj], after: dict[str, Obj], now: dict[str, Obj]) -> bool:
    """Whether this interface is no reason for a restart, whatever its two versions say."""
    if name not in after:
        return name not in now
    if after[name].get("state") == "absent":
        return name not in now or now[name].get("state") == "absent"
    return name not in before and name in now and _stateless(after[name]) == _stateless(now[name])


def _stateless(nic: Obj) -> Obj:
    return {k: v for k, v in nic.items() if k != "state"}


def _disks(base: Obj, wanted: Obj, running: Obj, rules: Rules, result: LiveUpdate) -> None:
    """Hotpluggable volumes, with their disks, follow the spec where the release declares them; cd-roms keep their disk."""
    if not rules.declarative_disk_hotplug:
        return
    before, after = _by_name(volumes(base)), _by_name(volumes(wanted))
    loose = {name for name in {*before, *after} if _hotpluggable(before.get(name)) or _hotpluggable(after.get(name))}
    loose = {
        name for name in loose if _hotpluggable(before.get(name, after.get(name))) and _hotpluggable(after.get(name, before.get(name)))
    }
    now, want = _by_name(volumes(running)), {name: after[name] for name in loose if name in after}
    if {name: now[name] for name in loose if name in now} != want:
        rest = [v for v in volumes(running) if v["name"] not in loose]
        result.spec["volumes"] = [*rest, *(v for v in volumes(wanted) if v["name"] in loose)]
        gone = {n for n in loose if n not in after}
        known = _by_name(disks(running))
        kept = [d for d in disks(running) if d["name"] not in gone or "cdrom" in d]
        fresh = [d for d in disks(wanted) if d["name"] in loose and d["name"] not in known]
        result.spec.setdefault("domain", {}).setdefault("devices", {})["disks"] = [*kept, *fresh]
    for spec in (base, wanted):
        spec["volumes"] = [v for v in volumes(spec) if v["name"] not in loose]
        part(spec, "domain", "devices")["disks"] = [d for d in disks(spec) if d["name"] not in loose or "cdrom" in d]


def _hotpluggable(volume: Obj | None) -> bool:
    if volume is None:
        return False
    source = part(volume, "persistentVolumeClaim") or part(volume, "dataVolume")
    return bool(source.get("hotpluggable")) and bool(claim_of(volume))


def _by_name(entries: list[Obj]) -> dict[str, Obj]:
    return {entry["name"]: entry for entry in entries}


def _bare(value: object) -> object:
    """Without what an absent field and an empty one have in common."""
    if isinstance(value, dict):
        return {k: bare for k, v in value.items() if (bare := _bare(v)) not in (None, {}, [])}
    if isinstance(value, list):
        return [_bare(v) for v in value]
    return value
