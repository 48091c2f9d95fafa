"""The files of an installation: those of the article field by field, joins and iPXE, and hosts that could not become a cluster."""

from typing import Any

import pytest
import yaml

from harvester_provider.core.errors import InvalidInputs
from harvester_provider.resources.bare_metal import BgpPeer, Bond, Bridge, HarvesterSite, Host, KubeVip, Rke2Site, Subnet

JOIN = "parvester.192.168.48.73.sslip.io"


def parvester(**values: Any) -> Rke2Site:
    """The cluster of the article, and two more servers as it describes them."""
    servers = [Host(name=f"parvester-{n}", nics=["eth0"], address=f"192.168.48.{72 + n}") for n in (1, 2, 3)]
    given: dict[str, Any] = {
        "servers": servers, "token": "supersecret", "join_address": JOIN, "tls_san": ["192.168.48.73"], "kubeconfig_mode": "0644",
        "bridges": [Bridge(name="br0", uplink="eth1")], "subnet": Subnet(cidr="192.168.48.0/24"),
    }  # fmt: skip
    return Rke2Site(**(given | values))


def test_the_files_of_the_article_come_out_field_by_field() -> None:
    files = parvester().files()
    assert yaml.safe_load(files["parvester-1/etc/rancher/rke2/config.yaml"]) == {
        "token": "supersecret",
        "write-kubeconfig-mode": "0644",
        "tls-san": [JOIN, "192.168.48.73"],
    }
    assert yaml.safe_load(files["parvester-2/etc/rancher/rke2/config.yaml.d/10-server.yaml"]) == {"server": f"https://{JOIN}:9345"}
    assert "parvester-1/etc/rancher/rke2/config.yaml.d/10-server.yaml" not in files
    assert parvester().commands() == [
        "ip link add br0 type bridge",
        "ip link set eth1 master br0",
        "ip link set br0 up",
        "ip link set eth1 up",
    ]


def test_the_bridge_is_there_again_after_a_restart() -> None:
    files = parvester().files()
    assert "Kind=bridge" in files["parvester-3/etc/systemd/network/10-br0.netdev"]
    assert "Bridge=br0" in files["parvester-3/etc/systemd/network/20-eth1.network"]


def test_agents_join_without_what_only_servers_have() -> None:
    agent = Host(name="worker", nics=["eth0"])
    files = parvester(agents=[agent]).files()
    assert yaml.safe_load(files["worker/etc/rancher/rke2/config.yaml"]) == {"token": "supersecret"}
    assert "worker/etc/rancher/rke2/config.yaml.d/10-server.yaml" in files


@pytest.mark.parametrize(
    ("vip", "has"),
    [
        (KubeVip(address="192.168.48.70", interface="eth0"), {"vip_arp": "true", "vip_interface": "eth0"}),
        (
            KubeVip(address="10.9.9.9", interface="lo", mode="bgp", asn=65000, peers=[BgpPeer(address="192.168.48.1", asn=65001)]),
            {"vip_arp": "false", "bgp_enable": "true", "bgp_as": "65000", "bgp_peers": "192.168.48.1:65001::false"},
        ),
    ],
)
def test_kube_vip_carries_the_address_by_arp_or_bgp_and_the_certificate_knows_it(vip: KubeVip, has: dict[str, str]) -> None:
    files = parvester(vip=vip).files()
    daemon = yaml.safe_load(files["parvester-1/var/lib/rancher/rke2/server/manifests/kube-vip.yaml"])
    env = {entry["name"]: entry["value"] for entry in daemon["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env.items() >= {**has, "address": vip.address}.items()
    assert vip.address in yaml.safe_load(files["parvester-1/etc/rancher/rke2/config.yaml"])["tls-san"]


def site(**values: Any) -> HarvesterSite:
    hosts = [
        Host(
            name="node1",
            nics=["ens5", "ens6"],
            mac="B8:CA:3A:6A:64:7C",
            address="10.10.0.11",
            data_disk="/dev/sdb",
            bond=Bond(mode="802.3ad"),
        ),
        Host(name="node2", nics=["ens5"], mac="B8:CA:3A:6A:64:7D", address="10.10.0.12"),
        Host(name="node3", nics=["ens5"], mac="B8:CA:3A:6A:64:7E", role="witness"),
    ]
    given: dict[str, Any] = {
        "hosts": hosts, "token": "TOKEN_VALUE", "url": "http://10.10.0.1/harvester/", "vip": "10.10.0.19", "release": "v1.8.0",
        "subnet": Subnet(cidr="10.10.0.0/24", gateway="10.10.0.1"), "ssh_authorized_keys": ["ssh-ed25519 AAAA me"], "vlan_id": 7,
    }  # fmt: skip
    return HarvesterSite(**(given | values))


def harvester(**values: Any) -> dict[str, str]:
    return site(**values).files()


def test_the_first_host_creates_the_cluster_and_the_others_join_it() -> None:
    files = harvester(settings={"auto-disk-provision-paths": "/dev/sdc"})
    assert yaml.safe_load(files["node1.yaml"]) == {
        "scheme_version": 1,
        "token": "TOKEN_VALUE",
        "os": {"hostname": "node1", "ssh_authorized_keys": ["ssh-ed25519 AAAA me"]},
        "install": {
            "mode": "create",
            "automatic": True,
            "management_interface": {
                "interfaces": [{"name": "ens5"}, {"name": "ens6"}],
                "method": "static",
                "ip": "10.10.0.11",
                "subnet_mask": "255.255.255.0",
                "gateway": "10.10.0.1",
                "bond_options": {"mode": "802.3ad", "miimon": 100},
                "vlan_id": 7,
            },
            "device": "/dev/sda",
            "data_disk": "/dev/sdb",
            "iso_url": "http://10.10.0.1/harvester/harvester-v1.8.0-amd64.iso",
            "vip": "10.10.0.19",
            "vip_mode": "static",
        },
        "system_settings": {"auto-disk-provision-paths": "/dev/sdc"},
    }
    joins = yaml.safe_load(files["node3.yaml"])
    assert (joins["server_url"], joins["install"]["mode"], joins["install"]["role"]) == ("https://10.10.0.19:443", "join", "witness")
    assert joins["install"]["management_interface"] == {"interfaces": [{"name": "ens5"}], "method": "dhcp", "vlan_id": 7}
    assert "vip" not in joins["install"]


def test_each_host_boots_its_own_configuration_by_its_mac() -> None:
    files = harvester()
    assert "iseq ${net0/mac} b8:ca:3a:6a:64:7d && chain http://10.10.0.1/harvester/node2.ipxe ||" in files["boot.ipxe"]
    assert "harvester.install.config_url=http://10.10.0.1/harvester/node2.yaml" in files["node2.ipxe"]
    assert "kernel http://10.10.0.1/harvester/harvester-v1.8.0-vmlinuz-amd64 " in files["node2.ipxe"]


def wrong(site: HarvesterSite | Rke2Site) -> dict[str, str]:
    return {problem.property: problem.reason for problem in site.problems()}


HOST = Host(name="a", nics=["eth0"])


@pytest.mark.parametrize(
    ("problems", "property", "words"),
    [
        (wrong(parvester(servers=[HOST, Host(name="b", nics=["eth0"])])), "servers", "use an odd number"),
        (wrong(parvester(servers=[])), "hosts", "at least one host"),
        (wrong(parvester(token="")), "token", "missing"),
        (wrong(parvester(servers=[Host(name="a", nics=["a-name-that-is-too-long"])])), "hosts[0].nics", "15 characters"),
        (wrong(parvester(servers=[Host(name="a", nics=["eth0"], mac="12:34")])), "hosts[0].mac", "no MAC"),
        (
            wrong(parvester(servers=[Host(name="a", nics=["eth0"], address="10.0.0.1")])),
            "hosts[0].address",
            "no address of 192.168.48.0/24",
        ),
        (wrong(parvester(servers=[HOST, HOST, HOST])), "hosts", "each host has its own"),
        (wrong(parvester(vip=KubeVip(address="10.0.0.1", interface="eth0"))), "vip", "no address of 192.168.48.0/24"),
        (wrong(parvester(vip=KubeVip(address="192.168.48.73", interface="eth0"))), "vip", "address of a host"),
        (wrong(parvester(vip=KubeVip(address="10.0.0.1", interface="lo", mode="bgp"))), "vip.peers", "at least one router"),
        (wrong(parvester(bridges=[Bridge(uplink="eth0")])), "bridges[0].uplink", "they would be cut off"),
        (wrong(site(vip="10.11.0.1")), "vip", "no address of 10.10.0.0/24"),
        (wrong(site(vip="")), "vip", "missing"),
        (wrong(site(vip_mode="dhcp")), "vipMac", "missing"),
        (wrong(site(subnet=None)), "subnet", "missing"),
        (wrong(site(subnet=Subnet(cidr="10.10.0.1/24"))), "subnet.cidr", "no subnet"),
        (wrong(site(vlan_id=0)), "vlanId", "use 1 to 4094"),
        (wrong(site(hosts=[HOST, Host(name="b", nics=["eth0"], role="witness")])), "hosts", "2 members of etcd"),
        (wrong(site(hosts=[Host(name="a", nics=["eth0"], role="witness")])), "hosts[0].role", "creates the cluster"),
        (wrong(site(hosts=[Host(name="a", nics=["eth0"], data_disk="/dev/sda")])), "hosts[0].dataDisk", "holds the system"),
    ],
)
def test_hosts_that_could_not_become_a_cluster_are_refused(problems: dict[str, str], property: str, words: str) -> None:  # noqa: A002
    assert words in problems[property]


def test_every_problem_is_told_at_once_before_any_file_is_written() -> None:
    with pytest.raises(InvalidInputs) as caught:
        parvester(servers=[HOST, HOST], token="").files()
    assert {"hosts", "servers", "token"} <= {problem.property for problem in caught.value.problems}
