"""The dialect of Namespace for a cluster without Harvester: there are no images of its own, and no limit on snapshots."""

from collections.abc import Sequence
from typing import ClassVar

from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import PERSISTENT_VOLUME_CLAIM, VIRTUAL_MACHINE
from harvester_provider.resources.namespace import Namespace, NamespaceInputs


class PlainNamespace(Namespace):
    """The kind `Namespace` without Harvester."""

    holds: ClassVar[tuple[Api, ...]] = (VIRTUAL_MACHINE, PERSISTENT_VOLUME_CLAIM)

    def lacks(self, inputs: NamespaceInputs) -> Sequence[Problem]:
        """What there is with Harvester only."""
        snapshots = inputs.quota.snapshots if is_known(inputs.quota) and inputs.quota else None
        why = "Harvester counts the snapshots, and this cluster has none: leave it out"
        return [Problem("quota.snapshots", why)] if is_known(snapshots) and snapshots else []


KIND = PlainNamespace()
