"""What KubeVirt refuses about the affinity of a machine: the shapes that Kubernetes' own validation refuses, in its words.

Upstream: pkg/virt-api/webhooks/validating-webhook/admitters/validate-k8s-utils.go, which leaves `affinity` out of the paths that it
names. Terms of nodes without expressions are not looked at: Harvester's mutator takes them out before.
"""

import json
from collections.abc import Iterable, Iterator

from harvester_local.admission.names import key_problems, label_problems, value_problems
from harvester_local.api.objects import Obj, items, part

_REQUIRED, _PREFERRED = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
_OF_LABELS = ("In", "NotIn", "Exists", "DoesNotExist")
_OF_NODES = (*_OF_LABELS, "Gt", "Lt")

Problem = tuple[str, str]
"""Message and field."""


def affinity_problems(spec: Obj, at: str) -> Iterator[Problem]:
    """The problems of an instance spec that is found at the path `at`, in the order of upstream's checks."""
    affinity = part(spec, "affinity")
    yield from _nodes(part(affinity, "nodeAffinity"), f"{at}.nodeAffinity")
    for kind in ("podAffinity", "podAntiAffinity"):
        yield from _pods(part(affinity, kind), f"{at}.{kind}")


def _nodes(nodes: Obj, at: str) -> Iterator[Problem]:
    for number, term in enumerate(items(nodes, _REQUIRED, "nodeSelectorTerms")):
        yield from _expressions(term, f"{at}.{_REQUIRED}.nodeSelectorTerms[{number}]", _OF_NODES)
    for number, term in enumerate(items(nodes, _PREFERRED)):
        yield from _weight(term, f"{at}.{_PREFERRED}[{number}]")
        yield from _expressions(part(term, "preference"), f"{at}.{_PREFERRED}[{number}].preference", _OF_NODES)


def _pods(pods: Obj, at: str) -> Iterator[Problem]:
    for number, term in enumerate(items(pods, _REQUIRED)):
        yield from _pod_term(term, f"{at}.{_REQUIRED}[{number}]")
    for number, term in enumerate(items(pods, _PREFERRED)):
        yield from _weight(term, f"{at}.{_PREFERRED}[{number}]")
        yield from _pod_term(part(term, "podAffinityTerm"), f"{at}.{_PREFERRED}[{number}].podAffinityTerm")


def _weight(term: Obj, at: str) -> Iterator[Problem]:
    weight = term.get("weight") or 0
    if not 1 <= weight <= 100:
        yield f"{at}.weight: Invalid value: {weight}: must be in the range 1-100", f"{at}.weight"


def _pod_term(term: Obj, at: str) -> Iterator[Problem]:
    for name in ("labelSelector", "namespaceSelector"):
        yield from _selector(part(term, name), f"{at}.{name}")
    for namespace in items(term, "namespaces"):
        yield from _wrong(namespace, label_problems(namespace), f"{at}.namespace")
    key, where = term.get("topologyKey") or "", f"{at}.topologyKey"
    if not key:
        yield f"{where}: Required value: can not be empty", where
    yield from _wrong(key, key_problems(key), where)


def _selector(selector: Obj, at: str) -> Iterator[Problem]:
    for key, value in part(selector, "matchLabels").items():
        yield from _wrong(key, key_problems(key), f"{at}.matchLabels")
        yield from _wrong(value, value_problems(value), f"{at}.matchLabels")
    yield from _expressions(selector, at, _OF_LABELS)
    for number, expression in enumerate(items(selector, "matchExpressions")):
        for place, value in enumerate(items(expression, "values")):
            yield from _wrong(value, value_problems(value), f"{at}.matchExpressions[{number}].values[{place}]")


def _expressions(term: Obj, at: str, operators: tuple[str, ...]) -> Iterator[Problem]:
    for number, expression in enumerate(items(term, "matchExpressions")):
        where, key = f"{at}.matchExpressions[{number}]", expression.get("key") or ""
        yield from _operator(expression, where, operators)
        yield from _wrong(key, key_problems(key), f"{where}.key")


def _operator(expression: Obj, at: str, operators: tuple[str, ...]) -> Iterator[Problem]:
    operator, values = expression.get("operator"), items(expression, "values")
    if operator not in operators:
        yield f'{at}.operator: Invalid value: "{operator}": not a valid selector operator', f"{at}.operator"
    elif operator in ("In", "NotIn") and not values:
        yield f"{at}.values: Required value: must be specified when `operator` is 'In' or 'NotIn'", f"{at}.values"
    elif operator in ("Exists", "DoesNotExist") and values:
        yield f"{at}.values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'", f"{at}.values"
    elif operator in ("Gt", "Lt") and len(values) != 1:
        yield f"{at}.values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'", f"{at}.values"


def _wrong(value: str, problems: Iterable[str], at: str) -> Iterator[Problem]:
    for problem in problems:
        yield f"{at}: Invalid value: {json.dumps(value, ensure_ascii=False)}: {problem}", at
