"""VlanNetwork: a network that machines' NICs join, on the bridge of a cluster network.

In the API it is Multus' NetworkAttachmentDefinition with a CNI configuration as JSON text. That text is compared parsed
and patched by reading it first, because Harvester writes the MTU into it: see `config`.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, dig, dig_map, dig_str, parsed
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Patch, Plan, Put
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import CLUSTER_NETWORK, MANAGEMENT, NETWORK
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.vlan_network.check import problems
from harvester_provider.resources.vlan_network.config import (
    ROUTE,
    Bridges,
    config_text,
    labels_of,
    observed_config,
    observed_route,
    route_text,
    vlans,
)
from harvester_provider.resources.vlan_network.model import VlanNetworkInputs, VlanNetworkOutputs

_IN_USE = (Effect.LIVE, "Harvester refuses it while running machines use the network: stop them first")


class VlanNetwork(BaseKind[VlanNetworkInputs]):
    """The kind `VlanNetwork`."""

    name: ClassVar[str] = "VlanNetwork"
    api: ClassVar[Api] = NETWORK
    inputs: ClassVar[type[VlanNetworkInputs]] = VlanNetworkInputs
    outputs_model: ClassVar[type[VlanNetworkOutputs]] = VlanNetworkOutputs
    bridges: ClassVar[Bridges] = Bridges()

    def check(self, inputs: VlanNetworkInputs) -> Sequence[Problem]:
        """The rules of Harvester's network webhook."""
        return list(problems(inputs))

    def requires(self, inputs: VlanNetworkInputs) -> Sequence[Requirement]:
        """The cluster network; `mgmt` is always there."""
        name = inputs.cluster_network
        if not is_known(name) or name == MANAGEMENT:
            return ()
        return (Requirement("clusterNetwork", Ref(CLUSTER_NETWORK, name), f"make a ClusterNetwork of that name, or use {MANAGEMENT}"),)

    def create(self, inputs: VlanNetworkInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new network depends on nothing else
        """Make it. There is nothing to wait for: the cluster only adds labels."""
        ref = self.ref(inputs)
        route = route_text(inputs)
        meta = metadata(inputs, labels=labels_of(inputs), annotations={ROUTE: route} if route else {})
        body = manifest(NETWORK, meta, spec={"config": config_text(inputs, {}, self.bridges.bridge(inputs.cluster_network))})
        return Plan(steps=(Put(ref, body, says=f"make {ref}, {_carries(inputs)} on {inputs.cluster_network}"),))

    def update(self, old: VlanNetworkInputs, new: VlanNetworkInputs, seen: Snapshot) -> Plan:
        """Patch what changed; the bridge cannot change, so another cluster network replaces."""
        ref = self.ref(new)
        old = old.updated(trunk=new.trunk) if vlans(old.trunk) == vlans(new.trunk) else old
        changes = tuple(self.changes(old, new, {"vlan_id": _IN_USE, "untagged": _IN_USE, "trunk": _IN_USE}))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        body = self._patch(old, new, seen.get(ref))
        steps = (Patch(ref, body, says=f"change {', '.join(change.property for change in changes)} of {ref}"),) if body else ()
        return Plan(steps=steps, changes=changes)

    def observe(self, ref: Ref, prior: VlanNetworkInputs | None, seen: Snapshot) -> VlanNetworkInputs:
        """The network as the cluster has it. What DHCP told the cluster about the subnet is not drift."""
        found = seen.get(ref)
        values = observed_config(prior, _config(found), self.bridges)
        if values["vlan_id"]:
            values |= observed_route(prior, dig_map(parsed(dig(found, "metadata", "annotations", ROUTE))))
        return self.observed(ref, prior, found, values)

    def foretell(self, ref: Ref) -> Mapping[str, Json]:
        """Its ID under the name that others use."""
        return {"networkId": ref.id}

    def outputs(self, inputs: VlanNetworkInputs, seen: Snapshot) -> Mapping[str, Json]:
        """Its ID and its bridge."""
        ref = self.ref(inputs)
        return VlanNetworkOutputs(network_id=ref.id, bridge=dig_str(_config(seen.get(ref)), "bridge")).wire()

    def _patch(self, old: VlanNetworkInputs, new: VlanNetworkInputs, found: Object) -> Object:
        body: dict[str, Json] = {}
        meta = metadata_patch(old, new)
        if route_text(old) != route_text(new):
            meta["annotations"] = {**dig_map(meta, "annotations"), ROUTE: route_text(new) or None}
        if meta:
            body["metadata"] = meta
        if any(getattr(old, name) != getattr(new, name) for name in ("vlan_id", "untagged", "trunk")):
            body["spec"] = {"config": config_text(new, _config(found), self.bridges.bridge(new.cluster_network))}
        return body


def _config(found: Object) -> Object:
    return dig_map(parsed(dig(found, "spec", "config")))


def _carries(inputs: VlanNetworkInputs) -> str:
    return "a trunk" if inputs.trunk else "untagged" if inputs.untagged else f"VLAN {inputs.vlan_id}"


KIND = VlanNetwork()
