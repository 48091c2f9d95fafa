"""GuestAccess: a service account by which a guest cluster uses Harvester, and the place where it leaves its kubeconfig.

The account has the roles of cloud provider and CSI driver, as `POST /v1/harvester/kubeconfig` makes it (upstream
pkg/api/kubeconfig/generate_handler.go), and may write one Secret: the guest's first server puts its kubeconfig there,
so that nobody has to log in to a guest to get it. One module from inputs to outputs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, dig_str
from harvester_provider.core.plan import Await, Patch, Plan, Put, Remove, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.resources.apis import CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING, SECRET, SERVICE_ACCOUNT, VIP
from harvester_provider.resources.guest import leftovers
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.kubeconfig import with_token
from harvester_provider.resources.kubernetes_version import VERSION, refused_step
from harvester_provider.resources.model import SECRET as HIDDEN
from harvester_provider.resources.model import NamespacedInputs, Outputs
from harvester_provider.resources.secret import text_in

_CLOUD_PROVIDER, _CSI = "harvesterhci.io:cloudprovider", "harvesterhci.io:csi-driver"
_TOKEN_SECONDS, _GONE_SECONDS = 60.0, 600.0
_RBAC = "rbac.authorization.k8s.io"
_SHORTEST_TOKEN = 16


class GuestAccessInputs(NamespacedInputs):
    """What a guest cluster may do in its namespace of Harvester."""

    join_token: str | None = Field(default=None, json_schema_extra=HIDDEN)
    """The secret by which nodes join the guest cluster, at least 16 characters without `:` and white space. Whoever has it can become
    its administrator. Default: somebody else joins them, such as Rancher, and the account may publish no kubeconfig."""
    server: str | None = None
    """URL of Harvester's Kubernetes API as machines reach it. Default: `https://VIP:6443`."""
    kubernetes_version: str | None = None
    """Version of the guest cluster, such as `v1.34.2+rke2r1`. A change by more than one minor, or back, is refused at preview."""


class GuestAccessOutputs(Outputs):
    """What goes into the machines."""

    cloud_config: str = Field(default="", json_schema_extra=HIDDEN)
    """Kubeconfig for Harvester: of the cloud provider, the CSI driver and the publisher."""
    published_in: str = ""
    """Name of the Secret where the guest leaves its kubeconfig; empty without a join token."""


@dataclass(frozen=True, slots=True)
class Issued:
    """Judges by the token that Kubernetes writes into the account's Secret."""

    secret: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the token is there."""
        return Ready() if dig_str(seen.get(self.secret), "data", "token") else Waiting("Kubernetes has not issued its token yet")


class GuestAccess(BaseKind[GuestAccessInputs]):
    """The kind `GuestAccess`."""

    name: ClassVar[str] = "GuestAccess"
    api: ClassVar[Api] = SERVICE_ACCOUNT
    inputs: ClassVar[type[GuestAccessInputs]] = GuestAccessInputs
    outputs_model: ClassVar[type[GuestAccessOutputs]] = GuestAccessOutputs

    def recognises(self, found: Object) -> bool:  # noqa: ARG002  see below
        """None: an account does not tell what it is for."""
        return False

    def check(self, inputs: GuestAccessInputs) -> Sequence[Problem]:
        """The token's form. Its value is never repeated."""
        token = inputs.join_token
        if (
            is_known(token)
            and token is not None
            and (len(token) < _SHORTEST_TOKEN or any(letter.isspace() or letter == ":" for letter in token))
        ):
            return (Problem("joinToken", f"use at least {_SHORTEST_TOKEN} characters, none of them ':' or white space"),)
        if is_known(inputs.server) and inputs.server and not inputs.server.startswith("https://"):
            return (Problem("server", f"{inputs.server!r} is no address of an API: write https://ADDRESS:6443"),)
        if is_known(inputs.kubernetes_version) and inputs.kubernetes_version and not VERSION.match(inputs.kubernetes_version):
            return (Problem("kubernetesVersion", f"{inputs.kubernetes_version!r} is no version: write for example v1.34.2+rke2r1"),)
        return ()

    def reads(self, ref: Ref, inputs: GuestAccessInputs | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  the same for all
        """All objects that belong to it, the cluster's address, and what a guest cluster of its name has in Harvester."""
        return (ref, *_refs(ref), VIP, *leftovers.wants(ref))

    def create(self, inputs: GuestAccessInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  nothing of it is there
        """Make the account and all that belongs to it. The account comes first: it is what an interrupted create is found by."""
        return Plan(steps=tuple(_puts(self.ref(inputs), inputs)))

    def settle(self, inputs: GuestAccessInputs, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  the wait looks for itself
        """Wait for the account's token."""
        secret = _token(self.ref(inputs))
        seconds = inputs.seconds("create", _TOKEN_SECONDS)
        return (Await(of=secret, until="issued", wants=(secret,), judge=Issued(secret), seconds=seconds),)

    def update(self, old: GuestAccessInputs, new: GuestAccessInputs, seen: Snapshot) -> Plan:
        """Make what is missing, and patch the metadata. Token and address live in the state alone: machines get them when they are made."""
        ref = self.ref(new)
        steps = {"kubernetes_version": trouble} if (trouble := refused_step(old.kubernetes_version, new.kubernetes_version)) else {}
        changes = tuple(self.changes(old, new, {name: (Effect.REFUSED, why) for name, why in steps.items()}))
        if Plan(changes=changes).replaces or steps:
            return Plan(changes=changes)
        meta = metadata_patch(old, new)
        missing = [put for put in _puts(ref, new) if seen[put.ref] is None]
        patches = [Patch(ref, {"metadata": meta}, says=f"change the metadata of {ref}")] if meta else []
        return Plan(steps=(*missing, *patches), changes=changes)

    def delete(self, old: GuestAccessInputs, seen: Snapshot) -> Plan:
        """Once no machine of the guest cluster is left, remove all of it, the rights first and the account last.

        What the cloud provider and the CSI driver have made with these rights is theirs, and said.
        """
        ref = self.ref(old)
        removals = (Remove(part, says=f"delete {part}") for part in (*reversed(_refs(ref)), ref))
        wait = leftovers.machines_gone(ref, old.seconds("delete", _GONE_SECONDS))
        return Plan(steps=(wait, *removals), notes=tuple(leftovers.notes(ref, seen)))

    def observe(self, ref: Ref, prior: GuestAccessInputs | None, seen: Snapshot) -> GuestAccessInputs:
        """Its metadata as the cluster has it."""
        return self.observed(ref, prior, seen.get(ref), {})

    def outputs(self, inputs: GuestAccessInputs, seen: Snapshot) -> Mapping[str, Json]:
        """The kubeconfig for Harvester."""
        ref = self.ref(inputs)
        found = seen.get(_token(ref))
        token, ca = text_in(found, "token"), dig_str(found, "data", "ca.crt")
        server = inputs.server or f"https://{dig_str(seen.get(VIP), 'data', 'ip')}:6443"
        return GuestAccessOutputs(
            cloud_config=with_token(server, token, ca=ca, namespace=ref.namespace) if token else "",
            published_in=_published(ref).name if inputs.join_token else "",
        ).wire()


def _token(ref: Ref) -> Ref:
    return Ref(SECRET, f"{ref.name}-token", ref.namespace)


def _published(ref: Ref) -> Ref:
    return Ref(SECRET, f"{ref.name}-kubeconfig", ref.namespace)


def _refs(ref: Ref) -> Sequence[Ref]:
    """What belongs to the account, in the order in which it is made."""
    name, where = ref.name, ref.namespace
    return (
        _token(ref),
        _published(ref),
        Ref(ROLE, f"{name}-publish", where),
        Ref(ROLE_BINDING, f"{name}-publish", where),
        Ref(ROLE_BINDING, name, where),
        Ref(CLUSTER_ROLE_BINDING, f"{where}-{name}"),
    )


def _puts(ref: Ref, inputs: GuestAccessInputs) -> Iterable[Put]:
    yield Put(ref, manifest(SERVICE_ACCOUNT, metadata(inputs)), says=f"make {ref} with its roles")
    token, published, role, publish, cloud, csi = _refs(ref)
    bodies: dict[Ref, Mapping[str, Json]] = {
        token: {"type": "kubernetes.io/service-account-token"},
        cloud: _binding(ref, "ClusterRole", _CLOUD_PROVIDER),
        csi: _binding(ref, "ClusterRole", _CSI),
    }
    if inputs.join_token:
        writes = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [published.name], "verbs": ["get", "patch"]}
        bodies |= {published: {"type": "Opaque"}, role: {"rules": [writes]}, publish: _binding(ref, "Role", role.name)}
    for part in (part for part in _refs(ref) if part in bodies):
        meta = dict(metadata(inputs, annotations={"kubernetes.io/service-account.name": ref.name} if part == token else {}))
        meta["name"] = part.name
        if not part.namespace:
            meta.pop("namespace")
        yield Put(part, manifest(part.api, meta, **bodies[part]))


def _binding(ref: Ref, kind: str, name: str) -> Mapping[str, Json]:
    subject = {"kind": "ServiceAccount", "name": ref.name, "namespace": ref.namespace}
    return {"subjects": [subject], "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name}}


KIND = GuestAccess()
