"""Network data: a machine's NICs described once, written as cloud-init's network-config version 1 or 2.

Pure: values in, text out. Rules: cloud-init's documentation of network-config-format-v1 and -v2.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from ipaddress import ip_address, ip_interface, ip_network
from typing import Literal

from harvester_provider.core.json import Json, Object, merged
from harvester_provider.resources.cloud_init.document import refuse, strangers, text_of

_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


@dataclass(frozen=True, kw_only=True)
class Route:
    """A route of a NIC."""

    to: str
    """Subnet in CIDR notation, for example `10.8.0.0/16`."""
    via: str
    """Address of the gateway."""
    metric: int | None = None
    """Lower ones win. Default: the system's."""
    on_link: bool = False
    """The gateway is reached directly although no address of the NIC is in its subnet. Version 2 only."""


@dataclass(frozen=True, kw_only=True)
class Ethernet:
    """A NIC in the guest. Without `mac` and `match_name` the key it has in `NetworkData.ethernets` is its name in the guest."""

    mac: str = ""
    """Find the NIC by its MAC address, for example `52:54:00:12:34:56`, whatever the guest calls it."""
    match_name: str = ""
    """Find the NIC by a pattern for its name, for example `enp*`. Version 2 only."""
    set_name: str = ""
    """Call the found NIC so. Needs `mac` or `match_name`."""
    dhcp4: bool = False
    """Get an IPv4 address by DHCP."""
    dhcp6: bool = False
    """Get an IPv6 address by DHCP."""
    addresses: Sequence[str] = ()
    """Fixed addresses with prefix length, for example `["203.0.113.3/24"]`."""
    gateway4: str = ""
    """The IPv4 gateway; becomes a default route."""
    gateway6: str = ""
    """The IPv6 gateway; becomes a default route."""
    routes: Sequence[Route] = ()
    """More routes."""
    nameservers: Sequence[str] = ()
    """Addresses of DNS servers."""
    search: Sequence[str] = ()
    """Domains to look names up in."""
    mtu: int | None = None
    """MTU in bytes, 68 to 65535. Default: the NIC's own."""
    optional: bool = False
    """Do not wait for it while booting. Version 2 only."""


@dataclass(frozen=True)
class NetworkData:
    """The NICs of a machine, for `networkData`.

    `NetworkData({"eth0": Ethernet(dhcp4=True), "eth1": Ethernet(addresses=["203.0.113.3/24"])}).text()`
    """

    ethernets: Mapping[str, Ethernet]
    """NICs by name, in the order of the document."""
    _: KW_ONLY
    version: Literal[1, 2] = 2
    """Format to write. 1 where an image is too old for 2."""
    extra: Mapping[str, Json] = field(default_factory=dict)
    """What the builder does not know, merged into `network`: mappings entry by entry, lists are continued."""

    def text(self) -> str:
        """The document. Raises ValueError that names every field with a value that cannot be."""
        refuse("network data", strangers(self))
        refuse("network data", self._problems())
        body: dict[str, Json]
        if self.version == 1:
            body = {"version": 1, "config": [_physical(name, nic) for name, nic in self.ethernets.items()]}
        else:
            body = {"version": 2, "ethernets": {name: _ethernet(nic) for name, nic in self.ethernets.items()}}
        return text_of({"network": merged(body, self.extra)})

    def _problems(self) -> Iterable[str]:
        if self.version not in (1, 2):
            yield f"version: {self.version} is unknown: use 1 or 2"
        for name, nic in self.ethernets.items():
            found = [*_check_identity(nic), *_check_addresses(nic), *_check_routes(nic)]
            found += _only_in_2(nic) if self.version == 1 else []
            yield from (f"ethernets[{name}].{text}" for text in found)


def _check_identity(nic: Ethernet) -> Iterable[str]:
    if nic.mac and _MAC.fullmatch(nic.mac) is None:
        yield f"mac: {nic.mac!r} is no MAC address: write for example 52:54:00:12:34:56"
    if nic.set_name and not (nic.mac or nic.match_name):
        yield "set_name: needs mac or match_name, to know which NIC is meant"
    if nic.mtu is not None and not 68 <= nic.mtu <= 65535:
        yield f"mtu: {nic.mtu} is not possible: use 68 to 65535"


def _check_addresses(nic: Ethernet) -> Iterable[str]:
    for number, address in enumerate(nic.addresses):
        if "/" not in address or not _is(ip_interface, address):
            yield f"addresses[{number}]: {address!r} is no address with prefix length: write for example 203.0.113.3/24"
    for number, address in enumerate(nic.nameservers):
        if not _is(ip_address, address):
            yield f"nameservers[{number}]: {address!r} is no IP address"
    for name, gateway, version in (("gateway4", nic.gateway4, 4), ("gateway6", nic.gateway6, 6)):
        if gateway and (not _is(ip_address, gateway) or ip_address(gateway).version != version):
            yield f"{name}: {gateway!r} is no IPv{version} address"


def _check_routes(nic: Ethernet) -> Iterable[str]:
    for number, route in enumerate(nic.routes):
        sound = _is(ip_network, route.to) and "/" in route.to
        if not sound:
            yield f"routes[{number}].to: {route.to!r} is no subnet: write for example 10.8.0.0/16, without host bits"
        if not _is(ip_address, route.via):
            yield f"routes[{number}].via: {route.via!r} is no IP address"
        elif sound and ip_address(route.via).version != ip_network(route.to).version:
            yield f"routes[{number}].via: {route.via} and {route.to} are of different IP versions"


def _only_in_2(nic: Ethernet) -> Iterable[str]:
    given = {"match_name": nic.match_name, "optional": nic.optional, "routes": [route for route in nic.routes if route.on_link]}
    for name, value in given.items():
        if value:
            yield f"{name}: {'on_link' if name == 'routes' else 'it'} is in version 2 of network data only"


def _is(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _routes(nic: Ethernet) -> list[Route]:
    """All routes, those of the gateways first."""
    gateways = [Route(to=_EVERYWHERE[version], via=via) for version, via in ((4, nic.gateway4), (6, nic.gateway6)) if via]
    return [*gateways, *nic.routes]


def _ethernet(nic: Ethernet) -> Object:
    """A NIC in version 2."""
    match = {"macaddress": nic.mac.lower(), "name": nic.match_name}
    servers = {"addresses": [*nic.nameservers], "search": [*nic.search]}
    out: dict[str, Json] = {
        "match": _filled(match),
        "set-name": nic.set_name,
        "dhcp4": nic.dhcp4,
        "dhcp6": nic.dhcp6,
        "addresses": [*nic.addresses],
        "routes": [_filled({"to": each.to, "via": each.via, "metric": each.metric, "on-link": each.on_link}) for each in _routes(nic)],
        "nameservers": _filled(servers),
        "mtu": nic.mtu,
        "optional": nic.optional,
    }
    return _filled(out)


def _physical(name: str, nic: Ethernet) -> Object:
    """A NIC in version 1, where routes and DNS servers belong to subnets."""
    subnets: list[dict[str, Json]] = [{"type": "dhcp"}] if nic.dhcp4 else []
    subnets += [{"type": "dhcp6"}] if nic.dhcp6 else []
    subnets += [{"type": "static6" if ":" in address else "static", "address": address} for address in nic.addresses]
    common: dict[str, Json] = {
        "routes": [_filled({"destination": each.to, "gateway": each.via, "metric": each.metric}) for each in _routes(nic)],
        "dns_nameservers": [*nic.nameservers],
        "dns_search": [*nic.search],
    }
    if filled := _filled(common):
        subnets = [{**subnets[0], **filled}, *subnets[1:]] if subnets else [{"type": "manual", **filled}]
    named = {"type": "physical", "name": nic.set_name or name, "mac_address": nic.mac.lower(), "mtu": nic.mtu, "subnets": subnets}
    return _filled(named)


def _filled(value: Mapping[str, Json]) -> dict[str, Json]:
    """Without what is not said. A 0 is said."""
    return {key: item for key, item in value.items() if item is not None and item is not False and item not in ("", [], {})}
