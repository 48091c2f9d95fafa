"""A plain RKE2 cluster for machines: its configuration, its bridges for networks, and kube-vip for a shared address.

Formats: RKE2's server configuration, systemd-networkd, kube-vip's environment (0.8 and later). The bridges are what networks
of machines name in a cluster without Harvester.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal

from harvester_provider.core.json import Json, Object
from harvester_provider.core.problem import Problem
from harvester_provider.resources.bare_metal.hosts import Host, Subnet, check_hosts, check_quorum, check_subnet, document, refuse

_NETWORKD = "etc/systemd/network"
_RKE2 = "etc/rancher/rke2"
_MANIFESTS = "var/lib/rancher/rke2/server/manifests"


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """A bridge on every host, with a NIC that leads outside."""

    name: str = "br0"
    """Its name: `br0` is the cluster network `mgmt` of a VlanNetwork, `<name>-br` the cluster network of that name."""
    uplink: str = ""
    """NIC that it leads outside by. One that has an address of its own loses it. Default: the bridge is an island."""


@dataclass(frozen=True, kw_only=True)
class BgpPeer:
    """A router that learns the VIP."""

    address: str
    """Its address."""
    asn: int
    """Its AS number."""


@dataclass(frozen=True, kw_only=True)
class KubeVip:
    """A shared address of the servers."""

    address: str
    """The VIP."""
    interface: str
    """NIC that carries it (ARP), or the loopback `lo` (BGP)."""
    mode: Literal["arp", "bgp"] = "arp"
    """`arp`: one host answers for it, the subnet is the same for all. `bgp`: routers learn it from each host."""
    image: str = "ghcr.io/kube-vip/kube-vip:v0.8.9"
    """kube-vip's image."""
    asn: int = 0
    """AS number of the hosts (BGP)."""
    peers: Sequence[BgpPeer] = ()
    """Routers (BGP)."""


@dataclass(frozen=True, kw_only=True)
class Rke2Site:
    """An RKE2 cluster on hosts of one's own. The first server begins, the others join it by `join_address`.

    `files()` gives the texts by path: `HOST/` and the path on that host. They hold the token: keep them secret.
    """

    servers: Sequence[Host]
    """The hosts with the control plane and etcd: an odd number."""
    token: str
    """What joining hosts know the cluster by. A secret."""
    join_address: str
    """Name or address that hosts join by: the VIP, or the first server's."""
    agents: Sequence[Host] = ()
    """The other hosts."""
    tls_san: Sequence[str] = ()
    """Further names and addresses of the API's certificate. `join_address` is among them always."""
    kubeconfig_mode: str = "0600"
    """Who may read the kubeconfig on the servers, as octal digits."""
    subnet: Subnet | None = None
    """The hosts' network, for checks."""
    vip: KubeVip | None = None
    """A shared address of the servers."""
    bridges: Sequence[Bridge] = ()
    """Bridges for networks of machines."""
    options: Mapping[str, Json] | None = None
    """Further entries of the servers' configuration, by RKE2's names."""

    def problems(self) -> Iterable[Problem]:
        """Everything that is wrong."""
        yield from check_subnet(self.subnet)
        yield from check_hosts((*self.servers, *self.agents), self.subnet, self.vip.address if self.vip and self.vip.mode == "arp" else "")
        yield from check_quorum("servers", len(self.servers))
        if not self.token:
            yield Problem("token", "missing: hosts join by it")
        for number, bridge in enumerate(self.bridges):
            yield from self._check_bridge(f"bridges[{number}]", bridge)
        if self.vip is not None:
            yield from _check_vip(self.vip)

    def _check_bridge(self, where: str, bridge: Bridge) -> Iterable[Problem]:
        if not 0 < len(bridge.name) <= 15:
            yield Problem(f"{where}.name", f"{bridge.name!r}: Linux takes 1 to 15 characters")
        taken = [host.name for host in (*self.servers, *self.agents) if bridge.uplink in host.nics]
        if bridge.uplink and taken:
            yield Problem(f"{where}.uplink", f"{bridge.uplink} carries the management network of {', '.join(taken)}: they would be cut off")

    def files(self) -> dict[str, str]:
        """The texts by path. Raises InvalidInputs with every problem at once."""
        refuse("Rke2Site", self.problems())
        out: dict[str, str] = {}
        for host in (*self.servers, *self.agents):
            texts = {f"{_RKE2}/config.yaml": document(self.config(host))}
            if host is not self.servers[0]:
                texts[f"{_RKE2}/config.yaml.d/10-server.yaml"] = document({"server": f"https://{self.join_address}:9345"})
            if self.vip is not None and host in self.servers:
                texts[f"{_MANIFESTS}/kube-vip.yaml"] = document(kube_vip(self.vip))
            for bridge in self.bridges:
                texts |= _networkd(bridge)
            out |= {f"{host.name}/{path}": text for path, text in texts.items()}
        return out

    def config(self, host: Host) -> dict[str, Json]:
        """RKE2's configuration of one host, as a value."""
        out: dict[str, Json] = {"token": self.token}
        if host in self.servers:
            shared = [self.vip.address] if self.vip else []
            names = dict.fromkeys([self.join_address, *shared, *self.tls_san])
            out |= {"write-kubeconfig-mode": self.kubeconfig_mode, "tls-san": list(names), **(self.options or {})}
        return out

    def commands(self) -> list[str]:
        """The commands that make the bridges at once, without a restart of the host."""
        out: list[str] = []
        for bridge in self.bridges:
            out.append(f"ip link add {bridge.name} type bridge")
            out += [f"ip link set {bridge.uplink} master {bridge.name}"] if bridge.uplink else []
            out += [f"ip link set {name} up" for name in (bridge.name, bridge.uplink) if name]
        return out


def _networkd(bridge: Bridge) -> dict[str, str]:
    """The same bridge after every restart of the host."""
    name = bridge.name
    out = {
        f"{_NETWORKD}/10-{name}.netdev": f"[NetDev]\nName={name}\nKind=bridge\n",
        f"{_NETWORKD}/10-{name}.network": f"[Match]\nName={name}\n\n[Network]\nLinkLocalAddressing=no\nConfigureWithoutCarrier=yes\n",
    }
    if bridge.uplink:
        out[f"{_NETWORKD}/20-{bridge.uplink}.network"] = (
            f"[Match]\nName={bridge.uplink}\n\n[Network]\nBridge={name}\nLinkLocalAddressing=no\n"
        )
    return out


def _check_vip(vip: KubeVip) -> Iterable[Problem]:
    try:
        IPv4Address(vip.address)
    except ValueError:
        yield Problem("vip.address", f"{vip.address!r} is no address: write for example 192.168.48.70")
    if vip.mode == "bgp":
        if not 1 <= vip.asn <= 4294967295:
            yield Problem("vip.asn", "missing: BGP needs the AS number of the hosts")
        if not vip.peers:
            yield Problem("vip.peers", "missing: BGP needs at least one router")
    elif vip.peers or vip.asn:
        yield Problem("vip.mode", "asn and peers are for BGP: set mode to bgp, or leave them out")


def kube_vip(vip: KubeVip) -> Object:
    """kube-vip's DaemonSet, which RKE2 applies from its folder of manifests."""
    env = {"cp_enable": "true", "cp_namespace": "kube-system", "address": vip.address, "port": "6443", "vip_interface": vip.interface}
    if vip.mode == "arp":
        env |= {"vip_arp": "true", "vip_leaderelection": "true"}
    else:
        peers = ",".join(f"{peer.address}:{peer.asn}::false" for peer in vip.peers)
        env |= {"vip_arp": "false", "bgp_enable": "true", "bgp_as": str(vip.asn), "bgp_peers": peers, "bgp_routerinterface": vip.interface}
    container: dict[str, Json] = {
        "name": "kube-vip", "image": vip.image, "args": ["manager"],
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "securityContext": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
        "volumeMounts": [{"name": "kubeconfig", "mountPath": "/etc/kubernetes/admin.conf", "readOnly": True}],
    }  # fmt: skip
    labels = {"app.kubernetes.io/name": "kube-vip"}
    pod: dict[str, Json] = {
        "hostNetwork": True, "containers": [container],
        "nodeSelector": {"node-role.kubernetes.io/control-plane": "true"},
        "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}, {"operator": "Exists", "effect": "NoExecute"}],
        "volumes": [{"name": "kubeconfig", "hostPath": {"path": "/etc/rancher/rke2/rke2.yaml"}}],
    }  # fmt: skip
    template: dict[str, Json] = {"metadata": {"labels": labels}, "spec": pod}
    spec: dict[str, Json] = {"selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "kube-vip", "namespace": "kube-system"}, "spec": spec}
