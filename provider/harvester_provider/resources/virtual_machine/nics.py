"""One network interface between its input and the two places a machine keeps it in: interface and network.

Pure translation, both ways; nothing here decides what a change does.
"""

from typing import Final

from harvester_provider.core.json import Json, Object, dig_map, dig_str
from harvester_provider.resources.virtual_machine.devices import NetworkInterface

BINDINGS: Final = ("bridge", "masquerade")


def binding(nic: NetworkInterface) -> str:
    """How it is connected, the default filled in."""
    return nic.type or ("bridge" if nic.network else "masquerade")


def interface(nic: NetworkInterface) -> dict[str, Json]:
    """The entry of `devices.interfaces`."""
    optional: dict[str, Json] = {"macAddress": nic.mac_address, "bootOrder": nic.boot_order}
    return {
        "name": nic.name,
        "model": nic.model,
        binding(nic): {},
        **{key: value for key, value in optional.items() if value is not None},
    }


def source(nic: NetworkInterface, namespace: str) -> dict[str, Json]:
    """Where it is connected to: a part of the entry of `networks`."""
    if not nic.network:
        return {"pod": {}}
    return {"multus": {"networkName": nic.network if "/" in nic.network else f"{namespace}/{nic.network}"}}


def network(nic: NetworkInterface, namespace: str) -> dict[str, Json]:
    """The entry of `networks`."""
    return {"name": nic.name, **source(nic, namespace)}


def binding_of(entry: Object) -> str:
    """`bridge` or `masquerade`, read from an interface; empty for any other binding."""
    return next((name for name in BINDINGS if name in entry), "")


def network_of(entry: Object) -> str:
    """The network, read from an entry of `networks`; empty for the management network."""
    return dig_str(dig_map(entry, "multus"), "networkName")


def same_mac(one: str, other: str) -> bool:
    """Whether two notations are one MAC address."""
    return one.lower().replace("-", ":") == other.lower().replace("-", ":")
