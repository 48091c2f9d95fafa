"""Edits of NICs, by name: removed ones, new ones, then changed ones. Entries are edited, not rewritten, so that MAC addresses stay."""

from collections.abc import Callable, Iterator
from typing import cast

from harvester_provider.core.json import Json
from harvester_provider.resources.virtual_machine import abilities, nics
from harvester_provider.resources.virtual_machine.devices import NetworkInterface
from harvester_provider.resources.virtual_machine.draft import Draft
from harvester_provider.resources.virtual_machine.edits import INTERFACES, NETWORKS, Edit, local
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.words import DEVICES


def nic_edits(old: VirtualMachineInputs, new: VirtualMachineInputs, live: Live) -> Iterator[Edit]:
    """Edits of the NICs: removed ones, new ones, then changed ones."""
    before = {nic.name: nic for nic in old.network_interfaces}
    after = {nic.name: nic for nic in new.network_interfaces}
    for name in before.keys() - after.keys():
        holds = abilities.of_removed_nic(name, live, stays=bool(live.interfaces.keys() & after.keys()))
        yield Edit(
            f"networkInterfaces[{name}]", "networkInterfaces[-]", _remover_of_nic(name), holds=holds, act_live=_unplugger(name), device=name
        )
    for name, nic in after.items():
        path = f"networkInterfaces[{name}]"
        if name not in before:
            yield Edit(path, "networkInterfaces[+]", _plugger(nic, new.namespace), holds=abilities.of_new_nic(nic, live), device=name)
        elif before[name] != nic:
            yield from _changed_nic(path, before[name], nic, new.namespace)


def _unplugger(name: str) -> Callable[[Draft], None]:
    """Mark a NIC: KubeVirt takes it out with the next migration, and its entries with it."""
    return lambda draft: draft.edit_entry(name, {"state": "absent"}, *INTERFACES)


def _remover_of_nic(name: str) -> Callable[[Draft], None]:
    def act(draft: Draft) -> None:
        draft.remove_entry(name, *INTERFACES)
        draft.remove_entry(name, *NETWORKS)
        if not draft.get(*INTERFACES):
            draft.merge({"autoattachPodInterface": False}, *DEVICES)

    return act


def _plugger(nic: NetworkInterface, namespace: str) -> Callable[[Draft], None]:
    def act(draft: Draft) -> None:
        where = draft.index(nic.name, *INTERFACES)
        if where is not None and draft.get(*INTERFACES, where, "state") == "absent":
            _remover_of_nic(nic.name)(draft)  # one of that name was being unplugged
        if draft.index(nic.name, *INTERFACES) is None:
            draft.append(nics.interface(nic), *INTERFACES)
        if draft.index(nic.name, *NETWORKS) is None:
            draft.append(nics.network(nic, namespace), *NETWORKS)

    return act


def _changed_nic(path: str, before: NetworkInterface, nic: NetworkInterface, namespace: str) -> Iterator[Edit]:
    if before.network != nic.network:
        yield Edit(f"{path}.network", "networkInterfaces[].network", lambda draft: _rewire(draft, before, nic, namespace))
    elif before.type != nic.type:
        yield Edit(f"{path}.type", "networkInterfaces[].type", lambda draft: _rebind(draft, before, nic))
    if before.model != nic.model:
        yield Edit(
            f"{path}.model", "networkInterfaces[].model", lambda draft: draft.edit_entry(nic.name, {"model": nic.model}, *INTERFACES)
        )
    if before.boot_order != nic.boot_order:
        boot: dict[str, Json] = {"bootOrder": nic.boot_order}
        yield Edit(f"{path}.bootOrder", "networkInterfaces[].bootOrder", lambda draft: draft.edit_entry(nic.name, boot, *INTERFACES))
    if before.mac_address != nic.mac_address:
        yield Edit(f"{path}.macAddress", "networkInterfaces[].macAddress", lambda draft: _readdress(draft, nic))
    if before.wait_for_address != nic.wait_for_address:
        yield local(f"{path}.waitForAddress")


def _rewire(draft: Draft, before: NetworkInterface, nic: NetworkInterface, namespace: str) -> None:
    elsewhere: dict[str, Json] = {"pod": None, "multus": None}
    draft.edit_entry(nic.name, elsewhere | nics.source(nic, namespace), *NETWORKS)
    _rebind(draft, before, nic)


def _rebind(draft: Draft, before: NetworkInterface, nic: NetworkInterface) -> None:
    if nics.binding(before) != nics.binding(nic):
        absent: dict[str, Json] = dict.fromkeys(nics.BINDINGS)
        draft.edit_entry(nic.name, absent | {nics.binding(nic): {}}, *INTERFACES)


def _readdress(draft: Draft, nic: NetworkInterface) -> None:
    """Another MAC address; one that is no longer declared stays as it is."""
    where = draft.index(nic.name, *INTERFACES)
    have = draft.get(*INTERFACES, where, "macAddress") if where is not None else None
    if nic.mac_address and not (isinstance(have, str) and nics.same_mac(have, nic.mac_address)):
        draft.edit_entry(nic.name, {"macAddress": nic.mac_address}, *INTERFACES)


def pin_macs(draft: Draft, live: Live) -> None:
    """Write down the MAC addresses of the NICs that stay: before Harvester 1.7 a stop may forget those that nobody declared."""
    for name, entry in live.interfaces.items():
        mac = live.mac(name)
        if mac and not entry.get("macAddress") and draft.index(name, *INTERFACES) is not None:
            where = cast("int", draft.index(name, *INTERFACES))
            if not draft.get(*INTERFACES, where, "macAddress"):
                draft.edit_entry(name, {"macAddress": mac}, *INTERFACES)
