"""The verbs on the clusters of one configuration, as both front ends call them.

Values are the core's own here: the hosts' forms of unknown values and secrets stay in the front ends. What a call means
is decided by the verbs; this adds only what goes around them: which cluster, a first look before a create, messages.
"""

import asyncio
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from harvester_provider.core.cluster import Reads
from harvester_provider.core.errors import HarvesterError, InvalidInputs, NotHarvester, PlanRefused
from harvester_provider.core.kind import Kind
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.engine import verbs
from harvester_provider.engine.invoke import invoke
from harvester_provider.engine.local_file import FILE
from harvester_provider.engine.reporter import FromThread, Reporter
from harvester_provider.frontends.start import certificates_later
from harvester_provider.resources.dialects import asks, comes_with_kubevirt, speaks
from harvester_provider.resources.model import Model
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.registry import KINDS

if TYPE_CHECKING:
    from harvester_provider.kube.cluster import KubeCluster
    from harvester_provider.wiring import Clusters

Values = Mapping[str, Any]
_WAYS = ("cluster", "endpoint", "password", "ca", "fingerprint")
"""Inputs that say how a cluster is reached: as long as one is not known, it cannot be asked."""


def _way_unknown(values: Values) -> bool:
    return any(values.get(name) is UNKNOWN for name in _WAYS)


class Calls:
    """All calls of a process, on its clusters. To be used on its one event loop."""

    def __init__(self, settings: ProviderSettings, clusters: "Clusters | None" = None) -> None:
        self._given = settings
        self._settings = settings.wire()
        self._clusters = clusters

    def _reached(self) -> "Clusters":
        """Made at the first use: without any change nobody is asked, and then the client's modules are a third of a start."""
        if self._clusters is None:
            with certificates_later():
                from harvester_provider.wiring import Clusters  # noqa: PLC0415  see above

            self._clusters = Clusters(self._given)
        return self._clusters

    async def cluster(self, kind: str, values: Values, *, before: Values | None = None, change: bool = False) -> "KubeCluster":
        """The cluster of a resource, from its inputs or its state."""
        return await self._reached().reach(KINDS[kind], values, before=before, change=change)

    async def on(self, name: str, values: Values, *, before: Values | None = None, change: bool = False) -> tuple[Kind[Any], "KubeCluster"]:
        """The cluster of a resource, and its kind in the dialect of that cluster. NotHarvester where it has none."""
        cluster = await self.cluster(name, values, before=before, change=change)
        return speaks(name, await cluster.flavour()), cluster

    async def looking(self, name: str, values: Values) -> tuple[Kind[Any], Reads]:
        """The same, for those who only look: many of them share what they read."""
        kind, cluster = await self.on(name, values)
        return kind, cluster.shared

    def at_once(self, kind: str, olds: Values, news: Values, reporter: Reporter) -> verbs.Checked | None:
        """What `check` says of a resource that is there, where nobody has to be asked; else None. On any thread.

        The engine asks for one resource after another, so that a program of hundreds waits for each turn to the event loop and back.
        """
        known, asks_nobody = KINDS[kind], olds and not news.get(FILE) and not _way_unknown(news)
        if not asks_nobody or not known.inputs.__pydantic_complete__:  # models are built at their first use, on one thread
            return None
        seen = Snapshot()
        if any(True for _ in known.sources(news, olds, seen)):
            return None
        return verbs.check(known, known.inherited(news, olds, seen), self._settings, olds, reporter)

    async def check(
        self, kind: str, olds: Values, news: Values, reporter: Reporter, coming: AbstractSet[Ref] = frozenset()
    ) -> verbs.Checked:
        """Inputs with defaults, and what is wrong with them; before a create also what is wrong with the cluster.

        What does not exist yet is a warning, because the program may make it first; no word of what is `coming` for certain.
        """
        try:
            news = await self._inherited(kind, olds, news)
            checked = await self._checked(kind, olds, news, reporter)
            if checked.problems or olds or _way_unknown(checked.inputs):
                return checked
            news = checked.inputs
            found = await verbs.foresee(*await self.looking(kind, news), news, coming)
        except InvalidInputs as error:
            return verbs.Checked(news, error.problems)
        except NotHarvester as error:
            if not await self._may_come(kind, news):
                return verbs.Checked(news, [Problem("", str(error))])
            reporter.warn(
                f"{kind} {news['name']}: the cluster has no KubeVirt or CDI yet. Until a PoorMansCluster installs them it cannot be made"
            )
            return verbs.Checked(news, ())
        except HarvesterError as error:
            return verbs.Checked(news, [Problem("", str(error))])
        for problem in found.missing:
            reporter.warn(f"{kind} {news['name']}: {problem}. Until that is there it cannot be made")
        return verbs.Checked(news, found.problems)

    async def _checked(self, kind: str, olds: Values, news: Values, reporter: Reporter) -> verbs.Checked:
        """Without the cluster. Beside the event loop where a local file may have to be read: other calls go on meanwhile."""
        if not news.get(FILE):
            return verbs.check(KINDS[kind], news, self._settings, olds, reporter)
        return await asyncio.to_thread(verbs.check, KINDS[kind], news, self._settings, olds, FromThread(reporter))

    async def _may_come(self, kind: str, values: Values) -> bool:
        """Whether the cluster lacks the kind only until another resource of the program has installed it."""
        try:
            return comes_with_kubevirt(kind, await (await self.cluster(kind, values)).flavour())
        except HarvesterError:
            return False

    async def _inherited(self, kind: str, olds: Values, news: Values) -> Values:
        """The inputs with what they take over from other objects, such as those of a machine from its template."""
        if _way_unknown(news):
            return news
        return await verbs.inherit(KINDS[kind], lambda: self.looking(kind, news), olds, news)

    async def diff(
        self, kind: str, identity: str, olds: Values, news: Values, reporter: Reporter, coming: AbstractSet[Ref] = frozenset()
    ) -> verbs.Difference:
        """What an update would do; says it to the user, and refuses here what must not be done."""
        if verbs.is_same(KINDS[kind], olds, news):
            return verbs.Difference()
        found = await verbs.diff(*await self.looking(kind, olds), identity, olds, news, coming)
        if found.plan.refused:
            raise PlanRefused(f"{kind} {identity}: " + "; ".join(f"{change.property}: {change.why}" for change in found.plan.refused))
        if found.lines:
            reporter.info(f"{kind} {identity}:\n" + "\n".join(f"  {line}" for line in found.lines))
        return found

    async def create(self, kind: str, news: Values, reporter: Reporter) -> verbs.Found:
        """Make the resource."""
        return await verbs.create(*await self.on(kind, news, change=True), news, reporter)

    async def read(self, kind: str, identity: str, state: Values) -> verbs.Found | None:
        """The resource as it is. That it is gone is only ever the API server's own word."""
        found = await verbs.read(*await self.looking(kind, state), identity, state)
        return found or await verbs.read(*await self.on(kind, state), identity, state)

    async def update(self, kind: str, identity: str, olds: Values, news: Values, reporter: Reporter) -> verbs.Found:
        """Bring the resource to the new inputs."""
        return await verbs.update(*await self.on(kind, news, before=olds, change=True), identity, olds, news, reporter)

    async def delete(self, kind: str, identity: str, state: Values, reporter: Reporter) -> None:
        """Remove the resource."""
        await verbs.delete(*await self.on(kind, state), identity, state, reporter)

    async def ask(self, name: str, asked: Values) -> Model:
        """The answer of a function, as its result model. Raises InvalidInputs; NotHarvester where such a cluster cannot be asked that."""
        cluster = await self._reached().get(asked.get("cluster"))
        answer: Model = await invoke(asks(name, await cluster.flavour()), cluster, asked)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        if self._clusters is not None:
            await self._clusters.close()
