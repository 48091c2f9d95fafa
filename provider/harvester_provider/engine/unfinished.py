"""What a create or an update that failed or was cut off has left: the resource as it is, and whether it is finished meanwhile.

Only for front ends whose host can keep an unfinished resource in its state. Nothing is changed here.
"""

from typing import Any

from harvester_provider.core.cluster import Cluster
from harvester_provider.core.kind import Kind
from harvester_provider.core.ownership import is_ours
from harvester_provider.core.plan import Await
from harvester_provider.core.ref import Ref
from harvester_provider.core.verdict import Failed, Ready, Waiting
from harvester_provider.engine.reader import look, see
from harvester_provider.engine.state import Wire, inputs_of_state, parse
from harvester_provider.engine.verbs import Found


async def left_behind(kind: Kind[Any], cluster: Cluster, news: Wire) -> Found | None:
    """The resource as it is now, with what is declared and differs as the cluster has it. None where nothing of ours is there."""
    inputs = parse(kind, news)
    ref = kind.ref(inputs)
    seen = await see(cluster, kind, ref, inputs)
    if not is_ours(seen.get(ref), inputs.owner):
        return None
    return Found.of(kind, ref, kind.observe(ref, inputs, seen), seen)


async def unsettled(kind: Kind[Any], cluster: Cluster, identity: str, state: Wire) -> list[str]:
    """What is still missing until the create of an existing resource is finished; nothing where it is."""
    inputs = inputs_of_state(kind, state)
    if inputs is None:
        return []
    ref = Ref.of_id(kind.api, identity)
    seen = await see(cluster, kind, ref, inputs)
    missing = []
    for step in kind.settle(inputs, seen):
        if not isinstance(step, Await):
            continue  # repeated by the next create anyway, and harmless where it was done
        match step.judge(await look(cluster, step.wants)):
            case Waiting(why) | Failed(why):
                missing.append(f"{step.of} is not {step.until}: {why}")
            case Ready():
                pass
    return missing
