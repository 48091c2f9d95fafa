"""The CD-ROM with answer files for Windows, between its input and the machine's disk and volume of one name. Pure, both ways.

Texts of the program are in a Secret of the machine's own, as its cloud-init data is.
"""

from harvester_provider.core.json import Json, Object, dig_map, dig_str
from harvester_provider.resources.secret import texts_in
from harvester_provider.resources.virtual_machine.draft import Draft
from harvester_provider.resources.virtual_machine.hardware import Sysprep
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.words import AUTOUNATTEND, DEVICES, SPEC, SYSPREP_DISK, UNATTEND, sysprep_secret

_DISKS, _VOLUMES = (*DEVICES, "disks"), (*SPEC, "volumes")


def texts(answers: Sysprep | None) -> dict[str, str]:
    """What the machine's own Secret holds, by key; nothing where the machine needs no Secret of its own."""
    given = {AUTOUNATTEND: answers.autounattend, UNATTEND: answers.unattend} if answers else {}
    return {key: text for key, text in given.items() if text}


def act(draft: Draft, _: VirtualMachineInputs | None, new: VirtualMachineInputs) -> None:
    """The CD-ROM as declared, or none."""
    if new.sysprep is None:
        draft.remove_entry(SYSPREP_DISK, *_DISKS)
        draft.remove_entry(SYSPREP_DISK, *_VOLUMES)
        return
    volume: dict[str, Json] = {"name": SYSPREP_DISK, "sysprep": _source(new.sysprep, new.name)}
    if draft.index(SYSPREP_DISK, *_VOLUMES) is None:
        draft.append(volume, *_VOLUMES)
    else:
        draft.edit_entry(SYSPREP_DISK, volume, *_VOLUMES)
    if draft.index(SYSPREP_DISK, *_DISKS) is None:
        draft.append({"name": SYSPREP_DISK, "cdrom": {"bus": "sata"}}, *_DISKS)


def _source(answers: Sysprep, machine: str) -> dict[str, Json]:
    if answers.config_map_name:
        return {"configMap": {"name": answers.config_map_name}}
    return {"secret": {"name": answers.secret_name or sysprep_secret(machine)}}


def read(live: Live) -> Sysprep | None:
    """What the CD-ROM names, or None without one."""
    found = dig_map(live.volumes.get(SYSPREP_DISK, {}), "sysprep")
    if not found or SYSPREP_DISK not in live.disks:
        return None
    secret, config_map = dig_str(found, "secret", "name") or None, dig_str(found, "configMap", "name") or None
    return Sysprep.model_construct(secret_name=secret, config_map_name=config_map)


def names_own(live: Live) -> bool:
    """Whether the CD-ROM holds a Secret of the name that the machine's own has."""
    return dig_str(live.volumes.get(SYSPREP_DISK, {}), "sysprep", "secret", "name") == sysprep_secret(live.ref.name)


def of_secret(secret: Object) -> Sysprep:
    """The answers in the machine's own Secret."""
    found = texts_in(secret)
    return Sysprep.model_construct(autounattend=found.get(AUTOUNATTEND), unattend=found.get(UNATTEND))
