"""The CD-ROM with answer files for Windows, between its input and the machine's disk and volume of one name. Pure, both ways."""

from harvester_provider.core.json import Json, dig_map, dig_str
from harvester_provider.resources.virtual_machine.draft import Draft
from harvester_provider.resources.virtual_machine.hardware import Sysprep
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.words import DEVICES, SPEC, SYSPREP_DISK

_DISKS, _VOLUMES = (*DEVICES, "disks"), (*SPEC, "volumes")


def act(draft: Draft, _: VirtualMachineInputs | None, new: VirtualMachineInputs) -> None:
    """The CD-ROM as declared, or none."""
    if new.sysprep is None:
        draft.remove_entry(SYSPREP_DISK, *_DISKS)
        draft.remove_entry(SYSPREP_DISK, *_VOLUMES)
        return
    volume: dict[str, Json] = {"name": SYSPREP_DISK, "sysprep": _source(new.sysprep)}
    if draft.index(SYSPREP_DISK, *_VOLUMES) is None:
        draft.append(volume, *_VOLUMES)
    else:
        draft.edit_entry(SYSPREP_DISK, volume, *_VOLUMES)
    if draft.index(SYSPREP_DISK, *_DISKS) is None:
        draft.append({"name": SYSPREP_DISK, "cdrom": {"bus": "sata"}}, *_DISKS)


def _source(answers: Sysprep) -> dict[str, Json]:
    if answers.secret_name:
        return {"secret": {"name": answers.secret_name}}
    return {"configMap": {"name": answers.config_map_name}}


def read(live: Live) -> Sysprep | None:
    """What the CD-ROM holds, or None without one."""
    found = dig_map(live.volumes.get(SYSPREP_DISK, {}), "sysprep")
    if not found or SYSPREP_DISK not in live.disks:
        return None
    secret, config_map = dig_str(found, "secret", "name") or None, dig_str(found, "configMap", "name") or None
    return Sysprep.model_construct(secret_name=secret, config_map_name=config_map)
