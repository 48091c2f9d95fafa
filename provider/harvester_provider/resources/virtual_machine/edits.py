"""(old inputs, new inputs, live machine) -> edits: what changed, its row in the table of effects, and how the object is edited for it.

Only declared values that differ are edited, on the object as it was seen: what others wrote there stays.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harvester_provider.core.json import Json, dig, dig_map, dig_strings
from harvester_provider.core.plan import Step
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.kind import entries_patch, metadata_patch
from harvester_provider.resources.virtual_machine import (
    abilities,
    cloud_init,
    disks,
    guest,
    machine_types,
    manifest,
    parts,
    sizing,
    sysprep,
    words,
)
from harvester_provider.resources.virtual_machine.abilities import Needs
from harvester_provider.resources.virtual_machine.draft import Draft
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.words import DEVICES, DOMAIN, SPEC

DISKS, VOLUMES = (*DEVICES, "disks"), (*SPEC, "volumes")
INTERFACES, NETWORKS = (*DEVICES, "interfaces"), (*SPEC, "networks")


@dataclass(frozen=True, slots=True)
class Edit:
    """One changed property. `field` is its row in the table of effects, empty where nothing in the cluster changes.

    `refused` says why it cannot be done at all, and what to do instead.
    """

    property: str
    field: str
    act: Callable[[Draft], None]
    refused: str = ""
    holds: Needs = frozenset()
    """Conditions of rows that hold for what changes."""
    act_live: Callable[[Draft], None] | None = None
    """How the object is edited under a running guest, where that is another way."""
    device: str = ""
    """The name of the disk or NIC that comes or goes, so that a running guest is waited for."""
    asks: tuple[Step, ...] = ()
    """The steps that ask a running guest for it, where it is nothing that the patch of the machine says."""


def nothing(draft: Draft) -> None:
    """The edit of a property that is not part of the object."""


def local(prop: str) -> Edit:
    """A property that only steers the provider."""
    return Edit(prop, "", nothing)


def scalar_edits(old: VirtualMachineInputs, new: VirtualMachineInputs, live: Live, seen: Snapshot) -> Iterator[Edit]:
    """Edits of everything but disks, NICs and the cloud-init drive."""
    for name, field in type(new).model_fields.items():
        act = _ACTS.get(name)
        if act and getattr(old, name) != getattr(new, name):
            alias = field.alias or name
            row = _ROWS[name](old, new) if name in _ROWS else alias
            holds = _HOLDS[name](new, live) if name in _HOLDS else frozenset()
            refused = _REFUSALS[name](new, seen) if name in _REFUSALS else ""
            yield Edit(alias, row, _bound(act, old, new, live), refused, holds, nothing if row in ASKED else None)
    fields = type(new).model_fields
    yield from (local(fields[name].alias or name) for name in STEERING if getattr(old, name) != getattr(new, name))


ASKED = frozenset({"paused", "migrateTo", "restartTrigger.soft"})
"""Rows of what is asked of a running guest, and is nothing in its spec."""


def _answers_row(old: VirtualMachineInputs, new: VirtualMachineInputs) -> str:
    """The row of other answer files: texts in the machine's own Secret change without the machine."""
    own = bool(sysprep.texts(old.sysprep) and sysprep.texts(new.sysprep))
    return "sysprep.autounattend" if own else "sysprep"


def _trigger_row(_: VirtualMachineInputs, new: VirtualMachineInputs) -> str:
    """The row of another restart trigger. Taking it away restarts nothing."""
    soft = "restartTrigger.soft" if new.restart_mode == "soft" else "restartTrigger"
    return soft if new.restart_trigger else "annotations"


_ROWS = {"restart_trigger": _trigger_row, "sysprep": _answers_row}
"""The inputs whose row depends on their values."""

STEERING = ("template", "update_policy", "stop", "wait_for", "disruption_group", "max_unavailable", "restart_mode", "snapshots_elsewhere")
"""What only steers the provider."""
Act = Callable[[Draft, VirtualMachineInputs, VirtualMachineInputs, Live], None]


def _bound(act: Act, old: VirtualMachineInputs, new: VirtualMachineInputs, live: Live) -> Callable[[Draft], None]:
    return lambda draft: act(draft, old, new, live)


def _metadata(draft: Draft, old: VirtualMachineInputs, new: VirtualMachineInputs, _: Live) -> None:
    patch = metadata_patch(old, new)
    for part in patch:
        draft.merge(dig_map(patch, part), "metadata", part)
    labels = entries_patch(manifest.template_labels(old), manifest.template_labels(new))
    draft.merge(labels, "spec", "template", "metadata", "labels")


def _hostname(draft: Draft, _: VirtualMachineInputs, new: VirtualMachineInputs, __: Live) -> None:
    draft.put(new.hostname or new.name, *SPEC, "hostname")


def _machine_type(draft: Draft, _: VirtualMachineInputs, new: VirtualMachineInputs, __: Live) -> None:
    """One that is no longer declared stays as it is: the cluster has chosen its own where it was empty."""
    if new.machine_type:
        draft.put(new.machine_type, *DOMAIN, "machine", "type")


def _firmware(draft: Draft, _: VirtualMachineInputs, new: VirtualMachineInputs, __: Live) -> None:
    """The boot loader; identity numbers that the cluster wrote beside it stay."""
    if new.efi:
        draft.put(dig(manifest.firmware(new), "bootloader", "efi"), *DOMAIN, "firmware", "bootloader", "efi")
        draft.drop(*DOMAIN, "firmware", "bootloader", "bios")
    else:
        draft.drop(*DOMAIN, "firmware", "bootloader")
    if new.secure_boot:
        draft.put({"enabled": True}, *DOMAIN, "features", "smm")
    else:
        draft.drop(*DOMAIN, "features", "smm")


def _tpm(draft: Draft, _: VirtualMachineInputs, new: VirtualMachineInputs, __: Live) -> None:
    if not new.tpm:
        draft.drop(*DEVICES, "tpm")
        return
    if draft.get(*DEVICES, "tpm") is None:
        draft.put({}, *DEVICES, "tpm")
    draft.merge({"persistent": True if new.persistent_tpm else None}, *DEVICES, "tpm")


def _node_selector(draft: Draft, _: VirtualMachineInputs, new: VirtualMachineInputs, live: Live) -> None:
    """The whole selector is ours: no controller writes it, and a label that is left over keeps the machine from every node."""
    draft.merge(entries_patch(dig_strings(live.spec, "nodeSelector"), new.node_selector), *SPEC, "nodeSelector")


def _eviction(draft: Draft, _: VirtualMachineInputs, new: VirtualMachineInputs, __: Live) -> None:
    draft.put(new.eviction_strategy, *SPEC, "evictionStrategy")


def _grace_period(draft: Draft, _: VirtualMachineInputs, new: VirtualMachineInputs, __: Live) -> None:
    """One that is no longer declared becomes the cluster's again: its webhook fills it in."""
    draft.merge({"terminationGracePeriodSeconds": new.termination_grace_period_seconds}, *SPEC)


def _power(draft: Draft, _: VirtualMachineInputs, __: VirtualMachineInputs, ___: Live) -> None:
    """Power, pause and place are brought about by the plan, which knows what has to be stopped, started and asked for."""


def _restart(draft: Draft, _: VirtualMachineInputs, new: VirtualMachineInputs, __: Live) -> None:
    """The stop and the start are the plan's. A trigger that is taken away restarts nothing."""
    draft.merge({words.RESTARTED_FOR: new.restart_trigger}, "metadata", "annotations")


def _of_part(part: parts.Part) -> Act:
    return lambda draft, old, new, _: part.act(draft, old, new)


_ACTS: dict[str, Act] = {
    "description": _metadata,
    "tags": _metadata,
    "labels": _metadata,
    "annotations": _metadata,
    "run_strategy": _power,
    "cpu": sizing.set_cpu,
    "memory": sizing.set_memory,
    "hot_plug": sizing.set_room,
    **{part.name: _of_part(part) for part in parts.PARTS},
    "hostname": _hostname,
    "machine_type": _machine_type,
    "efi": _firmware,
    "secure_boot": _firmware,
    "persistent_efi": _firmware,
    "tpm": _tpm,
    "persistent_tpm": _tpm,
    "node_selector": _node_selector,
    "eviction_strategy": _eviction,
    "termination_grace_period_seconds": _grace_period,
    "restart_trigger": _restart,
    "paused": _power,
    "migrate_to": _power,
}


_HOLDS: dict[str, Callable[[VirtualMachineInputs, Live], Needs]] = {
    "cpu": lambda new, live: abilities.of_cpu(new.cpu, live),
    "memory": lambda new, live: abilities.of_memory(new.memory, live),
}
_REFUSALS: dict[str, Callable[[VirtualMachineInputs, Snapshot], str]] = {
    "machine_type": lambda new, seen: machine_types.refusal(new.machine_type, seen),
}


def set_probe(draft: Draft, new: VirtualMachineInputs) -> None:
    """The readiness probe for the next start. It is no live change, so that it is never set under a running guest; others' probes stay."""
    found, wanted = draft.get(*SPEC, "readinessProbe"), guest.probe(new)
    if found is not None and not (isinstance(found, dict) and guest.is_ours(found)):
        return
    if wanted is None:
        draft.drop(*SPEC, "readinessProbe")
    elif found is None:
        draft.put(wanted, *SPEC, "readinessProbe")


def drive_edits(old: VirtualMachineInputs, new: VirtualMachineInputs, live: Live, seen: Snapshot) -> Iterator[Edit]:
    """Edits of the cloud-init drive and the SSH keys. Texts are in a Secret: only another drive touches the machine itself."""
    if old.cloud_init == new.cloud_init and old.ssh_keys == new.ssh_keys:
        return
    wanted, name = manifest.cloud_init_volume(new, seen), cloud_init.name_in(live.volumes)
    wanted = {**wanted, "name": name} if wanted else None
    found = live.volumes.get(name, {})
    same_texts = bool(wanted) and cloud_init.inline_texts(cloud_init.source_of(found)[1]) == manifest.cloud_init_texts(new, seen) != {}
    kind = new.cloud_init.device if new.cloud_init else None
    moved = kind is not None and kind != disks.kind_of(live.disks.get(name, {}))
    rewired = moved or (wanted != (found or None) and not same_texts)
    drive = {**cloud_init.device(new.cloud_init), "name": name}
    if old.ssh_keys != new.ssh_keys:
        yield Edit("sshKeys", "sshKeys", lambda draft: _record_keys(draft, new))
        if rewired and old.cloud_init == new.cloud_init:
            yield Edit("cloudInit", "cloudInit", lambda draft: _drive(draft, wanted, drive, moved=moved))
    if old.cloud_init != new.cloud_init:
        if rewired:
            yield Edit("cloudInit", "cloudInit", lambda draft: _drive(draft, wanted, drive, moved=moved))
        else:
            yield from (Edit(f"cloudInit.{part}", f"cloudInit.{part}", nothing) for part in _changed_texts(old, new))


def _changed_texts(old: VirtualMachineInputs, new: VirtualMachineInputs) -> Iterator[str]:
    before, after = old.cloud_init or manifest.NO_DRIVE, new.cloud_init or manifest.NO_DRIVE
    if before.user_data != after.user_data or before.secret_name != after.secret_name:
        yield "userData"
    if before.network_data != after.network_data or before.network_data_secret_name != after.network_data_secret_name:
        yield "networkData"


def _record_keys(draft: Draft, new: VirtualMachineInputs) -> None:
    names = json.dumps(manifest.key_ids(new)) if new.ssh_keys else None
    draft.merge({words.SSH_NAMES: names}, "spec", "template", "metadata", "annotations")


def _drive(draft: Draft, wanted: dict[str, Json] | None, device: dict[str, Json], *, moved: bool) -> None:
    """The drive's volume and device, as wanted. A device that is there stays, unless it is to be `moved` to another bus."""
    name = str(device["name"])
    if wanted is None:
        draft.remove_entry(name, *DISKS)
        draft.remove_entry(name, *VOLUMES)
        return
    if draft.index(name, *VOLUMES) is None:
        draft.append(wanted, *VOLUMES)
    else:
        others: dict[str, Json] = dict.fromkeys(("cloudInitNoCloud", "cloudInitConfigDrive"))
        draft.edit_entry(name, others | wanted, *VOLUMES)
    if draft.index(name, *DISKS) is None:
        draft.append(device, *DISKS)
    elif moved:
        neither: dict[str, Json] = dict.fromkeys(("disk", "cdrom"))
        draft.edit_entry(name, neither | device, *DISKS)
