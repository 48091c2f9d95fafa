"""Harvester's own installation: a configuration per host (the first creates the cluster, the others join), and iPXE scripts.

Format: Harvester's documentation, Harvester Configuration and PXE Boot Installation (1.1 to 1.8, `scheme_version: 1`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harvester_provider.core.json import Json
from harvester_provider.core.problem import Problem
from harvester_provider.resources.bare_metal.hosts import Host, Subnet, check_hosts, check_quorum, check_subnet, document, refuse


@dataclass(frozen=True, kw_only=True)
class HarvesterSite:
    """A Harvester cluster on bare metal. The first host creates it, all others join.

    `files()` gives the texts by path: `HOST.yaml`, `HOST.ipxe`, and `boot.ipxe`, which sends each host to its own by its MAC.
    They hold the token and the password: keep them secret.
    """

    hosts: Sequence[Host]
    """The hosts, the first one first."""
    token: str
    """What joining hosts know the cluster by. A secret."""
    url: str
    """Web folder of these files and of Harvester's: kernel, initrd, root file system, ISO."""
    vip: str
    """The address of the cluster."""
    release: str
    """Release, for example `v1.8.0`: part of the names of Harvester's files."""
    vip_mode: Literal["static", "dhcp"] = "static"
    """`dhcp`: the VIP is a reservation of the DHCP server for `vip_mac`."""
    vip_mac: str = ""
    """MAC that asks DHCP for the VIP."""
    subnet: Subnet | None = None
    """The management network, where hosts have addresses of their own."""
    vlan_id: int | None = None
    """VLAN of the management network. Default: untagged."""
    ssh_authorized_keys: Sequence[str] = ()
    """Public keys of the user rancher of the hosts."""
    password: str = ""
    """Password of the user rancher of the hosts, or its hash. A secret."""
    dns_nameservers: Sequence[str] = ()
    """Name servers."""
    ntp_servers: Sequence[str] = ()
    """Time servers."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Harvester's settings of the first hour, by name."""
    arch: Literal["amd64", "arm64"] = "amd64"
    """Architecture of the hosts."""

    def problems(self) -> Iterable[Problem]:
        """Everything that is wrong."""
        yield from check_subnet(self.subnet)
        yield from check_hosts(self.hosts, self.subnet, self.vip)
        if not self.vip:
            yield Problem("vip", "missing: hosts join by the cluster's own address")
        if self.vip_mode == "dhcp" and not self.vip_mac:
            yield Problem("vipMac", "missing: vipMode dhcp needs the MAC that the DHCP server knows")
        if not self.token:
            yield Problem("token", "missing: hosts join by it")
        if self.vlan_id is not None and not 1 <= self.vlan_id <= 4094:
            yield Problem("vlanId", f"{self.vlan_id} is no VLAN ID: use 1 to 4094")
        if any(host.address for host in self.hosts) and (self.subnet is None or not self.subnet.gateway):
            yield Problem("subnet", "missing: hosts with addresses of their own need the subnet and its gateway")
        if self.hosts and self.hosts[0].role in {"worker", "witness"}:
            yield Problem("hosts[0].role", f"the first host creates the cluster and holds etcd: it can be no {self.hosts[0].role}")
        chosen = [host for host in self.hosts if host.role in {"management", "witness"}]
        spare = any(host.role == "default" for host in self.hosts[1:])  # Harvester itself makes members of them, up to three
        if chosen and not spare:
            yield from check_quorum("hosts", len({host.name for host in (*self.hosts[:1], *chosen)}))

    def files(self) -> dict[str, str]:
        """The texts by path. Raises InvalidInputs with every problem at once."""
        refuse("HarvesterSite", self.problems())
        out = {f"{host.name}.yaml": document(self.config(host)) for host in self.hosts}
        out |= {f"{host.name}.ipxe": self._ipxe(host) for host in self.hosts}
        return out | {"boot.ipxe": self._menu()}

    def config(self, host: Host) -> dict[str, Json]:
        """The configuration of one host, as a value."""
        creates = host is self.hosts[0]
        out: dict[str, Json] = {"scheme_version": 1}
        if not creates:
            out["server_url"] = f"https://{self.vip}:443"
        return {
            **out,
            "token": self.token,
            "os": self._system(host),
            "install": self._install(host, creates=creates),
            **self._settings(creates=creates),
        }

    def _system(self, host: Host) -> dict[str, Json]:
        more: dict[str, Json] = {
            "ssh_authorized_keys": list(self.ssh_authorized_keys),
            "password": self.password,
            "dns_nameservers": list(self.dns_nameservers),
            "ntp_servers": list(self.ntp_servers),
        }
        return {"hostname": host.name, **{key: value for key, value in more.items() if value}}

    def _install(self, host: Host, *, creates: bool) -> dict[str, Json]:
        out: dict[str, Json] = {"mode": "create" if creates else "join", "automatic": True}
        if host.role != "default":
            out["role"] = host.role
        out |= {"management_interface": self._management(host), "device": host.disk}
        if host.data_disk:
            out["data_disk"] = host.data_disk
        out["iso_url"] = self._file("iso")
        if creates:
            out |= {"vip": self.vip, "vip_mode": self.vip_mode}
            out |= {"vip_hw_addr": self.vip_mac} if self.vip_mode == "dhcp" else {}
        return out

    def _management(self, host: Host) -> dict[str, Json]:
        out: dict[str, Json] = {"interfaces": [{"name": nic} for nic in host.nics], "method": "static" if host.address else "dhcp"}
        if host.address and self.subnet is not None and self.subnet.network is not None:
            out |= {"ip": host.address, "subnet_mask": str(self.subnet.network.netmask), "gateway": self.subnet.gateway}
        if len(host.nics) > 1:
            out["bond_options"] = {"mode": host.bond.mode, "miimon": host.bond.miimon}
        return {**out, **({"vlan_id": self.vlan_id} if self.vlan_id else {})}

    def _settings(self, *, creates: bool) -> dict[str, Json]:
        return {"system_settings": dict(self.settings)} if creates and self.settings else {}

    def _file(self, what: str) -> str:
        stem = f"{self.url.rstrip('/')}/harvester-{self.release}"
        return {
            "iso": f"{stem}-{self.arch}.iso",
            "kernel": f"{stem}-vmlinuz-{self.arch}",
            "initrd": f"{stem}-initrd-{self.arch}",
            "root": f"{stem}-rootfs-{self.arch}.squashfs",
        }[what]

    def _ipxe(self, host: Host) -> str:
        initrd = self._file("initrd")
        arguments = [
            f"initrd={initrd.rpartition('/')[2]}", "ip=dhcp", "net.ifnames=1", "rd.cos.disable", "rd.noverifyssl", "console=tty1",
            f"root=live:{self._file('root')}", "harvester.install.automatic=true",
            f"harvester.install.config_url={self.url.rstrip('/')}/{host.name}.yaml",
        ]  # fmt: skip
        return f"#!ipxe\nkernel {self._file('kernel')} {' '.join(arguments)}\ninitrd {initrd}\nboot\n"

    def _menu(self) -> str:
        known = [host for host in self.hosts if host.mac]
        lines = [f"iseq ${{net0/mac}} {host.mac.lower()} && chain {self.url.rstrip('/')}/{host.name}.ipxe ||" for host in known]
        return "\n".join(["#!ipxe", *lines, "echo this host is not described: it boots from its disk", "exit", ""])
