"""Affinity of machines at admission. Refusals and their words were seen on a real control plane with KubeVirt 1.7."""

from typing import Any

import pytest
from plane_objects import creating, machine, world

from harvester_local.admission.names import key_problems, label_problems, value_problems
from harvester_local.admission.review import DeniedError
from harvester_local.admission.virt_validator import validate_virt_machine
from harvester_local.api.objects import Obj

REQUIRED, PREFERRED = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
HOST = "kubernetes.io/hostname"
NODE_TERM = f"spec.template.spec.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions[0]"
POD_TERM = f"spec.template.spec.podAntiAffinity.{REQUIRED}[0]"
NAME = "name part must consist of alphanumeric characters"
VALUE = "a valid label must be an empty string or consist of alphanumeric characters"


def expression(key: str = "a", operator: str = "In", *values: str) -> Obj:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def on_nodes(*term: str) -> Obj:
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [expression(*term)]}}}


def rather_on_nodes(weight: int, *term: str) -> Obj:
    return {"nodeAffinity": {PREFERRED: [{"weight": weight, "preference": expression(*term)}]}}


def apart(**term: Any) -> Obj:
    return {"podAntiAffinity": {REQUIRED: [{"topologyKey": HOST, **term}]}}


def rather_together(weight: int = 1, **term: Any) -> Obj:
    return {"podAffinity": {PREFERRED: [{"weight": weight, "podAffinityTerm": {"topologyKey": HOST, **term}}]}}


@pytest.mark.parametrize(
    ("affinity", "text"),
    [
        (on_nodes("a b", "Exists"), f'{NODE_TERM}.key: Invalid value: "a b": {NAME}'),
        (on_nodes("", "Exists"), f'{NODE_TERM}.key: Invalid value: "": name part must be non-empty, {NODE_TERM}.key: '),
        (on_nodes("a" * 64, "Exists"), "name part must be no more than 63 characters"),
        (on_nodes("a/b/c", "Exists"), f'{NODE_TERM}.key: Invalid value: "a/b/c": a qualified name must consist of'),
        (on_nodes("A_/b", "Exists"), "prefix part a lowercase RFC 1123 subdomain must consist of"),
        (on_nodes("/b", "Exists"), "prefix part must be non-empty"),
        (on_nodes("a", "In"), f"{NODE_TERM}.values: Required value: must be specified when `operator` is 'In' or 'NotIn'"),
        (on_nodes("a", "Exists", "b"), f"{NODE_TERM}.values: Forbidden: may not be specified when `operator` is"),
        (on_nodes("a", "Gt"), f"{NODE_TERM}.values: Required value: must be specified single value"),
        (on_nodes("a", "Like", "b"), f'{NODE_TERM}.operator: Invalid value: "Like": not a valid selector operator'),
        (rather_on_nodes(1, "a b", "Exists"), f'{PREFERRED}[0].preference.matchExpressions[0].key: Invalid value: "a b": {NAME}'),
        (rather_on_nodes(101, "a", "Exists"), f"{PREFERRED}[0].weight: Invalid value: 101: must be in the range 1-100"),
        (apart(topologyKey=""), f"{POD_TERM}.topologyKey: Required value: can not be empty, {POD_TERM}.topologyKey: Invalid value: "),
        (apart(topologyKey="a b"), f'{POD_TERM}.topologyKey: Invalid value: "a b": {NAME}'),
        (apart(namespaces=["ok", "A b"]), f'{POD_TERM}.namespace: Invalid value: "A b": a lowercase RFC 1123 label must consist of'),
        (apart(namespaces=["a.b"]), f'{POD_TERM}.namespace: Invalid value: "a.b": must not contain dots'),
        (apart(labelSelector={"matchLabels": {"a b": "x"}}), f'{POD_TERM}.labelSelector.matchLabels: Invalid value: "a b": {NAME}'),
        (apart(labelSelector={"matchLabels": {"a": "x y"}}), f'{POD_TERM}.labelSelector.matchLabels: Invalid value: "x y": {VALUE}'),
        (apart(labelSelector=expression("a b", "Exists")), f'{POD_TERM}.labelSelector.matchExpressions[0].key: Invalid value: "a b"'),
        (apart(labelSelector=expression("a", "In", "b", "x y")), f'matchExpressions[0].values[1]: Invalid value: "x y": {VALUE}'),
        (apart(labelSelector=expression("a", "Gt", "1")), 'matchExpressions[0].operator: Invalid value: "Gt": not a valid'),
        (apart(namespaceSelector={"matchLabels": {"a": "x y"}}), f'{POD_TERM}.namespaceSelector.matchLabels: Invalid value: "x y"'),
        (rather_together(0), f"podAffinity.{PREFERRED}[0].weight: Invalid value: 0: must be in the range 1-100"),
        (rather_together(topologyKey="a b"), f'podAffinity.{PREFERRED}[0].podAffinityTerm.topologyKey: Invalid value: "a b": {NAME}'),
        (rather_together(namespaces=["A"]), 'podAffinityTerm.namespace: Invalid value: "A": '),
    ],
)
def test_affinity_is_checked_as_kubernetes_does(affinity: Obj, text: str) -> None:
    with pytest.raises(DeniedError) as refusal:
        validate_virt_machine(creating(machine(affinity=affinity)), world())
    assert refusal.value.code == 422
    assert text in refusal.value.message


@pytest.mark.parametrize(
    "affinity",
    [
        {},
        on_nodes("network.harvesterhci.io/mgmt", "In", "true"),
        on_nodes("a", "In", "what a node has, is not looked at"),
        rather_on_nodes(100, "example.org/rack", "DoesNotExist"),
        apart(labelSelector={"matchLabels": {"example.org/App_1.x": "", "a": "b"}}, namespaces=["default", "1-a"]),
        rather_together(labelSelector=expression("harvesterhci.io/vmName", "NotIn", "web")),
    ],
)
def test_affinity_that_kubernetes_takes_is_taken(affinity: Obj) -> None:
    validate_virt_machine(creating(machine(affinity=affinity)), world())


def test_names_are_as_long_as_they_may_be() -> None:
    assert label_problems("a" * 63) == key_problems("b" * 253 + "/" + "a" * 63) == value_problems("a" * 63) == []
    assert value_problems("a" * 64) == ["must be no more than 63 characters"]
    assert key_problems("b" * 254 + "/a") == ["prefix part must be no more than 253 characters"]
