"""User data of guest machines: who starts, who joins, what is announced, and that nothing secret is readable by all."""

import base64
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harvester_provider.resources.cloud_init.build import File, UserData
from harvester_provider.resources.guest.kube_vip import KubeVip
from harvester_provider.resources.guest.user_data import GuestMachine

CHARTS = ("cloud-provider", "csi-driver")
TOKEN, BEARER = "join-me-if-you-can", "harvester-bearer"
CLOUD_CONFIG = yaml.safe_dump({
    "clusters": [{"cluster": {"server": "https://10.0.0.1:6443", "certificate-authority-data": base64.b64encode(b"CA").decode()}}],
    "users": [{"user": {"token": BEARER}}],
})  # fmt: skip


def machine(**more: Any) -> GuestMachine:
    plain: dict[str, Any] = {
        "cluster": "dev", "namespace": "guests", "role": "server", "distribution": "rke2", "version": "v1.34.2+rke2r1",
        "address": "10.0.0.50", "token": TOKEN, "cloud_config": CLOUD_CONFIG, "secret": "dev-kubeconfig",
    }  # fmt: skip
    return GuestMachine(**{**plain, **more})


def files(found: GuestMachine) -> dict[str, dict[str, str]]:
    return {entry["path"]: entry for entry in yaml.safe_load(found.text())["write_files"]}


def config(found: GuestMachine) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(files(found)[f"/etc/rancher/{found.distribution}/config.yaml"]["content"])
    return content


def manifests(found: GuestMachine) -> dict[tuple[str, str], Any]:
    folder = f"/var/lib/rancher/{found.distribution}/server/manifests"
    entries = [entry for path, entry in files(found).items() if path.startswith(folder)]
    objects = [each for entry in entries for each in yaml.safe_load_all(entry["content"])]
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def test_the_address_is_in_the_certificate_of_every_server() -> None:
    assert config(machine(tls_sans=["api.example.org"]))["tls-san"] == ["10.0.0.50", "api.example.org"]
    assert "tls-san" not in config(machine(role="agent"))


@pytest.mark.parametrize("first", [True, False])
def test_every_file_with_a_secret_can_be_read_by_root_alone(*, first: bool) -> None:
    for path, entry in files(machine(first=first)).items():
        if TOKEN in entry["content"] or BEARER in entry["content"]:
            assert entry["permissions"] in {"0600", "0700"}, path


def test_only_the_first_server_can_start_a_cluster_and_publish_its_kubeconfig() -> None:
    first, other = machine(first=True), machine()
    assert "harvester-publish.timer" in first.text()
    assert "harvester-publish" not in other.text()
    assert "exit 0\nfi" in files(first)["/usr/local/sbin/harvester-join"]["content"]
    assert "exit 0\nfi" not in files(other)["/usr/local/sbin/harvester-join"]["content"]


def run_join(found: GuestMachine, work: Path, answer: str) -> str:
    """What the join script writes, with a stand-in for curl that knows Harvester's answer."""
    target = work / "config.yaml.d" / "10-join.yaml"
    script = files(found)["/usr/local/sbin/harvester-join"]["content"]
    script = script.replace(f"/etc/rancher/{found.distribution}/config.yaml.d", str(target.parent)).replace(
        "/etc/rancher/harvester", str(work)
    )
    (work / "secret-url").write_text("https://harvester/secret\n")
    curl = work / "curl"
    curl.write_text(f"#!/bin/sh\ncase \"$*\" in *cacerts*) exit 0;; *) printf %s '{answer}';; esac\n")
    curl.chmod(0o700)
    subprocess.run(["/bin/sh", "-c", script], check=True, env={**os.environ, "PATH": f"{work}:{os.environ['PATH']}"})
    return target.read_text()


JOINS = "server: https://10.0.0.50:9345\n"


def test_the_first_server_starts_where_harvester_knows_of_no_cluster(tmp_path: Path) -> None:
    assert "server:" not in run_join(machine(first=True), tmp_path, '{"kind":"Secret","metadata":{"name":"dev-kubeconfig"}}')


def test_the_first_server_that_is_made_again_joins_the_others(tmp_path: Path) -> None:
    assert run_join(machine(first=True), tmp_path, '{"data":{"kubeconfig":"YQ=="}}') == JOINS


def test_other_servers_and_agents_join(tmp_path: Path) -> None:
    for number, found in enumerate((machine(), machine(role="agent"))):
        work = tmp_path / str(number)
        work.mkdir()
        assert run_join(found, work, "{}") == JOINS


def test_k3s_starts_with_etcd(tmp_path: Path) -> None:
    found = machine(first=True, distribution="k3s", version="v1.34.2+k3s1")
    assert run_join(found, tmp_path, "{}") == "cluster-init: true\n"


def test_rke2_brings_harvesters_charts_and_k3s_is_told_to_install_them() -> None:
    rke2 = manifests(machine())
    assert {("HelmChartConfig", "harvester-cloud-provider"), ("HelmChartConfig", "harvester-csi-driver")} <= rke2.keys()
    assert config(machine())["cloud-provider-name"] == "harvester"
    k3s = machine(distribution="k3s", version="v1.34.2+k3s1")
    charts = {name for kind, name in manifests(k3s) if kind == "HelmChart"}
    assert charts == {"harvester-cloud-provider", "harvester-csi-driver", "snapshot-controller"}
    assert config(k3s)["disable-cloud-controller"] is True
    assert config(replace(k3s, config={"disable": ["traefik"]}))["disable"] == ["servicelb", "traefik"]
    assert "disable" not in config(replace(k3s, role="agent"))
    assert manifests(machine(role="agent")) == {}


@pytest.mark.parametrize(("distribution", "kind"), [("rke2", "HelmChartConfig"), ("k3s", "HelmChart")])
def test_cloud_provider_and_driver_find_their_kubeconfig_where_it_is_written(distribution: Any, kind: str) -> None:
    found = machine(distribution=distribution)
    values = {name: yaml.safe_load(manifests(found)[(kind, f"harvester-{name}")]["spec"]["valuesContent"]) for name in CHARTS}
    assert values["cloud-provider"]["cloudConfigPath"] in files(found)
    # the driver's chart mounts the folder of the host at /var/lib/harvester, and reads /var/lib/harvester/cloud-provider-config
    assert values["csi-driver"]["cloudConfig"]["hostPath"] + "cloud-provider-config" in files(found)


def test_nothing_of_ours_is_called_as_what_the_cloud_providers_chart_installs() -> None:
    """Helm refuses to take over objects that others made, and the chart has a DaemonSet `kube-vip` with account and role."""
    assert not {name for _, name in manifests(machine())} & {"kube-vip"}


def environment(vip: KubeVip) -> dict[str, str]:
    daemon = manifests(machine(kube_vip=vip))[("DaemonSet", "kube-vip-control-plane")]
    variables = daemon["spec"]["template"]["spec"]["containers"][0]["env"]
    return {entry["name"]: entry.get("value") or entry["valueFrom"]["fieldRef"]["fieldPath"] for entry in variables}


def test_kube_vip_announces_the_address_by_arp_or_by_bgp() -> None:
    arp = environment(KubeVip(interface="enp1s0"))
    assert (arp["address"], arp["vip_arp"], arp["vip_interface"], arp["cp_enable"]) == ("10.0.0.50", "true", "enp1s0", "true")
    bgp = environment(KubeVip(mode="bgp", bgp_as=65001, bgp_peers=["10.0.0.1:65000"]))
    assert (bgp["bgp_enable"], bgp["bgp_as"], bgp["bgp_peers"]) == ("true", "65001", "10.0.0.1:65000::false")
    assert "vip_arp" not in bgp
    assert (bgp["vip_interface"], bgp["bgp_routerid"]) == ("lo", "status.hostIP")
    assert ("DaemonSet", "kube-vip-control-plane") not in manifests(machine(kube_vip=None))


def test_what_the_user_adds_is_kept_beside_ours() -> None:
    extra = UserData(packages=["htop"], write_files=[File(path="/etc/motd", content="hi")], runcmd=["echo before"])
    document = yaml.safe_load(machine(extra=extra, config={"cni": "cilium"}, labels={"a": "b"}, taints=["x=y:NoSchedule"]).text())
    assert {"htop", "qemu-guest-agent"} <= set(document["packages"])
    assert document["runcmd"].index("echo before") < document["runcmd"].index(["/usr/local/sbin/harvester-join"])
    written = config(machine(config={"cni": "cilium"}, labels={"a": "b"}, taints=["x=y:NoSchedule"]))
    assert (written["cni"], written["node-label"], written["node-taint"]) == ("cilium", ["a=b"], ["x=y:NoSchedule"])


_NODE = {"token", "server", "node-label", "node-taint", "kubelet-arg"}
_SERVER = {*_NODE, "tls-san", "write-kubeconfig-mode", "disable", "disable-cloud-controller"}
_RKE2 = {"cloud-provider-name", "cloud-provider-config"}
FLAGS = {
    ("rke2", "server"): _SERVER | _RKE2,
    ("rke2", "agent"): _NODE | _RKE2,
    ("k3s", "server"): _SERVER | {"cluster-init"},
    ("k3s", "agent"): _NODE,
}
"""Of the flags of the commands, those that we use: pkg/cli/cmds/{root,server,agent}.go in RKE2 and K3s. Both end at an unknown one."""


@pytest.mark.parametrize(("distribution", "role"), FLAGS)
def test_every_entry_of_the_configuration_is_a_flag_of_the_command_that_reads_it(distribution: Any, role: Any) -> None:
    found = machine(distribution=distribution, role=role, labels={"a": "b"}, taints=["a=b:NoSchedule"], tls_sans=["x"])
    assert config(found).keys() <= FLAGS[(distribution, role)]


@given(role=st.sampled_from(["server", "agent"]), first=st.booleans(), distribution=st.sampled_from(["rke2", "k3s"]))
def test_all_scripts_are_sound_shell(*, role: Any, first: bool, distribution: Any) -> None:
    found = machine(role=role, first=first and role == "server", distribution=distribution)
    for path, entry in files(found).items():
        if entry["content"].startswith("#!/bin/sh"):
            for shell in ("/bin/sh", "bash"):
                subprocess.run([shell, "-n", "-c", entry["content"]], check=True)
            assert path.startswith("/usr/local/sbin/")
