"""What the tests of the small kinds share: the objects a create makes, as a snapshot, and the way a merge patch works."""

from collections.abc import Mapping, Sequence
from typing import Any

from harvester_provider.core.json import Json, Object
from harvester_provider.core.plan import Patch, Plan, Put
from harvester_provider.core.ref import Listing
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.resources.kind import BaseKind

OWNER = "demo/dev/thing"


def merged(target: Json, patch: Json) -> Json:
    """JSON merge patch, RFC 7396."""
    if not isinstance(patch, Mapping):
        return patch
    base = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            base.pop(key, None)
        else:
            base[key] = merged(base.get(key), value)
    return base


def only_put(plan: Plan) -> Object:
    """The body of the one object the plan makes."""
    (put,) = [step for step in plan.steps if isinstance(step, Put)]
    return put.body


def only_patch(plan: Plan) -> Object:
    """The body of the one merge patch of the plan."""
    (patch,) = [step for step in plan.steps if isinstance(step, Patch)]
    assert isinstance(patch.body, Mapping)
    return patch.body


def made(kind: BaseKind[Any], inputs: Any, *write_backs: Json) -> Object:
    """The object that a create makes, with what webhooks and controllers merge into it."""
    found: Json = only_put(kind.create(inputs, Snapshot({kind.ref(inputs): None})))
    for write_back in write_backs:
        found = merged(found, write_back)
    assert isinstance(found, Mapping)
    return found


def snapshot(
    kind: BaseKind[Any], inputs: Any, found: Object | None, listings: Mapping[Listing, Sequence[Object]] | None = None
) -> Snapshot:
    """A look at the main object and what else was listed."""
    listed = {listing: tuple(objects) for listing, objects in (listings or {}).items()}
    return Snapshot({kind.ref(inputs): found}, listed)


def applied(found: Object, plan: Plan) -> Object:
    """The object after the merge patches of the plan."""
    after: Json = found
    for step in plan.steps:
        if isinstance(step, Patch):
            after = merged(after, step.body)  # type: ignore[arg-type]  # the small kinds only use merge patches
    assert isinstance(after, Mapping)
    return after


def reasons(kind: BaseKind[Any], inputs: Any) -> dict[str, str]:
    """The problems of the inputs: property -> reason."""
    return {problem.property: problem.reason for problem in (*kind.check(inputs), *kind.lacks(inputs))}


def with_unknowns(values: Mapping[str, Any], model: type[Any]) -> list[Any]:
    """The values with each field in turn unknown, and with all of them unknown."""
    each = [model.model_validate({**values, name: UNKNOWN}) for name in model.model_fields if name != "name"]
    return [*each, model.model_validate(dict.fromkeys(model.model_fields, UNKNOWN))]
