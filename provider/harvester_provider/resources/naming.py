"""Objects that inputs name: `namespace/name`, or a bare name in the namespace of the resource."""

from collections.abc import Mapping

from harvester_provider.core.errors import InvalidId
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.unknown import is_known


def named(inputs: Mapping[str, tuple[Api, str | None]], namespace: str) -> tuple[dict[str, Ref], list[Problem]]:
    """Property -> object, of all that is given and known, and a problem for each name of another shape."""
    refs: dict[str, Ref] = {}
    problems = []
    for alias, (api, identity) in inputs.items():
        if not is_known(identity, namespace) or not identity:
            continue
        try:
            refs[alias] = Ref.named(api, identity, namespace)
        except InvalidId as error:
            problems.append(Problem(alias, str(error)))
    return refs, problems
