"""GuestKubeconfig: the kubeconfig that a guest cluster has published; it is waited for and never made here.

The Secret is GuestAccess's; this reads it. Meanwhile the first server's machine says how far it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import yaml
from pydantic import Field

from harvester_provider.core.json import Json, Object, dig_str
from harvester_provider.core.plan import Await, Patch, Plan, Step
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import SECRET, VIRTUAL_MACHINE
from harvester_provider.resources.guest.words import KUBECONFIG_KEY
from harvester_provider.resources.kind import BaseKind, metadata_patch
from harvester_provider.resources.model import SECRET as HIDDEN
from harvester_provider.resources.model import NamespacedInputs, Outputs
from harvester_provider.resources.secret import text_in

_PUBLISHED_SECONDS = 1800.0


class GuestKubeconfigInputs(NamespacedInputs):
    """The kubeconfig of a guest cluster. `name` is that of the Secret in which it is published."""

    adopt: bool = True
    """The Secret is made by GuestAccess: it is read and not taken over."""
    machine: str
    """Name of the first server's machine, which is looked at while the kubeconfig is waited for."""


class GuestKubeconfigOutputs(Outputs):
    """The way into the guest cluster."""

    kubeconfig: str = Field(default="", json_schema_extra=HIDDEN)
    """Kubeconfig of an administrator."""
    server: str = ""
    """URL of the guest cluster's API."""


@dataclass(frozen=True, slots=True)
class Published:
    """Judges by the content of the Secret."""

    secret: Ref
    machine: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where a kubeconfig is there; it failed where nobody can publish one any more."""
        if text_in(seen.get(self.secret), KUBECONFIG_KEY):
            return Ready()
        found = seen[self.machine]
        if found is None:
            return Failed(f"{self.machine} is gone, which was to publish it", "`pulumi up --refresh` makes the machine again")
        return Waiting(f"{self.machine} is {dig_str(found, 'status', 'printableStatus') or 'new'} and has not published it yet")


class GuestKubeconfig(BaseKind[GuestKubeconfigInputs]):
    """The kind `GuestKubeconfig`."""

    name: ClassVar[str] = "GuestKubeconfig"
    api: ClassVar[Api] = SECRET
    inputs: ClassVar[type[GuestKubeconfigInputs]] = GuestKubeconfigInputs
    outputs_model: ClassVar[type[GuestKubeconfigOutputs]] = GuestKubeconfigOutputs

    def recognises(self, found: Object) -> bool:  # noqa: ARG002  none of them
        """None: the Secret is GuestAccess's."""
        return False

    def reads(self, ref: Ref, inputs: GuestKubeconfigInputs | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  the same for all
        """The Secret."""
        return (ref,)

    def create(self, inputs: GuestKubeconfigInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  nothing is made
        """Nothing: the guest writes it."""
        return Plan()

    def settle(self, inputs: GuestKubeconfigInputs, seen: Snapshot) -> Sequence[Step]:
        """Wait until it is published, and label it."""
        published = text_in(seen.get(self.ref(inputs)), KUBECONFIG_KEY)
        blank = inputs.updated(labels={}, annotations={}, tags={}, description="")
        return (*(() if published else (self._wait(inputs, "create"),)), *self._labels(blank, inputs))

    def update(self, old: GuestKubeconfigInputs, new: GuestKubeconfigInputs, seen: Snapshot) -> Plan:
        """Labels in place; where it is not there (any more), it is waited for."""
        changes = tuple(self.changes(old, new))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        waits = () if text_in(seen.get(self.ref(new)), KUBECONFIG_KEY) else (self._wait(new, "update"),)
        return Plan(steps=(*waits, *self._labels(old, new)), changes=changes)

    def _labels(self, old: GuestKubeconfigInputs, new: GuestKubeconfigInputs) -> Sequence[Patch]:
        ref, meta = self.ref(new), metadata_patch(old, new)
        return (Patch(ref, {"metadata": meta}, says=f"label {ref}"),) if meta else ()

    def delete(self, old: GuestKubeconfigInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  nothing is ours
        """Nothing: the Secret goes with the access."""
        return Plan()

    def observe(self, ref: Ref, prior: GuestKubeconfigInputs | None, seen: Snapshot) -> GuestKubeconfigInputs:
        """What was declared: the rest is output."""
        return self.observed(ref, prior, seen.get(ref), {} if prior is not None else {"machine": ""})

    def outputs(self, inputs: GuestKubeconfigInputs, seen: Snapshot) -> Mapping[str, Json]:
        """The kubeconfig and the address in it."""
        text = text_in(seen.get(self.ref(inputs)), KUBECONFIG_KEY)
        return GuestKubeconfigOutputs(kubeconfig=text, server=_server(text)).wire()

    def _wait(self, inputs: GuestKubeconfigInputs, operation: str) -> Await:
        ref, machine = self.ref(inputs), Ref(VIRTUAL_MACHINE, inputs.machine, inputs.namespace)
        seconds = inputs.seconds(operation, _PUBLISHED_SECONDS)
        return Await(of=ref, until="published by the guest", wants=(ref, machine), judge=Published(ref, machine), seconds=seconds)


def _server(text: str) -> str:
    try:
        return dig_str(yaml.safe_load(text), "clusters", 0, "cluster", "server")
    except yaml.YAMLError:
        return ""


KIND = GuestKubeconfig()
