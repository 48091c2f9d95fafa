"""The state of a resource before it is made or changed: what can be known of it, and UNKNOWN for the rest.

Asks nobody. A property that is wrongly foretold would break the promise of a preview, so that unknown is the rule.
"""

from collections.abc import Mapping
from typing import Any

from harvester_provider.core.effect import Effect
from harvester_provider.core.kind import Kind
from harvester_provider.core.ref import Ref
from harvester_provider.core.unknown import UNKNOWN, Unknown
from harvester_provider.engine.state import Wire, parse


def created(kind: Kind[Any], news: Wire) -> tuple[str | None, dict[str, Any]]:
    """ID and state after a create. The ID is None where the name is not known yet."""
    inputs = parse(kind, news)
    state = {**inputs.wire(), **dict.fromkeys(_outputs(kind), UNKNOWN)}
    ref = _ref(kind, inputs)
    return (ref.id, {**state, **kind.foretell(ref)}) if ref else (None, state)


def updated(kind: Kind[Any], olds: Wire, news: Wire, effect: Effect | None) -> dict[str, Any]:
    """The state after an update in place. `effect` is that of its plan, None where that is not known yet.

    A change that nothing notices leaves the outputs as they are. After any other, only what the name tells is certain.
    """
    inputs = parse(kind, news)
    outputs = {name: olds[name] for name in _outputs(kind) if name in olds}
    if effect is None or effect > Effect.METADATA:
        ref = _ref(kind, inputs)
        certain = {**(kind.foretell(ref) if ref else {}), **{name: outputs[name] for name in ("uid",) if name in outputs}}
        outputs = {**dict.fromkeys(_outputs(kind), UNKNOWN), **certain}
    return {**inputs.wire(), **outputs}


def _outputs(kind: Kind[Any]) -> Mapping[str, None]:
    return dict.fromkeys(field.alias or name for name, field in kind.outputs_model.model_fields.items())


def _ref(kind: Kind[Any], inputs: Any) -> Ref | None:
    known = not any(isinstance(getattr(inputs, name, ""), Unknown) for name in ("name", "namespace"))
    return kind.ref(inputs) if known else None
