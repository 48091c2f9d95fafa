"""A machine as it was seen: one view over the VM object, its instance and the claims, for plans, observations and outputs.

It reads and never judges. Objects that other tools made may lack anything; nothing here fails on that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from harvester_provider.core.json import (
    Object,
    by_name,
    condition,
    dig,
    dig_int,
    dig_map,
    dig_objects,
    dig_str,
    dig_strings,
    is_true,
    parsed,
)
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import IMAGE_ID, PERSISTENT_VOLUME_CLAIM, RESTORED_VOLUMES, VIRTUAL_MACHINE_INSTANCE
from harvester_provider.resources.virtual_machine.disks import claim_of
from harvester_provider.resources.virtual_machine.words import (
    COPY_OF,
    LAST_STRATEGY,
    MAC_ADDRESSES,
    MADE_FROM,
    QUOTA,
    STOPPED_FOR_UPDATE,
    VOLUME_CLAIM_TEMPLATES,
)

GRACE_SECONDS = 120
"""Harvester's default for how long a guest may take to shut down (setting default-vm-termination-grace-period-seconds)."""
_FINAL = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Live:
    """The machine `ref` in the snapshot `seen`."""

    ref: Ref
    vm: Object
    instance: Object

    @classmethod
    def of(cls, ref: Ref, seen: Snapshot) -> "Live":
        """The view; empty mappings stand for what is not there."""
        return cls(ref, seen.get(ref), seen.get(instance_of(ref)))

    @cached_property
    def spec(self) -> Object:
        """`spec.template.spec`."""
        return dig_map(self.vm, "spec", "template", "spec")

    @cached_property
    def domain(self) -> Object:
        """`spec.template.spec.domain`."""
        return dig_map(self.spec, "domain")

    @cached_property
    def annotations(self) -> dict[str, str]:
        """The annotations of the VM object."""
        return dig_strings(self.vm, "metadata", "annotations")

    @property
    def labels(self) -> dict[str, str]:
        """The labels of the VM object."""
        return dig_strings(self.vm, "metadata", "labels")

    @property
    def strategy(self) -> str:
        """The run strategy; the older `spec.running` is translated."""
        found = dig_str(self.vm, "spec", "runStrategy")
        if found or not self.uses_running:
            return found
        return "Always" if dig(self.vm, "spec", "running") is True else "Halted"

    @property
    def uses_running(self) -> bool:
        """Whether the machine has the older `spec.running`, which excludes a run strategy."""
        return isinstance(dig(self.vm, "spec", "running"), bool)

    @property
    def stopped_for_update(self) -> str:
        """The run strategy that an interrupted update has to go back to; empty where there was none."""
        return self.annotations.get(STOPPED_FOR_UPDATE, "")

    @property
    def halted_by_quota(self) -> bool:
        """Whether Harvester halted it because the quota of its namespace is used up (vm_controller.go, checkResourceQuota)."""
        return self.strategy == "Halted" and bool(self.annotations.get(QUOTA))

    @property
    def last_strategy(self) -> str:
        """The run strategy that Harvester remembers."""
        return self.annotations.get(LAST_STRATEGY, "")

    @property
    def grace_seconds(self) -> int:
        """How long the guest may take to shut down before KubeVirt switches it off."""
        path = ("spec", "terminationGracePeriodSeconds")
        return dig_int(self.instance, *path, default=dig_int(self.vm, "spec", "template", *path, default=GRACE_SECONDS))

    @property
    def on(self) -> bool:
        """Whether there is an instance: a guest that runs, starts or stops."""
        return bool(self.instance) and dig_str(self.instance, "status", "phase") not in _FINAL

    @property
    def guest_runs(self) -> bool:
        """Whether a guest runs that would notice a change."""
        return self.on and dig_str(self.instance, "status", "phase") == "Running"

    @property
    def paused(self) -> bool:
        """Whether somebody has paused the guest, which an error of its storage can do, too."""
        found = condition(self.instance, "Paused")
        return self.guest_runs and found.get("status") == "True" and dig_str(found, "reason") == "PausedByUser"

    @cached_property
    def claim_templates(self) -> Sequence[Object]:
        """The parsed annotation; nothing where it is no list."""
        return dig_objects(parsed(self.annotations.get(VOLUME_CLAIM_TEMPLATES)))

    def claim_template(self, claim: str) -> Object:
        """The template of a claim, also of one to which its volume is being copied; an empty mapping where Harvester does not make it."""
        found = (
            entry for entry in self.claim_templates if claim and claim in (dig_str(entry, "metadata", "name"), entry.get("targetVolume"))
        )
        return next(found, {})

    def volume(self, claim: str, seen: Snapshot) -> Object:
        """A volume of the machine; where it is not seen, what the machine asks for."""
        return seen.get(Ref(PERSISTENT_VOLUME_CLAIM, claim, self.ref.namespace)) or self.claim_template(claim)

    def target(self, claim: str) -> str:
        """The claim to which a volume is being copied; empty where it stays (Harvester's storage migration)."""
        return dig_str(self.claim_template(claim), "targetVolume")

    @property
    def copies(self) -> list[str]:
        """The claims to which volumes of the machine are being copied."""
        return [target for entry in self.claim_templates if (target := dig_str(entry, "targetVolume"))]

    def image(self, claim: str) -> str:
        """The image that a volume was made from, also where its content has moved to another volume since; empty for none."""
        notes = dig_strings(self.claim_template(claim), "metadata", "annotations")
        return notes.get(IMAGE_ID) or notes.get(MADE_FROM, "")

    def copied_from(self, claim: str) -> str:
        """The claim that a volume took the place of when its content moved to another storage class."""
        return dig_strings(self.claim_template(claim), "metadata", "annotations").get(COPY_OF, "")

    @property
    def copies_claims(self) -> bool:
        """Whether another claim behind a disk means to KubeVirt that the content is to be copied there (spec.updateVolumesStrategy)."""
        return dig_str(self.vm, "spec", "updateVolumesStrategy") == "Migration"

    def stands_for(self, claim: str, before: str) -> bool:
        """Whether `claim` is the volume `before`, or was put in its place by a restore of the machine."""
        return claim == before or (bool(claim) and dig(parsed(self.annotations.get(RESTORED_VOLUMES)), before) == claim)

    @cached_property
    def disks(self) -> dict[str, Object]:
        """Devices by name."""
        return by_name(dig_objects(self.domain, "devices", "disks"))

    @cached_property
    def volumes(self) -> dict[str, Object]:
        """Volumes by name, which is that of their disk."""
        return by_name(dig_objects(self.spec, "volumes"))

    @cached_property
    def interfaces(self) -> dict[str, Object]:
        """Interfaces by name, those left out that are being unplugged."""
        found = by_name(dig_objects(self.domain, "devices", "interfaces"))
        return {name: entry for name, entry in found.items() if entry.get("state") != "absent"}

    @cached_property
    def leaving(self) -> frozenset[str]:
        """The names of interfaces that are being unplugged: KubeVirt removes their entries with the next migration."""
        found = by_name(dig_objects(self.domain, "devices", "interfaces"))
        return frozenset(found.keys() - self.interfaces.keys())

    @cached_property
    def networks(self) -> dict[str, Object]:
        """Networks by name, which is that of their interface."""
        return by_name(dig_objects(self.spec, "networks"))

    def claim(self, disk: str) -> str:
        """The name of the claim behind a disk; empty where it has none."""
        return claim_of(self.volumes.get(disk, {}))

    @cached_property
    def disks_of_claims(self) -> dict[str, str]:
        """The disks by the names of the claims behind them."""
        return {claim: name for name in self.disks if (claim := self.claim(name))}

    def claims(self) -> list[Ref]:
        """All claims the machine uses."""
        names = dict.fromkeys(claim_of(entry) for entry in self.volumes.values())
        return [Ref(PERSISTENT_VOLUME_CLAIM, name, self.ref.namespace) for name in names if name]

    def mac(self, nic: str) -> str:
        """The MAC address of a NIC: as declared, of the running guest, or as Harvester remembers it."""
        running = by_name(dig_objects(self.instance, "spec", "domain", "devices", "interfaces"))
        reported = by_name(dig_objects(self.instance, "status", "interfaces"))
        found = (
            dig_str(self.interfaces.get(nic, {}), "macAddress"),
            dig_str(running.get(nic, {}), "macAddress"),
            dig_str(reported.get(nic, {}), "mac"),
            self._remembered_macs.get(nic, ""),
        )
        return next(filter(None, found), "")

    @cached_property
    def _remembered_macs(self) -> dict[str, str]:
        return dig_strings(parsed(self.annotations.get(MAC_ADDRESSES)))

    @property
    def has_agent(self) -> bool:
        """Whether the guest's agent is connected, so that every NIC reports its addresses."""
        return is_true(self.instance, "AgentConnected")


def instance_of(ref: Ref) -> Ref:
    """The instance of a machine: the running guest."""
    return Ref(VIRTUAL_MACHINE_INSTANCE, ref.name, ref.namespace)
