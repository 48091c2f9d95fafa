"""The dialects of the functions for clusters without Harvester: what they tell is in other objects there."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from harvester_provider.core.function import Function
from harvester_provider.core.json import Object, dig_str
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import CUSTOM_RESOURCE, DATA_VOLUME, KUBEVIRT, KUBEVIRTS
from harvester_provider.resources.functions.cluster import NODES, SELF, GetCluster, GetNodes
from harvester_provider.resources.functions.model import Args
from harvester_provider.resources.functions.objects import GetImage, GetImageResult, GetNetwork
from harvester_provider.resources.image.plain import KIND as IMAGE_KIND
from harvester_provider.resources.vlan_network import VlanNetwork
from harvester_provider.resources.vlan_network.plain import KIND as NETWORK_KIND

_KUBEVIRT_KIND = Ref(CUSTOM_RESOURCE, f"{KUBEVIRT.plural}.{KUBEVIRT.group}")


class PlainGetCluster(GetCluster):
    """The function `getCluster` without Harvester, also before KubeVirt is installed."""

    def reads(self, args: Args, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  the cluster says what there is
        """Its identity, the nodes, and KubeVirt where there is one."""
        return (SELF, NODES, _KUBEVIRT_KIND, *((KUBEVIRTS,) if seen.get(_KUBEVIRT_KIND) else ()))

    def kubevirts(self, seen: Snapshot) -> Sequence[Object]:
        """The one KubeVirt, or none yet."""
        return super().kubevirts(seen) if seen.get(_KUBEVIRT_KIND) else ()


class PlainGetNodes(GetNodes):
    """The function `getNodes` without Harvester: nobody watches the NICs of the nodes."""

    def reads(self, args: Args, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  always the same
        """The nodes."""
        return (NODES,)


class PlainGetImage(GetImage):
    """The function `getImage` without Harvester: of DataVolumes."""

    api: ClassVar[Api] = DATA_VOLUME

    def shown(self, found: Object) -> str:
        """As it is labelled."""
        return IMAGE_KIND.display_name(found)

    def told(self, found: Object) -> GetImageResult:
        """What the DataVolume says; nobody knows the size of the file."""
        ref = Ref(DATA_VOLUME, dig_str(found, "metadata", "name"), dig_str(found, "metadata", "namespace"))
        seen = Snapshot({ref: found})
        inputs = IMAGE_KIND.observe(ref, None, seen)
        said = IMAGE_KIND.outputs(inputs, seen)
        return GetImageResult(
            id=ref.id,
            name=ref.name,
            display_name=self.shown(found),
            url=inputs.url or "",
            ready=said["progress"] == 100,
            virtual_size=int(inputs.volume_size),
            storage_class_name=dig_str(said, "storageClassName"),
        )


class PlainGetNetwork(GetNetwork):
    """The function `getNetwork` without Harvester: on bridges that the nodes have by their own set-up."""

    kind: ClassVar[VlanNetwork] = NETWORK_KIND


FUNCTIONS: Mapping[str, Function[Any]] = {
    function.name: function for function in (PlainGetCluster(), PlainGetImage(), PlainGetNetwork(), PlainGetNodes())
}
"""Those that need one, by their names."""
