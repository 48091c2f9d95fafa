"""What a machine of a guest cluster does at its first boot: install RKE2 or K3s, start or join the cluster, publish.

Whether the cluster exists is asked of Harvester, in the Secret where it leaves its kubeconfig, and never guessed: a
first server that is made again joins the others, and no second cluster ever starts. Pure: values in, text out.
Sources: docs.rke2.io and docs.k3s.io (installation, server configuration), docs.harvesterhci.io (cloud provider, CSI).
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from harvester_provider.core.json import Json, Object, dig_map, dig_str, merged
from harvester_provider.resources import guest_charts
from harvester_provider.resources.cloud_init.build import File, UserData
from harvester_provider.resources.guest.kube_vip import KubeVip
from harvester_provider.resources.guest.words import KUBECONFIG_KEY, PUBLISHER, Distribution, Role, supervisor_port

_FOLDER = "/etc/rancher/harvester"
_JOIN = "/usr/local/sbin/harvester-join"


@dataclass(frozen=True, kw_only=True)
class GuestMachine:
    """One machine of a guest cluster."""

    cluster: str
    """Name of the guest cluster."""
    namespace: str
    """Namespace of its machines in Harvester."""
    role: Role
    """What the node is."""
    first: bool = False
    """Whether it starts the cluster where there is none yet. One server does."""
    distribution: Distribution
    """What runs it."""
    version: str
    """Version, such as `v1.34.2+rke2r1`."""
    address: str
    """The control plane's address."""
    token: str
    """The secret by which nodes join."""
    cloud_config: str
    """Kubeconfig for Harvester."""
    secret: str
    """Name of the Secret in which the cluster leaves its kubeconfig."""
    tls_sans: Sequence[str] = ()
    """Further names and addresses of the API."""
    kube_vip: KubeVip | None = field(default_factory=KubeVip)
    """How the address is announced; None where something else does, such as a LoadBalancer."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the node."""
    taints: Sequence[str] = ()
    """Taints of the node, as `key=value:Effect`."""
    config: Mapping[str, Json] = field(default_factory=dict)
    """Further entries of the configuration file: lists are continued, other values go before ours."""
    registries: Mapping[str, Json] = field(default_factory=dict)
    """Content of registries.yaml."""
    extra: UserData = field(default_factory=UserData)
    """What else the machine does: users, keys, packages."""

    def text(self) -> str:
        """The user data."""
        extra = self.extra
        commands = [*extra.runcmd, [_JOIN], self._install(), *self._start()]
        return UserData(
            **{
                **vars(extra),
                "guest_agent": True,
                "write_files": [*extra.write_files, *self._files()],
                "runcmd": commands,
            }
        ).text()

    def _unit(self) -> str:
        if self.distribution == "rke2":
            return f"rke2-{self.role}"
        return "k3s" if self.role == "server" else "k3s-agent"

    def _install(self) -> str:
        name = self.distribution.upper()
        kind = f"INSTALL_{name}_TYPE" if self.distribution == "rke2" else f"INSTALL_{name}_EXEC"
        skip = "" if self.distribution == "rke2" else f" INSTALL_{name}_SKIP_START=true"
        return f"curl -sfL https://get.{self.distribution}.io | INSTALL_{name}_VERSION={self.version} {kind}={self.role}{skip} sh -"

    def _start(self) -> list[Sequence[str]]:
        start: list[Sequence[str]] = [["systemctl", "enable", "--now", f"{self._unit()}.service"]]
        return [*start, ["systemctl", "enable", "--now", "harvester-publish.timer"]] if self.first else start

    def _files(self) -> list[File]:
        home = f"/etc/rancher/{self.distribution}"
        harvester = yaml.safe_load(self.cloud_config)
        server = dig_str(harvester, "clusters", 0, "cluster", "server")
        ca = base64.b64decode(dig_str(harvester, "clusters", 0, "cluster", "certificate-authority-data")).decode()
        files = [
            File(path=guest_charts.CLOUD_CONFIG, content=self.cloud_config, permissions="0600"),
            File(path=f"{_FOLDER}/ca.crt", content=ca),
            File(path=f"{_FOLDER}/authorization", permissions="0600",
                 content=f"Authorization: Bearer {dig_str(harvester, 'users', 0, 'user', 'token')}\n"),
            File(path=f"{_FOLDER}/secret-url", content=f"{server}/api/v1/namespaces/{self.namespace}/secrets/{self.secret}\n"),
            File(path=f"{home}/config.yaml", content=_yaml(self._config()), permissions="0600"),
            File(path=_JOIN, content=self._join(), permissions="0700"),
        ]  # fmt: skip
        if self.registries:
            files.append(File(path=f"{home}/registries.yaml", content=_yaml(self.registries), permissions="0600"))
        if self.first:
            files += self._publishing()
        return [*files, *self._manifests()] if self.role == "server" else files

    def _config(self) -> Object:
        ours: dict[str, Json] = {
            "token": self.token,
            "node-label": [f"{key}={value}" for key, value in self.labels.items()],
            "node-taint": list(self.taints),
        }
        if self.role == "server":
            ours |= {"tls-san": [self.address, *self.tls_sans], "write-kubeconfig-mode": "0600"}
        if self.distribution == "rke2":
            ours |= {"cloud-provider-name": "harvester", "cloud-provider-config": guest_charts.CLOUD_CONFIG}
        else:
            ours |= {key: value for key, value in guest_charts.K3S_CONFIG.items() if self.role == "server" or key == "kubelet-arg"}
        return dig_map(merged({key: value for key, value in ours.items() if value != []}, self.config))

    def _join(self) -> str:
        """The script that decides between starting and joining, and writes it into the configuration."""
        target = f"/etc/rancher/{self.distribution}/config.yaml.d/10-join.yaml"
        supervisor = f"https://{self.address}:{supervisor_port(self.distribution)}"
        start = "cluster-init: true" if self.distribution == "k3s" else "# the first server"
        begin = f"""\
until answer=$(curl -sf --max-time 10 --cacert {_FOLDER}/ca.crt -H @{_FOLDER}/authorization "$(cat {_FOLDER}/secret-url)"); do sleep 5; done
if ! printf %s "$answer" | grep -q '"{KUBECONFIG_KEY}":'; then
  echo '{start}' > {target}
  exit 0
fi
"""
        return f"""\
#!/bin/sh
# Starts the cluster where Harvester knows of none, and joins it otherwise.
set -eu
mkdir -p {target.rpartition("/")[0]}
[ ! -e {target} ] || exit 0
{begin if self.first else ""}until curl -skf --max-time 10 {supervisor}/cacerts > /dev/null; do sleep 5; done
echo 'server: {supervisor}' > {target}
"""

    def _publishing(self) -> list[File]:
        kubeconfig = f"/etc/rancher/{self.distribution}/{self.distribution}.yaml"
        script = f"""\
#!/bin/sh
# Leaves the kubeconfig in Harvester, again after each renewal of its certificates.
set -eu
[ -s {kubeconfig} ] || exit 0
curl -skf --max-time 10 https://{self.address}:6443/ping > /dev/null || [ $? -eq 22 ]
text=$(sed 's#https://127.0.0.1:6443#https://{self.address}:6443#' {kubeconfig} | base64 -w 0)
curl -sf --max-time 30 --cacert {_FOLDER}/ca.crt -H @{_FOLDER}/authorization -X PATCH \\
  -H 'Content-Type: application/merge-patch+json' -d "{{\\"data\\":{{\\"{KUBECONFIG_KEY}\\":\\"$text\\"}}}}" \\
  "$(cat {_FOLDER}/secret-url)" > /dev/null
"""
        service = f"[Unit]\nDescription=Leave the kubeconfig in Harvester\n[Service]\nType=oneshot\nExecStart={PUBLISHER}\n"
        timer = (
            "[Unit]\nDescription=Leave the kubeconfig in Harvester\n[Timer]\nOnBootSec=30s\nOnUnitInactiveSec=60s\n"
            "[Install]\nWantedBy=timers.target\n"
        )
        units = "/etc/systemd/system/harvester-publish"
        return [
            File(path=PUBLISHER, content=script, permissions="0700"),
            File(path=f"{units}.service", content=service),
            File(path=f"{units}.timer", content=timer),
        ]

    def _manifests(self) -> list[File]:
        folder = f"/var/lib/rancher/{self.distribution}/server/manifests"
        charts = guest_charts.for_rke2 if self.distribution == "rke2" else guest_charts.for_k3s
        found = {"harvester-charts": charts(self.cluster)}
        if self.kube_vip is not None:
            found["kube-vip"] = self.kube_vip.manifests(self.address)
        return [
            File(path=f"{folder}/{name}.yaml", content=yaml.safe_dump_all(objects, sort_keys=False), permissions="0600")
            for name, objects in found.items()
        ]


def _yaml(content: Mapping[str, Json]) -> str:
    return yaml.safe_dump(dict(content), sort_keys=False)
