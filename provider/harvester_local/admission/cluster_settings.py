"""Settings whose values must fit the cluster as it is: networks of the nodes' own traffic, the proxy, the class of snapshots.

Upstream: pkg/webhook/resources/setting/validator.go in Harvester v1.8. Not asked here: whether the cluster network spans all nodes,
overlaps with rwx-network, and whether Longhorn's volumes are detached, as they are where every machine is off.
"""

from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, ip_address, ip_network

from harvester_local.admission.review import Request, conflict, invalid
from harvester_local.admission.setting_values import NETWORK, PROXY
from harvester_local.admission.unmarshal import unmarshal
from harvester_local.admission.world import World
from harvester_local.api.kinds import LONGHORN_NODE, MACHINE, NODE, SNAPSHOT_CLASS
from harvester_local.api.objects import Key, Obj, condition, items, labels, part

_STORAGE, _MIGRATION = "storage-network", "vm-migration-network"
_WITNESS = "node-role.harvesterhci.io/witness"
_MANAGEMENT = "mgmt"
_LEAST_PREFIX = 16


def validate_by_cluster(request: Request, world: World) -> None:
    """Raise DeniedError for a value that the cluster cannot have now."""
    rule = _RULES.get(request.key.name)
    if rule and request.old.get("value") != request.new.get("value"):
        rule(str(request.new.get("value") or ""), request.old, world)


def _storage_network(value: str, old: Obj, world: World) -> None:
    state = condition(old, "configured") or {}
    if value and state.get("status") == "False" and state.get("reason") == "In Progress":
        said = f'(reason: "{state["reason"]}", message: "{state.get("message", "")}")'
        raise conflict(f'cannot update the setting "{_STORAGE}" because it is still being configured {said}')
    if value:
        disks = [len(part(node, "spec", "disks")) for node in world.store.all(LONGHORN_NODE)]
        _check_network(_STORAGE, value, sum(2 + 2 * count for count in disks), world)
    if any(part(machine, "status").get("printableStatus") != "Stopped" for machine in world.store.all(MACHINE)):
        raise invalid("Please stop all VMs before configuring the storage-network setting", "value")


def _migration_network(value: str, _old: Obj, world: World) -> None:
    if value:
        nodes = sum(_WITNESS not in labels(node) for node in world.store.all(NODE))
        _check_network(_MIGRATION, value, nodes, world)


def _check_network(name: str, value: str, needed: int, world: World) -> None:
    try:
        config = unmarshal(value, NETWORK)
    except ValueError as error:
        raise invalid(f"failed to unmarshal the setting value {value}, {error}", "value") from error
    subnet = _subnet(str(config.get("range") or ""))
    vlan = config.get("vlan") or 0
    if vlan <= 1 and config.get("clusterNetwork") == _MANAGEMENT:
        raise invalid(f"network with vlan id {vlan} not allowed on {_MANAGEMENT} cluster", "value")
    usable = _usable(subnet, config)
    if len(usable) < needed:
        raise invalid(f"allocatable IP address range is < {needed}, allocate sufficient range", "value")
    other = _MIGRATION if name == _STORAGE else _STORAGE
    beside = world.setting_json(other)
    if beside.get("range") and usable & _usable(_subnet(str(beside["range"])), beside):
        raise invalid(f"{name}: the network configuration is overlapped with {other}", name)


def _subnet(text: str) -> IPv4Network:
    try:
        found = ip_network(text)
    except ValueError as error:
        raise invalid(f"invalid CIDR address: {text}", "value") from error
    if not isinstance(found, IPv4Network):
        raise invalid("IPv6 ranges are not supported for network settings", "value")
    if found.prefixlen < _LEAST_PREFIX:
        text = f"min supported prefix length for network is {_LEAST_PREFIX}, include Range PrefixLen received {found.prefixlen}"
        raise invalid(text, "value")
    return found


def _usable(subnet: IPv4Network, config: Obj) -> set[int]:
    left_out = {int(address) for text in config.get("exclude") or () for address in ip_network(text)}
    return {int(address) for address in subnet.hosts()} - left_out


def _proxy(value: str, _old: Obj, world: World) -> None:
    config = unmarshal(value or "{}", PROXY)
    if not (config.get("httpProxy") or config.get("httpsProxy")):
        return
    direct = []
    for text in str(config.get("noProxy") or "").split(","):
        try:
            direct.append(ip_network(text.strip()))
        except ValueError:
            continue
    addresses = [a["address"] for node in world.store.all(NODE) for a in items(node, "status", "addresses") if a["type"] == "InternalIP"]
    missed = sorted(address for address in addresses if not any(ip_address(address) in subnet for subnet in direct))
    if missed:
        said = f"The node(s) {', '.join(missed)} are not covered."
        raise invalid(f"noProxy should contain the node's IP addresses or CIDR. {said}", "value")


def _snapshot_class(value: str, _old: Obj, world: World) -> None:
    if value and world.store.get(SNAPSHOT_CLASS, Key("", value)) is None:
        raise invalid(f'volumesnapshotclasses.snapshot.storage.k8s.io "{value}" not found', "value")


_RULES: Mapping[str, Callable[[str, Obj, World], None]] = {
    "http-proxy": _proxy,
    _STORAGE: _storage_network,
    _MIGRATION: _migration_network,
    "volume-snapshot-class": _snapshot_class,
}
