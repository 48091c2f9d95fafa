"""Machines on a real API server by the provider's own verbs, below the Pulumi CLI: what its host calls, in the same order.

A CLI run costs seconds; here a check, a preview and an update cost a few requests, so that every row of a table can be
shown on every release. States go through JSON between two verbs, as the engine keeps them.
"""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from target import Target, namespace
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from harvester_provider.core.errors import Refused
from harvester_provider.core.flavour import Flavour
from harvester_provider.core.json import Object, by_name, condition, dig, dig_objects, dig_str
from harvester_provider.core.kind import Kind
from harvester_provider.core.ref import Api, Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.engine import verbs
from harvester_provider.engine.reporter import Reporter, Silent
from harvester_provider.kube.cluster import KubeCluster
from harvester_provider.resources.apis import PERSISTENT_VOLUME_CLAIM, VIRTUAL_MACHINE, VIRTUAL_MACHINE_INSTANCE
from harvester_provider.resources.dialects import speaks
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.registry import KINDS
from harvester_provider.wiring import Clusters

Inputs = dict[str, Any]
SECONDS = 120.0
VERDICT_SECONDS = 60.0
"""For KubeVirt's verdict: where it asks for a restart it does so until there is one, and for a moment after."""


_REVISION = Api("apps", "v1", "controllerrevisions", "ControllerRevision")


class Invalid(AssertionError):
    """The provider refuses inputs that a test takes for sound."""


@dataclass
class Workshop:
    """A cluster and a namespace in it. `boots` are the guests that each machine has had, by their UIDs."""

    cluster: KubeCluster
    namespace: str
    flavour: Flavour = Flavour.HARVESTER
    given: bool = False
    """Whether it is a cluster that is not ours."""
    lasting: list["Made"] = field(default_factory=list)
    """What is in no namespace, so that it does not go with ours."""
    boots: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _counted: asyncio.Condition = field(default_factory=asyncio.Condition)

    @classmethod
    @asynccontextmanager
    async def on(cls, target: Target, name: str) -> AsyncIterator["Workshop"]:
        """A workshop in a new namespace of the cluster."""
        settings = ProviderSettings(kubeconfig=target.kubeconfig, endpoint=target.endpoint or None, endpoint_ca=target.endpoint_ca or None)
        clusters = Clusters(settings)
        with namespace(target.core, name):
            cluster = await clusters.get(None)
            shop = cls(cluster, name, await cluster.flavour(), given=target.local is None)
            try:
                counting = asyncio.create_task(shop._count_boots())
                yield shop
                counting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await counting
            finally:
                for made in reversed(shop.lasting):
                    await made.destroy()
                await clusters.close()

    def placed(self, value: Any) -> Any:
        """`~/red` in inputs stands for what is called `red` in the namespace, `~-red` for what is in none and has its name in front."""
        if isinstance(value, str) and value.startswith("~-"):
            return f"{self.namespace}{value[1:]}"
        if isinstance(value, str):
            return f"{self.namespace}/{value[2:]}" if value.startswith("~/") else value
        if isinstance(value, Mapping):
            return {key: self.placed(item) for key, item in value.items()}
        return [self.placed(item) for item in value] if isinstance(value, list) else value

    async def make(self, kind: str, name: str, **inputs: Any) -> "Made":
        """`pulumi up` of a new resource."""
        made = Made(self, kind, self.placed(name))
        await made.make(**inputs)
        if not KINDS[kind].api.namespaced:
            self.lasting.append(made)
        return made

    async def _count_boots(self) -> None:
        listing = Listing(VIRTUAL_MACHINE_INSTANCE, self.namespace)
        async with self.cluster.follow([listing]) as snapshots:
            async for seen in snapshots:
                for guest in seen.listed(listing):
                    uids = self.boots[dig_str(guest, "metadata", "name")]
                    if dig_str(guest, "metadata", "uid") not in uids:
                        uids.append(dig_str(guest, "metadata", "uid"))
                async with self._counted:
                    self._counted.notify_all()

    async def starts(self, guest: Ref) -> int:
        """How many guests a machine has had by now."""
        now = await self.cluster.get(guest)
        if now is not None:
            async with asyncio.timeout(SECONDS), self._counted:
                await self._counted.wait_for(lambda: dig_str(now, "metadata", "uid") in self.boots[guest.name])
        return len(self.boots[guest.name])

    async def guest(self, name: str) -> Object:
        """The running instance of a machine."""
        return await self.cluster.get(Ref(VIRTUAL_MACHINE_INSTANCE, name, self.namespace)) or {}

    async def has_claim(self, name: str) -> bool:
        return await self.cluster.get(Ref(PERSISTENT_VOLUME_CLAIM, name, self.namespace)) is not None

    async def listed(self, api: Api) -> tuple[Object, ...]:
        """All objects of the namespace of that kind."""
        return await self.cluster.list(Listing(api, self.namespace))

    async def remove(self, ref: Ref) -> None:
        """Delete an object by hand, and wait until it is gone."""
        await self.cluster.delete(ref, "Background")
        await self.until(lambda seen: seen[ref] is None, ref)

    async def until(self, holds: Callable[[Snapshot], bool], *wants: Ref, seconds: float = SECONDS) -> None:
        """Return as soon as something holds of the objects; fail when it does not come to hold."""
        async with asyncio.timeout(seconds), self.cluster.follow(wants) as snapshots:
            async for seen in snapshots:
                if holds(seen):
                    return


@dataclass
class Made:
    """A resource of the workshop, with its state as the engine keeps it. Machines have more to look at."""

    shop: Workshop
    kind: str
    name: str
    state: Inputs = field(default_factory=dict)
    id: str = ""

    @property
    def speaks(self) -> Kind[Any]:
        """The kind in the dialect of the cluster."""
        return speaks(self.kind, self.shop.flavour)

    @property
    def ref(self) -> Ref:
        return Ref.of_id(self.speaks.api, self.id)

    def checked(self, inputs: Inputs) -> Inputs:
        """The inputs as the provider's check returns them, with name, namespace and owner as the SDK fills them in."""
        whole = {"name": self.name, "owner": f"shop/dev/{self.name}", **self.shop.placed(inputs)}
        if KINDS[self.kind].api.namespaced and "namespace" in KINDS[self.kind].inputs.model_fields:
            whole.setdefault("namespace", self.shop.namespace)
        found = verbs.check(KINDS[self.kind], whole)
        if found.problems:
            raise Invalid(f"{self.name}: {'; '.join(map(str, found.problems))}")
        return _through_json(found.inputs)

    def keep(self, found: verbs.Found) -> None:
        self.id, self.state = found.id, _through_json(found.state)

    async def make(self, **inputs: Any) -> None:
        """The first `pulumi up`."""
        news = self.checked(inputs)
        assert not (await verbs.foresee(self.speaks, self.shop.cluster, news)).problems
        self.keep(await verbs.create(self.speaks, self.shop.cluster, news, Silent()))

    async def preview(self, **inputs: Any) -> verbs.Difference:
        """`pulumi preview` with other inputs."""
        return await verbs.diff(self.speaks, self.shop.cluster, self.id, self.state, self.checked(inputs))

    async def up(self, reporter: Reporter | None = None, **inputs: Any) -> None:
        """`pulumi up` with other inputs."""
        found = await verbs.update(self.speaks, self.shop.cluster, self.id, self.state, self.checked(inputs), reporter or Silent())
        self.keep(found)

    async def drift(self) -> list[str]:
        """The properties in which a refresh finds another value than the state has."""
        found = await self._read()
        return [name for name, value in _through_json(found.inputs).items() if value != self.state[name]]

    async def refresh(self) -> None:
        """`pulumi refresh`."""
        self.keep(await self._read())

    async def _read(self) -> verbs.Found:
        found = await verbs.read(self.speaks, self.shop.cluster, self.id, self.state)
        assert found is not None, f"{self.id} is gone"
        return found

    async def destroy(self) -> None:
        """`pulumi destroy`."""
        await verbs.delete(self.speaks, self.shop.cluster, self.id, self.state, Silent())

    async def gone(self) -> bool:
        return await self.shop.cluster.get(self.ref) is None

    # -- machines --------------------------------------------------------------------------------------------------

    async def object(self) -> Object:
        found = await self.shop.cluster.get(Ref(VIRTUAL_MACHINE, self.name, self.shop.namespace))
        assert found is not None, f"{self.id} is gone"
        return found

    async def edited_by_hand(self, patch: Object) -> None:
        """Somebody edits the machine's object."""
        await self.shop.cluster.patch(self.ref, patch)

    async def starts(self) -> int:
        """How many guests the machine has had by now."""
        return await self.shop.starts(Ref(VIRTUAL_MACHINE_INSTANCE, self.name, self.shop.namespace))

    async def settled(self, *, restart_required: bool | None) -> bool:
        """Return once KubeVirt has compared the machine as it is now with its guest and came to that verdict (None: to any), and it is
        known whether the guest can be moved, which decides between migration and stop. Says whether KubeVirt asks for a restart.

        KubeVirt may compare a guest that it has just started with what the one before it was started from (upstream vm.go,
        getLastVMRevisionSpec), and 1.7.0 never takes that back. On a given cluster that counts as no where the guest was started from what
        is declared.
        """
        ref, guest = self.ref, Ref(VIRTUAL_MACHINE_INSTANCE, self.name, self.shop.namespace)
        said, asks = "never compared", False

        def judged(seen: Snapshot) -> bool:
            nonlocal said, asks
            vm, instance = seen[ref] or {}, seen[guest] or {}
            compared = dig(vm, "status", "desiredGeneration") == dig(vm, "metadata", "generation")
            wants = condition(vm, "RestartRequired")
            said, asks = dig_str(wants, "message") or "no restart required", wants.get("status") == "True"
            known = not instance or bool(condition(instance, "LiveMigratable"))
            return compared and known and restart_required in (None, asks)

        try:
            await self.shop.until(judged, ref, guest, seconds=VERDICT_SECONDS)
        except TimeoutError as error:
            if restart_required is not False or not self.shop.given or not await self.runs_as_declared():
                raise AssertionError(f"{self.id}: {said}") from error
        return asks

    async def runs_as_declared(self) -> bool:
        """Whether KubeVirt has noted that the guest was started from what the machine's object has now."""
        guest = await self.shop.cluster.get(Ref(VIRTUAL_MACHINE_INSTANCE, self.name, self.shop.namespace)) or {}
        note = Ref(_REVISION, dig_str(guest, "status", "virtualMachineRevisionName") or "none", self.shop.namespace)
        started = dig(await self.shop.cluster.get(note) or {}, "data", "spec", "template", "spec")
        declared = dig(await self.shop.cluster.get(self.ref) or {}, "spec", "template", "spec")
        return bool(started) and started == declared

    async def belongings(self) -> dict[str, str]:
        """The volume of each disk and the MAC of each NIC, as the machine's object has them."""
        spec = dig(await self.object(), "spec", "template", "spec")
        volumes = {
            f"disk {name}": dig_str(entry, "persistentVolumeClaim", "claimName")
            for name, entry in by_name(dig_objects(spec, "volumes")).items()
        }
        nics = by_name(dig_objects(spec, "domain", "devices", "interfaces"))
        return {
            name: value
            for name, value in {**volumes, **{f"NIC {name}": dig_str(nic, "macAddress") for name, nic in nics.items()}}.items()
            if value
        }


async def furnish(shop: Workshop, image_url: str) -> None:
    """What the machines of the cases use: networks `red` and `blue`, the image `disc`, the SSH key `ada`, the Secret `answers`, and the
    storage classes `fast` (Longhorn's) and `other` (Ceph's), with the namespace's name in front."""
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    text = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    await asyncio.gather(
        shop.make("VlanNetwork", "red", clusterNetwork="mgmt", vlanId=11),
        shop.make("VlanNetwork", "blue", clusterNetwork="mgmt", vlanId=12),
        shop.make("Image", "disc", url=image_url),
        shop.make("StorageClass", "~-fast", numberOfReplicas=1),
        shop.make("StorageClass", "~-other", provisioner="rook-ceph.rbd.csi.ceph.com", parameters={"clusterID": "rook-ceph"}),
        shop.make("SshKey", "ada", publicKey=text),
        shop.make("CloudInit", "answers", userData="#cloud-config\n{}\n"),
    )


async def heard(act: Callable[[], Awaitable[None]]) -> None:
    """Do something that the cluster allows as soon as its webhooks, which look at caches, have heard of what was changed before."""
    async for attempt in AsyncRetrying(
        stop=stop_after_delay(SECONDS), wait=wait_fixed(0.2), retry=retry_if_exception_type(Refused), reraise=True
    ):
        with attempt:
            await act()


def _through_json(values: Any) -> Inputs:
    found: Inputs = json.loads(json.dumps(dict(values)))
    return found
