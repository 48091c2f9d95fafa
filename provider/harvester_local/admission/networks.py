"""ClusterNetwork, VlanConfig and NetworkAttachmentDefinition: write-backs and refusals of the network webhook.

Upstream: network-controller-harvester pkg/webhook/{clusternetwork,vlanconfig,nad}.
"""

import copy
import json
from collections.abc import Callable, Iterable

from harvester_local.admission.review import DELETE, UPDATE, DeniedError, Request, network_error
from harvester_local.admission.world import World
from harvester_local.api.kinds import CLUSTER_NETWORK, NETWORK, NODE, VLAN_CONFIG, VLAN_STATUS
from harvester_local.api.objects import Key, Obj, annotations, deleting, is_true, key_of, labels, matches_selector, part
from harvester_local.model.networks import (
    CLUSTER_NETWORK_LABEL,
    DEFAULT_MTU,
    MANAGEMENT,
    MATCHED_NODES,
    READY_LABEL,
    ROUTE,
    UPLINK_MTU,
    NetConf,
    NetworkError,
    check_route,
    check_vlans,
    cluster_network_of,
    config_mtu,
    matched_nodes,
    net_conf,
    network_labels,
    on_cluster_network,
    same_mtu,
    vlan_status_name,
)

_NAME_LENGTH = 12
Refusal = Callable[[object], DeniedError]
"""How a rule builds its refusal, from the reason."""
_WITNESS = "node-role.harvesterhci.io/witness"


def _verb(request: Request) -> str:
    return request.operation.lower()


# Cluster networks ---------------------------------------------------------------------------------------------------


def validate_cluster_network(request: Request, world: World) -> None:
    """Raise DeniedError for what upstream refuses."""
    name = request.key.name

    def no(why: object) -> DeniedError:
        return network_error(_verb(request), "cluster network", name, why)

    if request.operation == DELETE:
        if name == MANAGEMENT:
            raise no("it is not allowed")
        if configs := [c["metadata"]["name"] for c in _configs(name, world)]:
            raise no(f"vlanconfig(s) [{' '.join(sorted(configs))}] under this clusternetwork are still existing")
        if nads := [str(key_of(n)) for n in on_cluster_network(world.store.all(NETWORK), name)]:
            raise no(f"nads(s) {', '.join(sorted(nads))} under this clusternetwork are still existing")
    elif request.created:
        if len(name) > _NAME_LENGTH:
            raise no(f"the length of the clusterNetwork name {name} is more than {_NAME_LENGTH}")
        if UPLINK_MTU in annotations(request.new):
            raise no(f"annotation {UPLINK_MTU} can't be added")
    elif name != MANAGEMENT and not deleting(request.new):
        mtu = int(annotations(request.new).get(UPLINK_MTU) or DEFAULT_MTU)
        for config in _configs(name, world):
            if not same_mtu(config_mtu(config), mtu) and not deleting(config):
                raise no(
                    f"clusternetwork has MTU {mtu}, but the vlanconfigs {config['metadata']['name']} has another MTU {config_mtu(config)}"
                )


def _configs(cluster_network: str, world: World) -> list[Obj]:
    return [c for c in world.store.all(VLAN_CONFIG) if labels(c).get(CLUSTER_NETWORK_LABEL) == cluster_network]


# VLAN configurations ------------------------------------------------------------------------------------------------


def mutate_vlan_config(request: Request, world: World) -> Obj:
    """The configuration with its label and the nodes that its selector matches now."""
    config = copy.deepcopy(request.new)
    if deleting(config) or config["spec"]["clusterNetwork"] == MANAGEMENT:
        return config
    meta = config["metadata"]
    if request.created or config["spec"]["clusterNetwork"] != request.old["spec"]["clusterNetwork"]:
        meta.setdefault("labels", {})[CLUSTER_NETWORK_LABEL] = config["spec"]["clusterNetwork"]
    selector = part(config, "spec", "nodeSelector")
    nodes = [n["metadata"]["name"] for n in world.store.all(NODE) if matches_selector(labels(n), selector) and _WITNESS not in labels(n)]
    if nodes:
        meta.setdefault("annotations", {})[MATCHED_NODES] = json.dumps(sorted(nodes), separators=(",", ":"))
    return config


def validate_vlan_config(request: Request, world: World) -> None:
    """Raise DeniedError for what upstream refuses."""
    config, old = request.new, request.old

    def no(why: object) -> DeniedError:
        return network_error(_verb(request), "vlanConfig", request.key.name, why)

    if request.operation == DELETE:
        _check_running(old, matched_nodes(old), world, no)
        return
    if deleting(config):
        return
    network = config["spec"]["clusterNetwork"]
    if network == MANAGEMENT:
        raise no("cluster network can't be mgmt")
    if request.created and len(network) > _NAME_LENGTH:
        raise no(f"the length of the clusterNetwork name {network} is more than {_NAME_LENGTH}")
    if world.rules.guards_vlan_config_label and request.operation == UPDATE and labels(config).get(CLUSTER_NETWORK_LABEL) != network:
        raise no(f"cluster network label {labels(config).get(CLUSTER_NETWORK_LABEL, '')} is invalid and must not be updated by user")
    if world.store.get(CLUSTER_NETWORK, Key("", network)) is None:
        why = f'clusternetworks.network.harvesterhci.io "{network}" not found'
        raise no(f"it refers to a none-existing cluster network {network} or error {why}")
    _check_mtu(config, world, no)
    nodes = matched_nodes(config)
    taken = [
        n
        for n in nodes
        if (s := world.store.get(VLAN_STATUS, Key("", vlan_status_name(network, n)))) and s["status"]["vlanConfig"] != request.key.name
    ]
    if taken:
        raise no(f"it overlaps with other vlanconfigs matching node(s) [{' '.join(taken)}]")
    if request.operation == UPDATE:
        changed = old["spec"]["clusterNetwork"] != network or old["spec"].get("uplink") != config["spec"].get("uplink")
        affected = matched_nodes(old) if changed else [n for n in matched_nodes(old) if n not in nodes]
        _check_running(old, affected, world, no)


def _check_mtu(config: Obj, world: World, no: Refusal) -> None:
    mtu, name = config_mtu(config), config["metadata"]["name"]
    if mtu and not 576 <= mtu <= 9000:
        raise no(f"the MTU {mtu} is out of range [0, 576..9000]")
    for other in _configs(config["spec"]["clusterNetwork"], world):
        theirs = other["metadata"]["name"]
        if theirs != name and not deleting(other) and not same_mtu(mtu, config_mtu(other)):
            raise no(
                f"the vlanconfig {name} MTU {mtu} is different with another vlanconfig {theirs} MTU {config_mtu(other)}, "
                "all vlanconfigs on one clusternetwork need to have same MTU"
            )


def _check_running(config: Obj, nodes: Iterable[str], world: World, no: Refusal) -> None:
    """Machines that run on these nodes over the configuration's cluster network."""
    affected, users = set(nodes), set()
    for nad in on_cluster_network(world.store.all(NETWORK), config["spec"]["clusterNetwork"]):
        for instance in world.instances_on_network(key_of(nad)):
            if part(instance, "status").get("nodeName") in affected:
                users.add(str(key_of(instance)))
    if users:
        raise no(f"it is blocked by VM(s) {', '.join(sorted(users))} which must be stopped at first")


# Networks -----------------------------------------------------------------------------------------------------------


def mutate_network(request: Request, world: World) -> Obj:
    """The network with its cluster network's MTU; on update also with its labels and an outdated route marked."""
    nad = copy.deepcopy(request.new)
    if deleting(nad):
        return nad
    try:
        conf = net_conf(nad)
        if conf.overlay:
            return nad
        network = _cluster_network(conf, world)
        if request.created:
            mtu = _mtu(network, world)
            if not same_mtu(mtu, conf.mtu):
                nad["spec"]["config"] = json.dumps({**json.loads(nad["spec"]["config"]), "mtu": mtu}, separators=(",", ":"))
        else:
            wanted = {**network_labels(conf), READY_LABEL: "true" if is_true(network, "ready") else "false"}
            known = nad["metadata"].get("labels") or {}
            nad["metadata"]["labels"] = {k: v for k, v in {**known, **wanted}.items() if v is not None}
            _outdate_route(nad, net_conf(request.old), conf)
    except NetworkError as error:
        raise network_error(_verb(request), "nad", str(request.key), error) from error
    return nad


def _cluster_network(conf: NetConf, world: World) -> Obj:
    name = cluster_network_of(conf.bridge)
    found = world.store.get(CLUSTER_NETWORK, Key("", name))
    if found is None:
        raise NetworkError(f'clusternetworks.network.harvesterhci.io "{name}" not found')
    return found


def _mtu(network: Obj, world: World) -> int:
    if text := annotations(network).get(UPLINK_MTU):
        return int(text) or DEFAULT_MTU
    config = next(iter(_configs(network["metadata"]["name"], world)), None)
    return (config_mtu(config) if config else 0) or DEFAULT_MTU


def _outdate_route(nad: Obj, old: NetConf, new: NetConf) -> None:
    text = annotations(nad).get(ROUTE)
    if old.vlan == new.vlan or not text:
        return
    if not new.vlan:
        del nad["metadata"]["annotations"][ROUTE]
        return
    route = json.loads(text)
    route = {**route, "outdated": True} if route.get("mode") == "auto" else {k: v for k, v in route.items() if k != "outdated"}
    nad["metadata"]["annotations"][ROUTE] = json.dumps(route, separators=(",", ":"))


def validate_network(request: Request, world: World) -> None:
    """Raise DeniedError for what upstream refuses."""
    try:
        if request.operation == DELETE:
            _check_network_delete(request.old, world)
        elif request.created or not deleting(request.new):
            _check_network(request, world)
    except NetworkError as error:
        raise network_error(_verb(request), "nad", str(request.key), error) from error


def _check_network(request: Request, world: World) -> None:
    conf, old = net_conf(request.new), net_conf(request.old) if request.old else None
    if request.created and conf.overlay:
        raise NetworkError("kubeovn is not yet enabled")
    if not request.created:
        _check_route(request.new)
        if conf == old:
            return
    if old is not None and old.type != conf.type:
        raise NetworkError(f"nad cannot be updated from network type {old.type} to network type {conf.type}")
    if old is not None and old.bridge != conf.bridge:
        raise NetworkError(f"nad bridge name can't be changed from {old.bridge} to {conf.bridge}")
    check_vlans(conf)
    name = cluster_network_of(conf.bridge)
    marked = labels(request.new).get(CLUSTER_NETWORK_LABEL)
    if marked and marked != name:
        raise NetworkError(f"the nad label {marked} does not match bridge name {name}")
    mtu = _mtu(_cluster_network(conf, world), world)
    if not same_mtu(mtu, conf.mtu):
        raise NetworkError(f"nad MTU {conf.mtu} does not match cluster network MTU {mtu}")
    if request.created:
        _check_route(request.new)
    else:
        _check_users(request.key, world)


def _check_route(nad: Obj) -> None:
    check_route(annotations(nad).get(ROUTE, ""))


def _check_users(key: Key, world: World) -> None:
    if users := sorted(str(key_of(i)) for i in world.instances_on_network(key)):
        raise NetworkError(f"it's still used by VM(s) {', '.join(users)} which must be stopped at first")


def _check_network_delete(nad: Obj, world: World) -> None:
    key = key_of(nad)
    _check_users(key, world)
    if users := sorted(str(key_of(m)) for m in world.machines_on_network(key)):
        raise NetworkError(f"it's still used by VM(s) {', '.join(users)} which must remove the related networks and interfaces")
