"""The dialect of Node for a cluster without Harvester: labels, taints and the cordon; what is done on the host itself is Harvester's."""

from collections.abc import Sequence

from harvester_provider.core.problem import Problem
from harvester_provider.resources import plain
from harvester_provider.resources.node import Node
from harvester_provider.resources.node.model import NodeInputs

_LACKS = {
    "maintenance": "maintenance mode is Harvester's: set cordoned, and stop or drain the machines by hand",
    "cpu_manager": "a job of Harvester's sets it: write cpu-manager-policy into the kubelet's configuration of the host",
    "disks": "Harvester prepares the disks of hosts for Longhorn: mount them on the host",
}


class PlainNode(Node):
    """The kind `Node` without Harvester."""

    def lacks(self, inputs: NodeInputs) -> Sequence[Problem]:
        """What there is with Harvester only."""
        return list(plain.lacks(inputs, _LACKS))


KIND = PlainNode()
