"""The dialect of VlanNetwork for a cluster without Harvester: a network on a bridge that the nodes have by their own set-up.

Nothing there checks the network, and nobody learns its subnet; `bare_metal.Rke2Site` writes the files of such bridges.
"""

from collections.abc import Sequence
from typing import ClassVar

from harvester_provider.core.kind import Requirement
from harvester_provider.resources.apis import MANAGEMENT
from harvester_provider.resources.vlan_network import VlanNetwork
from harvester_provider.resources.vlan_network.config import Bridges
from harvester_provider.resources.vlan_network.model import VlanNetworkInputs

BRIDGE = "br0"
"""What stands for the management network: the bridge that has the nodes' uplink."""


class NodeBridges(Bridges):
    """Bridges without Harvester."""

    def bridge(self, cluster_network: str) -> str:
        """`br0` for `mgmt`."""
        return BRIDGE if cluster_network == MANAGEMENT else super().bridge(cluster_network)

    def cluster_network(self, bridge: str) -> str:
        """`mgmt` for `br0`."""
        return MANAGEMENT if bridge == BRIDGE else super().cluster_network(bridge)


class PlainVlanNetwork(VlanNetwork):
    """The kind `VlanNetwork` without Harvester."""

    bridges: ClassVar[Bridges] = NodeBridges()

    def requires(self, inputs: VlanNetworkInputs) -> Sequence[Requirement]:  # noqa: ARG002  no API shows the bridges of the nodes
        """Nothing that could be looked for."""
        return ()


KIND = PlainVlanNetwork()
