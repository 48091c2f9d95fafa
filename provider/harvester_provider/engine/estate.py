"""What a living cluster has that programs could declare: every object of the kinds, read as an import reads it.

Only looks. An object is left out, with the reason, where it belongs to another object or to the cluster itself, where the
kind cannot express it, and where the next preview after its import would not be empty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harvester_provider.core.cluster import Cluster
from harvester_provider.core.errors import HarvesterError, NotFound, NotHarvester
from harvester_provider.core.json import Object, dig_str, dig_strings
from harvester_provider.core.kind import Kind
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.engine import verbs
from harvester_provider.engine.reader import see
from harvester_provider.resources.apis import MANAGEMENT
from harvester_provider.resources.drivers import maker_of

SYSTEM = ("kube-", "cattle-", "longhorn-", "harvester-", "fleet-")
"""What the names of namespaces begin with that the cluster itself lives in. Images that people upload may be in `harvester-public`."""
PUBLIC = "harvester-public"
_OWNED_BY = "harvesterhci.io/owned-by"


@dataclass(frozen=True, slots=True)
class Adopted:
    """An object that a program can declare. `inputs` is the kind's model."""

    kind: Kind[Any]
    ref: Ref
    inputs: Any


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An object that no program gets, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Estate:
    """All that was found."""

    adopted: Sequence[Adopted]
    left_out: Sequence[LeftOut]


async def survey(kinds: Mapping[str, Kind[Any]], cluster: Cluster, namespaces: Sequence[str] = ()) -> Estate:
    """Read all objects that `kinds` recognise, in the given namespaces or in all but the cluster's own.

    What is in no namespace is always read, and what is there without anybody (addons) wherever it is, unless namespaces are given.
    """
    adopted: list[Adopted] = []
    left: list[LeftOut] = []
    for kind in kinds.values():
        for found in await _listed(kind, cluster, left):
            ref = Ref(kind.api, dig_str(found, "metadata", "name"), dig_str(found, "metadata", "namespace"))
            if not kind.recognises(found) or not _in_scope(kind, ref, namespaces):
                continue
            result = await _read(kind, cluster, ref, found)
            if isinstance(result, Adopted):
                adopted.append(result)
            else:
                left.append(result)
    return Estate(tuple(adopted), tuple(left))


async def _listed(kind: Kind[Any], cluster: Cluster, left: list[LeftOut]) -> Sequence[Object]:
    try:
        return await cluster.list(Listing(kind.api))
    except (NotHarvester, NotFound):
        return ()  # this release does not have the kind
    except HarvesterError as error:
        left.append(LeftOut(f"all of {kind.name}", str(error)))
        return ()


def _in_scope(kind: Kind[Any], ref: Ref, namespaces: Sequence[str]) -> bool:
    if not ref.namespace:
        return True
    return ref.namespace in namespaces if namespaces else kind.adopts or ref.namespace == PUBLIC or not ref.namespace.startswith(SYSTEM)


async def _read(kind: Kind[Any], cluster: Cluster, ref: Ref, found: Object) -> Adopted | LeftOut:
    what = f"{kind.name} {ref.id}"
    if why := _belongs(ref, found):
        return LeftOut(what, why)
    try:
        read = await verbs.read(kind, cluster, ref.id, {})
        if read is None:
            return LeftOut(what, "it was deleted while it was read")
        checked = verbs.check(kind, read.inputs)
        why = "; ".join(str(problem) for problem in checked.problems) or await _whose(kind, cluster, ref, checked.inputs)
        if why:
            return LeftOut(what, why)
        difference = await verbs.diff(kind, cluster, ref.id, read.state, checked.inputs)
    except HarvesterError as error:
        return LeftOut(what, str(error))
    if difference.changed:
        return LeftOut(what, f"the provider cannot express it: {', '.join(difference.changed)} would change")
    return Adopted(kind, ref, kind.inputs.model_validate(checked.inputs))


def _belongs(ref: Ref, found: Object) -> str:
    """Whose it is, where it is not for a program to declare."""
    if dig_str(found, "metadata", "deletionTimestamp"):
        return "it is being deleted"
    if by := dig_str(found, "metadata", "annotations", _OWNED_BY):
        return f"it belongs to the machines in its annotation {_OWNED_BY}: {by}"
    if maker := maker_of(dig_strings(found, "metadata", "labels")):
        return f"{maker} made it as a node of a guest cluster: declare that cluster"
    if ref.api.kind == "ClusterNetwork" and ref.name == MANAGEMENT:
        return "it comes with the cluster"
    return ""


async def _whose(kind: Kind[Any], cluster: Cluster, ref: Ref, found: Mapping[str, Any]) -> str:
    inputs = kind.inputs.model_validate(found)
    return kind.belongs(inputs, await see(cluster, kind, ref, inputs))
