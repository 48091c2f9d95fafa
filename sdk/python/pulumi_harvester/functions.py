# mypy: disable-error-code="no-any-return"
"""Functions: what a cluster has that the program did not make. Each exists twice: `get_image(...)` asks at once, and
`get_image_output(...)` takes outputs of resources and returns an output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi

from harvester_provider.frontends.functions import call, call_output

if TYPE_CHECKING:
    from harvester_provider.resources.functions.cluster import GetClusterResult, GetNodesResult
    from harvester_provider.resources.functions.kubeconfig import GetKubeconfigResult
    from harvester_provider.resources.functions.objects import (
        GetImageResult,
        GetNetworkResult,
        GetStorageClassResult,
        GetVirtualMachinesResult,
        MachineInfo,
    )

__all__ = [
    "get_cluster", "get_cluster_output", "get_image", "get_image_output", "get_kubeconfig", "get_kubeconfig_output",
    "get_network", "get_network_output", "get_nodes", "get_nodes_output", "get_storage_class", "get_storage_class_output",
    "get_virtual_machine", "get_virtual_machine_output", "get_virtual_machines", "get_virtual_machines_output",
]  # fmt: skip

Text = pulumi.Input[str]


def get_cluster(*, cluster: str | None = None) -> GetClusterResult:
    """What the cluster is: release, versions, VIP, and how many nodes are ready."""
    return call("getCluster", cluster=cluster)


def get_cluster_output(*, cluster: Text | None = None) -> pulumi.Output[GetClusterResult]:
    """The same as an output."""
    return call_output("getCluster", cluster=cluster)


def get_nodes(*, cluster: str | None = None) -> GetNodesResult:
    """The nodes, with their labels, roles, addresses and NICs."""
    return call("getNodes", cluster=cluster)


def get_nodes_output(*, cluster: Text | None = None) -> pulumi.Output[GetNodesResult]:
    """The same as an output."""
    return call_output("getNodes", cluster=cluster)


def get_image(
    name: str | None = None, *, display_name: str | None = None, namespace: str | None = None, cluster: str | None = None
) -> GetImageResult:
    """An image, by the name of its object or by the name that Harvester's UI shows. InvalidInputs where there is none."""
    return call("getImage", name=name, display_name=display_name, namespace=namespace, cluster=cluster)


def get_image_output(
    name: Text | None = None, *, display_name: Text | None = None, namespace: Text | None = None, cluster: Text | None = None
) -> pulumi.Output[GetImageResult]:
    """The same as an output."""
    return call_output("getImage", name=name, display_name=display_name, namespace=namespace, cluster=cluster)


def get_network(name: str, *, namespace: str | None = None, cluster: str | None = None) -> GetNetworkResult:
    """A network for machines. InvalidInputs where there is none."""
    return call("getNetwork", name=name, namespace=namespace, cluster=cluster)


def get_network_output(name: Text, *, namespace: Text | None = None, cluster: Text | None = None) -> pulumi.Output[GetNetworkResult]:
    """The same as an output."""
    return call_output("getNetwork", name=name, namespace=namespace, cluster=cluster)


def get_storage_class(name: str | None = None, *, cluster: str | None = None) -> GetStorageClassResult:
    """A storage class; without a name the cluster's default. InvalidInputs where there is none."""
    return call("getStorageClass", name=name, cluster=cluster)


def get_storage_class_output(name: Text | None = None, *, cluster: Text | None = None) -> pulumi.Output[GetStorageClassResult]:
    """The same as an output."""
    return call_output("getStorageClass", name=name, cluster=cluster)


def get_virtual_machine(name: str, *, namespace: str | None = None, cluster: str | None = None) -> MachineInfo:
    """A virtual machine at this moment. InvalidInputs where there is none."""
    return call("getVirtualMachine", name=name, namespace=namespace, cluster=cluster)


def get_virtual_machine_output(name: Text, *, namespace: Text | None = None, cluster: Text | None = None) -> pulumi.Output[MachineInfo]:
    """The same as an output."""
    return call_output("getVirtualMachine", name=name, namespace=namespace, cluster=cluster)


def get_virtual_machines(
    *, namespace: str | None = None, labels: Mapping[str, str] | None = None, cluster: str | None = None
) -> GetVirtualMachinesResult:
    """The virtual machines of a namespace, or of all, that have the labels."""
    return call("getVirtualMachines", namespace=namespace, labels=labels, cluster=cluster)


def get_virtual_machines_output(
    *, namespace: Text | None = None, labels: pulumi.Input[Mapping[str, Text]] | None = None, cluster: Text | None = None
) -> pulumi.Output[GetVirtualMachinesResult]:
    """The same as an output."""
    return call_output("getVirtualMachines", namespace=namespace, labels=labels, cluster=cluster)


def get_kubeconfig(
    service_account: str, *, namespace: str | None = None, cluster_role: str | None = None, cluster: str | None = None
) -> GetKubeconfigResult:
    """The kubeconfig of a service account for a program in a guest cluster; the account is made where it is not there.

    The text is a secret, and plain here: `get_kubeconfig_output` marks it.
    """
    return call("getKubeconfig", service_account=service_account, namespace=namespace, cluster_role=cluster_role, cluster=cluster)


def get_kubeconfig_output(
    service_account: Text, *, namespace: Text | None = None, cluster_role: Text | None = None, cluster: Text | None = None
) -> pulumi.Output[GetKubeconfigResult]:
    """The same as an output, which is a secret."""
    return call_output(
        "getKubeconfig", secret=True, service_account=service_account, namespace=namespace, cluster_role=cluster_role, cluster=cluster
    )
