"""What sort of cluster it is: it decides in which dialect kinds speak to it (`resources.dialects`)."""

from enum import Enum


class Flavour(Enum):
    """Told by the groups of kinds that the API server serves."""

    HARVESTER = "a Harvester"
    KUBEVIRT = "a cluster with KubeVirt and without Harvester"
    KUBERNETES = "a cluster without KubeVirt"
    """It can still become one with KubeVirt, by a PoorMansCluster."""
