"""A host before it is a node: its NICs, disks, addresses and role; and the rules that hold for every sort of cluster."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

import yaml

from harvester_provider.core.errors import InvalidInputs
from harvester_provider.core.json import Object
from harvester_provider.core.problem import Problem

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?")
_MAC = re.compile(r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")
_NIC = re.compile(r"[^\s/:]{1,15}")
"""What Linux takes as the name of an interface."""
Role = Literal["default", "management", "worker", "witness"]


@dataclass(frozen=True, kw_only=True)
class Bond:
    """How several NICs of a host are one."""

    mode: Literal["active-backup", "balance-rr", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"] = "active-backup"
    """Linux' bonding mode. `802.3ad` needs the switch to take part."""
    miimon: int = 100
    """Milliseconds between two looks at the links."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host. Its management network is on `nics`, a bond where there are several."""

    name: str
    """Host name, and the name of the node."""
    nics: Sequence[str]
    """Names of the NICs of the management network, as Linux calls them: `eth0`, `ens5` ..."""
    mac: str = ""
    """MAC of the NIC that boots from the network, for example `52:54:00:ec:0e:0b`."""
    address: str = ""
    """Its address in the management network. Default: from DHCP."""
    disk: str = "/dev/sda"
    """Where the system is installed. Everything on it is lost."""
    data_disk: str = ""
    """Where volumes are stored. Default: on `disk`."""
    role: Role = "default"
    """`management` can hold etcd, `worker` never does, `witness` holds etcd and no machines, `default` whatever is needed."""
    bond: Bond = Bond()
    """How several NICs are one."""


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """The management network."""

    cidr: str
    """Subnet, for example `192.168.48.0/24`."""
    gateway: str = ""
    """Gateway. Needed where hosts have addresses of their own."""

    @property
    def network(self) -> IPv4Network | None:
        """The subnet, None where it is none."""
        try:
            return IPv4Network(self.cidr)
        except ValueError:
            return None


def refuse(who: str, problems: Iterable[Problem]) -> None:
    """Raise InvalidInputs with every problem at once, where there is any."""
    found = list(problems)
    if found:
        raise InvalidInputs(who, found)


def check_hosts(hosts: Sequence[Host], subnet: Subnet | None, vip: str) -> Iterable[Problem]:
    """Names, NICs, MACs and addresses of all hosts, and the VIP."""
    if not hosts:
        yield Problem("hosts", "missing: a cluster has at least one host")
    for what in ("name", "mac", "address"):
        count = Counter(value.lower() for host in hosts if (value := getattr(host, what)))
        yield from (
            Problem("hosts", f"{what} {value} is there {number} times: each host has its own")
            for value, number in count.items()
            if number > 1
        )
    for number, host in enumerate(hosts):
        yield from _check_host(f"hosts[{number}]", host, subnet)
    yield from _check_vip(hosts, subnet, vip)


def _check_host(where: str, host: Host, subnet: Subnet | None) -> Iterable[Problem]:
    if _NAME.fullmatch(host.name) is None:
        yield Problem(f"{where}.name", f"{host.name!r} is no host name: use lower-case letters, digits and inner dashes")
    if not host.nics:
        yield Problem(f"{where}.nics", "missing: the management network needs a NIC")
    for nic in host.nics:
        if _NIC.fullmatch(nic) is None:
            yield Problem(f"{where}.nics", f"{nic!r} is no name of a NIC: Linux takes 15 characters without space, slash and colon")
    if host.mac and _MAC.fullmatch(host.mac) is None:
        yield Problem(f"{where}.mac", f"{host.mac!r} is no MAC: write for example 52:54:00:ec:0e:0b")
    if host.disk == host.data_disk:
        yield Problem(f"{where}.dataDisk", f"{host.disk} holds the system: leave it out, or name another disk")
    if host.address:
        yield from _check_address(f"{where}.address", host.address, subnet)


def _check_vip(hosts: Sequence[Host], subnet: Subnet | None, vip: str) -> Iterable[Problem]:
    if not vip:
        return
    yield from _check_address("vip", vip, subnet)
    if vip in {host.address for host in hosts}:
        yield Problem("vip", f"{vip} is the address of a host: the VIP moves from host to host and needs one of its own")


def _check_address(where: str, value: str, subnet: Subnet | None) -> Iterable[Problem]:
    try:
        address = IPv4Address(value)
    except ValueError:
        yield Problem(where, f"{value!r} is no address: write for example 192.168.48.73")
        return
    network = subnet.network if subnet else None
    if network is not None and (address not in network or address in {network.network_address, network.broadcast_address}):
        yield Problem(where, f"{value} is no address of {network}")


def check_subnet(subnet: Subnet | None) -> Iterable[Problem]:
    """The subnet and its gateway."""
    if subnet is None:
        return
    if subnet.network is None:
        yield Problem("subnet.cidr", f"{subnet.cidr!r} is no subnet: write for example 192.168.48.0/24")
    elif subnet.gateway:
        yield from _check_address("subnet.gateway", subnet.gateway, subnet)


def check_quorum(where: str, members: int) -> Iterable[Problem]:
    """etcd survives the loss of less than half of its members: an even number gains nothing."""
    if members % 2 == 0:
        yield Problem(where, f"{members} members of etcd survive no more failures than {max(members - 1, 0)} would: use an odd number")


def document(value: Object) -> str:
    """YAML, in the order of the value."""
    text: str = yaml.safe_dump(value, sort_keys=False, default_flow_style=False, width=1_000_000)
    return text
