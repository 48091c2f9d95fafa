"""PoorMansCluster: KubeVirt, CDI, Multus and a local provisioner on a plain Kubernetes, installed and upgraded by their manifests.

A kind of its own beside Cluster, because the two share no input: here parts are installed, there a product is set up. Its main
object is the namespace kube-system, which notes what was installed. A delete lets the cluster go and removes nothing, since
every machine would be lost with KubeVirt. One module from inputs to plan.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, condition, dig, dig_int, dig_list, dig_map, dig_str, dig_strings, is_true, parsed
from harvester_provider.core.plan import Apply, Await, Change, Patch, Plan, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.resources.apis import CDI, CUSTOM_RESOURCE, DAEMON_SET, DEPLOYMENT, KUBEVIRT, NAMESPACE
from harvester_provider.resources.kind import BaseKind
from harvester_provider.resources.model import Outputs, ResourceInputs
from harvester_provider.resources.previous import release, with_note

PARTS = "harvester.pulumi.com/parts"
"""Annotation of kube-system: which version of each part was installed last."""
_HARVESTER = Ref(NAMESPACE, "harvester-system")
_SECONDS = 1200.0
_VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?")
_GITHUB, _RAW = "https://github.com/kubevirt", "https://raw.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the cluster: where its manifests are, and what shows that it runs. `defined_by` is the definition of that kind."""

    name: str
    files: tuple[str, ...]
    url: str
    shows: Ref
    defined_by: str = ""


_KUBEVIRT = Part(
    "kubevirt", ("kubevirt-operator.yaml", "kubevirt-cr.yaml"), _GITHUB + "/kubevirt/releases/download/v{version}/{file}",
    Ref(KUBEVIRT, "kubevirt", "kubevirt"), "kubevirts.kubevirt.io",
)  # fmt: skip
_CDI = Part(
    "cdi", ("cdi-operator.yaml", "cdi-cr.yaml"), _GITHUB + "/containerized-data-importer/releases/download/v{version}/{file}",
    Ref(CDI, "cdi"), "cdis.cdi.kubevirt.io",
)  # fmt: skip
_LOCAL_PATH = Part(
    "local_path", ("local-path-storage.yaml",), _RAW + "/rancher/local-path-provisioner/v{version}/deploy/{file}",
    Ref(DEPLOYMENT, "local-path-provisioner", "local-path-storage"),
)  # fmt: skip
_MULTUS = Part(
    "multus", ("multus-daemonset.yml",), _RAW + "/k8snetworkplumbingwg/multus-cni/v{version}/deployments/{file}",
    Ref(DAEMON_SET, "kube-multus-ds", "kube-system"),
)  # fmt: skip
_ALL = (_KUBEVIRT, _LOCAL_PATH, _CDI, _MULTUS)


class PoorMansClusterInputs(ResourceInputs):
    """What makes a plain RKE2 or K3s a cluster for virtual machines. The provider's settings lead to it.

    There is no live migration on local volumes, and no backup: those are Harvester's.
    """

    kubevirt: str = "1.7.0"
    """Version of KubeVirt. An empty text, here as below: the cluster has its own, which is left alone."""
    cdi: str = "1.63.1"
    """Version of CDI, which fills volumes with images."""
    local_path: str = "0.0.32"
    """Version of the Local Path Provisioner. Empty where the cluster has other storage; K3s brings its own."""
    multus: str = "4.2.2"
    """Version of Multus, by which machines get networks."""
    folder: str | None = None
    """Folder with the releases' manifests under their own names, for a site without internet. Default: from the projects' releases."""
    feature_gates: list[str] = []
    """KubeVirt's feature gates, for example `ExpandDisks`. Gates that others set stay."""


class PoorMansClusterOutputs(Outputs):
    """What runs."""

    kubevirt_version: str = ""
    """Version of KubeVirt that runs."""
    cdi_version: str = ""
    """Version of CDI that runs."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Judges a part: available, and in the version that was asked for where it says one."""

    part: str
    ref: Ref
    version: str

    def __call__(self, seen: Snapshot) -> Verdict:
        """Waiting with what it says of itself."""
        found = seen.get(self.ref)
        if not found:
            return Waiting(f"{self.ref} is not there yet")
        if self.ref.api == DAEMON_SET:
            ready, wanted = (dig_int(found, "status", key) for key in ("numberReady", "desiredNumberScheduled"))
            return Ready() if 0 < wanted <= ready else Waiting(f"{ready} of {wanted} nodes have it")
        if self.ref.api == DEPLOYMENT:
            return Ready() if is_true(found, "Available") else Waiting(dig_str(condition(found, "Available"), "message") or "it starts")
        has = observed(found)
        if has and has.removeprefix("v") != self.version:
            return Waiting(f"it still is {has}")
        return (
            Ready()
            if is_true(found, "Available")
            else Waiting(dig_str(condition(found, "Available"), "message") or "its operator works on it")
        )


def observed(found: Object) -> str:
    """The version that KubeVirt or CDI says it has."""
    return dig_str(found, "status", "observedKubeVirtVersion") or dig_str(found, "status", "observedVersion")


class PoorMansCluster(BaseKind[PoorMansClusterInputs]):
    """The kind `PoorMansCluster`."""

    name: ClassVar[str] = "PoorMansCluster"
    api: ClassVar[Api] = NAMESPACE
    inputs: ClassVar[type[PoorMansClusterInputs]] = PoorMansClusterInputs
    outputs_model: ClassVar[type[PoorMansClusterOutputs]] = PoorMansClusterOutputs
    adopts: ClassVar[bool] = True

    def recognises(self, found: Object) -> bool:
        """A kube-system that says which parts were installed."""
        return PARTS in dig_map(found, "metadata", "annotations")

    def ref(self, inputs: PoorMansClusterInputs) -> Ref:  # noqa: ARG002  every cluster has one
        """The namespace kube-system: its UID is the cluster's identity."""
        return Ref(NAMESPACE, "kube-system")

    def check(self, inputs: PoorMansClusterInputs) -> Sequence[Problem]:
        """Versions as the projects write them, without their `v`."""
        given = [(part.name, getattr(inputs, part.name)) for part in _ALL]
        alias = {"local_path": "localPath"}
        return [
            Problem(alias.get(name, name), f"{version!r} is no release: write for example 1.7.0, without a v")
            for name, version in given
            if is_known(version) and version and _VERSION.fullmatch(version) is None
        ]  # fmt: skip

    def reads(self, ref: Ref, inputs: PoorMansClusterInputs | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  all parts
        """What shows that each part runs; a kind that is not defined yet is not asked for."""
        yield from (ref, _HARVESTER)
        for part in _ALL:
            definition = Ref(CUSTOM_RESOURCE, part.defined_by)
            if part.defined_by:
                yield definition
            if not part.defined_by or seen.get(definition):
                yield part.shows

    def create(self, inputs: PoorMansClusterInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  every cluster has a kube-system
        """Nothing: the cluster is there, `update` installs what is missing."""
        return Plan()

    def update(self, old: PoorMansClusterInputs, new: PoorMansClusterInputs, seen: Snapshot) -> Plan:
        """Install or upgrade the parts that are not in the version declared, one after the other, each waited for."""
        changes = tuple(self.changes(old, new))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        if seen.get(_HARVESTER):
            why = "this is a Harvester, which has all of it and would be damaged: use the kind Cluster for it"
            return Plan(changes=(*changes, Change("name", Effect.REFUSED, why)))
        steps: list[Step] = []
        fresh = False
        done = _installed(seen.get(self.ref(new)))
        for part in _ALL:
            version = getattr(new, part.name)
            if version and (done.get(part.name) != version or not seen.get(part.shows)):
                done = {**done, part.name: version}
                fresh = fresh or part is _KUBEVIRT
                steps += [*_install(part, version, new, upgrade=bool(seen.get(part.shows))), _noted(self.ref(new), done)]
        return Plan(steps=(*steps, *_gates(new, seen, fresh=fresh)), changes=changes)

    def delete(self, old: PoorMansClusterInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  nothing of the cluster is removed
        """Let the cluster go, and forget what was installed. The parts stay: without KubeVirt every machine would be lost."""
        bare = old.updated(labels={}, annotations={}, tags={}, description="")
        meta = with_note(release(bare), {PARTS: None})
        step = Patch(self.ref(old), {"metadata": meta}, says="let the cluster go; its parts and machines stay")
        return Plan(steps=(step,), notes=("KubeVirt, CDI, Multus and the provisioner stay: every machine would be lost with them",))

    def observe(self, ref: Ref, prior: PoorMansClusterInputs | None, seen: Snapshot) -> PoorMansClusterInputs:
        """The versions that were installed last; a part that is gone is drift."""
        base = prior if prior is not None else PoorMansClusterInputs.model_construct(name=ref.name)
        done = _installed(seen.get(ref))
        values: dict[str, Any] = {}
        for part in _ALL:
            has = done.get(part.name, "") if seen.get(part.shows) else ""
            if prior is None or getattr(base, part.name):
                values[part.name] = has
        have = set(_listed_gates(seen))
        return base.updated(**values, feature_gates=[gate for gate in base.feature_gates if gate in have])

    def outputs(self, inputs: PoorMansClusterInputs, seen: Snapshot) -> Mapping[str, Json]:  # noqa: ARG002  the objects say it all
        """Versions as the operators say them."""
        virt, cdi = (observed(seen.get(part.shows)) for part in (_KUBEVIRT, _CDI))
        return PoorMansClusterOutputs(kubevirt_version=virt, cdi_version=cdi).wire()


def _installed(found: Object) -> dict[str, str]:
    return dig_strings(parsed(dig(found, "metadata", "annotations", PARTS)))


def _noted(ref: Ref, done: Mapping[str, str]) -> Patch:
    text = json.dumps(dict(done), sort_keys=True, separators=(",", ":"))
    return Patch(ref, {"metadata": with_note({}, {PARTS: text})}, says="")


def _install(part: Part, version: str, inputs: PoorMansClusterInputs, *, upgrade: bool) -> list[Step]:
    verb = "upgrade" if upgrade else "install"
    sources = [f"{inputs.folder}/{file}" if inputs.folder else part.url.format(version=version, file=file) for file in part.files]
    applies = [Apply(source, says=f"{verb} {part.name} {version}" if not number else "") for number, source in enumerate(sources)]
    seconds = inputs.seconds("create", _SECONDS)
    wait = Await(
        of=part.shows,
        until=f"running in version {version}",
        wants=(part.shows,),
        judge=Runs(part.name, part.shows, version),
        seconds=seconds,
    )
    return [*applies, wait]


def _gates(inputs: PoorMansClusterInputs, seen: Snapshot, *, fresh: bool) -> list[Step]:
    """Gates that are missing; all of them after an installation, which writes the list of its manifest over them."""
    have = _listed_gates(seen)
    missing = [gate for gate in inputs.feature_gates if gate not in have]
    if not missing and not (fresh and have):
        return []
    body = {"spec": {"configuration": {"developerConfiguration": {"featureGates": [*have, *missing]}}}}
    return [Patch(_KUBEVIRT.shows, body, says=f"switch on {', '.join([*have, *missing])}")]


def _listed_gates(seen: Snapshot) -> list[str]:
    path = ("spec", "configuration", "developerConfiguration", "featureGates")
    return [str(gate) for gate in dig_list(seen.get(_KUBEVIRT.shows), *path)]


KIND = PoorMansCluster()
