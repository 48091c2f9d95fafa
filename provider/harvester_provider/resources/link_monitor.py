"""LinkMonitor: which NICs the nodes have, by name, so that uplinks can be declared without guessing.

Every cluster has one called `nic`, which Harvester's UI uses; it can be read with `LinkMonitor.get`. Upstream:
network-controller-harvester pkg/controller/agent/linkmonitor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from harvester_provider.core.json import Json, Object, dig_map, dig_objects, dig_str, dig_strings
from harvester_provider.core.plan import Await, Patch, Plan, Put, Step
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.resources.apis import LINK_MONITOR
from harvester_provider.resources.kind import BaseKind, entries_patch, manifest, metadata, metadata_patch
from harvester_provider.resources.labels import Labels
from harvester_provider.resources.model import Model, Outputs, ResourceInputs


class LinkMonitorInputs(ResourceInputs):
    """Watches the NICs of the nodes."""

    node_selector: Labels = {}
    """Labels of the nodes to look at. Default: all nodes."""
    type_rule: str = "device"
    """Types of links to look at, as a regular expression: `device`, `bond`, `bridge`, `vlan` ... An empty one matches all."""
    name_rule: str = ""
    """Names of links to look at, as a regular expression, for example `^e`. An empty one matches all."""


class Link(Model):
    """A NIC of a node."""

    node: str = ""
    """Name of the node."""
    name: str = ""
    """Name of the NIC, as uplinks name it."""
    state: str = ""
    """`up` or `down`."""


class LinkMonitorOutputs(Outputs):
    """What the nodes report."""

    links: list[Link] = []
    """The NICs of all nodes, in the order of their names."""


@dataclass(frozen=True, slots=True)
class Reported:
    """Judges whether any node has reported."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where there is a report."""
        return Ready() if dig_map(seen.get(self.ref), "status", "linkStatus") else Waiting("no node has reported yet")


class LinkMonitor(BaseKind[LinkMonitorInputs]):
    """The kind `LinkMonitor`."""

    name: ClassVar[str] = "LinkMonitor"
    api: ClassVar[Api] = LINK_MONITOR
    inputs: ClassVar[type[LinkMonitorInputs]] = LinkMonitorInputs
    outputs_model: ClassVar[type[LinkMonitorOutputs]] = LinkMonitorOutputs

    def create(self, inputs: LinkMonitorInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new one depends on nothing else
        """Make it."""
        ref = self.ref(inputs)
        return Plan(steps=(Put(ref, manifest(LINK_MONITOR, metadata(inputs), spec=_spec(inputs)), says=f"make {ref}"),))

    def settle(self, inputs: LinkMonitorInputs, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  the wait looks for itself
        """Wait for the first report."""
        ref = self.ref(inputs)
        return (Await(of=ref, until="reported by a node", wants=(ref,), judge=Reported(ref), seconds=inputs.seconds("create", 120)),)

    def update(self, old: LinkMonitorInputs, new: LinkMonitorInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  the inputs are enough
        """Patch what changed."""
        ref = self.ref(new)
        changes = tuple(self.changes(old, new))
        if Plan(changes=changes).replaces or not changes:
            return Plan(changes=changes)
        spec = {**_spec(new), "nodeSelector": entries_patch(old.node_selector, new.node_selector)}
        meta = metadata_patch(old, new)
        body = {"spec": spec, **({"metadata": meta} if meta else {})}
        return Plan(steps=(Patch(ref, body, says=f"change {ref}"),), changes=changes)

    def observe(self, ref: Ref, prior: LinkMonitorInputs | None, seen: Snapshot) -> LinkMonitorInputs:
        """The rules as the cluster has them."""
        found = seen.get(ref)
        rule = dig_map(found, "spec", "targetLinkRule")
        values: dict[str, Any] = {"node_selector": dig_strings(found, "spec", "nodeSelector")}
        return self.observed(ref, prior, found, {**values, "type_rule": dig_str(rule, "typeRule"), "name_rule": dig_str(rule, "nameRule")})

    def outputs(self, inputs: LinkMonitorInputs, seen: Snapshot) -> Mapping[str, Json]:
        """The NICs."""
        return LinkMonitorOutputs(links=links_of(seen.get(self.ref(inputs)))).wire()


def links_of(found: Object) -> list[Link]:
    """The NICs that a LinkMonitor reports, in the order of node and name."""
    report = dig_map(found, "status", "linkStatus")
    every = [(node, dig_str(link, "name"), dig_str(link, "state")) for node in report for link in dig_objects(report, node)]
    return [Link(node=node, name=name, state=state) for node, name, state in sorted(every)]


def _spec(inputs: LinkMonitorInputs) -> dict[str, Json]:
    return {"nodeSelector": dict(inputs.node_selector), "targetLinkRule": {"typeRule": inputs.type_rule, "nameRule": inputs.name_rule}}


KIND = LinkMonitor()
