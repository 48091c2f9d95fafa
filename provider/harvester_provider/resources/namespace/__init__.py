"""Namespace: where machines, images and volumes live, with limits for all of them together.

Its limits are one core ResourceQuota of ours; the limit for snapshots is Harvester's own ResourceQuota. A namespace that
still holds machines, volumes, images or backups is not deleted. One module from inputs to plan.
Upstream: pkg/webhook/resources/resourcequota, pkg/util/resourcequota.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, dig_int, dig_map, dig_str
from harvester_provider.core.ownership import mark
from harvester_provider.core.plan import Await, Change, Patch, Plan, Put, Remove, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Api, Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.core.wording import first_of
from harvester_provider.resources.apis import (
    HARVESTER_QUOTA,
    IMAGE,
    NAMESPACE,
    PERSISTENT_VOLUME_CLAIM,
    RESOURCE_QUOTA,
    VIRTUAL_MACHINE,
)
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.model import Model, Outputs, QuantityText, ResourceInputs

QUOTA = "pulumi-quota"
"""Name of our ResourceQuota in the namespace."""
SNAPSHOT_QUOTA = "default-resource-quota"
"""The only name that Harvester's webhook lets its own ResourceQuota have."""
_PROJECT = "field.cattle.io/projectId"
_HARD = {
    "limits_cpu": "limits.cpu",
    "limits_memory": "limits.memory",
    "requests_cpu": "requests.cpu",
    "requests_memory": "requests.memory",
    "requests_storage": "requests.storage",
    "volumes": "persistentvolumeclaims",
}
_SYSTEM = ("kube-", "cattle-", "harvester-", "longhorn-", "fleet-")


class NamespaceQuota(Model):
    """Limits for all objects of a namespace together. What is not given is not limited."""

    limits_cpu: QuantityText | None = None
    """CPUs of all running machines, for example `32`."""
    limits_memory: QuantityText | None = None
    """Memory of all running machines, their overhead included, for example `64Gi`. A live migration needs room for the machine twice."""
    requests_cpu: QuantityText | None = None
    """CPUs that are reserved: those of the machines divided by the cluster's overcommit."""
    requests_memory: QuantityText | None = None
    """Memory that is reserved: that of the machines divided by the cluster's overcommit."""
    requests_storage: QuantityText | None = None
    """Size of all volumes together, for example `1Ti`."""
    volumes: int | None = Field(default=None, ge=0)
    """Number of volumes."""
    snapshots: QuantityText | None = None
    """Size of all snapshots of machines together (Harvester 1.4 and later)."""


class NamespaceInputs(ResourceInputs):
    """A namespace. Name it in other resources by its output `id`, so that it is made before them and removed after them."""

    quota: NamespaceQuota | None = None
    """Limits. Default: none."""
    project: str | None = None
    """Rancher project it belongs to, as `local:p-xxxxx`."""


class NamespaceOutputs(Outputs):
    """What is known of a namespace."""

    used: dict[str, str] = {}
    """How much of each limit is used, by Kubernetes' names such as `limits.cpu`."""


class Namespace(BaseKind[NamespaceInputs]):
    """The kind `Namespace`."""

    name: ClassVar[str] = "Namespace"
    api: ClassVar[Api] = NAMESPACE
    inputs: ClassVar[type[NamespaceInputs]] = NamespaceInputs
    outputs_model: ClassVar[type[NamespaceOutputs]] = NamespaceOutputs
    holds: ClassVar[tuple[Api, ...]] = (VIRTUAL_MACHINE, PERSISTENT_VOLUME_CLAIM, IMAGE)
    """What is lost with a namespace: a delete is refused while there is any."""

    def recognises(self, found: Object) -> bool:
        """All but the system's."""
        return not dig_str(found, "metadata", "name").startswith(_SYSTEM)

    def check(self, inputs: NamespaceInputs) -> Sequence[Problem]:
        """Names of the system, and limits below nothing."""
        if is_known(inputs.name) and inputs.name.startswith(_SYSTEM) and not inputs.adopt:
            return (Problem("name", f"{inputs.name!r}: names that start with {', '.join(_SYSTEM)} are the system's: use another one"),)
        limits = inputs.quota if is_known(inputs.quota) else None
        given = {field: getattr(limits, name) for name, field in NamespaceQuota.wire_names().items()} if limits else {}
        below = [field for field, limit in given.items() if isinstance(limit, Quantity) and limit < Quantity("0")]
        return [Problem(f"quota.{field}", f"{given[field]} is less than nothing: write 0 or more, or leave it out") for field in below]

    def reads(self, ref: Ref, inputs: NamespaceInputs | None, seen: Snapshot) -> Iterable[Want]:
        """The namespace; once it is there, its quotas and what it holds."""
        yield ref
        if ref not in seen or seen[ref] is None:
            return
        yield _quota(ref.name)
        if inputs is None or (inputs.quota and inputs.quota.snapshots):
            yield _snapshot_quota(ref.name)
        for api in self.holds:
            yield Listing(api, ref.name)

    def create(self, inputs: NamespaceInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new one depends on nothing else
        """Make it; its limits follow in `settle`."""
        ref = self.ref(inputs)
        return Plan(steps=(Put(ref, manifest(NAMESPACE, metadata(inputs, annotations=_project(inputs))), says=f"make {ref}"),))

    def settle(self, inputs: NamespaceInputs, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  the steps can be repeated
        """Its limits, and until the cluster counts against them."""
        steps: list[Step] = [Put(ref, body, says=f"limit {inputs.name}") for ref, body in _quotas(inputs)]
        if _hard(inputs):
            ref = _quota(inputs.name)
            wait = Await(of=ref, until="counted", wants=(ref,), judge=counted, seconds=inputs.seconds("create", 60))
            steps.append(wait)
        return steps

    def update(self, old: NamespaceInputs, new: NamespaceInputs, seen: Snapshot) -> Plan:
        """Metadata and limits in place."""
        ref = self.ref(new)
        changes = tuple(self.changes(old, new, {"quota": (Effect.METADATA, "")}))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        steps: list[Step] = []
        meta = metadata_patch(old, new)
        if old.project != new.project:
            meta["annotations"] = {**dig_map(meta, "annotations"), _PROJECT: new.project}
        if meta:
            steps.append(Patch(ref, {"metadata": meta}, says=f"change the metadata of {ref}"))
        if old.quota != new.quota:
            wanted = dict(_quotas(new))
            for quota, body in wanted.items():
                have = seen.get(quota)
                steps.append(_changed(quota, body, have) if have else Put(quota, body, says=f"limit {ref.name}"))
            gone = [quota for quota, _ in _quotas(old) if quota not in wanted]
            steps += [Remove(quota, says=f"lift the limits of {ref.name}") for quota in gone]
        return Plan(steps=tuple(steps), changes=changes)

    def delete(self, old: NamespaceInputs, seen: Snapshot) -> Plan:
        """Remove it, unless it still holds something that would be lost."""
        ref = self.ref(old)
        found = [(api.kind, item) for api in self.holds for item in seen.listings.get(Listing(api, ref.name), ())]
        held = [f"{kind} {dig_str(item, 'metadata', 'name')}" for kind, item in found]
        if held:
            why = f"{ref} still holds {first_of(held)}, which would be lost: remove them first, or take the namespace " \
                  "out of the program with `pulumi state delete`"  # fmt: skip
            return Plan(changes=(Change("name", Effect.REFUSED, why),))
        return Plan(steps=(Remove(ref, says=f"delete {ref}", seconds=old.seconds("delete", 300)),))

    def observe(self, ref: Ref, prior: NamespaceInputs | None, seen: Snapshot) -> NamespaceInputs:
        """Limits as the cluster has them, and the project where it is declared."""
        found = seen.get(ref)
        project = dig_str(found, "metadata", "annotations", _PROJECT) or None
        values: dict[str, Any] = {"quota": _observed(prior.quota if prior else None, seen, ref.name)}
        if prior is None or prior.project is not None:
            values["project"] = project
        return self.observed(ref, prior, found, values)

    def outputs(self, inputs: NamespaceInputs, seen: Snapshot) -> Mapping[str, Json]:
        """What is used of the limits."""
        used = dig_map(seen.get(_quota(inputs.name)), "status", "used")
        return NamespaceOutputs(used={key: str(value) for key, value in used.items()}).wire()


def counted(seen: Snapshot) -> Verdict:
    """Ready where the cluster has taken the limits in."""
    ready = all(dig_map(found or {}, "status", "hard") for found in seen.objects.values())
    return Ready() if ready else Waiting("the cluster has not counted yet")


def _quota(namespace: str) -> Ref:
    return Ref(RESOURCE_QUOTA, QUOTA, namespace)


def _snapshot_quota(namespace: str) -> Ref:
    return Ref(HARVESTER_QUOTA, SNAPSHOT_QUOTA, namespace)


def _project(inputs: NamespaceInputs) -> dict[str, str]:
    return {_PROJECT: inputs.project} if inputs.project else {}


def _hard(inputs: NamespaceInputs) -> dict[str, Json]:
    values = {key: getattr(inputs.quota, name) for name, key in _HARD.items()} if inputs.quota else {}
    return {key: str(value.text if isinstance(value, Quantity) else value) for key, value in values.items() if value is not None}


def _quotas(inputs: NamespaceInputs) -> list[tuple[Ref, Object]]:
    """The quota objects that the inputs ask for."""
    out: list[tuple[Ref, Object]] = []
    if hard := _hard(inputs):
        out.append((_quota(inputs.name), _body(_quota(inputs.name), inputs, {"hard": hard})))
    if inputs.quota and inputs.quota.snapshots:
        limit = int(inputs.quota.snapshots)
        ref = _snapshot_quota(inputs.name)
        out.append((ref, _body(ref, inputs, {"snapshotLimit": {"namespaceTotalSnapshotSizeQuota": limit}})))
    return out


def _body(ref: Ref, inputs: NamespaceInputs, spec: Object) -> Object:
    return manifest(ref.api, {"name": ref.name, "namespace": ref.namespace, "annotations": mark(inputs.owner)}, spec=spec)


def _changed(ref: Ref, body: Object, found: Object) -> Patch:
    """A merge patch to the wanted limits: what is no longer limited is taken away."""
    have, want = dig_map(found, "spec", "hard"), dig_map(body, "spec", "hard")
    gone: dict[str, Json] = dict.fromkeys(have.keys() - want.keys())
    spec = dict(dig_map(body, "spec")) | ({"hard": {**gone, **want}} if want else {})
    return Patch(ref, {"spec": spec}, says=f"change the limits of {ref.namespace}")


def _observed(prior: NamespaceQuota | None, seen: Snapshot, namespace: str) -> NamespaceQuota | None:
    hard = dig_map(seen.get(_quota(namespace)), "spec", "hard")
    values: dict[str, Any] = {}
    for name, key in _HARD.items():
        found = hard.get(key)
        if found is not None:
            values[name] = int(str(found)) if name == "volumes" else _kept(prior, name, Quantity(str(found)))
    snapshots = dig_int(seen.get(_snapshot_quota(namespace)), "spec", "snapshotLimit", "namespaceTotalSnapshotSizeQuota")
    if snapshots:
        values["snapshots"] = _kept(prior, "snapshots", Quantity(snapshots))
    return NamespaceQuota.model_validate(values) if values else None


def _kept(prior: NamespaceQuota | None, name: str, found: Quantity) -> Quantity:
    before = getattr(prior, name) if prior else None
    return before if isinstance(before, Quantity) and before == found else found


KIND = Namespace()
