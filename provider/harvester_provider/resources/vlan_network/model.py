"""The inputs and outputs of a VlanNetwork. Rules across them are in `check`."""

from typing import Literal

from pydantic import Field

from harvester_provider.resources.model import REPLACE, Model, NamespacedInputs, Outputs


class VlanRange(Model):
    """VLANs of a trunk: from `first` to `last`, both included."""

    first: int
    """The first VLAN ID, 1 to 4094."""
    last: int | None = None
    """The last VLAN ID, 1 to 4094. Default: `first`, which makes it a single VLAN."""


class VlanNetworkInputs(NamespacedInputs):
    """A network for machines. Exactly one of `vlanId`, `untagged` and `trunk` says which frames it carries.

    The three are apart, instead of a type beside a number, so that nothing can contradict itself, and so that a forgotten
    VLAN ID is an error and not an untagged network.
    """

    cluster_network: str = Field(json_schema_extra=REPLACE)
    """Name of the cluster network whose bridge it uses: `mgmt`, or a ClusterNetwork. Without Harvester there are only bridges, which
    are part of the nodes' own set-up: `mgmt` stands for `br0`, and any other name for `<name>-br`."""
    vlan_id: int | None = None
    """The VLAN of all machines on it, 1 to 4094. They send and receive untagged frames."""
    untagged: bool = False
    """No VLAN: machines are in the network that the uplink's switch port has as its native one."""
    trunk: list[VlanRange] = []
    """VLANs that machines tag themselves, as routers and firewalls do (Harvester 1.7 and later)."""
    route_mode: Literal["auto", "manual"] = "auto"
    """How Harvester learns the network's subnet, to check that it is reachable: from DHCP, or from `routeCidr` and `routeGateway`."""
    route_cidr: str | None = None
    """Subnet in CIDR notation, for example `10.1.0.0/16`. With `manual` only."""
    route_gateway: str | None = None
    """Gateway, an address in `routeCidr`. With `manual` only."""
    route_dhcp_server_ip: str | None = None
    """Address of the DHCP server to ask. Default: whichever answers. With `auto` only."""


class VlanNetworkOutputs(Outputs):
    """What is known of a network."""

    network_id: str = ""
    """`namespace/name`: what NICs name as their network."""
    bridge: str = ""
    """The bridge on the nodes."""
