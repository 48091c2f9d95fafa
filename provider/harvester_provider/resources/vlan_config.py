"""VlanConfig: connects a cluster network to NICs of the nodes that a selector picks.

The object has no status of its own. Each node reports in an object called VlanStatus, and the connection is ready when
every picked node says so. One module from inputs to verdict. Upstream: network-controller-harvester.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, condition, dig, dig_int, dig_list, dig_map, dig_str, dig_strings, is_true, parsed
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Await, Change, Patch, Plan, Put, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import Unknown, is_known
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import CLUSTER_NETWORK, MANAGEMENT, NODE, VLAN_CONFIG, VLAN_STATUS
from harvester_provider.resources.kind import BaseKind, entries_patch, manifest, metadata, metadata_patch
from harvester_provider.resources.labels import Labels
from harvester_provider.resources.model import Model, Outputs, ResourceInputs

_MATCHED = "network.harvesterhci.io/matched-nodes"
_WITNESS = "node-role.harvesterhci.io/witness"
_NODES, _STATUSES = Listing(NODE), Listing(VLAN_STATUS)
_READY_SECONDS = 180.0

BondMode = Literal["active-backup", "balance-rr", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"]


class Uplink(Model):
    """The NICs of a node that carry the cluster network, bonded into one link."""

    nics: list[str]
    """Names of the NICs, the same on every picked node, for example `["ens7", "ens8"]`. At least one."""
    bond_mode: BondMode = "active-backup"
    """How the NICs share the traffic, in the words of Linux' bonding driver."""
    bond_miimon: int | None = None
    """How often the links are looked at, in milliseconds, 1 and more. Default (also -1): 100."""
    mtu: int | None = None
    """MTU of the link, 576 to 9000, the same in all VlanConfigs of a cluster network. Default (also 0): 1500."""
    tx_queue_length: int | None = None
    """Length of the transmit queue, in packets, 1 and more. Default (also -1): the kernel's."""


class VlanConfigInputs(ResourceInputs):
    """The uplink of a cluster network on some nodes. A node has at most one for each cluster network."""

    cluster_network: str
    """Name of the ClusterNetwork. Not `mgmt`, whose uplink is set up by the installer."""
    uplink: Uplink
    """The NICs that carry it."""
    node_selector: Labels = {}
    """Labels of the nodes that get the uplink. Default: all nodes but witnesses."""


class VlanConfigOutputs(Outputs):
    """What is known of an uplink."""

    matched_nodes: list[str] = []
    """Names of the nodes that have it."""


@dataclass(frozen=True, slots=True)
class Connected:
    """Judges by the VlanStatus of every node that the selector picks.

    A node that reports an error tries again by itself, so that the error is shown and waited out. The reports carry no
    generation: right after a change, a node's last report is believed.
    """

    name: str
    cluster_network: str
    selector: tuple[tuple[str, str], ...]

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where all picked nodes are."""
        nodes = [node for node in seen.listed(_NODES) if self._picks(node)]
        if not nodes:
            labels = ", ".join(f"{key}={value}" for key, value in self.selector)
            what = f"nodeSelector {labels}" if labels else "the empty nodeSelector"
            return Failed(f"no node has what {what} asks for", "`kubectl get nodes --show-labels` shows what nodes have")
        reports = {dig_str(report, "status", "node"): report for report in seen.listed(_STATUSES) if self._is_ours(report)}
        missing = [text for node in nodes if (text := _trouble(node, reports.get(dig_str(node, "metadata", "name"), {})))]
        return Waiting(f"{len(nodes) - len(missing)} of {len(nodes)} nodes are ready, not {'; '.join(missing)}") if missing else Ready()

    def _picks(self, node: Object) -> bool:
        labels = dig_strings(node, "metadata", "labels")
        return _WITNESS not in labels and all(labels.get(key) == value for key, value in self.selector)

    def _is_ours(self, report: Object) -> bool:
        status = dig_map(report, "status")
        return dig_str(status, "vlanConfig") == self.name and dig_str(status, "clusterNetwork") == self.cluster_network


def _trouble(node: Object, report: Object) -> str:
    """Why a node is not connected, or an empty text."""
    if is_true(report, "ready"):
        return ""
    says = dig_str(condition(report, "ready"), "message")
    why = says or ("the node is not ready" if not is_true(node, "Ready") else "")
    return dig_str(node, "metadata", "name") + (f" ({why})" if why else "")


class VlanConfig(BaseKind[VlanConfigInputs]):
    """The kind `VlanConfig`."""

    name: ClassVar[str] = "VlanConfig"
    api: ClassVar[Api] = VLAN_CONFIG
    inputs: ClassVar[type[VlanConfigInputs]] = VlanConfigInputs
    outputs_model: ClassVar[type[VlanConfigOutputs]] = VlanConfigOutputs

    def check(self, inputs: VlanConfigInputs) -> Sequence[Problem]:
        """The rules of Harvester's network webhook (pkg/webhook/vlanconfig/validator.go, pkg/utils/mtu.go)."""
        problems = [] if isinstance(inputs.uplink, Unknown) else list(_check_uplink(inputs.uplink))
        if inputs.cluster_network == MANAGEMENT:
            problems.append(
                Problem("clusterNetwork", f"the uplink of {MANAGEMENT} is set up by the installer: name another cluster network")
            )
        return problems

    def requires(self, inputs: VlanConfigInputs) -> Sequence[Requirement]:
        """The cluster network."""
        name = inputs.cluster_network
        return (Requirement("clusterNetwork", Ref(CLUSTER_NETWORK, name), "make a ClusterNetwork of that name"),) if is_known(name) else ()

    def create(self, inputs: VlanConfigInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new one depends on nothing else
        """Make it; the nodes then set up their bonds."""
        ref = self.ref(inputs)
        spec: dict[str, Json] = {"clusterNetwork": inputs.cluster_network, "uplink": _uplink(inputs.uplink)}
        spec |= {"nodeSelector": inputs.node_selector} if inputs.node_selector else {}
        spec |= {"description": inputs.description} if inputs.description else {}
        body = manifest(VLAN_CONFIG, metadata(inputs, described=False), spec=spec)
        return Plan(steps=(Put(ref, body, says=f"make {ref}: {inputs.cluster_network} on {', '.join(inputs.uplink.nics)}"),))

    def settle(self, inputs: VlanConfigInputs, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  the wait looks for itself
        """Wait for all nodes."""
        return (self._wait(inputs, "create"),)

    def update(self, old: VlanConfigInputs, new: VlanConfigInputs, seen: Snapshot) -> Plan:
        """Patch what changed, and wait for the nodes where they have to do something."""
        ref, found = self.ref(new), seen.get(self.ref(new))
        old = old.updated(uplink=new.uplink) if _canonical(old.uplink) == _canonical(new.uplink) else old
        why = f"Harvester refuses it while machines of {old.cluster_network} run on {_where(found)}: stop or migrate them first"
        live = {"cluster_network": (Effect.LIVE, why), "node_selector": (Effect.LIVE, why)}
        others = [each for each in self.changes(old, new, live) if each.property != "uplink"]
        changes = (*others, *_uplink_changes(old.uplink, new.uplink, why))
        body = {} if Plan(changes=changes).replaces else _patch(old, new, found)
        steps = (Patch(ref, body, says=f"change {', '.join(change.property for change in changes)} of {ref}"),) if body else ()
        waits = (self._wait(new, "update"),) if any(change.effect is Effect.LIVE for change in changes) else ()
        return Plan(steps=(*steps, *waits) if steps else (), changes=changes)

    def observe(self, ref: Ref, prior: VlanConfigInputs | None, seen: Snapshot) -> VlanConfigInputs:
        """The uplink as the cluster has it; the defaults that the API fills in are none of ours."""
        found = seen.get(ref)
        uplink = _observed_uplink(dig_map(found, "spec", "uplink"))
        values: dict[str, object] = {
            "cluster_network": dig_str(found, "spec", "clusterNetwork"),
            "uplink": prior.uplink if prior is not None and _canonical(prior.uplink) == _canonical(uplink) else uplink,
            "node_selector": dig_strings(found, "spec", "nodeSelector"),
        }
        if prior is None or prior.description:
            values["description"] = dig_str(found, "spec", "description")
        return self.observed(ref, prior, found, values, described=False)

    def outputs(self, inputs: VlanConfigInputs, seen: Snapshot) -> Mapping[str, Json]:
        """The nodes that have it."""
        return VlanConfigOutputs(matched_nodes=_matched(seen.get(self.ref(inputs)))).wire()

    def _wait(self, inputs: VlanConfigInputs, operation: str) -> Await:
        judge = Connected(inputs.name, inputs.cluster_network, tuple(sorted(inputs.node_selector.items())))
        seconds = inputs.seconds(operation, _READY_SECONDS)
        return Await(of=self.ref(inputs), until="ready on all nodes", wants=(_NODES, _STATUSES), judge=judge, seconds=seconds)


def _uplink(uplink: Uplink) -> Object:
    """The uplink in the object. What is left to the cluster is left out."""
    bond = {"mode": uplink.bond_mode, "miimon": _given(uplink.bond_miimon)}
    link = {"mtu": _given(uplink.mtu), "txQLen": _given(uplink.tx_queue_length)}
    out: dict[str, Json] = {"nics": uplink.nics, "bondOptions": {key: value for key, value in bond.items() if value is not None}}
    attributes = {key: value for key, value in link.items() if value is not None}
    return {**out, "linkAttributes": attributes} if attributes else out


def _given(value: int | None) -> int | None:
    """None where the value stands for the default: -1, and 0 for the MTU."""
    return value if value is not None and value > 0 else None


def _canonical(uplink: Uplink) -> tuple[object, ...]:
    """What an uplink amounts to, however its defaults are written."""
    return (uplink.nics, uplink.bond_mode, _given(uplink.bond_miimon) or 100, _given(uplink.mtu) or 1500, _given(uplink.tx_queue_length))


def _observed_uplink(found: Object) -> Uplink:
    values: dict[str, Any] = {
        "nics": [nic for nic in dig_list(found, "nics") if isinstance(nic, str)],
        "bond_mode": dig_str(found, "bondOptions", "mode") or "active-backup",
        "bond_miimon": _given(dig_int(found, "bondOptions", "miimon")),
        "mtu": _given(dig_int(found, "linkAttributes", "mtu")),
        "tx_queue_length": _given(dig_int(found, "linkAttributes", "txQLen")),
    }
    return Uplink.model_construct(**values)


def _uplink_changes(old: Uplink, new: Uplink, why: str) -> Iterable[Change]:
    for name, field in Uplink.model_fields.items():
        if getattr(old, name) != getattr(new, name):
            yield Change(f"uplink.{field.alias or name}", Effect.LIVE, why)


def _patch(old: VlanConfigInputs, new: VlanConfigInputs, found: Object) -> Object:
    spec: dict[str, Json] = {}
    if old.cluster_network != new.cluster_network:
        spec["clusterNetwork"] = new.cluster_network
    if old.description != new.description:
        spec["description"] = new.description or None
    if old.node_selector != new.node_selector:
        spec["nodeSelector"] = entries_patch(dig_strings(found, "spec", "nodeSelector"), new.node_selector)
    if old.uplink != new.uplink:
        cleared = {"bondOptions": {"miimon": None}, "linkAttributes": {"mtu": None, "txQLen": None}}
        wanted = _uplink(new.uplink)
        spec["uplink"] = {**wanted, **{part: {**nothing, **dig_map(wanted, part)} for part, nothing in cleared.items()}}
    meta = metadata_patch(old, new, described=False)
    return {key: part for key, part in (("metadata", meta), ("spec", spec)) if part}


def _matched(found: Object) -> list[str]:
    """The nodes that the webhook and the controller wrote down as picked."""
    names = dig_list(parsed(dig(found, "metadata", "annotations", _MATCHED)))
    return sorted(name for name in names if isinstance(name, str))


def _where(found: Object) -> str:
    return ", ".join(_matched(found)) or "its nodes"


def _check_uplink(uplink: Uplink) -> Iterable[Problem]:
    if is_known(uplink.nics) and (not uplink.nics or "" in uplink.nics):
        yield Problem("uplink.nics", "name at least one NIC, as `ip link` on the nodes calls it")
    if is_known(uplink.nics) and len(set(uplink.nics)) != len(uplink.nics):
        yield Problem("uplink.nics", "a NIC is named twice: name each once")
    if is_known(uplink.mtu) and uplink.mtu is not None and uplink.mtu != 0 and not 576 <= uplink.mtu <= 9000:
        yield Problem("uplink.mtu", f"{uplink.mtu} is not possible: use 576 to 9000")
    for name, value in (("bondMiimon", uplink.bond_miimon), ("txQueueLength", uplink.tx_queue_length)):
        if is_known(value) and value is not None and value != -1 and value < 1:
            yield Problem(f"uplink.{name}", f"{value} is not possible: use 1 and more, or leave it out; Harvester cannot keep a 0")


KIND = VlanConfig()
