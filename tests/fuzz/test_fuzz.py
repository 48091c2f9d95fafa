"""Whatever a program passes, the answer is a clear error or a plan: no traceback, and no change on the cluster before the error.

`make fuzz` runs many more examples and prints the counts.
"""

import asyncio
import json
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from fake_cluster import FakeCluster
from hypothesis import HealthCheck, given, settings
from nasty import GOOD, SCHEMA, inputs_of

from harvester_provider.core.errors import HarvesterError
from harvester_provider.core.plan import Await, Call, Patch, Put, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.engine.reader import see
from harvester_provider.engine.state import parse
from harvester_provider.resources.apis import IMAGE
from harvester_provider.resources.registry import KINDS

LONGEST = 2000
"""Characters of a message. What was given is quoted only as far as it helps."""


def test_every_kind_of_the_schema_is_fuzzed() -> None:
    assert {name.rsplit(":", 1)[1] for name in SCHEMA["resources"]} == set(KINDS)


def is_told(problem: Problem) -> bool:
    """Whether it names a property, gives a reason, and is fit for a terminal."""
    return (
        bool(problem.property and problem.reason)
        and len(str(problem)) < LONGEST
        and all(c.isprintable() or c == "\n" for c in str(problem))
    )


def sent(steps: tuple[Step, ...]) -> list[Any]:
    """What the steps would send."""
    return [step.body for step in steps if isinstance(step, Put | Patch | Call)] + [
        body for step in steps if isinstance(step, Await) for body in sent(step.otherwise)
    ]


def furnished(name: str) -> FakeCluster:
    """A cluster with what the good inputs of a kind name."""
    cluster = FakeCluster()
    done = {"type": "Imported", "status": "True"}
    cluster.place(
        Ref(IMAGE, "leap", "default"),
        {"status": {"storageClassName": "lh-leap", "progress": 100, "virtualSize": 2**30, "conditions": [done]}},
    )
    kind = KINDS[name]
    for need in kind.requires(parse(kind, GOOD[name])) if name in GOOD else ():
        if need.ref not in cluster.objects:
            cluster.place(need.ref, {"spec": {}, "status": {}})
    return cluster


async def judge(name: str, news: dict[str, Any], later: dict[str, Any], outcomes: Counter[str]) -> None:
    """Check, preview, plan a create, and preview an update of the outcome."""
    kind, cluster = KINDS[name], furnished(name)
    checked = verbs.check(kind, news)
    if checked.problems:
        outcomes[f"{name}: refused by check"] += 1
        assert [str(problem) for problem in checked.problems if not is_told(problem)] == []
        return
    assert verbs.check(kind, checked.inputs).problems == (), "inputs that were checked pass the check again"
    try:
        foreseen = await verbs.foresee(kind, cluster, checked.inputs)
        assert [str(problem) for problem in [*foreseen.problems, *foreseen.missing] if not is_told(problem)] == []
        if foreseen.problems or foreseen.missing:
            outcomes[f"{name}: refused by the preview"] += 1
            return
        inputs = parse(kind, checked.inputs)
        ref = kind.ref(inputs)
        seen = await see(cluster, kind, ref, inputs)
        plan = kind.create(inputs, seen)
    except HarvesterError:
        outcomes[f"{name}: refused by the plan"] += 1
        return
    outcomes[f"{name}: planned"] += 1
    json.dumps(sent(plan.steps), allow_nan=False)
    assert cluster.writes() == []
    for step in plan.steps:
        if isinstance(step, Put):
            cluster.place(step.ref, step.body)
    await judge_update(name, cluster, dict(checked.inputs), later)


async def judge_update(name: str, cluster: FakeCluster, olds: dict[str, Any], later: dict[str, Any]) -> None:
    kind = KINDS[name]
    inputs = parse(kind, olds)
    ref = kind.ref(inputs)
    news = {**olds, **{key: value for key, value in later.items() if key not in {"name", "namespace"}}}
    state = verbs.Found.of(kind, ref, inputs, await see(cluster, kind, ref, inputs)).state
    with suppress(HarvesterError):
        if not verbs.check(kind, news).problems:
            found = await verbs.diff(kind, cluster, ref.id, state, news)
            json.dumps(sent(found.plan.steps), allow_nan=False)
    assert (await verbs.read(kind, cluster, ref.id, state) is None) == (ref not in cluster.objects)
    assert cluster.writes() == []


@pytest.mark.timeout(0)  # how long it takes is for `make fuzz` to choose
@pytest.mark.parametrize("name", sorted(KINDS))
def test_bad_inputs_get_an_error_and_no_traceback(name: str, outcomes: Counter[str]) -> None:
    @settings(suppress_health_check=list(HealthCheck))
    @given(news=inputs_of(name), later=inputs_of(name))
    def each(news: dict[str, Any], later: dict[str, Any]) -> None:
        asyncio.run(judge(name, news, later, outcomes))

    each()
