"""One case for every row of the table of effects: an edit of a running machine, and what it does on each release.

The expected effects are written here by hand and not taken from the table. `~/red` stands for what is called `red` in the
namespace of the test: networks `red` and `blue`, the image `disc`, the SSH key `ada`. `~-fast` and `~-other` are storage classes of the
test: another one of Longhorn's, and one of Ceph, whose volumes do not grow in use as long as no setting says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harvester_provider.core.effect import Effect
from harvester_provider.resources.virtual_machine.abilities import Need
from harvester_provider.resources.virtual_machine.effects import TABLE, Release, Row

Inputs = dict[str, Any]
OLDEST: Release = (1, 6)

FIRST = {"name": "first", "network": "~/red"}
SECOND = {"name": "second", "network": "~/blue"}
ROOT = {"name": "root", "size": "1Gi", "onDelete": "delete"}
DATA = {"name": "data", "size": "1Gi", "onDelete": "delete"}
HOT = {"name": "hot", "size": "1Gi", "onDelete": "delete", "hotPlug": True}
OTHER = {**ROOT, "storageClass": "~-other"}
FILES = {**HOT, "volumeMode": "Filesystem"}
DRIVE = {"name": "cd", "type": "cd-rom"}
DISC = {**DRIVE, "image": "~/disc", "size": "1Gi", "hotPlug": True}
BASE: Inputs = {"memory": "256Mi", "disks": [ROOT], "networkInterfaces": [FIRST], "timeouts": {"update": "2m"}}
"""What every machine has, unless a case says otherwise: a volume and a MAC address that must outlive every edit."""
ROOMY: Inputs = {"memory": "1Gi", "hotPlug": {"maxCpu": 4, "maxMemory": "4Gi"}}
USER_DATA = "#cloud-config\npackages: [vim]\n"

NO, LIVE, MIGRATE = Effect.METADATA, Effect.LIVE, Effect.MIGRATE
STOP, RESTART, REFUSED = Effect.STOP_MODIFY_START, Effect.RESTART, Effect.REFUSED


@dataclass(frozen=True)
class Case:
    """An edit of a running machine from `before` to `after`. `field` is its row, `announced` the property that preview names."""

    field: str
    effects: Mapping[Release, Effect]
    """The effect from each release on."""
    after: Inputs
    before: Inputs = field(default_factory=dict)
    announced: str = ""
    why: str = ""
    """The beginning of the row's reason, where rows of one field have the same effect for several reasons."""
    silent: bool = False
    """KubeVirt does not ask for a restart, although the guest lacks it without one (it compares what the guest has, not what it lacks:
    pkg/network/vmliveupdate/restart.go; hot-plug volumes without the gate: vm.go validLiveUpdateVolumes)."""
    local_only: str = ""
    """Why it is shown on local Harvesters only."""
    given_only: str = ""
    """Which test shows it on local Harvesters instead."""
    gives: str = ""
    """The belonging of the machine that becomes another one, such as `disk root`; all others stay."""
    off_only: bool = False
    """The cluster takes it of machines that are off only, so that it cannot be deferred."""
    restart_due: bool = False
    """Somebody has changed something meanwhile that waits for the guest's next start."""

    def on(self, release: Release) -> Effect | None:
        """The expected effect on a release; None where the machine cannot be made there."""
        known = [since for since in self.effects if since <= release]
        return self.effects[max(known)] if known else None

    def shows(self, row: Row) -> bool:
        """Whether it is a case for a row of the table."""
        return row.field == self.field and row.effect in self.effects.values() and row.why.startswith(self.why)

    @property
    def whole_before(self) -> Inputs:
        return {**BASE, **self.before}

    @property
    def whole_after(self) -> Inputs:
        return {**BASE, **self.before, **self.after}


def _case(row: str, effect: Effect, after: Inputs, before: Inputs | None = None, announced: str = "", **more: Any) -> Case:
    """A case with one effect on all releases."""
    return Case(row, {OLDEST: effect}, after, before or {}, announced or row, **more)


def _since(release: Release, row: str, after: Inputs, before: Inputs, announced: str, *effects: Effect, **more: Any) -> Case:
    """A case whose effect is another one before `release`, or that cannot be had there."""
    earlier, later = effects if len(effects) == 2 else (None, effects[0])
    return Case(row, ({OLDEST: earlier} if earlier else {}) | {release: later}, after, before, announced, **more)


def _placement(row: str, after: Any) -> tuple[Case, Case]:
    """Placement is live, and waits while a restart is due anyway."""
    return _case(row, LIVE, {row: after}), _case(row, STOP, {row: after}, restart_due=True)


def _disks(*disks: Inputs) -> Inputs:
    return {"disks": list(disks)}


def _nics(*nics: Inputs) -> Inputs:
    return {"networkInterfaces": list(nics)}


CASES: tuple[Case, ...] = (
    _case("description", NO, {"description": "after"}, {"description": "before"}),
    _case("tags", NO, {"tags": {"tier": "web"}}),
    _case("labels", NO, {"labels": {"team": "b", "site": "x"}}, {"labels": {"team": "a"}}),
    _case("annotations", NO, {"annotations": {"example.org/rack": "7"}}),
    _case("sshKeys", NO, {"sshKeys": ["~/ada"], "cloudInit": {"userData": USER_DATA}}, {"cloudInit": {"userData": USER_DATA}}),
    _case("cloudInit.userData", NO, {"cloudInit": {"userData": f"{USER_DATA}locale: de_DE\n"}}, {"cloudInit": {"userData": USER_DATA}}),
    _case("cloudInit.networkData", NO, {"cloudInit": {"networkData": "version: 2\nethernets: {}\n"}}, {"cloudInit": {"networkData": "version: 2\n"}}),
    _case("cloudInit", STOP, {"cloudInit": {"userData": USER_DATA}}),
    _case("runStrategy", LIVE, {"runStrategy": "Always"}),
    _case("runStrategy", LIVE, {"runStrategy": "Halted"}),
    *_placement("nodeSelector", {"kubernetes.io/os": "linux"}),
    *_placement("nodeAffinity", [{"match": [{"key": "kubernetes.io/os", "values": ["linux"]}]}]),
    *_placement("vmAffinity", [{"matchLabels": {"app": "cache"}, "weight": 5}]),
    *_placement("vmAntiAffinity", [{"matchLabels": {"app": "web"}, "weight": 5}]),
    *_placement("tolerations", [{"key": "gpu", "operator": "Exists"}]),
    _case("priorityClass", STOP, {"priorityClass": "system-cluster-critical"}),
    _case("maintenanceModeStrategy", NO, {"maintenanceModeStrategy": "Shutdown"}),
    _case("cpu", STOP, {"cpu": 2}),
    _case("cpu", MIGRATE, {"cpu": 2}, ROOMY),
    _case("cpu", STOP, {"cpu": 1}, {**ROOMY, "cpu": 2}),
    _case("memory", STOP, {"memory": "512Mi"}),
    _case("memory", MIGRATE, {"memory": "1536Mi"}, ROOMY),
    _case("memory", STOP, {"memory": "1Gi"}, {**ROOMY, "memory": "2Gi"}),
    _case("hotPlug", STOP, ROOMY, {"memory": "1Gi"}),
    _case("reservedMemory", STOP, {"reservedMemory": "64Mi"}),
    _case("cpuModel", STOP, {"cpuModel": "host-passthrough"}),
    _case("cpuPinning", STOP, {"cpuPinning": True}),
    _case("isolateEmulatorThread", STOP, {"cpuPinning": True, "isolateEmulatorThread": True}, {"cpuPinning": True}),
    _case("hostname", STOP, {"hostname": "shop"}),
    _case("machineType", STOP, {"machineType": "pc-q35-9.1"}),
    _case("efi", STOP, {"efi": True}),
    _case("secureBoot", STOP, {"efi": True, "secureBoot": True}, {"efi": True}),
    _case("persistentEfi", STOP, {"efi": True, "persistentEfi": True}, {"efi": True}),
    _case("tpm", STOP, {"tpm": True}),
    _case("persistentTpm", STOP, {"tpm": True, "persistentTpm": True}, {"tpm": True}),
    _case("hostDevices", STOP, {"hostDevices": [{"name": "pci", "deviceName": "example.org/card"}]}, given_only="test_host_devices.py"),
    _case("tablet", STOP, {"tablet": "virtio"}),
    _case("sound", STOP, {"sound": "ich9"}),
    _case("watchdog", STOP, {"watchdog": "reset"}),
    _case("rng", STOP, {"rng": True}),
    _case("clock", STOP, {"clock": {"timezone": "Europe/Berlin"}}),
    _case("hyperv", STOP, {"hyperv": ["relaxed"]}),
    _case("sysprep.autounattend", NO, {"sysprep": {"autounattend": "<b/>"}}, {"sysprep": {"autounattend": "<a/>"}}, "sysprep"),
    _case("sysprep", STOP, {"sysprep": {"secretName": "answers"}}),
    _case("evictionStrategy", STOP, {"evictionStrategy": "None"}),
    _case("terminationGracePeriodSeconds", STOP, {"terminationGracePeriodSeconds": 30}),
    _case("paused", LIVE, {"paused": True}, local_only="virt-api's subresources"),
    _case("restartTrigger.soft", LIVE, {"restartTrigger": "1"}, {"restartMode": "soft"}, "restartTrigger", local_only="virt-api's subresources"),
    _case("restartTrigger", RESTART, {"restartTrigger": "1"}),
    _case("disks[].size", LIVE, _disks({**ROOT, "size": "2Gi"}), announced="disks[root].size"),
    _case("disks[].size", STOP, _disks(ROOT, {**FILES, "size": "2Gi"}), _disks(ROOT, FILES), "disks[hot].size", off_only=True),
    _case("disks[].size", STOP, _disks({**OTHER, "size": "2Gi"}), _disks(OTHER), "disks[root].size", off_only=True, local_only="volumes of another driver than Longhorn's"),
    _since((1, 8), "disks[].storageClass", _disks({**ROOT, "storageClass": "~-fast"}), BASE, "disks[root].storageClass", REFUSED, MIGRATE, gives="disk root"),
    _since((1, 8), "disks[+]", _disks(ROOT, HOT), BASE, "disks[hot]", STOP, LIVE, silent=True),
    _case("disks[+]", STOP, _disks(ROOT, DATA), announced="disks[data]"),
    _since((1, 8), "disks[-]", _disks(ROOT), _disks(ROOT, HOT), "disks[hot]", STOP, LIVE, silent=True),
    _case("disks[-]", STOP, _disks(ROOT), _disks(DATA, ROOT), "disks[data]"),
    _since((1, 8), "disks[].medium", _disks(ROOT, DISC), _disks(ROOT, DRIVE), "disks[cd].image", LIVE),
    _since((1, 8), "disks[].medium", _disks(ROOT, DRIVE), _disks(ROOT, DISC), "disks[cd].image", LIVE),
    _case("disks[].medium", STOP, _disks(ROOT, {**DISC, "hotPlug": False}), _disks(ROOT, {**DRIVE, "containerImage": "example.org/tools"}), "disks[cd].image"),
    _case("disks[]", STOP, _disks({**ROOT, "serial": "S1"}), announced="disks[root].serial"),
    _since((1, 7), "networkInterfaces[+]", _nics(FIRST, SECOND), BASE, "networkInterfaces[second]", STOP, MIGRATE),
    _case("networkInterfaces[+]", STOP, _nics(FIRST, {"name": "second"}), announced="networkInterfaces[second]", silent=True),
    _since((1, 7), "networkInterfaces[-]", _nics(SECOND), _nics(FIRST, SECOND), "networkInterfaces[first]", STOP, MIGRATE),
    _case("networkInterfaces[-]", STOP, _nics(SECOND), _nics({**FIRST, "model": "e1000"}, SECOND), "networkInterfaces[first]"),
    _case("networkInterfaces[].network", STOP, _nics({**FIRST, "network": "~/blue"}), announced="networkInterfaces[first].network"),
    _case("networkInterfaces[]", STOP, _nics({**FIRST, "model": "e1000"}), announced="networkInterfaces[first].model"),
)  # fmt: skip


CALLED = frozenset({"migrateTo"})
"""Rows whose cases need the name of a node: they are in test_virtual_machine_power.py."""


SET_UP = frozenset({Need.LIVE_UPDATE, Need.EXPAND_DISKS, Need.DECLARATIVE_VOLUMES})
"""What every Harvester's KubeVirt is set up for. Clusters of another set-up are shown in memory (test_hot_plug.py)."""


def without_a_case() -> list[str]:
    """The rows of the table that nothing shows. Rows that only a release before the oldest one reaches are left out."""
    return [
        f"{row.field}: {row.effect.label} ({row.why})"
        for row in TABLE
        if _reached(row) and row.field not in CALLED and not any(case.shows(row) for case in CASES)
    ]


def _reached(row: Row) -> bool:
    """Whether the oldest release or a later one gets to the row: no row above it takes all there."""
    above = TABLE[: TABLE.index(row)]
    return not any(other.field == row.field and other.needs <= SET_UP and other.since <= OLDEST for other in above)
