"""Which node takes an instance: selector, required affinity, cordons and room, in the scheduler's words.

A machine's requests count against a node from the moment it is scheduled there until it has ended. Writes nothing.
"""

from decimal import Decimal

from harvester_local.api.kinds import NODE
from harvester_local.api.objects import Obj, items, labels, matches_expressions, matches_selector, part
from harvester_local.api.quantities import parse
from harvester_local.api.store import Store
from harvester_local.model.machines import requests


class Unschedulable(Exception):
    """No node takes the instance; the text is the scheduler's."""


class Scheduler:
    """Places instances on nodes and remembers where, so that many at once do not take the same room."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._placed: dict[str, tuple[str, Decimal, Decimal]] = {}

    def place(self, instance: Obj, *, refuse: bool = False) -> str:
        """The node of the instance: the one it has, else the fitting one with most memory left; none with `refuse`.

        Raises Unschedulable.
        """
        uid, spec = instance["metadata"]["uid"], part(instance, "spec")
        if refuse:
            count = len(list(self._store.all(NODE)))
            raise Unschedulable(_words(count, {"affinity": count}))
        if uid not in self._placed:
            node = part(instance, "status").get("nodeName") or self._choose(spec)
            self._placed[uid] = (node, *requests(spec))
        return self._placed[uid][0]

    def target(self, instance: Obj, selector: Obj | None) -> str:
        """Another node for the instance, one that has the labels of `selector`. Raises Unschedulable."""
        spec = dict(part(instance, "spec"))
        spec["nodeSelector"] = {**part(spec, "nodeSelector"), **(selector or {})}
        return self._choose(spec, leaving=part(instance, "status").get("nodeName", ""))

    def moved(self, instance: Obj, node: str) -> None:
        """Take note that the instance runs on another node now, perhaps with other requests."""
        self._placed[instance["metadata"]["uid"]] = (node, *requests(part(instance, "spec")))

    def release(self, instance: Obj) -> None:
        """Give back the room of an instance that has ended."""
        self._placed.pop(instance["metadata"]["uid"], None)

    def _choose(self, spec: Obj, leaving: str = "") -> str:
        cpu, memory = requests(spec)
        used = self._used()
        best, most, refusals = "", Decimal(-1), dict.fromkeys(_TEXTS, 0)
        nodes = sorted(self._store.all(NODE), key=lambda node: str(node["metadata"]["name"]))
        for node in nodes:
            name = node["metadata"]["name"]
            taken_cpu, taken_memory = used.get(name, (Decimal(0), Decimal(0)))
            free_cpu, free_memory = _room(node, "cpu") - taken_cpu, _room(node, "memory") - taken_memory
            if part(node, "spec").get("unschedulable"):
                refusals["cordon"] += 1
            elif name == leaving or not _wanted(spec, node):
                refusals["affinity"] += 1
            elif cpu > free_cpu:
                refusals["cpu"] += 1
            elif memory > free_memory:
                refusals["memory"] += 1
            elif free_memory > most:
                best, most = name, free_memory
        if not best:
            raise Unschedulable(_words(len(nodes), refusals))
        return best

    def _used(self) -> dict[str, tuple[Decimal, Decimal]]:
        used: dict[str, tuple[Decimal, Decimal]] = {}
        for node, cpu, memory in self._placed.values():
            taken_cpu, taken_memory = used.get(node, (Decimal(0), Decimal(0)))
            used[node] = (taken_cpu + cpu, taken_memory + memory)
        return used


def _room(node: Obj, what: str) -> Decimal:
    return parse(part(node, "status", "allocatable").get(what, "0"))


def _wanted(spec: Obj, node: Obj) -> bool:
    if not matches_selector(labels(node), part(spec, "nodeSelector")):
        return False
    required = part(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = items(required, "nodeSelectorTerms")
    return not terms or any(_term(term, node) for term in terms)


def _term(term: Obj, node: Obj) -> bool:
    fields = {"metadata.name": node["metadata"]["name"]}
    expressions, by_field = items(term, "matchExpressions"), items(term, "matchFields")
    return bool(expressions or by_field) and matches_expressions(labels(node), expressions) and matches_expressions(fields, by_field)


_TEXTS = {
    "affinity": "node(s) didn't match Pod's node affinity/selector",
    "cordon": "node(s) were unschedulable",
    "cpu": "Insufficient cpu",
    "memory": "Insufficient memory",
}


def _words(count: int, refusals: dict[str, int]) -> str:
    reasons = ", ".join(f"{refusals[name]} {text}" for name, text in _TEXTS.items() if refusals.get(name))
    none = f"0/{count} nodes are available"
    return f"{none}: {reasons}. preemption: {none}: {count} Preemption is not helpful for scheduling."
