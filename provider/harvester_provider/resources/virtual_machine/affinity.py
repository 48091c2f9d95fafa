"""Placement between the inputs and `affinity` and `tolerations` of the machine's spec, both ways.

Harvester's webhook rewrites the required terms of nodes: it adds what the networks and pinned CPUs need to each of them, and takes
such conditions of others out (upstream virtualmachine/mutator.go, patchAffinity). They are no part of what is declared.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from harvester_provider.core.json import Json, Object, dig_list, dig_map, dig_objects, dig_str, dig_strings
from harvester_provider.resources.virtual_machine.draft import Draft
from harvester_provider.resources.virtual_machine.placement import LabelMatch, MachineTerm, NodeTerm, Toleration
from harvester_provider.resources.virtual_machine.words import SPEC

NETWORKS: Final = "network.harvesterhci.io"
"""What the labels begin with by which Harvester finds the nodes of a cluster network."""
PINNING: Final = "cpumanager"
"""The label of nodes that can pin CPUs."""
_REQUIRED, _PREFERRED = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"


def is_managed(key: str) -> bool:
    """Whether conditions on this label of nodes are Harvester's."""
    return key.startswith(NETWORKS) or key == PINNING


def set_nodes(draft: Draft, terms: Sequence[NodeTerm]) -> None:
    """The terms of nodes, where the machine has others."""
    if nodes_of(dig_map(draft.document, *SPEC)) == list(terms):
        return
    required: list[Json] = [{"matchExpressions": _expressions(term.match)} for term in terms if term.weight is None]
    preferred: list[Json] = [
        {"weight": term.weight, "preference": {"matchExpressions": _expressions(term.match)}} for term in terms if term.weight
    ]
    wanted: dict[str, Json] = {_REQUIRED: {"nodeSelectorTerms": required} if required else None, _PREFERRED: preferred or None}
    _merge(draft, wanted, "nodeAffinity")


def set_machines(draft: Draft, where: str, terms: Sequence[MachineTerm]) -> None:
    """The terms of machines in `podAffinity` or `podAntiAffinity`, where the machine has others."""
    if machines_of(dig_map(draft.document, *SPEC), where) == list(terms):
        return
    required: list[Json] = [_machine_term(term) for term in terms if term.weight is None]
    preferred: list[Json] = [{"weight": term.weight, "podAffinityTerm": _machine_term(term)} for term in terms if term.weight]
    _merge(draft, {_REQUIRED: required or None, _PREFERRED: preferred or None}, where)


def _merge(draft: Draft, wanted: Mapping[str, Json], where: str) -> None:
    draft.merge(wanted, *SPEC, "affinity", where)
    if draft.get(*SPEC, "affinity", where) == {}:
        draft.drop(*SPEC, "affinity", where)


def _expressions(matches: Iterable[LabelMatch]) -> list[Json]:
    return [{"key": each.key, "operator": each.operator, **({"values": list(each.values)} if each.values else {})} for each in matches]


def _machine_term(term: MachineTerm) -> dict[str, Json]:
    labels: dict[str, Json] = {"matchLabels": dict(term.match_labels)} if term.match_labels else {}
    selector = labels | ({"matchExpressions": _expressions(term.match)} if term.match else {})
    namespaces: dict[str, Json] = {"namespaces": list(term.namespaces)} if term.namespaces else {}
    return {"labelSelector": selector, "topologyKey": term.topology_key, **namespaces}


def nodes_of(spec: Object) -> list[NodeTerm]:
    """The terms of nodes in an instance spec, required ones first, without Harvester's own conditions."""
    affinity = dig_map(spec, "affinity", "nodeAffinity")
    required = [(None, term) for term in dig_objects(affinity, _REQUIRED, "nodeSelectorTerms")]
    preferred = [(term.get("weight"), dig_map(term, "preference")) for term in dig_objects(affinity, _PREFERRED)]
    found = [(weight, [each for each in _matches(term) if weight or not is_managed(each.key)]) for weight, term in (*required, *preferred)]
    shapes: list[dict[str, Any]] = [{"match": match, "weight": weight} for weight, match in found if match]
    return [NodeTerm.model_construct(**shape) for shape in shapes]


def machines_of(spec: Object, where: str) -> list[MachineTerm]:
    """The terms of machines in `podAffinity` or `podAntiAffinity` of an instance spec, required ones first."""
    affinity = dig_map(spec, "affinity", where)
    required = [(None, term) for term in dig_objects(affinity, _REQUIRED)]
    preferred = [(term.get("weight"), dig_map(term, "podAffinityTerm")) for term in dig_objects(affinity, _PREFERRED)]
    return [_machines(weight, term) for weight, term in (*required, *preferred)]


def _machines(weight: Json, term: Object) -> MachineTerm:
    selector = dig_map(term, "labelSelector")
    values: dict[str, Any] = {
        "match_labels": dig_strings(selector, "matchLabels"),
        "match": _matches(selector),
        "namespaces": [each for each in dig_list(term, "namespaces") if isinstance(each, str)],
        "topology_key": dig_str(term, "topologyKey"),
        "weight": weight,
    }
    return MachineTerm.model_construct(**values)


def _matches(term: Object) -> list[LabelMatch]:
    found = []
    for each in dig_objects(term, "matchExpressions"):
        values = [value for value in dig_list(each, "values") if isinstance(value, str)]
        shape: dict[str, Any] = {"key": dig_str(each, "key"), "operator": dig_str(each, "operator"), "values": values}
        found.append(LabelMatch.model_construct(**shape))
    return found


def tolerations(wanted: Sequence[Toleration]) -> list[Json]:
    """The list in the machine's spec."""
    return [{key: value for key, value in _toleration(each).items() if value not in (None, "")} for each in wanted]


def _toleration(each: Toleration) -> dict[str, Json]:
    shape: dict[str, Json] = {"key": each.key, "operator": each.operator, "value": each.value, "effect": each.effect}
    return {**shape, "tolerationSeconds": each.toleration_seconds}


def tolerations_of(spec: Object) -> list[Toleration]:
    """The taints that an instance spec bears."""
    found = []
    for each in dig_objects(spec, "tolerations"):
        shape: dict[str, Any] = {
            "key": dig_str(each, "key"),
            "operator": dig_str(each, "operator") or "Equal",
            "value": dig_str(each, "value"),
        }
        shape |= {"effect": dig_str(each, "effect") or None, "toleration_seconds": each.get("tolerationSeconds")}
        found.append(Toleration.model_construct(**shape))
    return found
