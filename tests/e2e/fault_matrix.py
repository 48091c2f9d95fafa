"""Lives of all kinds at once under a fault: made, read, changed, removed, each step as `pulumi` would take it, and what is left of them.

A step that fails is taken again, as the next `pulumi up` does, until it succeeds. The fault ends with the step; then the cluster
is looked at with a connection of its own.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from fault_report import Outcome
from fault_rows import STEPS, Fault
from kind_rows import Inputs, Row
from kubernetes import client
from kubernetes.client.rest import ApiException
from target import connect
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed
from urllib3.exceptions import HTTPError

from harvester_provider.core.errors import HarvesterError
from harvester_provider.core.ownership import owner_of
from harvester_provider.core.ref import Api, Listing, Ref
from harvester_provider.engine.reporter import Reporter, Silent
from harvester_provider.frontends.calls import Calls
from harvester_provider.kube.client import Patience
from harvester_provider.resources import apis
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.registry import KINDS
from harvester_provider.wiring import Clusters

TRIES = 60
"""How often a step is taken again: it makes fewer calls than that."""
SECONDS = 150.0
"""How long a step of one row may take, all tries together."""
NAMESPACED = [api for api in vars(apis).values() if isinstance(api, Api) and api.namespaced and api is not apis.EVENT]


@dataclass
class Heard:
    """Passes on what is said of a resource, and keeps the last of it."""

    reporter: Reporter
    last: str = "nothing was said"

    def info(self, text: str) -> None:
        self.last = text
        self.reporter.info(text)

    def warn(self, text: str) -> None:
        self.last = text
        self.reporter.warn(text)

    def progress(self, text: str) -> None:
        self.last = text
        self.reporter.progress(text)


@dataclass
class Life:
    """A resource: its row, and its state as the engine keeps it (empty where it has none)."""

    row: Row
    name: str
    inputs: Mapping[str, Any]
    edited: Mapping[str, Any]
    heard: Heard
    id: str = ""
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        return f"matrix/dev/{self.name}"

    def keep(self, found: Any) -> None:
        self.id, self.state = (found.id, json.loads(json.dumps(dict(found.state)))) if found else ("", {})


@dataclass
class Score:
    """What became of the steps under a fault."""

    steps: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    again: int = 0
    """How many steps failed and were taken again."""
    lost: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def struck(self) -> int:
        """How many calls the fault struck."""
        return self.calls.total()

    def outcome(self, name: str, fault: Fault, matrix: "Matrix") -> dict[str, Any]:
        """The row of the table, as it is recorded."""
        kinds, counts = {life.row.kind for life in matrix.lives.values()}, (len(self.lost), len(self.duplicates), len(self.wrong))
        return Outcome(name, fault.does, fault.told, len(kinds), self.steps, self.struck, self.again, *counts).recorded()

    @property
    def troubles(self) -> list[str]:
        return [*self.lost, *self.duplicates, *self.wrong]


Connect = Callable[[Patience | None], Calls]
During = Callable[[Calls], AbstractAsyncContextManager[None]]
"""An asynchronous context: the fault is there within it. It gets the connection of the step."""


Prepare = Callable[[Life], Awaitable[None]]


def connecting(settings: Mapping[str, Any]) -> Connect:
    """Makes connections as one `pulumi` command has it."""
    parsed = ProviderSettings.model_validate(settings)
    return lambda patience: Calls(parsed, Clusters(parsed, patience))


class Matrix:
    """The lives of some rows in one namespace. `known` are the values of the words in braces."""

    def __init__(
        self, rows: Mapping[str, Row], namespace: str, known: Mapping[str, str], clear: Connect, reporter: Reporter | None = None
    ) -> None:
        self.reporter = reporter or Silent()
        self.known = {"here": namespace, **known}
        self.namespace = namespace
        self._clear = clear
        self.lives = {name: self._life(name, row) for name, row in rows.items()}
        self._users = {name: [user for user, row in rows.items() if name in row.needs] for name in rows}

    def _life(self, name: str, row: Row) -> Life:
        kind, placed = KINDS[row.kind], self._placed(row.name or name)
        fields = kind.inputs.model_fields
        own = {"name": placed, "owner": f"matrix/dev/{name}"} | ({"namespace": self.namespace} if "namespace" in fields else {})
        first = {**own, **self._placed(row.inputs)}
        return Life(row, name, first, {**first, **self._placed(row.edit)}, Heard(self.reporter))

    def _placed(self, value: Any) -> Any:
        if isinstance(value, str):
            for word, text in self.known.items():
                value = value.replace(f"{{{word}}}", text)
            return value
        if isinstance(value, Mapping):
            return {key: self._placed(item) for key, item in value.items()}
        return [self._placed(item) for item in value] if isinstance(value, list) else value

    async def live(self, fault: Fault, connect: Connect, during: During, prepare: Prepare, score: Score) -> None:
        """One life of all rows, every step under the fault. `prepare` is called for a row before it is made."""
        before = await self.census()
        for step in STEPS:
            calls = connect(fault.patience)
            try:
                async with during(calls) if step in fault.steps else nullcontext():
                    await self.step(step, calls, fault, score, prepare)
            finally:
                await calls.close()
            await self.judge(step, score)
        await self.judge_remains(before, score)

    async def end(self, fault: Fault) -> None:
        """Remove what a life that failed has left."""
        calls = self._clear(None)
        try:
            await self.step("delete", calls, fault, Score(), nobody)
        finally:
            await calls.close()

    def waits_for(self, name: str, step: str) -> Sequence[str]:
        """The rows that take the step before this one."""
        return self._users[name] if step == "delete" else self.lives[name].row.needs

    async def step(
        self, step: str, calls: Calls, fault: Fault, score: Score, prepare: Prepare,
        *, done: AbstractSet[str] = frozenset(), told: Callable[[Life], None] = lambda _life: None,
    ) -> None:  # fmt: skip
        """The step for all rows but those that have `done` it, as fast as their needs allow. `told` hears of each end."""
        ends = {name: asyncio.Event() for name in self.lives}

        async def one(life: Life) -> None:
            for other in self.waits_for(life.name, step):
                await ends[other].wait()
            if step == "create":
                await prepare(life)
            try:
                async with asyncio.timeout(SECONDS):
                    await self._persist(step, life, calls, fault, score)
            except TimeoutError:
                score.wrong.append(f"{step} of {life.name}: not done after {SECONDS:g} s; at last: {life.heard.last}")
            score.steps += step in fault.steps
            told(life)
            ends[life.name].set()

        async with asyncio.TaskGroup() as group:
            for life in self.lives.values():
                if life.name in done:
                    ends[life.name].set()
                else:
                    group.create_task(one(life))

    async def _persist(self, step: str, life: Life, calls: Calls, fault: Fault, score: Score) -> None:
        """Take the step until it succeeds."""
        said: list[str] = []
        while len(said) < TRIES:
            try:
                await getattr(self, f"_{step}")(life, calls)
            except HarvesterError as error:
                said.append(str(error))
                life.heard.warn(str(error))
            else:
                break
        score.again += len(said)
        if len(said) == TRIES or (said and not fault.told):
            score.wrong.append(f"{step} of {life.name}: {said[0]}" + (f"; at last: {said[-1]}" if said[1:] else ""))

    async def _create(self, life: Life, calls: Calls) -> None:
        await self._up(life, life.inputs, calls)

    async def _update(self, life: Life, calls: Calls) -> None:
        await self._up(life, life.edited, calls)

    async def _up(self, life: Life, inputs: Inputs, calls: Calls) -> None:
        """`pulumi up`: check, preview, and what it says is to be done."""
        kind, reporter = life.row.kind, life.heard
        checked = await calls.check(kind, life.state, inputs, reporter)
        if checked.problems:
            raise Unfit("; ".join(map(str, checked.problems)))
        if not life.state:
            life.keep(await calls.create(kind, checked.inputs, reporter))
            return
        difference = await calls.diff(kind, life.id, life.state, checked.inputs, reporter)
        if difference.replaces:
            raise Unfit(f"it would be replaced for {', '.join(difference.replaces)}")
        if difference.changed:
            life.keep(await calls.update(kind, life.id, life.state, checked.inputs, reporter))

    async def _read(self, life: Life, calls: Calls) -> None:
        """`pulumi refresh`, and the `pulumi up` that brings back what it says is gone or other than it was: the user sees both."""
        before, found = life.state, await calls.read(life.row.kind, life.id, life.state)
        life.keep(found)
        drift = differences(found.inputs, before) if found else ["everything"]
        if drift:
            await self._up(life, life.inputs, calls)
            raise Unfit(f"a refresh says that this has changed: {', '.join(drift)}")

    async def _delete(self, life: Life, calls: Calls) -> None:
        if life.state:
            await calls.delete(life.row.kind, life.id, life.state, life.heard)

    async def judge(self, step: str, score: Score) -> None:
        """Whether each object is there once and as it is declared; or not at all, after a delete."""
        calls = self._clear(None)
        try:
            await asyncio.gather(*(self._judge_one(step, life, calls, score) for life in self.lives.values()))
        finally:
            await calls.close()
        if step == "delete":
            for life in self.lives.values():
                life.keep(None)

    async def _judge_one(self, step: str, life: Life, calls: Calls, score: Score) -> None:
        where = f"after the {step} of {life.name}"
        if not life.id:
            score.lost.append(f"{where}: it was never made")
            return
        kind, cluster = await calls.on(life.row.kind, life.inputs)
        listing = Listing(kind.api, Ref.of_id(kind.api, life.id).namespace)
        ours = [found for found in await cluster.list(listing) if owner_of(found) == life.owner]
        if step == "delete":
            if ours:
                score.duplicates.append(f"{where}: {len(ours)} objects are left")
            return
        if len(ours) > 1:
            score.duplicates.append(f"{where}: {len(ours)} objects are its own")
        found = await calls.read(life.row.kind, life.id, life.state)
        if found is None or not ours:
            score.lost.append(f"{where}: {life.id}")
            return
        declared = life.edited if step == "update" else life.inputs
        news = (await calls.check(life.row.kind, life.state, declared, Silent())).inputs
        drift = differences(found.inputs, life.state)
        difference = await calls.diff(life.row.kind, life.id, found.state, news, Silent())
        if drift or difference.changed:
            score.wrong.append(f"{where}: {', '.join(sorted({*drift, *difference.changed}))}")

    async def census(self) -> set[str]:
        """All that is in the namespace."""
        calls = self._clear(None)
        try:
            _, cluster = await calls.on("SshKey", {})
            return await _names(cluster, self.namespace)
        finally:
            await calls.close()

    async def judge_remains(self, before: set[str], score: Score) -> None:
        """Controllers may take a moment to remove what goes with an object."""
        left: set[str] = set()
        for _ in range(100):
            left = await self.census() - before
            if not left:
                return
            await asyncio.sleep(0.2)
        score.duplicates.extend(f"after the delete: {name} is left" for name in sorted(left))


def differences(found: Inputs, state: Mapping[str, Any]) -> list[str]:
    """The inputs that are other than the state has them."""
    return [name for name, value in found.items() if value != state.get(name)]


async def nobody(_life: Life) -> None:
    """Who is at work besides the provider: nobody."""


@dataclass(frozen=True)
class Others:
    """Who is at work in life besides the provider, past all faults: a guest's node registers, and its first server publishes a kubeconfig.

    `direct` is the way to the API server, `published` the kubeconfig that a guest publishes.
    """

    direct: str
    namespace: str
    published: str

    async def __call__(self, life: Life) -> None:
        await asyncio.to_thread(self._play, life)

    @retry(stop=stop_after_delay(60), wait=wait_fixed(0.5), retry=retry_if_exception_type((HTTPError, ApiException)), reraise=True)
    def _play(self, life: Life) -> None:
        name = life.inputs["name"]
        with connect(self.direct) as api:
            core = client.CoreV1Api(api)
            if life.row.kind == "GuestNode":
                if not [node for node in core.list_node().items if node.metadata.name == name]:
                    core.create_node({"metadata": {"name": name}})
                core.patch_node_status(name, {"status": {"conditions": [{"type": "Ready", "status": "True"}]}})
            if life.row.kind == "GuestKubeconfig":
                core.patch_namespaced_secret(name, self.namespace, {"stringData": {"kubeconfig": self.published}})


class Unfit(HarvesterError):
    """What the provider says of inputs before it does anything."""


async def _names(cluster: Any, namespace: str) -> set[str]:
    """The names of all objects in a namespace, with their kinds."""
    found: set[str] = set()
    for api in NAMESPACED:
        try:
            found |= {f"{api.plural}/{item['metadata']['name']}" for item in await cluster.list(Listing(api, namespace))}
        except HarvesterError:  # a kind that this cluster does not have
            continue
    return found
