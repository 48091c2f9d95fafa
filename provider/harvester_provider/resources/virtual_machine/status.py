"""Verdicts on a machine: is it running, has it an address, is it off, has its volume grown. Sources: KubeVirt's printable status
(staging/src/kubevirt.io/api/core/v1/types.go), its virtual machine controller, Harvester's quota controller.

A wait fails early only where the objects themselves show that it cannot succeed; there are no timers here.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from harvester_provider.core.json import Object, condition, dig, dig_int, dig_list, dig_map, dig_objects, dig_str, is_true
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.virtual_machine import nics
from harvester_provider.resources.virtual_machine.live import Live, instance_of
from harvester_provider.resources.virtual_machine.words import QUOTA

CRASHES = 3
"""A guest that failed to start this often in a row will not start by itself."""
_LATE_SECONDS = 10.0
"""How long a watch may be behind that does not show a volume or an image: before the machine was made, both were looked up and there."""
_START = "change restartTrigger to start it"
_FINAL_REFUSAL = re.compile(r"denied the request|exceeded quota|is invalid|is forbidden", re.IGNORECASE)
_VOLUMES = re.compile(r"persistentvolumeclaim|volume node affinity|unbound|PVC \S+ does not exist", re.IGNORECASE)
"""What no node takes for want of a volume. KubeVirt says the last one itself, and a moment longer than it is so (vmi/lifecycle.go)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A volume a machine needs. `made` where Harvester makes it, from `image` or blank."""

    ref: Ref
    made: bool = False
    image: Ref | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """Judges whether the guest runs. Fails early with the cluster's words where it cannot start."""

    ref: Ref
    claims: tuple[Claim, ...] = ()

    @property
    def wants(self) -> tuple[Want, ...]:
        """What must be seen to judge."""
        images = (claim.image for claim in self.claims if claim.image)
        return (self.ref, instance_of(self.ref), *(claim.ref for claim in self.claims), *dict.fromkeys(images))

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the guest runs."""
        live = Live.of(self.ref, seen)
        if not live.vm:
            return Failed("the machine was deleted meanwhile", "run `pulumi refresh`")
        return _trouble(live) or self._volumes(live, seen) or _progress(live)

    def _volumes(self, live: Live, seen: Snapshot) -> Failed | Waiting | None:
        """Volumes that are missing or lost, and those that are being made."""
        if live.guest_runs:
            return None
        for claim in self.claims:
            found = seen.get(claim.ref)
            name = f"volume {claim.ref.id}"
            if not found and not claim.made:
                return Failed(f"{name} does not exist", "make the volume, or name another one in existingVolume", _LATE_SECONDS)
            if not found and claim.image and not seen.get(claim.image):
                why = f"{name} cannot be made: image {claim.image.id} does not exist"
                return Failed(why, "make the image again, or use another one", _LATE_SECONDS)
            if dig_str(found, "status", "phase") == "Lost":
                return Failed(f"{name} is lost: its storage is gone", "restore the volume from a backup")
            if not found:
                return Waiting(f"{name} is being made")
        return None


@dataclass(frozen=True, slots=True)
class Addressed:
    """Judges whether the guest runs and has its addresses. `must` are NICs that are waited for, `skip` those that are not."""

    running: Running
    must: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where every NIC that is waited for has an address; link-local ones do not count."""
        verdict = self.running(seen)
        if not isinstance(verdict, Ready):
            return verdict
        live = Live.of(self.running.ref, seen)
        missing = [name for name in self._awaited(live) if not addresses(live.instance, name)]
        if not missing:
            return Ready()
        which = ", ".join(missing)
        agent = "" if live.has_agent else " (a NIC on a VLAN network reports its address only when qemu-guest-agent runs in the guest)"
        return Waiting(f"running, no address yet on {which}{agent}")

    def _awaited(self, live: Live) -> list[str]:
        """The NICs that are waited for: those that must, or those that can report an address."""
        if self.must:
            return [name for name in self.must if name in live.interfaces]
        free = [name for name in live.interfaces if name not in self.skip]
        by_pod = [name for name in free if nics.binding_of(live.interfaces[name]) == "masquerade"]
        return free if live.has_agent or not by_pod else by_pod


@dataclass(frozen=True, slots=True)
class Stopped:
    """Judges whether the guest is off and will stay so."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where there is no guest any more."""
        live = Live.of(self.ref, seen)
        if not live.vm or (live.strategy == "Halted" and not live.instance):
            return Ready()
        if live.strategy != "Halted":
            return Waiting(f"run strategy is {live.strategy} still")
        since = dig_str(live.instance, "metadata", "deletionTimestamp")
        return Waiting(f"the guest is shutting down{f', latest at {since}' if since else ''}")


@dataclass(frozen=True, slots=True)
class Grown:
    """Judges whether a volume has its new size. A file system that grows at the next start counts."""

    ref: Ref
    size: str

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the volume has the size."""
        found = seen.get(self.ref)
        if not found:
            return Failed("the volume is gone", "run `pulumi refresh`")
        have = dig_str(found, "status", "capacity", "storage")
        if dig_str(found, "status", "phase") != "Bound" or is_true(found, "FileSystemResizePending"):
            return Ready()
        if have and Quantity(have) >= Quantity(self.size):
            return Ready()
        why = dig_str(condition(found, "ControllerResizeError"), "message") or dig_str(condition(found, "NodeResizeError"), "message")
        return Waiting(f"it has {have or 'an unknown size'} of {self.size}{f': {why}' if why else ''}")


def _trouble(live: Live) -> Failed | None:
    """What cannot end well."""
    if dig_str(live.vm, "metadata", "deletionTimestamp"):
        return Failed("the machine is being deleted", "wait until it is gone, then run `pulumi up` again")
    if live.halted_by_quota:
        way_out = f"raise the quota, or make the machine smaller, then {_START}"
        return Failed(f"the quota of the namespace is used up: {live.annotations[QUOTA]}", way_out)
    failure = condition(live.vm, "Failure")
    message = dig_str(failure, "message")
    if not live.on and failure.get("status") == "True" and _FINAL_REFUSAL.search(message):
        return Failed(f"the cluster refuses to start it: {message}", "change what it refuses, then run `pulumi up` again")
    return _of_status(live) or _given_up(live)


def reason(live: Live) -> str:
    """Why the machine is not what its run strategy says, and the way out; empty where it is."""
    if trouble := _trouble(live):
        return f"{trouble.why}: {trouble.next_step}"
    if live.stopped_for_update and not live.on:
        return "stopped for an update that was interrupted: the next `pulumi up` goes on with it"
    if live.strategy in {"RerunOnFailure", "Once"} and dig_str(live.vm, "status", "printableStatus") == "Stopped":
        return f"its guest shut itself down, or somebody stopped it: {_START}"
    paused = condition(live.instance, "Paused")
    if live.on and paused.get("status") == "True":
        return dig_str(paused, "message") or dig_str(paused, "reason")
    return ""


def _of_status(live: Live) -> Failed | None:
    """The printable statuses that stand for an end."""
    status = dig_str(live.vm, "status", "printableStatus")
    scheduled, synchronized = condition(live.instance, "PodScheduled"), condition(live.instance, "Synchronized")
    message = dig_str(scheduled, "message")
    if status == "ErrorUnschedulable" and scheduled.get("status") == "False" and not _VOLUMES.search(message):
        return Failed(f"no node takes it: {message}", "lower cpu or memory, change nodeSelector or the networks, or free a node")
    if status == "ImagePullBackOff":
        return Failed(f"a container image cannot be pulled: {dig_str(synchronized, 'message')}", "check containerImage of the disks")
    if status == "DataVolumeError":
        return Failed(f"a volume cannot be made: {_failure(live)}", "look at the DataVolume of the disk")
    if status == "CrashLoopBackOff" and dig_int(live.vm, "status", "startFailure", "consecutiveFailCount") >= CRASHES:
        return Failed(f"the guest failed to start {CRASHES} times in a row: {_failure(live)}", "look at the events of the machine")
    return None


def _given_up(live: Live) -> Failed | None:
    """A guest that shut itself down, or one that is run once and failed: KubeVirt starts it again only on request (syncRunStrategy).

    Told by the ended instance alone: a machine without one may just as well be about to get it.
    """
    if live.strategy in {"RerunOnFailure", "Once"} and dig_str(live.instance, "status", "phase") == "Succeeded":
        return Failed("the guest shut itself down", f"{_START}, or set runStrategy to Always")
    if live.strategy == "Once" and dig_str(live.instance, "status", "phase") == "Failed":
        return Failed(f"the guest failed, and is run once: {_failure(live)}", "look at the events of the machine; set another runStrategy")
    return None


def _failure(live: Live) -> str:
    found = (condition(live.vm, "Failure"), condition(live.instance, "Synchronized"))
    return next(filter(None, (dig_str(each, "message") for each in found)), "the cluster does not say why")


def _progress(live: Live) -> Ready | Waiting:
    """Ready where the guest runs and KubeVirt calls it ready; what it is waiting for otherwise."""
    status = dig_str(live.vm, "status", "printableStatus")
    if live.strategy == "Halted":
        return Waiting("run strategy is Halted still")
    leaving = dig_str(live.instance, "metadata", "deletionTimestamp")
    settled = dig(live.vm, "status", "ready") is True or bool(dig_map(live.instance, "spec", "readinessProbe"))  # a probe judges the guest
    if settled and live.guest_runs and not leaving and status in {"Running", "Migrating"}:
        return Ready()
    why = next(filter(None, (_blocked(each, live) for each in ("PodScheduled", "Synchronized", "Ready"))), "")
    return Waiting(f"{status or 'being made'}{f' ({why})' if why else ''}")


def _blocked(kind: str, live: Live) -> str:
    found = condition(live.instance, kind)
    return dig_str(found, "message") if found.get("status") == "False" else ""


def addresses(instance: Object, nic: str) -> list[str]:
    """The addresses of a NIC, IPv4 first, without link-local ones and without prefix lengths."""
    entry = next((each for each in dig_objects(instance, "status", "interfaces") if each.get("name") == nic), {})
    texts = [*dig_list(entry, "ipAddresses"), dig_str(entry, "ipAddress")]
    found = dict.fromkeys(address for text in texts if isinstance(text, str) and (address := _usable(text)))
    return sorted(found, key=lambda address: ":" in address)


def _usable(text: str) -> str:
    try:
        address = ip_address(re.split("[/%]", text, maxsplit=1)[0])
    except ValueError:
        return ""
    return "" if address.is_link_local or address.is_loopback or address.is_unspecified else str(address)
