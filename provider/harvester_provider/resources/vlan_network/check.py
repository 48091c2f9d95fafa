"""The rules of a VlanNetwork, before the cluster is asked: those of upstream's webhook.

Sources: network-controller-harvester pkg/utils/nad.go (VLAN IDs, trunk, route) and bridge.go (names). A value that is
not known yet is false and breaks no rule.
"""

from collections.abc import Iterable
from ipaddress import ip_address

from harvester_provider.core.problem import Problem
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import NETWORK_NAME_MAX
from harvester_provider.resources.vlan_network.config import LAST_VLAN, subnet_of
from harvester_provider.resources.vlan_network.model import VlanNetworkInputs


def problems(inputs: VlanNetworkInputs) -> Iterable[Problem]:
    """Everything that is wrong with the inputs."""
    yield from _check_cluster_network(inputs)
    yield from _check_tagging(inputs)
    yield from _check_trunk(inputs)
    yield from _check_route(inputs)


def _check_cluster_network(inputs: VlanNetworkInputs) -> Iterable[Problem]:
    name = inputs.cluster_network
    if is_known(name) and not 0 < len(name) <= NETWORK_NAME_MAX:
        yield Problem("clusterNetwork", f"{name!r} is no cluster network: their names have 1 to {NETWORK_NAME_MAX} characters")


def _check_tagging(inputs: VlanNetworkInputs) -> Iterable[Problem]:
    tagging = {"vlanId": inputs.vlan_id, "untagged": inputs.untagged, "trunk": inputs.trunk}
    given = [name for name, value in tagging.items() if value or (name == "vlanId" and value == 0)]
    if len(given) > 1:
        yield Problem(given[1], f"{' and '.join(given)} exclude each other: set one of them")
    elif not given and is_known(*tagging.values()):
        yield Problem("vlanId", f"missing: a VLAN ID from 1 to {LAST_VLAN}, or untagged=True, or a trunk")
    if is_known(inputs.vlan_id) and inputs.vlan_id is not None and not 1 <= inputs.vlan_id <= LAST_VLAN:
        hint = ": for a network without a VLAN set untagged=True instead" if inputs.vlan_id == 0 else ""
        yield Problem("vlanId", f"{inputs.vlan_id} is no VLAN ID: use 1 to {LAST_VLAN}{hint}")


def _check_trunk(inputs: VlanNetworkInputs) -> Iterable[Problem]:
    for number, each in enumerate(inputs.trunk if is_known(inputs.trunk) else ()):
        if not is_known(each, each.first, each.last):
            continue
        last = each.first if each.last is None else each.last
        if not 1 <= each.first <= last <= LAST_VLAN:
            reason = f"{each.first} to {last} are no VLAN IDs: use 1 to {LAST_VLAN}, the first one not above the last"
            yield Problem(f"trunk[{number}]", reason)


def _check_route(inputs: VlanNetworkInputs) -> Iterable[Problem]:
    cidr, gateway, server = inputs.route_cidr, inputs.route_gateway, inputs.route_dhcp_server_ip
    given = [name for name, value in (("routeCidr", cidr), ("routeGateway", gateway), ("routeDhcpServerIp", server)) if value]
    manual = inputs.route_mode == "manual"
    if inputs.vlan_id is None:
        for name in given + (["routeMode"] if manual else []):
            yield Problem(name, "only a network with a vlanId has a route: leave it out")
    elif manual:
        for name, value in (("routeCidr", cidr), ("routeGateway", gateway)):
            if is_known(value) and not value:
                yield Problem(name, "missing: routeMode manual needs routeCidr and routeGateway")
        if server:
            yield Problem("routeDhcpServerIp", "only routeMode auto asks a DHCP server: leave it out")
    elif is_known(inputs.route_mode):
        for name in given:
            if name != "routeDhcpServerIp":
                yield Problem(name, "routeMode auto learns it from DHCP: set routeMode to manual, or leave it out")
    yield from _check_addresses(cidr, gateway, server)


def _check_addresses(cidr: str | None, gateway: str | None, server: str | None) -> Iterable[Problem]:
    subnet = subnet_of(cidr) if cidr and "/" in cidr else None
    if cidr and (subnet is None or subnet.prefixlen == 0):
        yield Problem("routeCidr", f"{cidr!r} is no subnet: write for example 10.1.0.0/16")
    for name, value in (("routeGateway", gateway), ("routeDhcpServerIp", server)):
        if not value:
            continue
        try:
            address = ip_address(value)
        except ValueError:
            yield Problem(name, f"{value!r} is no IP address: write for example 10.1.0.1")
            continue
        if name == "routeGateway" and subnet is not None and subnet.prefixlen and address not in subnet:
            yield Problem(name, f"{value} is not in {cidr}: the gateway must be an address of the subnet")
