"""IpPool: the addresses that load balancers and services of guest clusters get from Harvester.

Which pool an object without a named one gets is decided upstream by `selector` (load-balancer-harvester
pkg/ipam/selector.go): network and scope must match, the highest priority wins. One module from inputs to verdict.
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

from pydantic import Field

from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import InvalidId
from harvester_provider.core.json import Json, Object, condition, dig_int, dig_map, dig_objects, dig_str, dig_strings, is_true
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Await, Patch, Plan, Put, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import Unknown, is_known
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.resources.apis import IP_POOL, NETWORK
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.model import INT32, Model, Outputs, ResourceInputs

_READY_SECONDS = 60.0
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class IpRange(Model):
    """Addresses of one subnet."""

    subnet: str
    """The subnet in CIDR notation, for example `192.168.5.0/24`."""
    start: str | None = None
    """First address. Default: the first of the subnet."""
    end: str | None = None
    """Last address. Default: the last of the subnet, its broadcast address left out."""
    gateway: str | None = None
    """Gateway of the subnet; it is never given out. Default: the subnet's first address."""


class IpPoolScope(Model):
    """Who gets addresses. `*` stands for all; what is left out matches only those that have none."""

    project: str = ""
    """Project of the namespace, as Rancher calls it: `c-xxxxx/p-xxxxx`."""
    namespace: str = ""
    """Namespace of the load balancer in Harvester."""
    guest_cluster: str = ""
    """Name of the guest cluster; empty for load balancers in front of machines."""


class IpPoolSelector(Model):
    """What load balancers that name no pool get their addresses here."""

    network: str | None = None
    """ID of the network (`namespace/name`) of the guest cluster's machines. Load balancers in front of machines have none."""
    priority: int = Field(default=0, ge=0, le=INT32)
    """The pool with the highest number wins. Numbers other than 0 are given to one pool only."""
    scope: list[IpPoolScope] = []
    """Any of them. A single one with `*` for all three makes it the pool of everybody else, of which there is one."""


class IpPoolInputs(ResourceInputs):
    """A pool of addresses for load balancers."""

    ranges: list[IpRange]
    """The addresses. Ranges of all pools must not overlap. At least one."""
    selector: IpPoolSelector = IpPoolSelector()
    """Whose load balancers it serves without being named."""


class IpPoolOutputs(Outputs):
    """What is known of a pool."""

    total: int = 0
    """How many addresses it has."""
    available: int = 0
    """How many of them are free."""
    allocated: dict[str, str] = {}
    """Who has which: address -> `namespace/name` of the load balancer."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Judges by the condition `Ready`, which comes when Harvester has counted the addresses."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where addresses can be given out."""
        found = seen.get(self.ref)
        if is_true(found, "Ready"):
            return Ready()
        return Waiting(dig_str(condition(found, "Ready"), "message") or "Harvester has not counted its addresses yet")


class IpPool(BaseKind[IpPoolInputs]):
    """The kind `IpPool`."""

    name: ClassVar[str] = "IpPool"
    api: ClassVar[Api] = IP_POOL
    inputs: ClassVar[type[IpPoolInputs]] = IpPoolInputs
    outputs_model: ClassVar[type[IpPoolOutputs]] = IpPoolOutputs

    def check(self, inputs: IpPoolInputs) -> Sequence[Problem]:
        """The rules for ranges that the load-balancer webhook has (pkg/ipam/allocator.go, pkg/webhook/ippool/validator.go)."""
        if not is_known(inputs.ranges):
            return ()
        if not inputs.ranges:
            return (Problem("ranges", "name at least one range, for example a subnet with start and end"),)
        problems = [problem for number, entry in enumerate(inputs.ranges) for problem in _check_range(f"ranges[{number}]", entry)]
        return [*(problems or _check_overlaps(inputs.ranges)), *_check_selector(inputs.selector)]

    def requires(self, inputs: IpPoolInputs) -> Sequence[Requirement]:
        """The network, where one is named."""
        network = None if isinstance(inputs.selector, Unknown) else inputs.selector.network
        if not is_known(network) or not network:
            return ()
        return (Requirement("selector.network", Ref.of_id(NETWORK, network), "write the ID of a VlanNetwork: namespace/name"),)

    def create(self, inputs: IpPoolInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new one depends on nothing else
        """Make it."""
        ref = self.ref(inputs)
        spec: dict[str, Json] = {"ranges": _ranges(inputs), "selector": _selector(inputs.selector)}
        spec |= {"description": inputs.description} if inputs.description else {}
        return Plan(steps=(Put(ref, manifest(IP_POOL, metadata(inputs, described=False), spec=spec), says=f"make {ref}"),))

    def settle(self, inputs: IpPoolInputs, seen: Snapshot) -> Sequence[Step]:
        """Wait until addresses can be given out."""
        judge = Counted(self.ref(inputs))
        return () if judge(seen) == Ready() else (self._wait(inputs, "create"),)

    def update(self, old: IpPoolInputs, new: IpPoolInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  the inputs say it all
        """Patch what changed. Addresses that are in use must stay in the ranges; Harvester refuses it otherwise."""
        ref = self.ref(new)
        why = "load balancers keep the addresses they have; Harvester refuses ranges without them"
        changes = tuple(self.changes(old, new, {"ranges": (Effect.METADATA, why)}))
        body = {} if Plan(changes=changes).replaces else _patch(old, new)
        if not body:
            return Plan(changes=changes)
        says = f"change {', '.join(change.property for change in changes)} of {ref}"
        return Plan(steps=(Patch(ref, body, says=says), self._wait(new, "update")), changes=changes)

    def observe(self, ref: Ref, prior: IpPoolInputs | None, seen: Snapshot) -> IpPoolInputs:
        """The pool as the cluster has it."""
        found = seen.get(ref)
        values: dict[str, object] = {
            "ranges": [_observed_range(entry) for entry in dig_objects(found, "spec", "ranges")],
            "selector": _observed_selector(dig_map(found, "spec", "selector")),
        }
        if prior is None or prior.description:
            values["description"] = dig_str(found, "spec", "description")
        return self.observed(ref, prior, found, values, described=False)

    def outputs(self, inputs: IpPoolInputs, seen: Snapshot) -> Mapping[str, Json]:
        """The numbers of addresses and who has them."""
        found = seen.get(self.ref(inputs))
        return IpPoolOutputs(
            total=dig_int(found, "status", "total"),
            available=dig_int(found, "status", "available"),
            allocated=dig_strings(found, "status", "allocated"),
        ).wire()

    def _wait(self, inputs: IpPoolInputs, operation: str) -> Await:
        ref = self.ref(inputs)
        return Await(of=ref, until="ready", wants=(ref,), judge=Counted(ref), seconds=inputs.seconds(operation, _READY_SECONDS))


_NAMES = {"subnet": "subnet", "start": "rangeStart", "end": "rangeEnd", "gateway": "gateway"}
"""Of a range: our names, and those of the object."""


def _ranges(inputs: IpPoolInputs) -> Sequence[Object]:
    return [{key: value for name, key in _NAMES.items() if (value := getattr(entry, name))} for entry in inputs.ranges]


def _selector(selector: IpPoolSelector) -> Object:
    scope = [{"project": entry.project, "namespace": entry.namespace, "guestCluster": entry.guest_cluster} for entry in selector.scope]
    named = {"network": selector.network} if selector.network else {}
    return {"priority": selector.priority, "scope": [{key: value for key, value in entry.items() if value} for entry in scope], **named}


def _patch(old: IpPoolInputs, new: IpPoolInputs) -> Object:
    spec: dict[str, Json] = {}
    if old.ranges != new.ranges:
        spec["ranges"] = _ranges(new)
    if old.selector != new.selector:
        spec["selector"] = {"network": None, **_selector(new.selector)}
    if old.description != new.description:
        spec["description"] = new.description or None
    meta = metadata_patch(old, new, described=False)
    return {key: part for key, part in (("metadata", meta), ("spec", spec)) if part}


def _observed_range(found: Object) -> IpRange:
    texts: dict[str, Any] = {name: dig_str(found, key) or None for name, key in _NAMES.items()}
    return IpRange.model_construct(**texts)


def _observed_selector(found: Object) -> IpPoolSelector:
    scope = [
        IpPoolScope(project=dig_str(entry, "project"), namespace=dig_str(entry, "namespace"), guest_cluster=dig_str(entry, "guestCluster"))
        for entry in dig_objects(found, "scope")
    ]
    return IpPoolSelector.model_construct(network=dig_str(found, "network") or None, priority=dig_int(found, "priority"), scope=scope)


def _check_selector(selector: IpPoolSelector) -> Iterable[Problem]:
    if isinstance(selector, Unknown):
        return
    if is_known(selector.network) and selector.network:
        try:
            Ref.of_id(NETWORK, selector.network)
        except InvalidId as error:
            yield Problem("selector.network", str(error))
    for (first, one), (second, other) in combinations(enumerate(selector.scope if is_known(selector.scope) else ()), 2):
        pairs = [(getattr(one, name), getattr(other, name)) for name in IpPoolScope.model_fields]
        if is_known(*(value for pair in pairs for value in pair)) and all(a == b or "*" in (a, b) for a, b in pairs):
            yield Problem(f"selector.scope[{second}]", f"it is in scope[{first}], or that in it: leave one of them out")


def _check_range(path: str, entry: IpRange) -> Iterable[Problem]:
    if isinstance(entry, Unknown) or not is_known(entry.subnet):
        return
    try:
        subnet = ipaddress.ip_network(entry.subnet, strict=False)
    except ValueError:
        yield Problem(f"{path}.subnet", f"{entry.subnet!r} is no subnet: write for example 192.168.5.0/24")
        return
    ends = {}
    for name in ("start", "end", "gateway"):
        text = getattr(entry, name)
        if text is None or not is_known(text):
            continue
        try:
            ends[name] = ipaddress.ip_address(text)
        except ValueError:
            yield Problem(f"{path}.{name}", f"{text!r} is no IP address")
            continue
        if ends[name] not in subnet:
            yield Problem(f"{path}.{name}", f"{text} is not in {subnet}")
        elif subnet.num_addresses > 1 and ends[name] in (subnet.network_address, subnet.broadcast_address):
            yield Problem(f"{path}.{name}", f"{text} is the network or broadcast address of {subnet}: nobody can have it")
    if "start" in ends and "end" in ends and int(ends["start"]) > int(ends["end"]):
        yield Problem(f"{path}.end", f"{ends['end']} comes before the start, {ends['start']}")


def _span(entry: IpRange) -> tuple[int, int, int]:
    """Version, first and last address of a range, as upstream fills them in."""
    subnet = ipaddress.ip_network(entry.subnet, strict=False)
    first, last = int(subnet.network_address), int(subnet.broadcast_address)
    if subnet.num_addresses > 1:
        first, last = first + 1, last - (subnet.version == 4)
    start, end = (int(ipaddress.ip_address(text)) if text else None for text in (entry.start, entry.end))
    return subnet.version, start if start is not None else first, end if end is not None else last


def _check_overlaps(ranges: Sequence[IpRange]) -> Iterable[Problem]:
    known = [(number, entry) for number, entry in enumerate(ranges) if not isinstance(entry, Unknown) and is_known(*_texts(entry))]
    spans = [(number, _span(entry)) for number, entry in known]
    for at, (number, (version, start, end)) in enumerate(spans):
        for other, (its_version, its_start, its_end) in spans[:at]:
            if version == its_version and start <= its_end and its_start <= end:
                yield Problem(f"ranges[{number}]", f"has addresses of ranges[{other}]: each address can be in one range only")


def _texts(entry: IpRange) -> tuple[object, ...]:
    return (entry.subnet, entry.start, entry.end)


KIND = IpPool()
