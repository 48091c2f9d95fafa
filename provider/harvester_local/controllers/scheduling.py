"""Which node takes an instance: selector, required affinity to nodes and instances, taints, cordons and room, in the scheduler's words.

A machine's requests count against a node from the moment it is scheduled there until it has ended. Writes nothing.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from harvester_local.api.kinds import INSTANCE, NODE, PCI_DEVICE, PCI_DEVICE_CLAIM, USB_DEVICE, USB_DEVICE_CLAIM
from harvester_local.api.objects import Key, Obj, deleting, items, key_of, labels, matches_expressions, matches_selector, part
from harvester_local.api.quantities import parse
from harvester_local.api.store import Store
from harvester_local.model.machines import FINAL_PHASES, host_devices, phase, requests


def gives_room(instance: Obj) -> bool:
    """Whether others may find room, now that an instance is like this: it ends, or has moved to another node."""
    moved = part(instance, "status", "migrationState").get("completed") is True
    return moved or phase(instance) in FINAL_PHASES or deleting(instance)


class Unschedulable(Exception):
    """No node takes the instance; the text is the scheduler's."""


@dataclass(frozen=True, slots=True)
class Seat:
    """What a placed instance takes of its node, and by which labels others find it there."""

    key: Key
    node: str
    cpu: Decimal
    memory: Decimal
    labels: Obj
    devices: Counter[str]
    """How many it has passed through, by their resource names."""


def _seat(node: str, instance: Obj) -> Seat:
    spec = part(instance, "spec")
    return Seat(key_of(instance), node, *requests(spec), labels(instance), _devices(spec))


def _devices(spec: Obj) -> Counter[str]:
    return Counter(str(entry.get("deviceName")) for entry in host_devices(spec))


class Scheduler:
    """Places instances on nodes and remembers where, so that many at once do not take the same room."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._placed: dict[str, Seat] = {}

    def place(self, instance: Obj, *, refuse: bool = False) -> str:
        """The node of the instance: the one it has, else the fitting one with most memory left; none with `refuse`.

        Raises Unschedulable.
        """
        uid, spec = instance["metadata"]["uid"], part(instance, "spec")
        if refuse:
            count = len(list(self._store.all(NODE)))
            raise Unschedulable(_words(count, {"affinity": count}))
        if uid not in self._placed:
            self._placed[uid] = _seat(part(instance, "status").get("nodeName") or self._choose(instance, spec), instance)
        return self._placed[uid].node

    def target(self, instance: Obj, selector: Obj | None) -> str:
        """Another node for the instance, one that has the labels of `selector`. Raises Unschedulable."""
        spec = dict(part(instance, "spec"))
        spec["nodeSelector"] = {**part(spec, "nodeSelector"), **(selector or {})}
        return self._choose(instance, spec, leaving=part(instance, "status").get("nodeName", ""))

    def moved(self, instance: Obj, node: str) -> None:
        """Take note that the instance runs on another node now, perhaps with other requests."""
        self._placed[instance["metadata"]["uid"]] = _seat(node, instance)

    def _vacate(self) -> None:
        """Give back the room of the instances that have ended, as the store has them."""
        for uid, seat in list(self._placed.items()):
            instance = self._store.get(INSTANCE, seat.key)
            if instance is None or instance["metadata"]["uid"] != uid or phase(instance) in FINAL_PHASES:
                del self._placed[uid]

    def _choose(self, instance: Obj, spec: Obj, leaving: str = "") -> str:
        self._vacate()
        cpu, memory = requests(spec)
        where = {node["metadata"]["name"]: labels(node) for node in self._store.all(NODE)}
        others = [seat for uid, seat in self._placed.items() if uid != instance["metadata"]["uid"]]
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
            elif any(not _tolerated(taint, spec) for taint in items(node, "spec", "taints")):
                refusals["taint"] += 1
            elif rule := _neighbours(instance, spec, node, others, where):
                refusals[rule] += 1
            elif lacking := self._lacking(name, spec, others):
                refusals[lacking] = refusals.get(lacking, 0) + 1
            elif cpu > free_cpu:
                refusals["cpu"] += 1
            elif memory > free_memory:
                refusals["memory"] += 1
            elif free_memory > most:
                best, most = name, free_memory
        if not best:
            raise Unschedulable(_words(len(nodes), refusals))
        return best

    def _lacking(self, node: str, spec: Obj, others: Iterable[Seat]) -> str:
        """The resource of devices that the node has too few of, empty for none: those that are claimed and not taken yet."""
        free: Counter[str] = Counter()
        pci = (claim for claim in self._store.all(PCI_DEVICE_CLAIM) if part(claim, "status").get("passthroughEnabled"))
        for kind, claims in ((PCI_DEVICE, pci), (USB_DEVICE, self._store.all(USB_DEVICE_CLAIM))):
            devices = (part(self._store.get(kind, Key("", claim["metadata"]["name"])), "status") for claim in claims)
            free.update(str(device["resourceName"]) for device in devices if device.get("nodeName") == node)
        for seat in others:
            free.subtract(seat.devices if seat.node == node else {})
        return next((resource for resource, count in _devices(spec).items() if count > free[resource]), "")

    def _used(self) -> dict[str, tuple[Decimal, Decimal]]:
        used: dict[str, tuple[Decimal, Decimal]] = {}
        for seat in self._placed.values():
            taken_cpu, taken_memory = used.get(seat.node, (Decimal(0), Decimal(0)))
            used[seat.node] = (taken_cpu + seat.cpu, taken_memory + seat.memory)
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


def _tolerated(taint: Obj, spec: Obj) -> bool:
    """Whether the taint keeps the instance away; one that is only preferred does not."""
    return taint.get("effect") == "PreferNoSchedule" or any(_bears(each, taint) for each in items(spec, "tolerations"))


def _bears(toleration: Obj, taint: Obj) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    exists, key = toleration.get("operator") == "Exists", toleration.get("key") or ""
    if not key:
        return exists
    return bool(key == taint.get("key") and (exists or (toleration.get("value") or "") == (taint.get("value") or "")))


def _neighbours(instance: Obj, spec: Obj, node: Obj, seats: Iterable[Seat], nodes: dict[str, Obj]) -> str:
    """The rule about other instances that the node breaks, empty for none."""
    for kind, rule in (("podAffinity", "near"), ("podAntiAffinity", "apart")):
        for term in items(spec, "affinity", kind, "requiredDuringSchedulingIgnoredDuringExecution"):
            key, own = term.get("topologyKey", ""), instance["metadata"].get("namespace", "")
            place = labels(node).get(key)
            there = any(
                place is not None
                and nodes.get(seat.node, {}).get(key) == place
                and seat.key.namespace in (term.get("namespaces") or [own])
                and _selected(seat.labels, part(term, "labelSelector"))
                for seat in seats
            )
            if there != (rule == "near"):
                return rule
    return ""


def _selected(have: Obj, selector: Obj) -> bool:
    return matches_selector(have, part(selector, "matchLabels")) and matches_expressions(have, items(selector, "matchExpressions"))


_TEXTS = {
    "affinity": "node(s) didn't match Pod's node affinity/selector",
    "cordon": "node(s) were unschedulable",
    "taint": "node(s) had untolerated taint(s)",
    "near": "node(s) didn't match pod affinity rules",
    "apart": "node(s) didn't match pod anti-affinity rules",
    "cpu": "Insufficient cpu",
    "memory": "Insufficient memory",
}


def _words(count: int, refusals: dict[str, int]) -> str:
    texts = {**_TEXTS, **{name: f"Insufficient {name}" for name in refusals if name not in _TEXTS}}
    reasons = ", ".join(f"{refusals[name]} {text}" for name, text in texts.items() if refusals.get(name))
    none = f"0/{count} nodes are available"
    return f"{none}: {reasons}. preemption: {none}: {count} Preemption is not helpful for scheduling."
