"""Names in Rancher's API, each once. Source: pkg/capr and pkg/apis in Rancher."""

from harvester_provider.core.ref import Api, Ref
from harvester_provider.resources.apis import SECRET

CLUSTER = Api("provisioning.cattle.io", "v1", "clusters", "Cluster")
CONFIG = Api("rke-machine-config.cattle.io", "v1", "harvesterconfigs", "HarvesterConfig")
TEMPLATE = Api("rke-machine.cattle.io", "v1", "harvestermachinetemplates", "HarvesterMachineTemplate")
DEPLOYMENT = Api("cluster.x-k8s.io", "v1beta1", "machinedeployments", "MachineDeployment")
MACHINE = Api("cluster.x-k8s.io", "v1beta1", "machines", "Machine")
_SETTING = Api("management.cattle.io", "v3", "settings", "Setting", namespaced=False)

SERVER_URL, CA = Ref(_SETTING, "server-url"), Ref(_SETTING, "cacerts")
RELEASES = {
    name: Ref(Api("", f"v1-{name}-release", "releases", f"releases of {name}", namespaced=False, surface="harvester"), "")
    for name in ("rke2", "k3s")
}
"""The versions of Kubernetes that this Rancher makes clusters of, by distribution."""

CREDENTIALS = "cattle-global-data"
"""Namespace of cloud credentials."""
CREDENTIAL_KUBECONFIG = "harvestercredentialConfig-kubeconfigContent"
CREDENTIAL = "credential"
"""Key of the Secret with the kubeconfig of the cloud provider (pkg/capr/planner/config.go, retrieveClusterAuthorizedSecret)."""
CLUSTER_NAME = "cluster.x-k8s.io/cluster-name"
POOL_NAME = "rke.cattle.io/rke-machine-pool-name"
CLONED_FROM = "rke.cattle.io/cloned-from-name"
AUTOSCALED = "provisioning.cattle.io/cluster-autoscaler-enabled"

AUTHORIZED = ("v2prov-secret-authorized-for-cluster", "rke.cattle.io/object-authorized-for-clusters")
"""Annotations with the name of the cluster that may read a Secret: as its cloud provider's, and as a file of its nodes."""


def distribution(version: str) -> str:
    """`rke2` or `k3s`."""
    return "k3s" if "+k3s" in version else "rke2"


def credential(name: str) -> Ref:
    """The Secret that a cluster's `cattle-global-data:NAME` stands for."""
    return Ref(SECRET, name.rpartition(":")[2], CREDENTIALS)
