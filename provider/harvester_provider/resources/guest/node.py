"""GuestNode: a node of a guest cluster, from its joining to its orderly leaving.

The node registers itself; here it is waited for, labelled, and on delete emptied, taken out of etcd and removed, before
its machine goes. The order in which members leave is upstream's own protocol: the annotations of RKE2 and K3s
(k3s pkg/etcd/member_controller.go), which Rancher uses as well. The API it is in is the guest's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, condition, dig_map, dig_objects, dig_str, dig_strings, id_of, is_true
from harvester_provider.core.plan import Await, Call, Change, Patch, Plan, Remove, Step
from harvester_provider.core.ref import Api, Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.resources.apis import ETCD_ROLE, NODE, POD
from harvester_provider.resources.guest.words import Distribution, Role
from harvester_provider.resources.kind import BaseKind, metadata_patch
from harvester_provider.resources.model import REPLACE, Outputs, ResourceInputs
from harvester_provider.resources.model import SECRET as HIDDEN

_JOIN_SECONDS, _DRAIN_SECONDS = 1200.0, 600.0
_NODES = Listing(NODE)
WHEN_UNKNOWN: dict[str, Any] = {**REPLACE, "replaceWhenUnknown": True}
"""A value that is not known yet is another one: the machine is being replaced, and its node leaves before it goes."""


class GuestNodeInputs(ResourceInputs):
    """A node of a guest cluster. `name` is the node's name, which is that of its machine."""

    adopt: bool = True
    """Nodes register themselves, so that they are always taken over."""
    cluster: str = Field(json_schema_extra=HIDDEN)
    """Kubeconfig of the guest cluster (its text)."""
    machine_uid: str = Field(json_schema_extra=WHEN_UNKNOWN)
    """UID of the node's machine. Another machine is another node: the former leaves the cluster first."""
    role: Role = "agent"
    """`server`: control plane and etcd. `agent`: workloads alone."""
    distribution: Distribution = Field(default="rke2", json_schema_extra=REPLACE)
    """What runs it."""
    kubernetes_version: str | None = None
    """The version that the node must report, such as `v1.34.2+rke2r1`. Default: any."""


class GuestNodeOutputs(Outputs):
    """What is known of a node."""

    version: str = ""
    """The version of its kubelet."""
    internal_ip: str = ""
    """Its address in the guest cluster."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Judges by the node's condition `Ready` and its version."""

    ref: Ref
    version: str

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the node takes workloads in the wanted version."""
        found = seen[self.ref]
        if found is None:
            return Waiting("it has not joined: is its machine running, and does it reach the control plane's address?")
        runs = dig_str(found, "status", "nodeInfo", "kubeletVersion")
        if not is_true(found, "Ready"):
            return Waiting(dig_str(condition(found, "Ready"), "message") or "its kubelet has not reported yet")
        return Ready() if self.version in ("", runs) else Waiting(f"it runs {runs} and not {self.version}")


@dataclass(frozen=True, slots=True)
class Emptied:
    """Judges by the pods that are still on the node."""

    pods: Listing

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where only those are left that go with the node."""
        left = [pod for pod in seen.listed(self.pods) if _moves(pod)]
        names = ", ".join(id_of(pod) for pod in left[:3])
        return Waiting(f"{len(left)} pods are still on it ({names})") if left else Ready()


@dataclass(frozen=True, slots=True)
class Left:
    """Judges by the annotation in which the control plane says that the member is out of etcd."""

    ref: Ref
    annotation: str

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the member is out, or the node is gone."""
        found = seen[self.ref]
        if found is None or dig_strings(found, "metadata", "annotations").get(self.annotation):
            return Ready()
        return Waiting("its etcd member has not left yet")


class GuestNode(BaseKind[GuestNodeInputs]):
    """The kind `GuestNode`."""

    name: ClassVar[str] = "GuestNode"
    api: ClassVar[Api] = NODE
    inputs: ClassVar[type[GuestNodeInputs]] = GuestNodeInputs
    outputs_model: ClassVar[type[GuestNodeOutputs]] = GuestNodeOutputs

    def recognises(self, found: Object) -> bool:  # noqa: ARG002  none of them
        """None: a node of this cluster is a Node."""
        return False

    def reads(self, ref: Ref, inputs: GuestNodeInputs | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  the same for all
        """The node, its fellow nodes and its pods."""
        return (ref, _NODES, _pods(ref))

    def create(self, inputs: GuestNodeInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  the node registers itself
        """Wait until it has joined."""
        return Plan(steps=(self._wait(inputs, "create"),))

    def settle(self, inputs: GuestNodeInputs, seen: Snapshot) -> Sequence[Step]:
        """Wait until it is ready, in its version, and label it."""
        ref = self.ref(inputs)
        meta = metadata_patch(inputs.updated(labels={}, annotations={}, tags={}, description=""), inputs)
        labels = (Patch(ref, {"metadata": meta}, says=f"label {ref}"),) if meta else ()
        return labels if Joined(ref, inputs.kubernetes_version or "")(seen) == Ready() else (self._wait(inputs, "create"), *labels)

    def update(self, old: GuestNodeInputs, new: GuestNodeInputs, seen: Snapshot) -> Plan:
        """Labels in place. Another version comes with another machine, and is waited for."""
        ref = self.ref(new)
        changes = tuple(self.changes(old, new, {"kubernetes_version": (Effect.METADATA, "it comes with the node's machine")}))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        waits = () if Joined(ref, new.kubernetes_version or "")(seen) == Ready() else (self._wait(new, "update"),)
        meta = metadata_patch(old, new)
        return Plan(steps=((Patch(ref, {"metadata": meta}, says=f"label {ref}"),) if meta else ()) + waits, changes=changes)

    def delete(self, old: GuestNodeInputs, seen: Snapshot) -> Plan:
        """Cordon, evict, take the member out of etcd, remove the node. Refused where etcd would lose its majority."""
        ref = self.ref(old)
        found = seen[ref]
        if found is None:
            return Plan()
        if trouble := _quorum(found, seen.listed(_NODES)) if old.role == "server" else "":
            return Plan(changes=(Change("role", Effect.REFUSED, trouble),))
        seconds = old.seconds("delete", _DRAIN_SECONDS)
        steps = [*_drain(ref, seen, seconds), *(_leave(ref, old, seconds) if old.role == "server" else ())]
        return Plan(steps=(*steps, Remove(ref, says=f"remove {ref}")))

    def observe(self, ref: Ref, prior: GuestNodeInputs | None, seen: Snapshot) -> GuestNodeInputs:
        """Its labels, and its version where one is declared."""
        found = seen.get(ref)
        values: dict[str, object] = {} if prior is not None else {"cluster": "", "machine_uid": ""}
        if prior is not None and prior.kubernetes_version:
            values["kubernetes_version"] = dig_str(found, "status", "nodeInfo", "kubeletVersion") or prior.kubernetes_version
        return self.observed(ref, prior, found, values)

    def outputs(self, inputs: GuestNodeInputs, seen: Snapshot) -> Mapping[str, Json]:
        """Version and address."""
        found = seen.get(self.ref(inputs))
        addresses = {dig_str(entry, "type"): dig_str(entry, "address") for entry in dig_objects(found, "status", "addresses")}
        version = dig_str(found, "status", "nodeInfo", "kubeletVersion")
        return GuestNodeOutputs(version=version, internal_ip=addresses.get("InternalIP", "")).wire()

    def _wait(self, inputs: GuestNodeInputs, operation: str) -> Await:
        ref = self.ref(inputs)
        judge = Joined(ref, inputs.kubernetes_version or "")
        return Await(of=ref, until="joined and ready", wants=(ref,), judge=judge, seconds=inputs.seconds(operation, _JOIN_SECONDS))


def _pods(ref: Ref) -> Listing:
    return Listing(POD, fields=(("spec.nodeName", ref.name),))


def _moves(pod: Object) -> bool:
    """Whether a pod has to be evicted: not one of a DaemonSet, of the kubelet itself, or one that is done."""
    owners = {dig_str(owner, "kind") for owner in dig_objects(pod, "metadata", "ownerReferences")}
    mirror = "kubernetes.io/config.mirror" in dig_map(pod, "metadata", "annotations")
    return not (owners & {"DaemonSet", "Node"} or mirror or dig_str(pod, "status", "phase") in {"Succeeded", "Failed"})


def _drain(ref: Ref, seen: Snapshot, seconds: float) -> Iterable[Step]:
    yield Patch(ref, {"spec": {"unschedulable": True}}, says=f"cordon {ref}")
    pods = _pods(ref)
    moving = [pod for pod in seen.listed(pods) if _moves(pod)]
    for pod in moving:
        name, where = dig_str(pod, "metadata", "name"), dig_str(pod, "metadata", "namespace")
        body: Json = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": where}}
        yield Call("kubernetes", "POST", f"{POD.path(where, name)}/eviction", body, says=f"evict {where}/{name}")
    if moving:
        advice = "a disruption budget may hold them: see `kubectl get pdb -A` in the guest cluster"
        yield Await(of=ref, until="empty", wants=(pods,), judge=Emptied(pods), seconds=seconds, advice=advice)


def _leave(ref: Ref, old: GuestNodeInputs, seconds: float) -> Iterable[Step]:
    prefix = f"etcd.{old.distribution}.cattle.io"
    yield Patch(ref, {"metadata": {"annotations": {f"{prefix}/remove": "true"}}}, says=f"take the etcd member of {ref} out")
    judge = Left(ref, f"{prefix}/removed-node-name")
    yield Await(of=ref, until="out of etcd", wants=(ref,), judge=judge, seconds=seconds)


def _quorum(found: Object, nodes: Sequence[Object]) -> str:
    """Why the member must not leave, or an empty text: the others must hold the majority of what is left, and be one at least."""
    name = dig_str(found, "metadata", "name")
    others = [node for node in nodes if ETCD_ROLE in dig_strings(node, "metadata", "labels") and dig_str(node, "metadata", "name") != name]
    ready = [node for node in others if is_true(node, "Ready")]
    if not others:
        return "it is the last server, and etcd with all data of the guest cluster would go with it: destroy the whole cluster instead"
    if len(ready) <= len(others) // 2:
        missing = ", ".join(dig_str(node, "metadata", "name") for node in others if node not in ready)
        return f"etcd would lose its majority, since {missing} is not ready: bring it back first"
    return ""


KIND = GuestNode()
