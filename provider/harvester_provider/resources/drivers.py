"""Programs that make machines as nodes of guest clusters, told by the labels of a machine. They replace what they made as they see fit.

Sources: pkg/util/constants.go of Harvester (VirtualMachineCreatorNodeDriver), harvester/create.go of docker-machine-driver-harvester,
internal/controller/harvestermachine_controller.go of cluster-api-provider-harvester, which marks the control plane's machines alone,
and api/v1alpha1 of cluster-api-provider-kubevirt.
"""

from collections.abc import Mapping

from harvester_provider.resources.apis import CREATOR, NODE_DRIVER

GUEST_CLUSTER = "guestcluster.harvesterhci.io/name"
"""Label of machines by which Harvester knows the guest cluster they are in (load-balancer-harvester pkg/utils/const.go)."""
_CLUSTER_API = {
    "harvestercluster/machinetype": "Cluster API's provider for Harvester",
    "capk.cluster.x-k8s.io/kubevirt-machine-name": "Cluster API's provider for KubeVirt",
}
_NAME_LABEL = "cluster.x-k8s.io/cluster-name"


def maker_of(labels: Mapping[str, str]) -> str:
    """Who made a machine as a node of a guest cluster and keeps it, or an empty text."""
    if labels.get(CREATOR) == NODE_DRIVER:
        return "Rancher"
    return next((maker for label, maker in _CLUSTER_API.items() if label in labels), "")


def cluster_of(labels: Mapping[str, str]) -> str:
    """The guest cluster of a machine."""
    return labels.get(GUEST_CLUSTER) or labels.get(_NAME_LABEL) or "a guest cluster"
