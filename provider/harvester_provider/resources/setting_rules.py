"""What Harvester refuses of a setting because of the cluster as it is, for a preview that says so.

Only what no other resource of the program is likely to mend: that a cluster network is there may be its doing. What is wrong with a value
whatever the cluster looks like is in `setting_values`. Pure. Upstream:
pkg/webhook/resources/setting/validator.go; it also wants all of Longhorn's volumes detached for the storage network.
"""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from harvester_provider.core.json import Object, condition, dig_list, dig_map, dig_objects, dig_str, dig_strings, id_of, parsed
from harvester_provider.core.ref import Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.wording import first_of
from harvester_provider.resources.apis import LONGHORN_NODE, NODE, SETTING, VIRTUAL_MACHINE, VOLUME_SNAPSHOT_CLASS
from harvester_provider.resources.previous import same

_MACHINES, _NODES, _DISKS = Listing(VIRTUAL_MACHINE), Listing(NODE), Listing(LONGHORN_NODE, "longhorn-system")
_SNAPSHOT_CLASSES = Listing(VOLUME_SNAPSHOT_CLASS)
_STORAGE, _MIGRATION = Ref(SETTING, "storage-network"), Ref(SETTING, "vm-migration-network")
_WITNESS = "node-role.harvesterhci.io/witness"
_IN_PROGRESS = "In Progress"
_LEAST_PREFIX = 16
"""The largest subnet that Harvester takes."""


def wants(names: Iterable[str]) -> Iterable[Want]:
    """What must be seen to judge values of these settings."""
    return dict.fromkeys(want for name in names if name in _RULES for want in _RULES[name][0])


def refusal(name: str, value: str, seen: Snapshot) -> str:
    """Why the cluster refuses the value now, with the way out; empty where nothing is known against it."""
    found = seen.get(Ref(SETTING, name))
    if name not in _RULES or same(value, dig_str(found, "value")):
        return ""
    return _RULES[name][1](value, seen)


def _storage_network(value: str, seen: Snapshot) -> str:
    state = condition(seen.get(_STORAGE), "configured")
    if value and state.get("status") == "False" and dig_str(state, "reason") == _IN_PROGRESS:
        return f"its last change is still being carried out ({dig_str(state, 'message')}): wait for it"
    running = [id_of(machine) for machine in seen.listed(_MACHINES) if dig_str(machine, "status", "printableStatus") != "Stopped"]
    if running:
        return f"it is taken only while all machines are off: stop {first_of(sorted(running))} first, in an update of their own"
    needed = sum(2 + 2 * len(dig_map(node, "spec", "disks")) for node in seen.listed(_DISKS))
    return _range(value, needed, "two for each node and two for each disk") or _overlap(value, _MIGRATION, seen)


def _migration_network(value: str, seen: Snapshot) -> str:
    needed = sum(_WITNESS not in dig_strings(node, "metadata", "labels") for node in seen.listed(_NODES))
    return _range(value, needed, "one for each node") or _overlap(value, _STORAGE, seen)


def _range(value: str, needed: int, why: str) -> str:
    usable = len(_addresses(value))
    return f"its range has {usable} addresses, and this cluster needs {needed}: {why}" if value and usable < needed else ""


def _overlap(value: str, other: Ref, seen: Snapshot) -> str:
    both = _addresses(value) & _addresses(dig_str(seen.get(other), "value"))
    return f"its range has addresses of {other.name} in it: take another subnet, or exclude them" if both else ""


def _addresses(value: str) -> frozenset[int]:
    """The addresses that a network gives away, as numbers; none of a value that is no such network."""
    network = dig_map(parsed(value))
    whole = _subnet(dig_str(network, "range"))
    if whole is None:
        return frozenset()
    left_out = (_subnet(text) for text in dig_list(network, "exclude") if isinstance(text, str))
    taken = {int(address) for subnet in left_out if subnet is not None for address in subnet}
    return frozenset(int(address) for address in whole.hosts()) - taken


def _subnet(text: str) -> IPv4Network | None:
    found = _network(text)
    return found if isinstance(found, IPv4Network) and found.prefixlen >= _LEAST_PREFIX else None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _proxy(value: str, seen: Snapshot) -> str:
    given = dig_map(parsed(value))
    if not (dig_str(given, "httpProxy") or dig_str(given, "httpsProxy")):
        return ""
    direct = [subnet for part in dig_str(given, "noProxy").split(",") if (subnet := _network(part.strip())) is not None]
    nodes = [address for node in seen.listed(_NODES) for address in _internal(node)]
    bare = sorted(address for address in nodes if not any(ip_address(address) in subnet for subnet in direct))
    return f"exceptions (noProxy) must have the nodes in it, by address or subnet: {first_of(bare)} are missing" if bare else ""


def _internal(node: Object) -> Iterable[str]:
    addresses = dig_objects(node, "status", "addresses")
    return (dig_str(entry, "address") for entry in addresses if dig_str(entry, "type") == "InternalIP")


def _snapshot_class(value: str, seen: Snapshot) -> str:
    there = sorted(dig_str(found, "metadata", "name") for found in seen.listed(_SNAPSHOT_CLASSES))
    return f"there is no VolumeSnapshotClass {value}: there are {first_of(there)}" if value and value not in there else ""


_RULES: Mapping[str, tuple[tuple[Want, ...], Callable[[str, Snapshot], str]]] = {
    "http-proxy": ((_NODES,), _proxy),
    "storage-network": ((_STORAGE, _MIGRATION, _MACHINES, _DISKS), _storage_network),
    "vm-migration-network": ((_STORAGE, _MIGRATION, _NODES), _migration_network),
    "volume-snapshot-class": ((_SNAPSHOT_CLASSES,), _snapshot_class),
}
"""The settings with such rules: what they look at, and the rule."""
