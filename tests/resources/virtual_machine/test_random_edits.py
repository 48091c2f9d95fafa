"""Any sequence of edits ends, after each of them, in what is declared, without a lost volume or MAC, and with the announced restarts."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from machine_room import OWN_SECRET, MachineRoom

from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import PlanRefused
from harvester_provider.core.ref import Ref
from harvester_provider.resources.apis import PERSISTENT_VOLUME_CLAIM

_DISKS = st.fixed_dictionaries(
    {"size": st.sampled_from(["5Gi", "6Gi", "7Gi"]), "onDelete": st.sampled_from(["keep", "delete"])},
    optional={"bus": st.sampled_from(["virtio", "scsi"]), "bootOrder": st.none(), "image": st.just("default/leap")},
)
_NICS = st.fixed_dictionaries(
    {"network": st.sampled_from(["default/vlan100", "default/vlan200"])},
    optional={"model": st.sampled_from(["virtio", "e1000"])},
)
_USER_DATA = st.sampled_from(["#cloud-config\n{}\n", "#cloud-config\npackages: [vim]\n"])


def _first_on_the_management_network(nics: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One NIC at most can be there: `nic0`, while its model is e1000."""
    return [{**nic, "network": ""} if nic["name"] == "nic0" and nic.get("model") == "e1000" else nic for nic in nics]


def _named(entries: st.SearchStrategy[dict[str, Any]], prefix: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Some of three entries, in any order."""
    one = st.tuples(st.sampled_from([f"{prefix}{number}" for number in range(3)]), entries)
    return st.lists(one, max_size=3, unique_by=lambda pair: pair[0]).map(lambda pairs: [{"name": name, **entry} for name, entry in pairs])


def _allowed(inputs: dict[str, Any]) -> dict[str, Any]:
    """Without what needs something else that is not there, or excludes something that is."""
    needless = {"persistentTpm": not inputs["tpm"], "reservedMemory": inputs["hotPlug"] is not None}
    return {name: value for name, value in inputs.items() if not needless.get(name)}


_WEIGHTS = st.none() | st.integers(1, 100)
_MATCHES = st.fixed_dictionaries({"key": st.sampled_from("ab"), "values": st.lists(st.sampled_from("12"), min_size=1, unique=True)})
_NODE_TERMS = st.fixed_dictionaries({"match": st.lists(_MATCHES, min_size=1, max_size=2)}, optional={"weight": _WEIGHTS})
_MACHINE_TERMS = st.fixed_dictionaries(
    {"matchLabels": st.just({"app": "a"})}, optional={"weight": _WEIGHTS, "match": st.lists(_MATCHES, max_size=1)}
)
_TIMERS = st.fixed_dictionaries({}, optional={"hpet": st.booleans(), "pit": st.just("delay"), "rtc": st.just("catchup")})
INPUTS = st.fixed_dictionaries(
    {
        "disks": _named(_DISKS, "disk"),
        "networkInterfaces": _named(_NICS, "nic").map(_first_on_the_management_network),
        "runStrategy": st.sampled_from(["RerunOnFailure", "RerunOnFailure", "Always", "Halted"]),
        "cpu": st.integers(1, 3),
        "memory": st.sampled_from(["2Gi", "4Gi"]),
        "hotPlug": st.none() | st.fixed_dictionaries({"maxCpu": st.integers(3, 4), "maxMemory": st.sampled_from(["4Gi", "8Gi"])}),
        "cloudInit": st.none() | st.fixed_dictionaries({"userData": _USER_DATA}, optional={"networkData": st.just("version: 2\n")}),
        "sshKeys": st.sampled_from([[], ["default/ada"]]),
        "labels": st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"), max_size=2),
        "nodeSelector": st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"), max_size=2),
        "description": st.sampled_from(["", "x", "y"]),
        "tpm": st.booleans(),
        "efi": st.booleans(),
    },
    optional={
        "persistentTpm": st.just(value=True),
        "cpuModel": st.sampled_from(["host-model", "Skylake-Server"]),
        "nodeAffinity": st.lists(_NODE_TERMS, max_size=2),
        "vmAntiAffinity": st.lists(_MACHINE_TERMS, max_size=2),
        "tolerations": st.lists(st.fixed_dictionaries({"key": st.sampled_from("ab"), "operator": st.just("Exists")}), max_size=2),
        "hostDevices": _named(st.fixed_dictionaries({"deviceName": st.sampled_from(["v/a", "v/b"])}), "pci"),
        "tablet": st.sampled_from(["usb", "virtio", "none"]),
        "sound": st.sampled_from(["ich9", "ac97"]),
        "watchdog": st.sampled_from(["reset", "poweroff"]),
        "rng": st.booleans(),
        "clock": st.fixed_dictionaries({"timezone": st.just("Europe/Berlin")}, optional={"timers": _TIMERS}),
        "hyperv": st.lists(st.sampled_from(["relaxed", "vapic", "spinlocks", "synictimer"]), unique=True),
        "sysprep": st.sampled_from([{"secretName": "answers"}, {"secretName": "others"}]),
        "reservedMemory": st.sampled_from(["256Mi", "512Mi"]),
        "maintenanceModeStrategy": st.sampled_from(["Migrate", "Shutdown"]),
    },
).map(_allowed)


_STORED = st.fixed_dictionaries({"storageClass": st.sampled_from(["slow", "fast"]), "onDelete": st.sampled_from(["keep", "delete"])})
STORAGE = st.tuples(
    _STORED, _STORED, st.booleans(), st.sampled_from("ab"), st.sampled_from(["RerunOnFailure", "RerunOnFailure", "Halted"])
).map(
    lambda drawn: {
        "disks": [
            {"name": "one", "size": "5Gi", **drawn[0]},
            {"name": "two", "size": "5Gi", **drawn[1]},
            *([{"name": "hot", "size": "1Gi", "onDelete": "keep", "hotPlug": True}] if drawn[2] else []),
        ],
        "hostname": drawn[3],
        "runStrategy": drawn[4],
        "networkInterfaces": [],
        "cloudInit": None,
        "sshKeys": [],
    }
)
"""Machines whose disks move between storage classes, beside disks that are plugged in, restarts and stops."""


@settings(max_examples=20, deadline=None)
@given(edits=st.lists(STORAGE, min_size=3, max_size=8))
def test_every_move_between_storage_classes_keeps_what_is_declared(edits: list[dict[str, Any]]) -> None:
    asyncio.run(_live_through(edits, migratable=True))


@settings(max_examples=40, deadline=None)
@given(edits=st.lists(INPUTS, min_size=2, max_size=6), migratable=st.booleans())
def test_every_edit_ends_in_what_is_declared(edits: list[dict[str, Any]], *, migratable: bool) -> None:
    asyncio.run(_live_through(edits, migratable=migratable))


async def _live_through(edits: list[dict[str, Any]], *, migratable: bool) -> None:
    room = MachineRoom()
    room.migratable = migratable
    state = await room.up(**edits[0])
    for edit in edits[1:]:
        before, starts = _belongings(room), room.starts["vm1"]
        plan = (await room.preview(state, **edit)).plan
        if plan.refused:
            try:
                await room.up(state, **edit)
            except PlanRefused:
                assert _belongings(room) == before
                continue
            raise AssertionError("a refused plan was run")
        declared = {disk["name"]: disk["onDelete"] for disk in state.inputs["disks"]} if "disks" in state.inputs else {}
        ran, runs = state.inputs["runStrategy"] != "Halted", edit["runStrategy"] != "Halted"
        classes = [change.property for change in plan.changes if change.effect is Effect.MIGRATE]
        moved = {name.removeprefix("disks[").removesuffix("].storageClass") for name in classes if name.endswith("].storageClass")}
        state = await room.up(state, **edit)
        assert room.starts["vm1"] - starts == int(runs and (plan.effect.stops_guest or not ran))
        await _as_declared(room, state, edit)
        stayed = ({name: claim for name, claim in before[0].items() if name not in moved}, before[1])
        _nothing_lost(stayed, _belongings(room))
        _volumes_by_policy(room, stayed[0], declared)
        _copied(room, {name: before[0][name] for name in moved}, {disk["name"]: disk for disk in edit["disks"]})


async def _as_declared(room: MachineRoom, state: Any, edit: dict[str, Any]) -> None:
    refreshed = await room.refresh(state)
    assert refreshed.inputs == state.inputs
    assert not (await room.preview(refreshed, **edit)).changed
    assert (OWN_SECRET in room.objects) == bool(edit["cloudInit"] or edit["sshKeys"])
    assert {volume["name"] for volume in room.spec["volumes"]} == {disk["name"] for disk in room.devices["disks"]}
    bindings = {nic["name"]: "masquerade" in nic for nic in room.devices["interfaces"]}
    assert bindings == {nic["name"]: not nic["network"] for nic in edit["networkInterfaces"]}
    assert {network["name"] for network in room.spec["networks"]} == {nic["name"] for nic in edit["networkInterfaces"]}


def _belongings(room: MachineRoom) -> tuple[dict[str, str], dict[str, str]]:
    """Volume of each disk, MAC of each NIC."""
    volumes = {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"] for volume in room.spec["volumes"] if "persistentVolumeClaim" in volume
    }
    return volumes, room.macs()


def _nothing_lost(before: tuple[dict[str, str], dict[str, str]], now: tuple[dict[str, str], dict[str, str]]) -> None:
    for had, has in zip(before, now, strict=True):
        assert all(has[name] == value for name, value in had.items() if name in has)


def _copied(room: MachineRoom, former: dict[str, str], disks: dict[str, Any]) -> None:
    """A disk that moved has a volume of its class, and its former volume is there still, unless the disk says `delete`."""
    for name, claim in former.items():
        found: Any = room.objects[Ref(PERSISTENT_VOLUME_CLAIM, _belongings(room)[0][name], "default")]
        assert found["spec"]["storageClassName"] == disks[name]["storageClass"]
        assert (claim in room.claims()) == (disks[name]["onDelete"] == "keep")


def _volumes_by_policy(room: MachineRoom, before: dict[str, str], policies: dict[str, str]) -> None:
    """The volume of a removed disk is there still, unless the disk said `delete`."""
    for name in before.keys() - _belongings(room)[0].keys():
        assert (before[name] in room.claims()) == (policies[name] == "keep")
