"""ClusterNetwork, VlanConfig and NetworkAttachmentDefinition, as the network controller's manager and agents see them.

Admission has matched nodes to each VlanConfig already; here the uplinks come up node by node, cluster networks become
ready, and networks get their labels. Upstream: network-controller-harvester pkg/controller/{agent,manager}.
"""

import json
from collections.abc import Iterable, Mapping

from harvester_local.api.kinds import CLUSTER_NETWORK, NETWORK, NODE, VLAN_CONFIG, VLAN_STATUS, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, finalizers, is_true, key_of, labels, owner_reference
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.faults import Fault, fault_of
from harvester_local.controllers.runtime import Context, Deadlines, Mapper, own_key
from harvester_local.model.networks import (
    BRIDGE_SUFFIX,
    CLUSTER_NETWORK_LABEL,
    DEFAULT_MTU,
    MANAGEMENT,
    MTU_SOURCE,
    NODE_LABEL,
    PREFIX,
    READY_LABEL,
    ROUTE,
    UPLINK_MTU,
    VLAN_CONFIG_LABEL,
    NetConf,
    NetworkError,
    config_mtu,
    matched_nodes,
    net_conf,
    network_labels,
    on_cluster_network,
    same_mtu,
    vlan_status_name,
)

UPLINK_FINALIZER = "wrangler.cattle.io/harvester-network-vlanconfig-controller"


class Uplinks:
    """VlanConfigs: after `uplink_seconds` each matched node has a VlanStatus and its label.

    A finalizer keeps a config until its uplinks are down: statuses that the garbage collector took would leave the labels.
    """

    def __init__(self, context: Context) -> None:
        self._context, self._deadlines = context, Deadlines()

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """VlanConfigs, and whatever happens to their statuses."""
        return {VLAN_CONFIG: own_key, VLAN_STATUS: _config_of}

    async def reconcile(self, key: Key) -> float | None:
        """Bring up what is missing, take down what is no longer matched."""
        config = self._context.store.get(VLAN_CONFIG, key)
        if config and not deleting(config) and UPLINK_FINALIZER not in finalizers(config):
            config = await self._context.api.hold(VLAN_CONFIG, config, UPLINK_FINALIZER)
        wanted = set(matched_nodes(config)) if config and not deleting(config) else set()
        known = [s for s in self._context.store.all(VLAN_STATUS) if s["status"]["vlanConfig"] == key.name]
        for status in known:
            if (
                config is None
                or status["status"]["node"] not in wanted
                or status["status"]["clusterNetwork"] != config["spec"]["clusterNetwork"]
            ):
                await self._take_down(status)
        if config and deleting(config):
            await self._context.api.let_go(VLAN_CONFIG, config, UPLINK_FINALIZER)
        if config is None or deleting(config) or config["spec"]["clusterNetwork"] == MANAGEMENT:
            return None
        await self._tell_mtu(config)
        spec = json.dumps(config["spec"], sort_keys=True)
        if wait := self._deadlines.remaining(config["metadata"]["uid"], spec, self._context.settings.uplink_seconds):
            return wait
        for node in sorted(wanted):
            await self._bring_up(config, node)
        return None

    async def _bring_up(self, config: Obj, node: str) -> None:
        api, network = self._context.api, config["spec"]["clusterNetwork"]
        name = vlan_status_name(network, node)
        known = self._context.store.get(VLAN_STATUS, Key("", name))
        broken = fault_of(config) is Fault.UPLINK_FAILS
        message = f"set up uplink on node {node} failed: Link not found" if broken else ""
        status = {
            "clusterNetwork": network,
            "vlanConfig": config["metadata"]["name"],
            "linkMonitor": network,
            "node": node,
            "conditions": rancher(known or {}, "ready", "False" if broken else "True", message=message),
        }
        if known is None:
            marks = {CLUSTER_NETWORK_LABEL: network, VLAN_CONFIG_LABEL: config["metadata"]["name"], NODE_LABEL: node}
            meta = {"name": name, "labels": marks, "ownerReferences": [owner_reference(config, controller=False)]}
            await api.create(VLAN_STATUS, {"metadata": meta, "status": status})
        elif {**known["status"], **status} != known["status"]:
            await api.patch_status(VLAN_STATUS, Key("", name), status)
        if not broken:
            await self._label(node, network, "true")

    async def _take_down(self, status: Obj) -> None:
        await self._label(status["status"]["node"], status["status"]["clusterNetwork"], None)
        await self._context.api.delete(VLAN_STATUS, key_of(status), uid=status["metadata"]["uid"])

    async def _label(self, node: str, network: str, value: str | None) -> None:
        known, label = self._context.store.get(NODE, Key("", node)), f"{PREFIX}/{network}"
        if known is not None and labels(known).get(label) != value:
            await self._context.api.patch(NODE, Key("", node), {"metadata": {"labels": {label: value}}})

    async def _tell_mtu(self, config: Obj) -> None:
        key = Key("", config["spec"]["clusterNetwork"])
        network = self._context.store.get(CLUSTER_NETWORK, key)
        mtu = str(config_mtu(config) or DEFAULT_MTU)
        if network is not None and annotations(network).get(UPLINK_MTU) != mtu:
            await self._context.api.patch(
                CLUSTER_NETWORK, key, {"metadata": {"annotations": {UPLINK_MTU: mtu, MTU_SOURCE: config["metadata"]["name"]}}}
            )


class ClusterNetworks:
    """ClusterNetworks: ready while one node has an uplink; without a VlanConfig their MTU is forgotten."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Cluster networks, their VlanConfigs and VlanStatuses."""
        return {CLUSTER_NETWORK: own_key, VLAN_STATUS: _network_of_status, VLAN_CONFIG: _network_of_config}

    async def reconcile(self, key: Key) -> float | None:
        """Set or take back ready, and the MTU annotations."""
        network = self._context.store.get(CLUSTER_NETWORK, key)
        if network is None or deleting(network) or key.name == MANAGEMENT:
            return None
        up = any(s["status"]["clusterNetwork"] == key.name and is_true(s, "ready") for s in self._context.store.all(VLAN_STATUS))
        if up != is_true(network, "ready") and (up or network.get("status")):
            await self._context.api.patch_status(CLUSTER_NETWORK, key, {"conditions": rancher(network, "ready", "True" if up else "False")})
        configs = {
            c["metadata"]["name"]: c
            for c in self._context.store.all(VLAN_CONFIG)
            if c["spec"]["clusterNetwork"] == key.name and not deleting(c)
        }
        source = annotations(network).get(MTU_SOURCE)
        if source and source not in configs:
            heir = next(iter(configs.values()), None)
            marks = (
                {UPLINK_MTU: str(config_mtu(heir) or DEFAULT_MTU), MTU_SOURCE: heir["metadata"]["name"]}
                if heir
                else {UPLINK_MTU: None, MTU_SOURCE: None}
            )
            await self._context.api.patch(CLUSTER_NETWORK, key, {"metadata": {"annotations": marks}})
        return None


class Networks:
    """NetworkAttachmentDefinitions: labels, the cluster network's MTU, and what is known of their route."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Networks, and cluster networks that become ready or change their MTU."""
        return {NETWORK: own_key, CLUSTER_NETWORK: self._on}

    async def reconcile(self, key: Key) -> float | None:
        """Write what is missing, in one patch."""
        nad = self._context.store.get(NETWORK, key)
        if nad is None or deleting(nad):
            return None
        try:
            conf = net_conf(nad)
            wanted = network_labels(conf)
        except NetworkError:
            return None
        network = self._context.store.get(CLUSTER_NETWORK, Key("", wanted[CLUSTER_NETWORK_LABEL] or ""))
        wanted[READY_LABEL] = "true" if conf.overlay or (network is not None and is_true(network, "ready")) else "false"
        patch: Obj = {"labels": {k: v for k, v in wanted.items() if labels(nad).get(k) != v}}
        patch["annotations"] = self._route(nad, conf)
        body: Obj = {"metadata": {name: values for name, values in patch.items() if values}}
        if config := self._config(nad, conf, network):
            body["spec"] = {"config": config}
        if body != {"metadata": {}}:
            await self._context.api.patch(NETWORK, key, body)
        return None

    def _on(self, network: Obj) -> Iterable[Key]:
        """Networks on a cluster network: those that say so, and those too new to have the label."""
        name = network["metadata"]["name"]
        nads = list(self._context.store.all(NETWORK))
        fresh = [
            nad for nad in nads if CLUSTER_NETWORK_LABEL not in labels(nad) and f'"{name}{BRIDGE_SUFFIX}"' in nad["spec"].get("config", "")
        ]
        return [key_of(nad) for nad in (*on_cluster_network(nads, name), *fresh)]

    @staticmethod
    def _route(nad: Obj, conf: NetConf) -> dict[str, str]:
        """The route annotation with what a probe finds out: an answer for auto, a reachable gateway for manual."""
        text = annotations(nad).get(ROUTE)
        route = json.loads(text) if text else {}
        if not route.get("mode") or not conf.vlan or (route.get("connectivity") and not route.get("outdated")):
            return {}
        found = {"connectivity": "true"}
        if route["mode"] == "auto":
            subnet = f"172.{16 + conf.vlan // 256}.{conf.vlan % 256}"
            found |= {"cidr": f"{subnet}.0/24", "gateway": f"{subnet}.1", "serverIPAddr": f"{subnet}.2"}
        return {ROUTE: json.dumps({**{k: v for k, v in route.items() if k != "outdated"}, **found}, separators=(",", ":"))}

    @staticmethod
    def _config(nad: Obj, conf: NetConf, network: Obj | None) -> str | None:
        """The configuration with the cluster network's MTU, when that differs."""
        mtu = annotations(network).get(UPLINK_MTU) if network else None
        if conf.overlay or not mtu or same_mtu(int(mtu), conf.mtu):
            return None
        return json.dumps({**json.loads(nad["spec"]["config"]), "mtu": int(mtu)}, separators=(",", ":"))


def _config_of(status: Obj) -> Iterable[Key]:
    return (Key("", status["status"]["vlanConfig"]),)


def _network_of_status(status: Obj) -> Iterable[Key]:
    return (Key("", status["status"]["clusterNetwork"]),)


def _network_of_config(config: Obj) -> Iterable[Key]:
    return (Key("", config["spec"]["clusterNetwork"]),)
