"""Cluster: a Harvester cluster as a whole. Logged in to, waited for, set up, upgraded; in call order: model, check, reads, steps.

Its main object is the namespace kube-system, whose UID is the cluster's identity. The login is done before any of this runs
(`kube.login`); its kubeconfig comes in as `CREDENTIALS`. Settings note what they were on themselves (`resources.previous`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, dig_str, is_true
from harvester_provider.core.kind import Requirement
from harvester_provider.core.ownership import mark
from harvester_provider.core.plan import Await, Change, Patch, Plan, Put, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources import setting_rules
from harvester_provider.resources.apis import CONFIG_MAP, CREDENTIALS, NAMESPACE, SERVER_VERSION, SUPPORT_BUNDLE
from harvester_provider.resources.cluster import upgrade
from harvester_provider.resources.cluster.check import problems
from harvester_provider.resources.cluster.model import ClusterInputs, ClusterOutputs
from harvester_provider.resources.cluster.report import report
from harvester_provider.resources.cluster.settings import ALL, names, setting, values
from harvester_provider.resources.kind import BaseKind, manifest
from harvester_provider.resources.previous import is_noted, previous_value, release, restore_setting, same, setting_patch

_IDENTITY = Ref(NAMESPACE, "kube-system")
"""Its UID is the cluster's identity."""
_VIP = Ref(CONFIG_MAP, "vip", upgrade.SYSTEM)
_NODES_SECONDS, _BUNDLE_SECONDS = 1800.0, 1800.0


@dataclass(frozen=True, slots=True)
class Whole:
    """Judges whether the nodes are ready: `count` of them, or all that have joined."""

    count: int | None

    def __call__(self, seen: Snapshot) -> Verdict:
        """Names the nodes that are not."""
        nodes = seen.listed(upgrade.NODES)
        late = sorted(dig_str(node, "metadata", "name") for node in nodes if not is_true(node, "Ready"))
        if nodes and not late and len(nodes) >= (self.count or 1):
            return Ready()
        missing = f", {len(nodes)} of {self.count} have joined" if self.count and len(nodes) < self.count else ""
        return Waiting((f"not ready: {', '.join(late)}" if late else "nodes are missing") + missing)


@dataclass(frozen=True, slots=True)
class Bundled:
    """Judges a support bundle."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the file can be downloaded."""
        found = seen.get(self.ref)
        state = dig_str(found, "status", "state")
        if state == "error":
            return Failed("the cluster could not collect it", "`kubectl -n harvester-system describe supportbundle` says why")
        return Ready() if state == "ready" else Waiting(f"{found.get('status', {}).get('progress', 0)} %")  # type: ignore[union-attr]  # a mapping


class Cluster(BaseKind[ClusterInputs]):
    """The kind `Cluster`."""

    name: ClassVar[str] = "Cluster"
    api: ClassVar[Api] = NAMESPACE
    inputs: ClassVar[type[ClusterInputs]] = ClusterInputs
    outputs_model: ClassVar[type[ClusterOutputs]] = ClusterOutputs
    adopts: ClassVar[bool] = True
    logs_in: ClassVar[bool] = True

    def recognises(self, found: Object) -> bool:
        """The namespace kube-system."""
        return dig_str(found, "metadata", "name") == _IDENTITY.name

    def ref(self, inputs: ClusterInputs) -> Ref:  # noqa: ARG002  every cluster has one
        """The namespace kube-system."""
        return _IDENTITY

    def check(self, inputs: ClusterInputs) -> Sequence[Problem]:
        """How it is reached, releases, subnets."""
        return tuple(problems(inputs))

    def requires(self, inputs: ClusterInputs) -> Sequence[Requirement]:
        """The settings: an older release lacks some."""
        if not is_known(inputs.settings, inputs.rancher):
            return ()
        hint = "this release of Harvester has no such setting"
        return tuple(Requirement("settings", setting(name), hint) for name in names(inputs))

    def reads(self, ref: Ref, inputs: ClusterInputs | None, seen: Snapshot) -> Iterable[Want]:
        """The settings, the release, the nodes, and what an upgrade and a bundle consist of."""
        yield from (ref, SERVER_VERSION, _VIP, upgrade.NODES, CREDENTIALS)
        if inputs is None:
            return
        yield from (setting(name) for name in ALL)
        declared = names(inputs)
        yield from setting_rules.wants(name for name in ALL if name in declared or is_noted(seen.get(setting(name))))
        yield from upgrade.wants(inputs, seen)
        if inputs.support_bundle:
            yield _bundle(inputs.support_bundle)

    def create(self, inputs: ClusterInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a cluster is installed, not made
        """Nothing: every cluster has its kube-system."""
        return Plan()

    def update(self, old: ClusterInputs, new: ClusterInputs, seen: Snapshot) -> Plan:
        """Wait for the nodes, set the settings, upgrade, collect the bundle; in this order."""
        changes = list(self.changes(old, new))
        if Plan(changes=tuple(changes)).replaces:
            return Plan(changes=tuple(changes))
        steps: list[Step] = [_nodes(new)] if new.nodes and new.nodes > len(seen.listed(upgrade.NODES)) else []
        steps += _settings(old, new, seen)
        if why := _refused(values(new, seen) | _previous(old, new, seen), seen):
            return Plan(changes=(Change("settings", Effect.REFUSED, why),))
        if upgrade.needed(new, seen):
            refused = list(upgrade.refusals(new, seen))
            changes = [change for change in changes if change.property != "version"]
            words = "; ".join(refused) or f"from {upgrade.current(seen)} to {upgrade.tag(new.version or '')}: nodes restart, machines move"
            changes.append(Change("version", Effect.REFUSED if refused else Effect.MIGRATE, words))
            steps += [] if refused else upgrade.steps(new, seen)
        if new.support_bundle and not seen.get(_bundle(new.support_bundle)):
            steps += _collect(new)
        return Plan(steps=tuple(steps), changes=tuple(changes))

    def settle(self, inputs: ClusterInputs, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  the wait looks for itself
        """Wait until its nodes are ready."""
        return (_nodes(inputs),)

    def delete(self, old: ClusterInputs, seen: Snapshot) -> Plan:
        """Put the settings back. The cluster itself stays as it is."""
        ref = self.ref(old)
        before = _previous(old, None, seen)
        if why := _refused(before, seen):
            return Plan(changes=(Change("settings", Effect.REFUSED, f"they cannot go back to what they were: {why}"),))
        steps: list[Step] = [_restore(name, seen) for name in before]
        bare = old.updated(labels={}, annotations={}, tags={}, description="")
        steps.append(Patch(ref, {"metadata": release(bare)}, says="let the cluster go; it stays as it is"))
        return Plan(steps=tuple(steps))

    def observe(self, ref: Ref, prior: ClusterInputs | None, seen: Snapshot) -> ClusterInputs:
        """The release and the settings as the cluster has them. A setting that says something else is shown as not set."""
        base = prior if prior is not None else ClusterInputs(name=ref.name)
        wanted = values(base, seen)
        drifted = {name for name, value in wanted.items() if not _as_declared(name, value, seen)}
        found: dict[str, Any] = {}
        if drifted:
            kept = {name: None for name in type(base.settings).model_fields if drifted & set(names(_only(base, name)))}
            found["settings"] = base.settings.updated(**kept)
            found["rancher"] = None if drifted & set(names(_only(base, "rancher"))) else base.rancher
        if base.version and upgrade.needed(base, seen):
            found["version"] = upgrade.current(seen).removeprefix("v")
        return base.updated(**found)

    def outputs(self, inputs: ClusterInputs, seen: Snapshot) -> Mapping[str, Json]:
        """Versions, nodes, the kubeconfig, and the report."""
        nodes = seen.listed(upgrade.NODES)
        bundle = seen.get(_bundle(inputs.support_bundle)) if inputs.support_bundle else {}
        version = upgrade.current(seen)
        return ClusterOutputs(
            kubeconfig=dig_str(seen.get(CREDENTIALS), "kubeconfig"),
            current_version=version,
            kubernetes_version=next((dig_str(node, "status", "nodeInfo", "kubeletVersion") for node in nodes), ""),
            vip=dig_str(seen.get(_VIP), "data", "ip"),
            node_names=sorted(dig_str(node, "metadata", "name") for node in nodes),
            report=report(version, nodes, inputs.rancher.version if inputs.rancher else None),
            support_bundle_file=f"/v1/harvester/supportbundles/{dig_str(bundle, 'metadata', 'name')}/download" if bundle else "",
        ).wire()


def _only(inputs: ClusterInputs, field: str) -> ClusterInputs:
    """The inputs with one setting, or with the registration alone."""
    if field == "rancher":
        return ClusterInputs(name=inputs.name, rancher=inputs.rancher)
    bare = type(inputs.settings)().updated(**{field: getattr(inputs.settings, field)})
    return ClusterInputs(name=inputs.name).updated(settings=bare)


def _as_declared(name: str, value: str, seen: Snapshot) -> bool:
    """Whether the setting has the value. Harvester takes passwords out of registries, so that those cannot be compared."""
    return name == "containerd-registry" or same(dig_str(seen.get(setting(name)), "value"), value)


def _settings(old: ClusterInputs, new: ClusterInputs, seen: Snapshot) -> list[Step]:
    out: list[Step] = []
    before, wanted = values(old, seen), values(new, seen)
    for name, value in wanted.items():
        unread = name == "containerd-registry" and before.get(name) == value and is_noted(seen.get(setting(name)))
        body = {} if unread else setting_patch(seen.get(setting(name)), value, {})
        out += [Patch(setting(name), body, says=f"set {name}")] if body else []
    return out + [_restore(name, seen) for name in _previous(old, new, seen)]


def _previous(old: ClusterInputs, new: ClusterInputs | None, seen: Snapshot) -> dict[str, str]:
    """The values that settings go back to, because they are no longer declared."""
    kept = names(new) if new is not None else []
    gone = [name for name in names(old) if name not in kept and is_noted(seen.get(setting(name)))]
    return {name: previous_value(seen.get(setting(name))) for name in gone}


def _refused(wanted: Mapping[str, str], seen: Snapshot) -> str:
    """Why the cluster does not take the values now; empty where it does."""

    def others(name: str) -> Snapshot:
        coming = {setting(other): {**seen.get(setting(other)), "value": value} for other, value in wanted.items() if other != name}
        return seen.plus(Snapshot(coming))

    whys = {name: setting_rules.refusal(name, value, others(name)) for name, value in wanted.items()}
    return "; ".join(f"{name}: {why}" for name, why in whys.items() if why)


def _restore(name: str, seen: Snapshot) -> Patch:
    bare = ClusterInputs(name="x")
    return Patch(setting(name), restore_setting(seen.get(setting(name)), release(bare)), says=f"put the previous value of {name} back")


def _nodes(inputs: ClusterInputs) -> Await:
    seconds = inputs.seconds("create", _NODES_SECONDS)
    return Await(of=_IDENTITY, until="part of a whole cluster", wants=(upgrade.NODES,), judge=Whole(inputs.nodes), seconds=seconds)


def _bundle(description: str) -> Ref:
    return Ref(SUPPORT_BUNDLE, f"pulumi-{sha256(description.encode()).hexdigest()[:10]}", upgrade.SYSTEM)


def _collect(inputs: ClusterInputs) -> list[Step]:
    ref = _bundle(inputs.support_bundle or "")
    meta: dict[str, Json] = {"name": ref.name, "namespace": ref.namespace, "annotations": mark(inputs.owner)}
    body = manifest(SUPPORT_BUNDLE, meta, spec={"description": inputs.support_bundle, "issueURL": ""})
    seconds = inputs.seconds("update", _BUNDLE_SECONDS)
    wait = Await(of=ref, until="collected", wants=(ref,), judge=Bundled(ref), seconds=seconds)
    return [Put(ref, body, says="collect a support bundle"), wait]


KIND = Cluster()
