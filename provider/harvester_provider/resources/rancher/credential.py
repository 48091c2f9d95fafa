"""RancherCloudCredential: Rancher's way into Harvester, by which it makes and removes machines.

Rancher refuses a token that another credential uses already, and a delete while a cluster uses the credential; it does so
in its own API alone, not for the Secret behind it, so that both are checked here. Upstream:
pkg/api/norman/customization/cred/store.go. One module from inputs to outputs.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, dig_map, dig_objects, dig_str
from harvester_provider.core.plan import Change, Patch, Plan, Put
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import SECRET
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.kubeconfig import token_in
from harvester_provider.resources.model import SECRET as HIDDEN
from harvester_provider.resources.model import Outputs, ResourceInputs
from harvester_provider.resources.rancher.words import CLUSTER, CREDENTIAL_KUBECONFIG, CREDENTIALS
from harvester_provider.resources.secret import encoded, text_in

_TYPE, _ID = "harvestercredentialConfig-clusterType", "harvestercredentialConfig-clusterId"
_DISPLAYED, _DRIVER = "field.cattle.io/name", "provisioning.cattle.io/driver"
_ALL = Listing(SECRET, CREDENTIALS)
_CLUSTERS = Listing(CLUSTER)


class RancherCloudCredentialInputs(ResourceInputs):
    """A cloud credential of Rancher for a Harvester. `cluster` is the Rancher, a name in `harvester:clusters`."""

    kubeconfig: str = Field(json_schema_extra=HIDDEN)
    """Kubeconfig (its text) for Harvester, with a bearer token: whom Rancher makes machines as. A change is a rotation: Rancher
    uses it from then on. A token that another credential uses is refused."""
    harvester_cluster_id: str | None = None
    """ID of the Harvester in this Rancher (`c-m-...`, or `c-...`), where it was imported there."""


class RancherCloudCredentialOutputs(Outputs):
    """What clusters name it by."""

    credential: str
    """`cattle-global-data:NAME`: the `cloudCredential` of a RancherCluster."""


class RancherCloudCredential(BaseKind[RancherCloudCredentialInputs]):
    """The kind `RancherCloudCredential`."""

    name: ClassVar[str] = "RancherCloudCredential"
    api: ClassVar[Api] = SECRET
    inputs: ClassVar[type[RancherCloudCredentialInputs]] = RancherCloudCredentialInputs
    outputs_model: ClassVar[type[RancherCloudCredentialOutputs]] = RancherCloudCredentialOutputs
    foresees: ClassVar[bool] = True

    def recognises(self, found: Object) -> bool:
        """Those of Rancher's driver for Harvester."""
        return dig_str(found, "metadata", "annotations", _DRIVER) == "harvester"

    def ref(self, inputs: RancherCloudCredentialInputs) -> Ref:
        """Rancher's names of credentials begin with `cc-`."""
        return Ref(SECRET, f"cc-{inputs.name}", CREDENTIALS)

    def check(self, inputs: RancherCloudCredentialInputs) -> Sequence[Problem]:
        """A kubeconfig with a token. Its content is never repeated."""
        if is_known(inputs.kubeconfig) and not token_in(inputs.kubeconfig):
            return (
                Problem("kubeconfig", "it has no bearer token: give the text of a kubeconfig with one (Harvester: Download KubeConfig)"),
            )
        return ()

    def reads(self, ref: Ref, inputs: RancherCloudCredentialInputs | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  the same for all
        """All credentials, and the clusters that use them."""
        return (ref, _ALL, _CLUSTERS)

    def objections(self, inputs: RancherCloudCredentialInputs, seen: Snapshot) -> Sequence[Problem]:
        """A token that another credential uses."""
        trouble = self._in_use(inputs, seen)
        return (Problem("kubeconfig", trouble),) if trouble else ()

    def create(self, inputs: RancherCloudCredentialInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  nothing of it is there
        """Make the Secret."""
        ref = self.ref(inputs)
        marks = {_DISPLAYED: inputs.name, _DRIVER: "harvester"}
        meta = {**metadata(inputs, annotations=marks), "name": ref.name, "namespace": ref.namespace}
        return Plan(steps=(Put(ref, manifest(SECRET, meta, type="Opaque", data=_data(inputs)), says=f"make {ref}"),))

    def update(self, old: RancherCloudCredentialInputs, new: RancherCloudCredentialInputs, seen: Snapshot) -> Plan:
        """Rotate it in place: clusters go on using it."""
        ref = self.ref(new)
        trouble = self._in_use(new, seen) if old.kubeconfig != new.kubeconfig else ""
        rotated = (Effect.REFUSED, trouble) if trouble else (Effect.LIVE, "Rancher uses it from now on")
        changes = tuple(self.changes(old, new, {"kubeconfig": rotated, "harvester_cluster_id": rotated}))
        if trouble or Plan(changes=changes).replaces:
            return Plan(changes=changes)
        body: dict[str, Json] = {"data": _data(new)} if _data(old) != _data(new) else {}
        if meta := metadata_patch(old, new):
            body["metadata"] = meta
        return Plan(steps=(Patch(ref, body, says=f"change {ref}"),) if body else (), changes=changes)

    def delete(self, old: RancherCloudCredentialInputs, seen: Snapshot) -> Plan:
        """Remove it, unless a cluster uses it: Rancher could not remove that cluster's machines any more."""
        name = f"{CREDENTIALS}:{self.ref(old).name}"
        users = [dig_str(found, "metadata", "name") for found in seen.listed(_CLUSTERS) if name in _credentials(found)]
        if users:
            why = f"{self.ref(old)} is in use by {', '.join(users)}, whose machines Rancher could not remove any more: delete them first"
            return Plan(changes=(Change("name", Effect.REFUSED, why),))
        return super().delete(old, seen)

    def observe(self, ref: Ref, prior: RancherCloudCredentialInputs | None, seen: Snapshot) -> RancherCloudCredentialInputs:
        """What Rancher has now."""
        found = seen.get(ref)
        values: dict[str, object] = {
            "kubeconfig": text_in(found, CREDENTIAL_KUBECONFIG),
            "harvester_cluster_id": text_in(found, _ID) or None,
        }
        return self.observed(ref, prior, found, {**values, "name": ref.name.removeprefix("cc-")})

    def outputs(self, inputs: RancherCloudCredentialInputs, seen: Snapshot) -> Mapping[str, Json]:  # noqa: ARG002  the name says it
        """Its name for clusters."""
        return self.foretell(self.ref(inputs))

    def foretell(self, ref: Ref) -> Mapping[str, Json]:
        """Its name for clusters follows from its own."""
        return RancherCloudCredentialOutputs(credential=f"{CREDENTIALS}:{ref.name}").wire()

    def _in_use(self, inputs: RancherCloudCredentialInputs, seen: Snapshot) -> str:
        """Why the token cannot be used, or an empty text."""
        token, own = token_in(inputs.kubeconfig).partition(":")[0], self.ref(inputs).name
        others = [found for found in seen.listed(_ALL) if dig_str(found, "metadata", "name") != own]
        users = [dig_str(o, "metadata", "name") for o in others if token_in(text_in(o, CREDENTIAL_KUBECONFIG)).partition(":")[0] == token]
        if not users:
            return ""
        return f"its token is in use by the cloud credential {users[0]}, and Rancher takes a token once: make another token in Harvester"


def _data(inputs: RancherCloudCredentialInputs) -> dict[str, Json]:
    values = {
        CREDENTIAL_KUBECONFIG: inputs.kubeconfig,
        _TYPE: "imported" if inputs.harvester_cluster_id else "external",
        _ID: inputs.harvester_cluster_id or "",
    }
    return encoded(values)


def _credentials(cluster: Object) -> set[str]:
    """The credentials that a cluster and its pools name."""
    pools = dig_objects(cluster, "spec", "rkeConfig", "machinePools")
    return {dig_str(where, "cloudCredentialSecretName") for where in (dig_map(cluster, "spec"), *pools)}


KIND = RancherCloudCredential()
