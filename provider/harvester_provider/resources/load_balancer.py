"""LoadBalancer: an address in front of machines (or of a guest cluster's service), from a pool or by DHCP.

Upstream: load-balancer-harvester. Its condition `Ready` stays False until a machine that the selector matches runs, so
that a program which makes the machines after it would wait for ever: the address is waited for instead. Outputs say the
rest. One module from inputs to verdict; pools are in `ip_pool`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, condition, dig_int, dig_list, dig_map, dig_objects, dig_str, is_true
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Await, Patch, Plan, Put, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import Unknown, is_known
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.resources.apis import IP_POOL, LOAD_BALANCER
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.labels import LabelName, LabelValue
from harvester_provider.resources.model import REPLACE, Model, NamespacedInputs, Outputs, is_name

_ADDRESS_SECONDS = 180.0
_PORT = 65535
_ASKED_BY_DHCP = "0.0.0.0"  # noqa: S104  what upstream writes while DHCP is asked, no address to listen on


class Listener(Model):
    """A port of the address, and where it leads."""

    name: str
    """Name of the listener, unlike all others; lower-case letters, digits and inner dashes."""
    port: int
    """Port of the address, 1 to 65535."""
    backend_port: int
    """Port of the machines, 1 to 65535."""
    protocol: Literal["TCP", "UDP"] = "TCP"
    """TCP or UDP."""


class HealthCheck(Model):
    """A probe: machines whose port does not accept connections get no traffic."""

    port: int
    """The `backend_port` of a TCP listener."""
    success_threshold: int = Field(default=2, ge=1)
    """How often in a row it must succeed before a machine gets traffic (again)."""
    failure_threshold: int = Field(default=2, ge=1)
    """How often in a row it must fail before a machine gets none."""
    period_seconds: int = Field(default=1, ge=1)
    """Seconds between two probes."""
    timeout_seconds: int = Field(default=1, ge=1)
    """Seconds that an answer may take."""


class LoadBalancerInputs(NamespacedInputs):
    """An address in front of the machines of its namespace."""

    ipam: Literal["pool", "dhcp"] = Field(default="dhcp", json_schema_extra=REPLACE)
    """Where the address comes from: an IpPool, or the DHCP server of the management network."""
    ip_pool: str | None = None
    """Name of the IpPool, with `ipam="pool"`. Default: the one whose selector matches. Another pool is another address."""
    workload_type: Literal["vm", "cluster"] = Field(default="vm", json_schema_extra=REPLACE)
    """`vm`: in front of machines. `cluster`: as the cloud provider of a guest cluster makes them, which balances by itself."""
    listeners: list[Listener] = []
    """The ports, at least one with `workload_type="vm"`."""
    backend_selector: dict[LabelName, list[LabelValue]] = {}
    """Labels of the machines behind it, each with the values it may have, for example `{"app": ["web"]}`. All must match."""
    health_check: HealthCheck | None = None
    """How machines are probed. Default: not at all."""


class LoadBalancerOutputs(Outputs):
    """What is known of a load balancer."""

    address: str = ""
    """The address. It can be used as soon as a machine behind it runs."""
    allocated_from: str = ""
    """The pool that the address is from, empty with DHCP."""
    gateway: str = ""
    """Gateway of the address, where a pool gave it."""
    backend_servers: list[str] = []
    """Addresses of the running machines behind it."""
    ready: bool = False
    """Whether traffic reaches a machine."""
    message: str = ""
    """Why not, where it does not."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """Judges by the address: the one that the pool gave, or the one that DHCP gave."""

    ref: Ref
    ipam: str
    pool: str
    workload_type: str

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the load balancer has the address it is to have."""
        found = seen.get(self.ref)
        given = dig_map(found, "status", "allocatedAddress")
        why = dig_str(condition(found, "Ready"), "message")
        if self.ipam == "pool":
            source = dig_str(given, "ipPool")
            if not source or (self.pool and source != self.pool):
                return Waiting(f"it has no address of {f'the pool {self.pool}' if self.pool else 'a pool'}" + (f": {why}" if why else ""))
        address = _address(found)
        expected = dig_str(given, "ip")
        if address and (self.ipam == "dhcp" or address == expected):
            return Ready()
        if self.ipam == "pool" and self.workload_type == "cluster":
            return Ready()
        if self.ipam == "dhcp":
            return Waiting("the DHCP server of the management network has not given an address yet")
        return Waiting(f"{expected} is reserved; kube-vip has not taken it into use yet" + (f" ({why})" if why else ""))


def _address(found: Object) -> str:
    """The address that is in use, or for guest clusters the one that is reserved."""
    used = dig_str(found, "status", "address")
    if used or dig_str(found, "spec", "workloadType") != "cluster":
        return used
    reserved = dig_str(found, "status", "allocatedAddress", "ip")
    return "" if reserved == _ASKED_BY_DHCP else reserved


class LoadBalancer(BaseKind[LoadBalancerInputs]):
    """The kind `LoadBalancer`."""

    name: ClassVar[str] = "LoadBalancer"
    api: ClassVar[Api] = LOAD_BALANCER
    inputs: ClassVar[type[LoadBalancerInputs]] = LoadBalancerInputs
    outputs_model: ClassVar[type[LoadBalancerOutputs]] = LoadBalancerOutputs

    def check(self, inputs: LoadBalancerInputs) -> Sequence[Problem]:
        """The rules of the load-balancer webhook (pkg/webhook/loadbalancer/validator.go) and of the Service it makes."""
        problems = [] if not is_known(inputs.listeners) else list(_check_listeners(inputs))
        if inputs.workload_type == "vm" and is_known(inputs.backend_selector) and not any(inputs.backend_selector.values()):
            problems.append(Problem("backendSelector", 'say which machines are behind it, for example {"app": ["web"]}'))
        if inputs.ipam == "dhcp" and is_known(inputs.ip_pool) and inputs.ip_pool:
            problems.append(Problem("ipPool", 'a pool is used with ipam="pool" only'))
        return problems

    def requires(self, inputs: LoadBalancerInputs) -> Sequence[Requirement]:
        """The pool, where one is named."""
        if not (is_known(inputs.ip_pool) and inputs.ip_pool):
            return ()
        return (Requirement("ipPool", Ref(IP_POOL, inputs.ip_pool), "make an IpPool of that name"),)

    def create(self, inputs: LoadBalancerInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new one depends on nothing else
        """Make it."""
        ref = self.ref(inputs)
        spec: dict[str, Json] = {
            "workloadType": inputs.workload_type,
            "ipam": inputs.ipam,
            "listeners": _listeners(inputs),
            "backendServerSelector": inputs.backend_selector,
        }
        optional = {"description": inputs.description, "ipPool": inputs.ip_pool, "healthCheck": _health_check(inputs.health_check)}
        spec |= {key: value for key, value in optional.items() if value}
        return Plan(steps=(Put(ref, manifest(LOAD_BALANCER, metadata(inputs, described=False), spec=spec), says=f"make {ref}"),))

    def settle(self, inputs: LoadBalancerInputs, seen: Snapshot) -> Sequence[Step]:
        """Wait for the address."""
        wait = self._wait(inputs, "create")
        return () if wait.judge(seen) == Ready() else (wait,)

    def update(self, old: LoadBalancerInputs, new: LoadBalancerInputs, seen: Snapshot) -> Plan:
        """Patch what changed. Nothing reaches a machine; connections of a listener or address that goes are cut."""
        ref = self.ref(new)
        effects = {
            "ip_pool": (Effect.LIVE, "another pool means another address"),
            "listeners": (Effect.LIVE, "connections to a listener that changes are cut"),
            "backend_selector": (Effect.LIVE, "connections to machines that are no longer matched are cut"),
            "health_check": (Effect.LIVE, "machines are probed anew"),
        }
        changes = tuple(self.changes(old, new, effects))
        body = {} if Plan(changes=changes).replaces else _patch(old, new)
        if not body:
            return Plan(changes=changes)
        wait = self._wait(new, "update")
        says = f"change {', '.join(change.property for change in changes)} of {ref}"
        waits = () if "ipPool" not in {change.property for change in changes} and wait.judge(seen) == Ready() else (wait,)
        return Plan(steps=(Patch(ref, body, says=says), *waits), changes=changes)

    def observe(self, ref: Ref, prior: LoadBalancerInputs | None, seen: Snapshot) -> LoadBalancerInputs:
        """The load balancer as the cluster has it; the webhook's annotations are none of ours."""
        found = seen.get(ref)
        pool = dig_str(found, "spec", "ipPool") or None
        values: dict[str, object] = {
            "ipam": "dhcp" if dig_str(found, "spec", "ipam") == "dhcp" else "pool",
            "ip_pool": pool,
            "workload_type": "cluster" if dig_str(found, "spec", "workloadType") == "cluster" else "vm",
            "listeners": [_observed_listener(entry) for entry in dig_objects(found, "spec", "listeners")],
            "backend_selector": _observed_selector(dig_map(found, "spec", "backendServerSelector")),
            "health_check": _observed_check(dig_map(found, "spec", "healthCheck")),
        }
        if prior is None or prior.description:
            values["description"] = dig_str(found, "spec", "description")
        return self.observed(ref, prior, found, values, described=False)

    def outputs(self, inputs: LoadBalancerInputs, seen: Snapshot) -> Mapping[str, Json]:
        """The address and who is behind it."""
        found = seen.get(self.ref(inputs))
        return LoadBalancerOutputs(
            address=_address(found),
            allocated_from=dig_str(found, "status", "allocatedAddress", "ipPool"),
            gateway=dig_str(found, "status", "allocatedAddress", "gateway"),
            backend_servers=_strings(dig_list(found, "status", "backendServers")),
            ready=is_true(found, "Ready"),
            message=dig_str(condition(found, "Ready"), "message"),
        ).wire()

    def _wait(self, inputs: LoadBalancerInputs, operation: str) -> Await:
        ref = self.ref(inputs)
        judge = Addressed(ref, inputs.ipam, inputs.ip_pool or "", inputs.workload_type)
        return Await(of=ref, until="given its address", wants=(ref,), judge=judge, seconds=inputs.seconds(operation, _ADDRESS_SECONDS))


def _listeners(inputs: LoadBalancerInputs) -> Sequence[Object]:
    return [
        {"name": entry.name, "port": entry.port, "protocol": entry.protocol, "backendPort": entry.backend_port}
        for entry in inputs.listeners
    ]


_CHECK = {
    "port": "port",
    "success_threshold": "successThreshold",
    "failure_threshold": "failureThreshold",
    "period_seconds": "periodSeconds",
    "timeout_seconds": "timeoutSeconds",
}
"""Of a health check: our names, and those of the object."""


def _health_check(check: HealthCheck | None) -> Object | None:
    return {key: getattr(check, name) for name, key in _CHECK.items()} if check is not None else None


def _patch(old: LoadBalancerInputs, new: LoadBalancerInputs) -> Object:
    spec: dict[str, Json] = {}
    if old.ip_pool != new.ip_pool:
        spec["ipPool"] = new.ip_pool
    if old.listeners != new.listeners:
        spec["listeners"] = _listeners(new)
    if old.backend_selector != new.backend_selector:
        gone: dict[str, Json] = dict.fromkeys(old.backend_selector.keys() - new.backend_selector.keys())
        spec["backendServerSelector"] = {**gone, **new.backend_selector}
    if old.health_check != new.health_check:
        spec["healthCheck"] = _health_check(new.health_check)
    if old.description != new.description:
        spec["description"] = new.description or None
    meta = metadata_patch(old, new, described=False)
    return {key: part for key, part in (("metadata", meta), ("spec", spec)) if part}


def _strings(found: Sequence[Json]) -> list[str]:
    return [item for item in found if isinstance(item, str)]


def _observed_listener(found: Object) -> Listener:
    protocol: Literal["TCP", "UDP"] = "UDP" if dig_str(found, "protocol") == "UDP" else "TCP"
    return Listener.model_construct(
        name=dig_str(found, "name"), port=dig_int(found, "port"), backend_port=dig_int(found, "backendPort"), protocol=protocol
    )


def _observed_selector(found: Object) -> dict[str, list[str]]:
    return {key: _strings(value) for key, value in found.items() if isinstance(value, list | tuple)}


def _observed_check(found: Object) -> HealthCheck | None:
    values: dict[str, Any] = {name: dig_int(found, key) for name, key in _CHECK.items()}
    return HealthCheck.model_construct(**values) if values["port"] else None


def _check_listeners(inputs: LoadBalancerInputs) -> Iterable[Problem]:
    listeners = [entry for entry in inputs.listeners if not isinstance(entry, Unknown)]
    if inputs.workload_type != "vm":
        return
    if not inputs.listeners:
        yield Problem("listeners", "name at least one: a port and the machines' port that it leads to")
    for number, entry in enumerate(listeners):
        if is_known(entry.name) and not is_name(entry.name):
            yield Problem(f"listeners[{number}].name", f"{entry.name!r}: use at most 63 lower-case letters, digits and inner dashes")
        for name, value in (("port", entry.port), ("backendPort", entry.backend_port)):
            if is_known(value) and not 1 <= value <= _PORT:
                yield Problem(f"listeners[{number}].{name}", f"{value} is no port: use 1 to {_PORT}")
    for what, key in (("name", lambda one: one.name), ("port", _front), ("backendPort", _back)):
        for twice in (value for value, count in Counter(map(key, listeners)).items() if count > 1 and is_known(value)):
            yield Problem("listeners", f"two of them have the {what} {twice}: each can be used once")
    yield from _check_health(inputs.health_check, listeners)


def _front(entry: Listener) -> str:
    return f"{entry.protocol} {entry.port}"


def _back(entry: Listener) -> str:
    return f"{entry.protocol} {entry.backend_port}"


def _check_health(check: HealthCheck | None, listeners: Sequence[Listener]) -> Iterable[Problem]:
    if check is None or isinstance(check, Unknown) or not is_known(check.port, *(entry.backend_port for entry in listeners)):
        return
    ports = [entry.backend_port for entry in listeners if entry.protocol == "TCP"]
    if check.port not in ports:
        shown = ", ".join(map(str, ports)) or "none"
        yield Problem("healthCheck.port", f"{check.port} is no backendPort of a TCP listener: choose one of {shown}")


KIND = LoadBalancer()
