"""The upgrade of a cluster: whether it can begin, its objects, and when it is done. Pure.

Upstream: pkg/controller/master/upgrade and pkg/webhook/resources/upgrade (its other checks are in `preflight`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from harvester_provider.core.json import Json, Object, condition, dig_map, dig_objects, dig_str, is_true
from harvester_provider.core.ownership import mark
from harvester_provider.core.plan import Await, Put, Step
from harvester_provider.core.ref import Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import SERVER_VERSION, UPGRADE, VERSION
from harvester_provider.resources.cluster import preflight
from harvester_provider.resources.cluster.model import ClusterInputs
from harvester_provider.resources.cluster.report import release
from harvester_provider.resources.kind import manifest

SYSTEM = "harvester-system"
SECONDS = 4 * 3600.0
"""Nodes are drained and restarted one after the other: hours."""
UPGRADES, NODES = Listing(UPGRADE, SYSTEM), preflight.NODES
_PARTS = ("LogReady", "ImageReady", "RepoReady", "NodesPrepared", "SystemServicesUpgraded", "NodesUpgraded")


def tag(version: str) -> str:
    """`1.8.2` -> `v1.8.2`, as Version objects are called."""
    return f"v{version.removeprefix('v')}"


def version_ref(version: str) -> Ref:
    """The object of a release."""
    return Ref(VERSION, tag(version), SYSTEM)


def upgrade_ref(version: str) -> Ref:
    """The upgrade to a release. One name per release, so that an interrupted run is gone on with."""
    return Ref(UPGRADE, f"pulumi-{tag(version).replace('.', '-')}", SYSTEM)


def current(seen: Snapshot) -> str:
    """The release that the cluster has."""
    return dig_str(seen.get(SERVER_VERSION), "value")


def needed(inputs: ClusterInputs, seen: Snapshot) -> bool:
    """Whether the declared release is another one."""
    return bool(inputs.version) and release(current(seen)) != release(inputs.version or "")


def wants(inputs: ClusterInputs, seen: Snapshot) -> Iterable[Want]:
    """What must be seen of the upgrade to a declared release; more of one that is still to begin."""
    if not inputs.version:
        return
    own = upgrade_ref(inputs.version)
    yield from (version_ref(inputs.version), own, UPGRADES)
    if SERVER_VERSION in seen and own in seen and needed(inputs, seen) and not seen.get(own):
        yield from preflight.WANTS


def refusals(inputs: ClusterInputs, seen: Snapshot) -> Iterable[str]:
    """Why the upgrade cannot begin; none where it is under way already."""
    wanted, have = inputs.version or "", current(seen)
    own = seen.get(upgrade_ref(wanted))
    if condition_failed(own):
        why = "; ".join(_failures(own)) or "the cluster does not say why"
        yield f"the last upgrade to {tag(wanted)} failed ({why}): once the cause is gone, delete the Upgrade {upgrade_ref(wanted).name}"
    if own:
        return
    if release(wanted) < release(have):
        yield f"the cluster has {have}, and there is no way back to {tag(wanted)}: declare {have.removeprefix('v')} or newer"
        return
    known = seen.get(version_ref(wanted))
    if not known and inputs.upgrade is None:
        yield f"the cluster does not know the release {tag(wanted)}: give upgrade.isoUrl and upgrade.isoChecksum"
    least = dig_str(known, "spec", "minUpgradableVersion")
    if least and release(have) < release(least):
        yield f"{tag(wanted)} can only be reached from {least} or newer, the cluster has {have}: upgrade to {least} first"
    for other in seen.listings.get(UPGRADES, ()):
        name = dig_str(other, "metadata", "name")
        if condition(other, "Completed").get("status") not in {"True", "False"} and name != upgrade_ref(wanted).name:
            yield f"the upgrade {name} is still under way: wait for its end"
    yield from preflight.refusals(seen)


def condition_failed(found: Object) -> bool:
    """Whether that upgrade has failed for good."""
    return condition(found, "Completed").get("status") == "False"


def steps(inputs: ClusterInputs, seen: Snapshot) -> list[Step]:
    """Make the release known where it is not, begin, and wait."""
    wanted = inputs.version or ""
    ref, known = upgrade_ref(wanted), version_ref(wanted)
    out: list[Step] = []
    meta: dict[str, Json] = {"namespace": SYSTEM, "annotations": mark(inputs.owner)}
    if inputs.upgrade is not None and not seen.get(known):
        spec = {"isoURL": inputs.upgrade.iso_url, "isoChecksum": inputs.upgrade.iso_checksum}
        out.append(Put(known, manifest(VERSION, {"name": known.name, **meta}, spec=spec), says=f"make the release {known.name} known"))
    if not seen.get(ref):
        body = manifest(UPGRADE, {"name": ref.name, **meta}, spec={"version": known.name, "logEnabled": True})
        out.append(Put(ref, body, says=f"upgrade the cluster from {current(seen)} to {known.name}"))
    wants = (ref, SERVER_VERSION)
    wait = Await(of=ref, until="done", wants=wants, judge=Upgraded(ref, wanted), seconds=inputs.seconds("update", SECONDS))
    return [*out, wait]


@dataclass(frozen=True, slots=True)
class Upgraded:
    """Judges an upgrade: done where it says so and the cluster has the release."""

    ref: Ref
    version: str

    def __call__(self, seen: Snapshot) -> Verdict:
        """Failed with the words of the part and the node that failed."""
        found = seen.get(self.ref)
        if condition_failed(found):
            left = "the cluster is between two releases: once the cause is gone, delete the Upgrade in the UI, then `pulumi up`"
            return Failed("; ".join(_failures(found)) or "the cluster does not say why", left)
        if is_true(found, "Completed") and release(current(seen)) == release(self.version):
            return Ready()
        return Waiting(_progress(found))


def _failures(found: Object) -> Iterable[str]:
    for state in dig_objects(found, "status", "conditions"):
        if state.get("status") == "False" and state.get("message"):
            yield f"{state.get('type')}: {state.get('message')}"
    for node, part in dig_map(found, "status", "nodeStatuses").items():
        if "fail" in dig_str(part, "state").lower():
            yield f"node {node}: {dig_str(part, 'state')} {dig_str(part, 'message')}".strip()


def _progress(found: Object) -> str:
    done = [part for part in _PARTS if is_true(found, part)]
    nodes = [f"{name} {dig_str(state, 'state')}" for name, state in sorted(dig_map(found, "status", "nodeStatuses").items())]
    parts = f"{len(done)} of {len(_PARTS)} parts done" + (f", last {done[-1]}" if done else "")
    return parts + (f"; {', '.join(nodes)}" if nodes else "")
