"""IPPool and LoadBalancer: write-backs and refusals of the load-balancer webhook.

Upstream: load-balancer-harvester pkg/webhook/{ippool,loadbalancer}. Its plain errors are answered with 500.
"""

import ipaddress
from itertools import combinations

from harvester_local.admission.review import DELETE, DeniedError, Request, failed, network_error
from harvester_local.admission.world import World
from harvester_local.api.kinds import IP_POOL, NETWORK
from harvester_local.api.objects import Key, Obj, annotations, deleting, items, labels, part
from harvester_local.model.addresses import GLOBAL, PREFIX, SELECTED_BY, VID, in_common, is_global, overlap, serves, spans
from harvester_local.model.networks import net_conf

_PORTS = 65535
_DEFAULTS = {"successThreshold": 2, "failureThreshold": 2, "periodSeconds": 1, "timeoutSeconds": 1}


def mutate_ip_pool(request: Request, world: World) -> Obj:
    """Write the VLAN of its network, and whether it is everybody's, into labels."""
    pool = request.new
    if deleting(pool):
        return pool
    network = part(pool, "spec", "selector").get("network") or ""
    if network and network.count("/") != 1:
        raise _cannot(request, f"invalid network {network}")
    nad = world.store.get(NETWORK, Key.parse(network)) if network else None
    if network and nad is None:
        name = Key.parse(network).name
        raise _cannot(request, f'network-attachment-definitions.k8s.cni.cncf.io "{name}" not found')
    marks = {VID: str(net_conf(nad).vlan if nad else 0), GLOBAL: "true" if is_global(pool) else "false"}
    return {**pool, "metadata": {**pool["metadata"], "labels": {**labels(pool), **marks}}}


def _cannot(request: Request, why: object) -> DeniedError:
    return network_error(request.operation.lower(), "IP pool", request.key.name, why)


def validate_ip_pool(request: Request, world: World) -> None:
    """Raise DeniedError for what upstream refuses."""
    if request.operation == DELETE:
        if part(request.old, "status").get("allocated"):
            raise failed("Internal error occurred: can't delete pool before releasing all the allocated IP")
        return
    if not request.created and deleting(request.new):
        return
    try:
        _check_pool(request, world)
    except ValueError as error:
        raise _cannot(request, error) from error


def _check_pool(request: Request, world: World) -> None:
    pool = request.new
    if not items(pool, "spec", "ranges"):
        raise ValueError("range can't be empty")
    own = spans(pool)
    others = [other for other in world.store.all(IP_POOL) if other["metadata"]["name"] != request.key.name]
    for at, span in enumerate(own):
        if any(overlap(span, other) for other in own[:at]):
            raise ValueError(f"there are overlaps between range {span} and another")
    if any(overlap(span, theirs) for span in own for other in others for theirs in spans(other)):
        raise ValueError("the ranges overlap with other pools")
    for address in part(request.new, "status").get("allocated") or {}:
        if not any(int(ipaddress.ip_address(address)) in span for span in own):
            raise ValueError(f"allocated IP {address} is excluded")
    _check_selector(pool, others)


def _check_selector(pool: Obj, others: list[Obj]) -> None:
    if is_global(pool):
        for other in others:
            if labels(other).get(GLOBAL) == "true":
                raise ValueError(f"there is already a global IP pool: {other['metadata']['name']}")
        return
    selector = part(pool, "spec", "selector")
    if any(in_common(one, other) for one, other in combinations(items(selector, "scope"), 2)):
        raise ValueError(f"selector {_shown(selector)} is invalid: scope overlaps")
    priority, network = selector.get("priority") or 0, selector.get("network") or ""
    for other in (each for each in others if not is_global(each)):
        name, its = other["metadata"]["name"], part(other, "spec", "selector").get("priority") or 0
        if priority and its == priority:
            raise ValueError(f"the priority can't be the same as the pool {name}")
        for scope in items(selector, "scope"):
            if not priority and not its and serves(other, scope, network=network):
                raise ValueError(f"scope selector is same as the pool {name} with priority 0, set a different priority or scope")


def _shown(selector: Obj) -> str:
    """A selector as Go prints it."""
    said = [[f"{name[0].upper()}{name[1:]}:{scope.get(name) or ''}" for name in SELECTED_BY] for scope in items(selector, "scope")]
    scopes = " ".join(f"{{{' '.join(entry)}}}" for entry in said)
    return f"{{Priority:{selector.get('priority') or 0} Network:{selector.get('network') or ''} Scope:[{scopes}]}}"


def mutate_load_balancer(request: Request, world: World) -> Obj:  # noqa: ARG001  one signature for all rules
    """Write its namespace into an annotation and the defaults into its health check."""
    balancer = request.new
    if deleting(balancer):
        return balancer
    marks = {**annotations(balancer), f"{PREFIX}/namespace": request.key.namespace}
    if part(balancer, "spec").get("workloadType") == "cluster":
        marks = {f"{PREFIX}/project": "", f"{PREFIX}/network": "", **marks}
    check = part(balancer, "spec", "healthCheck")
    spec = dict(balancer["spec"])
    if check.get("port"):
        spec["healthCheck"] = {**check, **{name: value for name, value in _DEFAULTS.items() if not check.get(name)}}
    return {**balancer, "metadata": {**balancer["metadata"], "annotations": marks}, "spec": spec}


def validate_load_balancer(request: Request, world: World) -> None:  # noqa: ARG001  one signature for all rules
    """Raise DeniedError for what upstream refuses."""
    if not request.created and deleting(request.new):
        return
    verb, spec = request.operation.lower(), part(request.new, "spec")
    try:
        if spec.get("workloadType") != "cluster":
            _check_listeners(items(spec, "listeners"))
            _check_health(spec)
        if not request.created:
            _check_fixed(part(request.old, "spec"), spec)
    except ValueError as error:
        raise failed(f"Internal error occurred: {verb} loadbalancer {request.key} failed: {error}") from error


def _check_listeners(listeners: list[Obj]) -> None:
    if not listeners:
        raise ValueError("the loadbalancer needs to have at least one listener")
    for at, listener in enumerate(listeners):
        front, back = (f"{listener.get('protocol')}:{listener.get(key)}" for key in ("port", "backendPort"))
        for other in listeners[:at]:
            if other["name"] == listener["name"]:
                raise ValueError(f"listener has duplicate name {listener['name']}")
            if front == f"{other.get('protocol')}:{other.get('port')}":
                raise ValueError(f"listener {listener['name']} has duplicate port {front} with listener {other['name']}")
            if back == f"{other.get('protocol')}:{other.get('backendPort')}":
                raise ValueError(f"listener {listener['name']} has duplicate backend port {back} with listener {other['name']}")
        for key, what in (("port", "port"), ("backendPort", "backend port")):
            if not 1 <= listener[key] <= _PORTS:
                sign = f"<= {_PORTS}" if listener[key] > _PORTS else ">= 1"
                raise ValueError(f"listener {what} {listener[key]} must {sign}")


def _check_health(spec: Obj) -> None:
    port = part(spec, "healthCheck").get("port")
    matching = [entry for entry in items(spec, "listeners") if entry.get("backendPort") == port]
    if port and not matching:
        raise ValueError(f"healthcheck port {port} is not in listener backend port list")
    if port and all(entry.get("protocol") != "TCP" for entry in matching):
        raise ValueError(f"healthcheck port {port} can only be a TCP backend port")


def _check_fixed(old: Obj, new: Obj) -> None:
    if (old.get("ipam") == "dhcp") != (new.get("ipam") == "dhcp"):
        raise ValueError(f"can't change the IPAM from {old.get('ipam')} to {new.get('ipam')}")
    if (old.get("workloadType") == "cluster") != (new.get("workloadType") == "cluster"):
        raise ValueError(f"can't change the WorkloadType from {old.get('workloadType')} to {new.get('workloadType')}")
