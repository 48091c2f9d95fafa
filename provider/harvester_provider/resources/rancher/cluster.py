"""RancherCluster: a guest cluster that Rancher makes and keeps on machines of Harvester.

Order of a create: the Secret of the cloud provider, a configuration per pool, the Cluster; then it is waited for. A pool
of another shape gets another configuration and Rancher exchanges its machines; what is no longer named is removed when
that is done. Source: pkg/apis/provisioning.cattle.io/v1 and pkg/capr in Rancher.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, by_name, dig, dig_map, dig_objects, dig_str
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Await, Patch, Plan, Put, Remove, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import SECRET
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.kubeconfig import with_token
from harvester_provider.resources.kubernetes_version import refused_step
from harvester_provider.resources.rancher import check, pools
from harvester_provider.resources.rancher.model import RancherClusterInputs, RancherClusterOutputs, RancherUpgradeStrategy
from harvester_provider.resources.rancher.spec import operations, secret_name, seen_drain, spec_of
from harvester_provider.resources.rancher.status import Gone, Settled, machines_of, watched
from harvester_provider.resources.rancher.words import (
    AUTHORIZED,
    AUTOSCALED,
    CA,
    CLUSTER,
    CREDENTIAL,
    RELEASES,
    SERVER_URL,
    credential,
    distribution,
)
from harvester_provider.resources.secret import encoded, text_in

_SECONDS = 3600.0


class RancherCluster(BaseKind[RancherClusterInputs]):
    """The kind `RancherCluster`."""

    name: ClassVar[str] = "RancherCluster"
    api: ClassVar[Api] = CLUSTER
    inputs: ClassVar[type[RancherClusterInputs]] = RancherClusterInputs
    outputs_model: ClassVar[type[RancherClusterOutputs]] = RancherClusterOutputs
    foresees: ClassVar[bool] = True

    def check(self, inputs: RancherClusterInputs) -> Sequence[Problem]:
        """Roles, shapes, the form of the version."""
        return check.problems(inputs)

    def requires(self, inputs: RancherClusterInputs) -> Sequence[Requirement]:
        """The cloud credential."""
        return (Requirement("cloudCredential", credential(inputs.cloud_credential), "make a RancherCloudCredential first"),)

    def reads(self, ref: Ref, inputs: RancherClusterInputs | None, seen: Snapshot) -> Iterable[Want]:
        """The cluster with its configurations and Secrets, and the releases where the version is another one."""
        found = seen.get(ref)
        version = dig_str(found, "spec", "kubernetesVersion")
        yield from (ref, SERVER_URL, CA, _cloud_config(ref), _token(ref))
        yield from _named(found, ref)
        if inputs is not None:
            yield from (pools.config_ref(inputs, pool) for pool in inputs.pools)
            if ref in seen and version != inputs.kubernetes_version:
                yield RELEASES[distribution(inputs.kubernetes_version)]

    def objections(self, inputs: RancherClusterInputs, seen: Snapshot) -> Sequence[Problem]:
        """A version that this Rancher does not offer."""
        trouble = _not_offered(inputs, seen)
        return (Problem("kubernetesVersion", trouble),) if trouble else ()

    def create(self, inputs: RancherClusterInputs, seen: Snapshot) -> Plan:
        """Make what the cluster names, then the cluster."""
        ref = self.ref(inputs)
        body = manifest(CLUSTER, _metadata(inputs), spec=spec_of(inputs))
        return Plan(steps=(*_parts(inputs, seen), Put(ref, body, says=f"make {ref}")))

    def settle(self, inputs: RancherClusterInputs, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  the wait looks for itself
        """Wait until all machines are nodes."""
        return (self._wait(inputs, "create"),)

    def update(self, old: RancherClusterInputs, new: RancherClusterInputs, seen: Snapshot) -> Plan:
        """Lay the change over the spec, wait until Rancher has done it, remove what is no longer named."""
        ref, found = self.ref(new), seen.get(self.ref(new))
        refused = refused_step(old.kubernetes_version, new.kubernetes_version)
        if not refused and old.kubernetes_version != new.kubernetes_version:
            refused = _not_offered(new, seen)
        changes = tuple(self.changes(old, new, check.effects(old, new, refused)))
        plan = Plan(changes=changes)
        if plan.replaces or refused:
            return plan
        parts, edits, meta = tuple(_parts(new, seen)), operations(old, new, found), _metadata_patch(old, new)
        steps: list[Step] = list(parts)
        if meta:
            steps.append(Patch(ref, {"metadata": meta}, says=f"change the metadata of {ref}"))
        if edits:
            steps.append(Patch(ref, edits, says=f"change {ref}", effect=Effect.LIVE))
        if parts or edits or changes:  # an interrupted change may be written already, and not done
            steps.append(self._wait(new, "update"))
        steps += (Remove(each, says=f"delete {each}") for each in self._unnamed(old, new, seen))
        return Plan(steps=tuple(steps), changes=changes)

    def delete(self, old: RancherClusterInputs, seen: Snapshot) -> Plan:
        """Delete the cluster, wait for its machines, and remove what is left of what was made for it."""
        ref = self.ref(old)
        seconds = old.seconds("delete", _SECONDS)
        parts = dict.fromkeys([*(pools.config_ref(old, pool) for pool in old.pools), *_named(seen.get(ref), ref), _cloud_config(ref)])
        gone = Remove(
            ref, says=f"delete {ref}, with its machines and their volumes", seconds=seconds, wants=(machines_of(ref),), judge=Gone(ref)
        )
        return Plan(steps=(gone, *(Remove(part, says=f"delete {part}") for part in parts)))

    def observe(self, ref: Ref, prior: RancherClusterInputs | None, seen: Snapshot) -> RancherClusterInputs:
        """The cluster and its pools as Rancher has them."""
        found, config = seen.get(ref), dig_map(seen.get(ref), "spec", "rkeConfig")
        known = {pool.name: pool for pool in prior.pools} if prior else {}
        entries = {name: (entry, seen.get(pools.named_config(entry, ref.namespace))) for name, entry in by_name(_pools(found)).items()}
        order = [*(name for name in known if name in entries), *(name for name in entries if name not in known)]
        where = {dig_str(shape, "vmNamespace") for _, shape in entries.values()} - {""}
        strategy = dig_map(config, "upgradeStrategy")
        values: dict[str, object] = {
            "kubernetes_version": dig_str(found, "spec", "kubernetesVersion"),
            "cloud_credential": dig_str(found, "spec", "cloudCredentialSecretName"),
            "cloud_config": text_in(seen.get(_cloud_config(ref)), CREDENTIAL) or None,
            "machine_namespace": next(iter(where), prior.machine_namespace if prior else "default"),
            "pools": [pools.seen_pool(*entries[name], known.get(name)) for name in order],
            "upgrade_strategy": RancherUpgradeStrategy.model_construct(
                control_plane_concurrency=dig_str(strategy, "controlPlaneConcurrency") or "1",
                worker_concurrency=dig_str(strategy, "workerConcurrency") or "1",
                control_plane_drain=seen_drain(dig_map(strategy, "controlPlaneDrainOptions")),
                worker_drain=seen_drain(dig_map(strategy, "workerDrainOptions")),
            ),
            "network_policy": dig(found, "spec", "enableNetworkPolicy") is True,
            "authorized_endpoint": dig(found, "spec", "localClusterAuthEndpoint", "enabled") is True,
        }
        maps = {"config": "machineGlobalConfig", "registries": "registries", "chart_values": "chartValues"}
        for name, field in maps.items():
            values[name] = _declared(getattr(prior, name) if prior else None, dig_map(config, field))
        return self.observed(ref, prior, found, values)

    def outputs(self, inputs: RancherClusterInputs, seen: Snapshot) -> Mapping[str, Json]:
        """A kubeconfig from Rancher's address and authority, and the token that it keeps for the owner of the cluster.

        Not of `generateKubeconfig`, which makes another token each time, one that expires.
        """
        ref = self.ref(inputs)
        identity, token = dig_str(seen.get(ref), "status", "clusterName"), text_in(seen.get(_token(ref)), "token")
        server = f"{_setting(seen, SERVER_URL)}/k8s/clusters/{identity}"
        if not (identity and token):
            return RancherClusterOutputs(cluster_id=identity).wire()
        ca = base64.b64encode(_setting(seen, CA).encode()).decode()
        text = with_token(server, token, ca=ca, name=inputs.name)
        return RancherClusterOutputs(kubeconfig=text, server=server, cluster_id=identity).wire()

    def _wait(self, inputs: RancherClusterInputs, operation: str) -> Await:
        ref = self.ref(inputs)
        seconds = inputs.seconds(operation, _SECONDS)
        advice = "a machine that never becomes a node does not reach Rancher, or its image has no cloud-init; `timeouts` gives it more time"
        return Await(of=ref, until="settled", wants=watched(ref), judge=Settled(ref), seconds=seconds, advice=advice)

    def _unnamed(self, old: RancherClusterInputs, new: RancherClusterInputs, seen: Snapshot) -> Iterable[Ref]:
        """The configurations and the Secret that the cluster named before, and does not any more."""
        ref = self.ref(new)
        named = {pools.config_ref(new, pool) for pool in new.pools}
        before = dict.fromkeys([*(pools.config_ref(old, pool) for pool in old.pools), *_named(seen.get(ref), ref)])
        yield from (each for each in before if each not in named)
        if old.cloud_config and not new.cloud_config:
            yield _cloud_config(ref)


def _parts(inputs: RancherClusterInputs, seen: Snapshot) -> Iterable[Put]:
    """The Secret and the configurations, as far as they are missing or differ."""
    ref = Ref(CLUSTER, inputs.name, inputs.namespace)
    secret = _cloud_config(ref)
    if inputs.cloud_config and text_in(seen.get(secret), CREDENTIAL) != inputs.cloud_config:
        marks = {**dict.fromkeys(AUTHORIZED, inputs.name), "v2prov-authorized-secret-deletes-on-cluster-removal": "true"}
        meta = {**metadata(inputs, annotations=marks), "name": secret.name}
        yield Put(secret, manifest(SECRET, meta, type="Opaque", data=encoded({CREDENTIAL: inputs.cloud_config})), says=f"write {secret}")
    for pool in inputs.pools:
        config, fields = pools.config_ref(inputs, pool), pools.configuration(inputs, pool)
        found = seen.get(config)
        if any(found.get(name) != value for name, value in fields.items()):
            yield Put(config, manifest(config.api, {**metadata(inputs), "name": config.name}, **fields), says=f"make {config}")


def _metadata(inputs: RancherClusterInputs) -> Object:
    return metadata(inputs, annotations=_marks(inputs))


def _marks(inputs: RancherClusterInputs) -> dict[str, str]:
    return {AUTOSCALED: "true"} if any(pool.autoscaling_max is not None for pool in inputs.pools) else {}


def _metadata_patch(old: RancherClusterInputs, new: RancherClusterInputs) -> dict[str, Json]:
    patch, marks = metadata_patch(old, new), _marks(new)
    if marks == _marks(old):
        return patch
    return {**patch, "annotations": {**dig_map(patch, "annotations"), AUTOSCALED: marks.get(AUTOSCALED)}}


def _not_offered(inputs: RancherClusterInputs, seen: Snapshot) -> str:
    """Why Rancher does not make clusters of the version, or an empty text."""
    name = distribution(inputs.kubernetes_version)
    offered = [dig_str(each, "version") or dig_str(each, "id") for each in dig_objects(seen.get(RELEASES[name]), "data")]
    if not offered or inputs.kubernetes_version in offered:
        return ""
    return f"this Rancher does not make clusters of {inputs.kubernetes_version}: choose one of {', '.join(offered)}"


def _cloud_config(ref: Ref) -> Ref:
    return Ref(SECRET, secret_name(ref.name), ref.namespace)


def _token(ref: Ref) -> Ref:
    return Ref(SECRET, f"{ref.name}-kubeconfig", ref.namespace)


def _pools(found: Object) -> list[Object]:
    return dig_objects(found, "spec", "rkeConfig", "machinePools")


def _named(found: Object, ref: Ref) -> list[Ref]:
    return [pools.named_config(entry, ref.namespace) for entry in _pools(found)]


def _declared(prior: Mapping[str, Json] | None, found: Object) -> dict[str, Json]:
    """Of what is there, the entries that were declared; all of them on import."""
    return {name: value for name, value in found.items() if prior is None or name in prior}


def _setting(seen: Snapshot, ref: Ref) -> str:
    found = seen.get(ref)
    return dig_str(found, "value") or dig_str(found, "default")


KIND = RancherCluster()
"""The one instance."""
