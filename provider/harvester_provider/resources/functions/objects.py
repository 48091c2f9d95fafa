"""getImage, getNetwork, getStorageClass, getVirtualMachine(s): objects that the program did not make, found by name."""

from collections.abc import Iterable
from typing import Any, ClassVar

from harvester_provider.core.json import Json, Object, dig_int, dig_map, dig_str, dig_strings, id_of, is_true
from harvester_provider.core.ownership import uid
from harvester_provider.core.ref import Api, Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import IMAGE, NETWORK, STORAGE_CLASS, VIRTUAL_MACHINE, VIRTUAL_MACHINE_INSTANCE
from harvester_provider.resources.functions.model import Args, BaseFunction, NamedArgs
from harvester_provider.resources.model import Model, Name
from harvester_provider.resources.vlan_network import KIND as NETWORK_KIND
from harvester_provider.resources.vlan_network import VlanNetwork

_DEFAULT = "storageclass.kubernetes.io/is-default-class"


class GetImageArgs(Args):
    """Which image: by the name of its object, or by the name that Harvester's UI shows."""

    name: str | None = None
    """Name of the object, for example `image-x7k2p`."""
    display_name: str | None = None
    """Name in Harvester's UI."""
    namespace: Name = "default"
    """Namespace of the image."""


class GetImageResult(Model):
    """What an image is."""

    id: str
    """`namespace/name`: what disks name as their image."""
    name: str
    """Name of the object."""
    display_name: str = ""
    """Name in Harvester's UI."""
    url: str = ""
    """Where it was downloaded from."""
    ready: bool = False
    """Whether it is imported."""
    size: int = 0
    """Size of the file, in bytes."""
    virtual_size: int = 0
    """Size of the disk in the file, in bytes."""
    storage_class_name: str = ""
    """The storage class of volumes made from it."""


class GetImage(BaseFunction[GetImageArgs]):
    """The function `getImage`."""

    name: ClassVar[str] = "getImage"
    args: ClassVar[type[GetImageArgs]] = GetImageArgs
    result: ClassVar[type[GetImageResult]] = GetImageResult
    api: ClassVar[Api] = IMAGE

    def shown(self, found: Object) -> str:
        """The name by which people know an image."""
        return dig_str(found, "spec", "displayName")

    def reads(self, args: GetImageArgs, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  one look is enough
        """The image by its name, or all of the namespace."""
        return (Ref(self.api, args.name, args.namespace),) if args.name else (Listing(self.api, args.namespace),)

    def answer(self, args: GetImageArgs, seen: Snapshot, called: Json) -> GetImageResult:  # noqa: ARG002  nothing is called
        """The one image."""
        if bool(args.name) == bool(args.display_name):
            self.missing("which image", "give name or displayName, one of them")
        if args.name:
            found = seen.get(Ref(self.api, args.name, args.namespace))
        else:
            listed = seen.listed(Listing(self.api, args.namespace))
            found = next((item for item in listed if self.shown(item) == args.display_name), {})
        if not found:
            hint = f"`kubectl -n {args.namespace} get {self.api.plural} -o yaml` shows names and display names"
            self.missing(f"image {args.name or args.display_name}", hint, "name" if args.name else "displayName")
        return self.told(found)

    def told(self, found: Object) -> GetImageResult:
        """What the image says of itself."""
        return GetImageResult(
            id=id_of(found),
            name=dig_str(found, "metadata", "name"),
            display_name=self.shown(found),
            url=dig_str(found, "spec", "url"),
            ready=is_true(found, "Imported"),
            size=dig_int(found, "status", "size"),
            virtual_size=dig_int(found, "status", "virtualSize"),
            storage_class_name=dig_str(found, "status", "storageClassName"),
        )


class GetNetworkResult(Model):
    """What a network is."""

    id: str
    """`namespace/name`: what NICs name as their network."""
    cluster_network: str = ""
    """The cluster network it is on."""
    vlan_id: int | None = None
    """Its VLAN, where it has one."""
    config: str = ""
    """Its CNI configuration, as JSON text."""


class GetNetwork(BaseFunction[NamedArgs]):
    """The function `getNetwork`."""

    name: ClassVar[str] = "getNetwork"
    args: ClassVar[type[NamedArgs]] = NamedArgs
    result: ClassVar[type[GetNetworkResult]] = GetNetworkResult
    kind: ClassVar[VlanNetwork] = NETWORK_KIND

    def reads(self, args: NamedArgs, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  one look is enough
        """The network."""
        return (Ref(NETWORK, args.name, args.namespace),)

    def answer(self, args: NamedArgs, seen: Snapshot, called: Json) -> GetNetworkResult:  # noqa: ARG002  nothing is called
        """What its labels and its configuration say."""
        ref = Ref(NETWORK, args.name, args.namespace)
        found = seen.get(ref)
        if not found:
            self.missing(f"network {ref.id}", "`kubectl get network-attachment-definitions -A` shows all")
        inputs = self.kind.observe(ref, None, seen)
        config = dig_str(found, "spec", "config")
        return GetNetworkResult(id=ref.id, cluster_network=inputs.cluster_network, vlan_id=inputs.vlan_id, config=config)


class GetStorageClassArgs(Args):
    """Which storage class."""

    name: str | None = None
    """Its name. Default: the cluster's default class."""


class GetStorageClassResult(Model):
    """What a storage class is."""

    name: str
    """Its name."""
    provisioner: str = ""
    """Who makes its volumes, for example `driver.longhorn.io`."""
    parameters: dict[str, str] = {}
    """What is told to the provisioner, for example `numberOfReplicas`."""
    is_default: bool = False
    """Whether it is the cluster's default."""
    volume_binding_mode: str = ""
    """`Immediate`, or `WaitForFirstConsumer`."""


class GetStorageClass(BaseFunction[GetStorageClassArgs]):
    """The function `getStorageClass`."""

    name: ClassVar[str] = "getStorageClass"
    args: ClassVar[type[GetStorageClassArgs]] = GetStorageClassArgs
    result: ClassVar[type[GetStorageClassResult]] = GetStorageClassResult

    def reads(self, args: GetStorageClassArgs, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  one look is enough
        """All classes."""
        return (Listing(STORAGE_CLASS),)

    def answer(self, args: GetStorageClassArgs, seen: Snapshot, called: Json) -> GetStorageClassResult:  # noqa: ARG002  nothing is called
        """The one named, or the default."""
        every = seen.listed(Listing(STORAGE_CLASS))
        found = next((item for item in every if (dig_str(item, "metadata", "name") == args.name if args.name else _is_default(item))), {})
        if not found:
            self.missing(f"storage class {args.name}" if args.name else "a default storage class", "`kubectl get storageclass` shows all")
        return GetStorageClassResult(
            name=dig_str(found, "metadata", "name"),
            provisioner=dig_str(found, "provisioner"),
            parameters=dig_strings(found, "parameters"),
            is_default=_is_default(found),
            volume_binding_mode=dig_str(found, "volumeBindingMode"),
        )


def _is_default(found: Object) -> bool:
    return dig_str(found, "metadata", "annotations", _DEFAULT) == "true"


class MachineInfo(Model):
    """What a virtual machine is, at this moment."""

    id: str
    """`namespace/name`."""
    uid: str = ""
    """Its UID."""
    labels: dict[str, str] = {}
    """Its labels."""
    status: str = ""
    """KubeVirt's word: Running, Stopped, Starting ..."""
    node_name: str = ""
    """The node it runs on; empty while it is off."""
    ip_address: str = ""
    """The first address of the first NIC that has one."""
    ip_addresses: dict[str, str] = {}
    """The first address of each NIC that has one, by the NIC's name."""


class GetVirtualMachine(BaseFunction[NamedArgs]):
    """The function `getVirtualMachine`."""

    name: ClassVar[str] = "getVirtualMachine"
    args: ClassVar[type[NamedArgs]] = NamedArgs
    result: ClassVar[type[MachineInfo]] = MachineInfo

    def reads(self, args: NamedArgs, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  one look is enough
        """The machine and its running instance."""
        return (Ref(VIRTUAL_MACHINE, args.name, args.namespace), Ref(VIRTUAL_MACHINE_INSTANCE, args.name, args.namespace))

    def answer(self, args: NamedArgs, seen: Snapshot, called: Json) -> MachineInfo:  # noqa: ARG002  nothing is called
        """What both say."""
        machine, instance = (seen.get(Ref(api, args.name, args.namespace)) for api in (VIRTUAL_MACHINE, VIRTUAL_MACHINE_INSTANCE))
        if not machine:
            self.missing(f"virtual machine {args.namespace}/{args.name}", f"`kubectl -n {args.namespace} get vm` shows all")
        return _machine(machine, instance)


class GetVirtualMachinesArgs(Args):
    """Which machines."""

    namespace: Name | None = None
    """Namespace of the machines. Default: all."""
    labels: dict[str, str] = {}
    """Labels that the machines must have."""


class GetVirtualMachinesResult(Model):
    """The machines that were asked for."""

    virtual_machines: list[MachineInfo]
    """In the order of their IDs."""


class GetVirtualMachines(BaseFunction[GetVirtualMachinesArgs]):
    """The function `getVirtualMachines`."""

    name: ClassVar[str] = "getVirtualMachines"
    args: ClassVar[type[GetVirtualMachinesArgs]] = GetVirtualMachinesArgs
    result: ClassVar[type[GetVirtualMachinesResult]] = GetVirtualMachinesResult

    def reads(self, args: GetVirtualMachinesArgs, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  one look is enough
        """The machines and what runs of them."""
        return _listings(args)

    def answer(self, args: GetVirtualMachinesArgs, seen: Snapshot, called: Json) -> GetVirtualMachinesResult:  # noqa: ARG002  nothing is called
        """Each machine with its instance."""
        machines, instances = (seen.listed(listing) for listing in _listings(args))
        running = {id_of(instance): instance for instance in instances}
        every = sorted(machines, key=id_of)
        return GetVirtualMachinesResult(virtual_machines=[_machine(machine, running.get(id_of(machine), {})) for machine in every])


def _listings(args: GetVirtualMachinesArgs) -> tuple[Listing, Listing]:
    namespace, labels = args.namespace or "", tuple(sorted(args.labels.items()))
    return Listing(VIRTUAL_MACHINE, namespace, labels), Listing(VIRTUAL_MACHINE_INSTANCE, namespace)


def _machine(machine: Object, instance: Object) -> MachineInfo:
    addresses = _addresses(instance)
    return MachineInfo(
        id=id_of(machine),
        uid=uid(machine),
        labels=dig_strings(machine, "metadata", "labels"),
        status=dig_str(machine, "status", "printableStatus"),
        node_name=dig_str(instance, "status", "nodeName"),
        ip_address=next(iter(addresses.values()), ""),
        ip_addresses=addresses,
    )


def _addresses(instance: Object) -> dict[str, str]:
    nics: Any = dig_map(instance, "status").get("interfaces") or ()
    found = {dig_str(nic, "name"): dig_str(nic, "ipAddress") for nic in nics}
    return {name: address for name, address in found.items() if name and address and not address.startswith("fe80:")}
