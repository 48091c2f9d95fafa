"""getCluster and getNodes: what the cluster is, and what its nodes are."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from harvester_provider.core.json import Json, Object, dig, dig_str, dig_strings, is_true
from harvester_provider.core.ownership import uid
from harvester_provider.core.ref import Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import KUBEVIRTS, LINK_MONITOR, NAMESPACE, NODE, SERVER_VERSION, VIP
from harvester_provider.resources.functions.model import Args, BaseFunction
from harvester_provider.resources.link_monitor import Link, links_of
from harvester_provider.resources.model import Model
from harvester_provider.resources.node import KIND as NODE_KIND
from harvester_provider.resources.node.model import NodeInputs, NodeOutputs

NODES = Listing(NODE)
SELF = Ref(NAMESPACE, "kube-system")
"""Its UID is the cluster's identity."""
_NICS = Ref(LINK_MONITOR, "nic")


class GetClusterResult(Model):
    """What a cluster is."""

    uid: str
    """Its identity: the UID of its namespace kube-system. A cluster that is installed anew has another one."""
    version: str = ""
    """Release of Harvester, for example `v1.8.0`; empty without Harvester."""
    kubernetes_version: str = ""
    """Version of Kubernetes on its nodes."""
    kubevirt_version: str = ""
    """Version of KubeVirt."""
    vip: str = ""
    """The address it is reached by; empty without Harvester."""
    nodes: int = 0
    """How many nodes it has."""
    ready_nodes: int = 0
    """How many of them are ready."""


class GetCluster(BaseFunction[Args]):
    """The function `getCluster`."""

    name: ClassVar[str] = "getCluster"
    args: ClassVar[type[Args]] = Args
    result: ClassVar[type[GetClusterResult]] = GetClusterResult

    def reads(self, args: Args, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  always the same
        """Versions, the VIP, the nodes."""
        return (SELF, SERVER_VERSION, VIP, KUBEVIRTS, NODES)

    def kubevirts(self, seen: Snapshot) -> Sequence[Object]:
        """The one KubeVirt."""
        return seen.listed(KUBEVIRTS)

    def answer(self, args: Args, seen: Snapshot, called: Json) -> GetClusterResult:  # noqa: ARG002  nothing is called
        """All of it."""
        nodes = seen.listed(NODES)
        return GetClusterResult(
            uid=dig_str(seen.get(SELF), "metadata", "uid"),
            version=dig_str(seen.get(SERVER_VERSION), "value"),
            kubernetes_version=next((dig_str(node, "status", "nodeInfo", "kubeletVersion") for node in nodes), ""),
            kubevirt_version=next((dig_str(virt, "status", "observedKubeVirtVersion") for virt in self.kubevirts(seen)), ""),
            vip=dig_str(seen.get(VIP), "data", "ip"),
            nodes=len(nodes),
            ready_nodes=sum(is_true(node, "Ready") for node in nodes),
        )


class NodeInfo(NodeOutputs):
    """What a node is."""

    name: str
    """Its name."""
    labels: dict[str, str] = {}
    """Its labels."""
    cordoned: bool = False
    """Whether no machine is started or moved there."""
    nics: list[str] = []
    """Names of its NICs, as uplinks name them; none without Harvester, which watches them."""


class GetNodesResult(Model):
    """The nodes of a cluster."""

    nodes: list[NodeInfo]
    """All nodes, in the order of their names."""


class GetNodes(BaseFunction[Args]):
    """The function `getNodes`."""

    name: ClassVar[str] = "getNodes"
    args: ClassVar[type[Args]] = Args
    result: ClassVar[type[GetNodesResult]] = GetNodesResult

    def reads(self, args: Args, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  always the same
        """The nodes, and the link monitor that every cluster has."""
        return (NODES, _NICS)

    def answer(self, args: Args, seen: Snapshot, called: Json) -> GetNodesResult:  # noqa: ARG002  nothing is called
        """Each node with what the kind Node says of it."""
        links = links_of(seen.get(_NICS))
        found = {dig_str(node, "metadata", "name"): node for node in seen.listed(NODES)}
        return GetNodesResult(nodes=[_node(name, node, links) for name, node in sorted(found.items())])


def _node(name: str, found: Object, links: Sequence[Link]) -> NodeInfo:
    said = NODE_KIND.outputs(NodeInputs(name=name), Snapshot({Ref(NODE, name): found}))
    own = {
        "name": name,
        "uid": uid(found),
        "labels": dig_strings(found, "metadata", "labels"),
        "cordoned": dig(found, "spec", "unschedulable") is True,
        "nics": [link.name for link in links if link.node == name],
    }
    return NodeInfo.model_validate({**said, **own})
