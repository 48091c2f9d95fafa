"""getKubeconfig: the kubeconfig of a service account that Harvester makes for a program in a guest cluster.

The cluster makes the account, its token and its rights where they are not there, and gives the same ones again afterwards.
Upstream: pkg/api/kubeconfig/generate_handler.go. The kubeconfig is a secret.
"""

from typing import ClassVar

from pydantic import Field

from harvester_provider.core.json import Json
from harvester_provider.core.plan import Call
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.functions.model import Args, BaseFunction
from harvester_provider.resources.model import SECRET, Model, Name


class GetKubeconfigArgs(Args):
    """Whose kubeconfig."""

    service_account: Name
    """Name of the service account, for example that of the guest cluster."""
    namespace: Name = "default"
    """Namespace of the service account, where the guest cluster's machines are."""
    cluster_role: str = "harvesterhci.io:cloudprovider"
    """What it may do in that namespace: the name of a ClusterRole."""


class GetKubeconfigResult(Model):
    """A kubeconfig."""

    kubeconfig: str = Field(json_schema_extra=SECRET)
    """Its text."""


class GetKubeconfig(BaseFunction[GetKubeconfigArgs]):
    """The function `getKubeconfig`."""

    name: ClassVar[str] = "getKubeconfig"
    args: ClassVar[type[GetKubeconfigArgs]] = GetKubeconfigArgs
    result: ClassVar[type[GetKubeconfigResult]] = GetKubeconfigResult

    def call(self, args: GetKubeconfigArgs) -> Call:
        """Harvester's own action."""
        body = {"clusterRoleName": args.cluster_role, "namespace": args.namespace, "serviceAccountName": args.service_account}
        return Call("harvester", "POST", "/v1/harvester/kubeconfig", body, f"make the kubeconfig of {args.service_account}")

    def answer(self, args: GetKubeconfigArgs, seen: Snapshot, called: Json) -> GetKubeconfigResult:  # noqa: ARG002  the call has it all
        """The text that the cluster answers with, a JSON string."""
        if not isinstance(called, str) or "clusters" not in called:
            self.missing("the kubeconfig", "the cluster answered with something else", "serviceAccount")
        return GetKubeconfigResult(kubeconfig=called)
