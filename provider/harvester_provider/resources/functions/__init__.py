"""The functions: getCluster, getNodes, getImage ... Questions to a cluster, answered with what a kind would say.

`FUNCTIONS` maps tokens to functions; `engine.invoke` asks them, front ends call that. Pure, like the kinds.
"""

from collections.abc import Mapping
from typing import Any

from harvester_provider.core.function import Function
from harvester_provider.resources.functions.cluster import GetCluster, GetNodes
from harvester_provider.resources.functions.kubeconfig import GetKubeconfig
from harvester_provider.resources.functions.objects import (
    GetImage,
    GetNetwork,
    GetStorageClass,
    GetVirtualMachine,
    GetVirtualMachines,
)

_ALL: tuple[Function[Any], ...] = (
    GetCluster(), GetImage(), GetKubeconfig(), GetNetwork(), GetNodes(), GetStorageClass(), GetVirtualMachine(), GetVirtualMachines(),
)  # fmt: skip
FUNCTIONS: Mapping[str, Function[Any]] = {function.name: function for function in _ALL}
