"""Secrets of every kind that has any are in no plan, no line of progress, no error, no log, no process list, and not in the state as Pulumi
gets it, marked.

Each kind lives once under a fault that ends each of its calls with an error first, so that errors of every call are seen.
"""

import json
import logging
import re
from typing import Any

import psutil
import pytest
from buckets import Bucket
from fault_injection import injected, known, settings
from fault_matrix import Life, Matrix, Others, Score, connecting
from fault_rows import FAULTS
from planted import PLANTED, REFUSED, given, marked
from target import Target

from harvester_provider.engine import verbs
from harvester_provider.engine.reporter import Silent
from harvester_provider.resources.model import conceal
from harvester_provider.resources.registry import KINDS

SHORTEST = 12
"""A secret is recognised by its text: one that is shorter might be in a line by chance."""


class Listening(Silent):
    """Keeps whatever a user would be shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, text: str) -> None:
        self.lines.append(text)

    warn = progress = info


def secrets_of(life: Life) -> set[str]:
    """The values that the models mark, of inputs and outputs: whole, and each line of a longer text that could be one by itself."""
    found: set[str] = set()

    def keep(value: Any) -> str:
        found.add(value if isinstance(value, str) else json.dumps(value))
        return "[secret]"

    kind = KINDS[life.row.kind]
    for values in (life.inputs, life.edited, life.state):
        conceal(kind.outputs_model, conceal(kind.inputs, values, keep), keep)
    parts = {part for text in found for part in (*text.split('"'), *text.split())}
    words = {
        part for part in parts if not part.startswith("http") and not part.endswith(":")
    }  # addresses and keys of a kubeconfig are none
    return {text for text in found | words if len(text) >= SHORTEST}


def shown(life: Life) -> str:
    """The state as Pulumi gets it, without what it encrypts."""
    kind = KINDS[life.row.kind]
    return json.dumps(conceal(kind.outputs_model, conceal(kind.inputs, life.state, lambda _: ""), lambda _: ""))


def test_every_secret_of_the_schema_is_planted() -> None:
    """A new kind, or a new secret of one, fails here until it has its place in the rows."""
    rows = [(row.kind, row.inputs) for row in PLANTED.values()] + list(REFUSED.items())
    assert marked() - {path for kind, inputs in rows for path in given(kind, inputs)} == set()


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_a_secret_where_it_would_be_read_is_refused_and_not_repeated(kind: str) -> None:
    told = verbs.check(KINDS[kind], {"name": "it", "namespace": "default", **REFUSED[kind]}).problems
    assert told
    assert "planted" not in "".join(map(str, told))


async def test_no_secret_of_any_kind_is_shown(
    simulated: Target, short_namespace: str, bucket: Bucket, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert simulated.local is not None
    caplog.set_level(logging.DEBUG, logger="harvester_provider")
    heard, fault, score = Listening(), FAULTS["403"], Score()
    matrix = Matrix(PLANTED, short_namespace, known(simulated, short_namespace, bucket), connecting(settings(simulated)), heard)
    others = Others(simulated.local.kubeconfig_direct.read_text(), short_namespace, simulated.kubeconfig)
    secrets: set[str] = set()
    states: list[str] = []

    def told(life: Life) -> None:
        secrets.update(secrets_of(life))
        states.append(shown(life))

    try:
        async with injected(fault, simulated, tmp_path, score) as (reach, during):
            for step in ("create", "update", "delete"):
                calls = reach(None)
                async with during(calls):
                    await matrix.step(step, calls, fault, score, others, told=told)
                await calls.close()
    finally:
        await matrix.end(fault)
    assert not score.troubles, "\n".join(score.troubles)
    assert len(heard.lines) > score.again > 0
    processes = "\n".join(" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    logs = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("harvester_provider"))
    words = set(re.findall("planted-[a-z-]+", json.dumps([(row.inputs, row.edit) for row in PLANTED.values()])))
    assert not [word for word in words if not any(word in secret for secret in secrets)], "the model does not mark them"
    for where, text in {"lines": "\n".join(heard.lines), "states": "\n".join(states), "processes": processes, "logs": logs}.items():
        assert not [secret[:4] + "..." for secret in secrets if secret in text], where
