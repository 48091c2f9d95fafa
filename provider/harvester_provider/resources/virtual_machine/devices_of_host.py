"""Devices that are entries of lists and belong to no disk or network: what is passed through from the node, and the tablet.

Entries are found by name. The pcidevices webhook adds the other devices of an IOMMU group beside a declared one, and turns vGPUs into
host devices (upstream pcidevices pkg/webhook/vm.go): entries that nobody declared stay.
"""

from harvester_provider.core.json import Json, dig_map, dig_objects, dig_str
from harvester_provider.resources.virtual_machine.draft import Draft
from harvester_provider.resources.virtual_machine.hardware import HostDevice
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.words import DEVICES

_LIST, _INPUTS = (*DEVICES, "hostDevices"), (*DEVICES, "inputs")
_TABLET = "tablet"


def act(draft: Draft, old: VirtualMachineInputs | None, new: VirtualMachineInputs) -> None:
    """Pass the declared devices through, and no longer those that were declared before."""
    wanted = {device.name: device.device_name for device in new.host_devices}
    for device in old.host_devices if old else ():
        if device.name not in wanted:
            draft.remove_entry(device.name, *_LIST)
    for name, resource in wanted.items():
        entry: dict[str, Json] = {"name": name, "deviceName": resource}
        if draft.index(name, *_LIST) is None:
            draft.append(entry, *_LIST)
        else:
            draft.edit_entry(name, entry, *_LIST)
    if draft.get(*_LIST) == []:
        draft.drop(*_LIST)


def read(live: Live) -> list[HostDevice]:
    """All devices that are passed through."""
    found = dig_objects(live.domain, "devices", "hostDevices")
    return [HostDevice.model_construct(name=dig_str(each, "name"), device_name=dig_str(each, "deviceName")) for each in found]


def set_tablet(draft: Draft, old: VirtualMachineInputs | None, new: VirtualMachineInputs) -> None:
    """A tablet, or none; a new machine has one unless it is declared otherwise."""
    wanted = new.tablet or ("usb" if old is None or old.tablet else None)
    if wanted == "none":
        draft.remove_entry(_TABLET, *_INPUTS)
        if draft.get(*_INPUTS) == []:
            draft.drop(*_INPUTS)
    elif wanted and draft.index(_TABLET, *_INPUTS) is None:
        draft.append({"name": _TABLET, "type": _TABLET, "bus": wanted}, *_INPUTS)
    elif wanted:
        draft.edit_entry(_TABLET, {"bus": wanted}, *_INPUTS)


def tablet_of(live: Live) -> str | None:
    """The bus of the tablet, or `none`."""
    found = next((each for each in dig_objects(live.domain, "devices", "inputs") if each.get("name") == _TABLET), {})
    return (dig_str(dig_map(found), "bus") or "usb") if found else "none"
