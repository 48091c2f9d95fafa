"""ClusterNetwork: a network of the cluster's nodes beside `mgmt`, which VlanConfigs connect to NICs of the nodes.

Its object is a name and nothing else. It becomes ready only when a VlanConfig connects it, which is made after it: so
nothing is waited for here. One module from inputs to plan.
"""

from collections.abc import Sequence
from typing import ClassVar

from harvester_provider.core.plan import Patch, Plan, Put
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import CLUSTER_NETWORK, MANAGEMENT, NETWORK_NAME_MAX
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.model import Outputs, ResourceInputs


class ClusterNetworkInputs(ResourceInputs):
    """A cluster network. `name` has at most 12 characters; `mgmt` is there already and cannot be made."""


class ClusterNetwork(BaseKind[ClusterNetworkInputs]):
    """The kind `ClusterNetwork`."""

    name: ClassVar[str] = "ClusterNetwork"
    api: ClassVar[Api] = CLUSTER_NETWORK
    inputs: ClassVar[type[ClusterNetworkInputs]] = ClusterNetworkInputs
    outputs_model: ClassVar[type[Outputs]] = Outputs

    def check(self, inputs: ClusterNetworkInputs) -> Sequence[Problem]:
        """The name's rules (upstream network-controller-harvester pkg/utils/clusternetwork.go)."""
        name = inputs.name
        if not is_known(name):
            return ()
        if name == MANAGEMENT:
            return (Problem("name", f"{MANAGEMENT} is in every cluster and cannot be made: use it by its name, without this resource"),)
        if len(name) > NETWORK_NAME_MAX:
            return (
                Problem("name", f"{name!r} has {len(name)} characters, {NETWORK_NAME_MAX} are possible: its bridge is called {name}-br"),
            )
        return ()

    def create(self, inputs: ClusterNetworkInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new one depends on nothing else
        """Make it."""
        ref = self.ref(inputs)
        return Plan(steps=(Put(ref, manifest(CLUSTER_NETWORK, metadata(inputs)), says=f"make {ref}"),))

    def update(self, old: ClusterNetworkInputs, new: ClusterNetworkInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  only metadata
        """Patch the metadata; another name replaces."""
        ref = self.ref(new)
        changes = tuple(self.changes(old, new))
        meta = metadata_patch(old, new)
        if Plan(changes=changes).replaces or not meta:
            return Plan(changes=changes)
        return Plan(steps=(Patch(ref, {"metadata": meta}, says=f"change the metadata of {ref}"),), changes=changes)

    def observe(self, ref: Ref, prior: ClusterNetworkInputs | None, seen: Snapshot) -> ClusterNetworkInputs:
        """Its metadata as the cluster has it."""
        return self.observed(ref, prior, seen.get(ref), {})


KIND = ClusterNetwork()
