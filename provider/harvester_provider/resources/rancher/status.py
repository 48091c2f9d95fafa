"""Judging a cluster of Rancher: are its machines those that were declared, and do they run the declared version?

The conditions alone do not say: Rancher notes a new generation before it acts on it, `ready` never goes back to false, and
`Updated` stays True from the change before. So machines and their deployments are looked at as well: each pool's deployment
must be made of the pool's configuration, and each machine must run, as the node of its version.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from harvester_provider.core.json import Object, condition, dig, dig_int, dig_map, dig_objects, dig_str, dig_strings, is_true
from harvester_provider.core.ref import Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.rancher.words import CLONED_FROM, CLUSTER_NAME, DEPLOYMENT, MACHINE, POOL_NAME, TEMPLATE

_QUOTA = "exceeded quota"


def machines_of(ref: Ref) -> Listing:
    """The machines of a cluster."""
    return Listing(MACHINE, ref.namespace, labels=((CLUSTER_NAME, ref.name),))


def watched(ref: Ref) -> tuple[Want, ...]:
    """All that is looked at while a cluster is waited for."""
    return (ref, machines_of(ref), Listing(DEPLOYMENT, ref.namespace), Listing(TEMPLATE, ref.namespace))


@dataclass(frozen=True, slots=True)
class Settled:
    """Judges whether the cluster has become what its spec says."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where machines, versions and conditions say so; Failed where a machine cannot be made."""
        found = seen[self.ref]
        if found is None:
            return Waiting("it does not exist any more")
        every = seen.listed(machines_of(self.ref))
        machines = [machine for machine in every if not dig_str(machine, "metadata", "deletionTimestamp")]
        for machine in machines:
            if why := dig_str(machine, "status", "failureMessage"):
                return Failed(f"machine {_name(machine)}: {_last_line(why)}", _advice(why))
        version = dig_str(found, "spec", "kubernetesVersion")
        unfinished = {_name(machine): how for machine in machines if (how := _progress(machine, version))}
        leaving = {_name(machine): _leaving(machine) for machine in every if machine not in machines}
        wanted = self._quantities(found, seen)
        counted = f"{len(machines) - len(unfinished)} of {sum(wanted.values())} machines are ready"
        if unfinished:
            return Waiting(f"{counted}, {_counted(unfinished)}{_told(found)}", {**unfinished, **leaving})
        if why := self._behind(found, seen, wanted, len(machines)):
            return Waiting(f"{counted}: {why}", leaving)
        return Ready()

    def _deployments(self, seen: Snapshot) -> dict[str, Object]:
        """The deployments of the cluster by the names of their pools."""
        every = (
            each for each in seen.listed(Listing(DEPLOYMENT, self.ref.namespace)) if dig_str(each, "spec", "clusterName") == self.ref.name
        )
        return {dig_str(each, "spec", "template", "metadata", "labels", POOL_NAME): each for each in every}

    def _quantities(self, found: Object, seen: Snapshot) -> dict[str, int]:
        """How many machines each pool is to have: of one that is scaled by itself, the autoscaler's number."""
        deployments = self._deployments(seen)
        out = {}
        for pool in _pools(found):
            name, number = dig_str(pool, "name"), dig_int(pool, "quantity", default=1)
            scaled = dig(pool, "autoscalingMaxSize") is not None
            out[name] = dig_int(deployments.get(name, {}), "spec", "replicas", default=number) if scaled else number
        return out

    def _behind(self, found: Object, seen: Snapshot, wanted: Mapping[str, int], machines: int) -> str:
        """What Rancher has not done yet, empty where it has done everything."""
        if dig_int(found, "status", "observedGeneration") < dig_int(found, "metadata", "generation"):
            return "Rancher has not looked at the change yet"
        deployments = self._deployments(seen)
        templates = {dig_str(each, "metadata", "name"): each for each in seen.listed(Listing(TEMPLATE, self.ref.namespace))}
        for pool in _pools(found):
            name = dig_str(pool, "name")
            deployment = deployments.get(name, {})
            template = templates.get(dig_str(deployment, "spec", "template", "spec", "infrastructureRef", "name"), {})
            if dig_strings(template, "metadata", "annotations").get(CLONED_FROM) != dig_str(pool, "machineConfigRef", "name"):
                return f"pool {name} is not of its present shape yet"
            if not _rolled(deployment, wanted[name]):
                return f"pool {name} is being rolled"
        if machines != sum(wanted.values()) or len(seen.listed(machines_of(self.ref))) != machines:
            return "machines are being removed"
        unmet = next((kind for kind in ("Updated", "Ready") if not is_true(found, kind)), "")
        return dig_str(condition(found, unmet), "message") or f"condition {unmet} is not True" if unmet else ""


@dataclass(frozen=True, slots=True)
class Gone:
    """Judges whether a cluster that is being deleted has gone, with its machines."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where neither cluster nor machines are left."""
        left = {_name(machine): _leaving(machine) for machine in seen.listed(machines_of(self.ref))}
        if left:
            return Waiting(f"{len(left)} machines are left, {_counted(left)}", left)
        found = seen[self.ref]
        return Ready() if found is None else Waiting(dig_str(condition(found, "Removed"), "message") or "Rancher is removing it")


def _pools(found: Object) -> list[Object]:
    return dig_objects(found, "spec", "rkeConfig", "machinePools")


def _rolled(deployment: Object, quantity: int) -> bool:
    meta, status = dig_map(deployment, "metadata"), dig_map(deployment, "status")
    if dig_int(status, "observedGeneration") < dig_int(meta, "generation") or dig(deployment, "spec", "replicas") != quantity:
        return False
    return all(dig_int(status, name) == quantity for name in ("replicas", "updatedReplicas", "readyReplicas"))


def _told(found: Object) -> str:
    """What Rancher says that it waits for, as a part of a sentence: such as a node that cannot be emptied."""
    said = _unmet(found, "Updated")
    return f" (Rancher: {said})" if said else ""


def _name(machine: Object) -> str:
    return dig_str(machine, "metadata", "name")


def _progress(machine: Object, version: str) -> str:
    """How far a machine is, empty where it runs as a node of that version."""
    phase, runs = dig_str(machine, "status", "phase") or "Pending", dig_str(machine, "status", "nodeInfo", "kubeletVersion")
    if phase == "Running" and runs == version:
        return ""
    return phase + (_said(machine) or (f" (runs {runs} and not {version})" if runs else ""))


def _leaving(machine: Object) -> str:
    return f"Deleting{_said(machine)}"


def _said(machine: Object) -> str:
    """What the machine's conditions say, in brackets. Rancher of 2.14 and later writes its own among those of Cluster API's v1beta2."""
    newer: Object = {"status": dig_map(machine, "status", "v1beta2")}
    places = ((newer, "Reconciled"), (machine, "Ready"), (machine, "InfrastructureReady"), (newer, "Ready"))
    said = next((" ".join(text.split()) for found, kind in places if (text := _unmet(found, kind))), "")
    return f" ({said})" if said else ""


def _unmet(found: Object, kind: str) -> str:
    """Why a condition is not True, as far as it says."""
    return "" if is_true(found, kind) else dig_str(condition(found, kind), "message")


def _counted(parts: Mapping[str, str]) -> str:
    """How many machines are how far, and one of them in full: the whole of many machines in a line."""
    phases = Counter(how.partition(" ")[0] for how in parts.values())
    name, how = min(parts.items())
    return f"{', '.join(f'{count} {phase}' for phase, count in sorted(phases.items()))}: {name} is {how}"


def _last_line(text: str) -> str:
    """The driver's own words: what comes before is said of every failure."""
    return text.strip().rpartition("\n")[2]


def _advice(why: str) -> str:
    if _QUOTA in why:
        return "raise the quota of the machines' namespace in Harvester, or ask for fewer or smaller machines; then `pulumi up` goes on"
    return "correct the pool, the credential or Harvester; Rancher tries again by itself, and `pulumi up` goes on from here"
