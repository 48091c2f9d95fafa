"""Command lines of the control plane's programs, and the file that tells the plane process where everything is.

The one place that knows flags. It starts nothing and writes nothing but that file's content.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harvester_local.layout import Layout
from harvester_local.pki import Pki
from harvester_local.ports import LOOPBACK
from harvester_local.settings import Settings

TOOLS = ("etcd", "kube-apiserver", "kube-controller-manager")
"""The programs that are not part of this package."""

CONTROLLERS = (
    "garbage-collector-controller",
    "namespace-controller",
    "persistentvolumeclaim-protection-controller",
    "persistentvolume-protection-controller",
    "resourcequota-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "clusterrole-aggregation-controller",
)
"""The controllers of kube-controller-manager that a Harvester API is not true without, and that need no kubelet."""

BOOTSTRAP_PASSWORD = "admin"  # noqa: S105  Harvester's own first password, to be changed at the first login


def etcd(program: Path, layout: Layout, ports: Mapping[str, int]) -> list[str]:
    """A single member. It does not wait for the disk: data that a power cut may take is worth no second per write here."""
    client, peer = (f"http://{LOOPBACK}:{ports[name]}" for name in ("etcd", "etcd-peer"))
    return [
        str(program),
        "--name=local",
        f"--data-dir={layout.data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=local={peer}",
        "--unsafe-no-fsync",
        "--quota-backend-bytes=4294967296",
        "--auto-compaction-retention=10m",
        "--log-level=warn",
    ]


def apiserver(program: Path, pki: Pki, ports: Mapping[str, int]) -> list[str]:
    """TLS, client certificates, tokens and RBAC, on a loopback port; nothing that needs a kubelet."""
    return [
        str(program),
        f"--etcd-servers=http://{LOOPBACK}:{ports['etcd']}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        f"--secure-port={ports['apiserver']}",
        f"--tls-cert-file={pki.serving}",
        f"--tls-private-key-file={pki.serving_key}",
        f"--client-ca-file={pki.ca}",
        f"--token-auth-file={pki.tokens_file}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki.accounts_key}",
        f"--service-account-signing-key-file={pki.accounts_key}",
        "--service-cluster-ip-range=10.53.0.0/16",  # Harvester's own range
        # new nodes would be tainted as not ready, which only a node life cycle controller takes away
        "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
        "--endpoint-reconciler-type=none",
        "--allow-privileged=true",
        "--profiling=false",
    ]


def controller_manager(program: Path, layout: Layout, pki: Pki, ports: Mapping[str, int]) -> list[str]:
    """Garbage collection, namespaces, protection of volumes, quotas and service accounts."""
    return [
        str(program),
        f"--kubeconfig={layout.direct}",
        f"--controllers={','.join(CONTROLLERS)}",
        f"--service-account-private-key-file={pki.accounts_key}",
        f"--root-ca-file={pki.ca}",
        "--leader-elect=false",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={ports['controllers']}",
        f"--tls-cert-file={pki.serving}",
        f"--tls-private-key-file={pki.serving_key}",
        "--profiling=false",
    ]


@dataclass(frozen=True)
class PlaneOrder:
    """What the plane is started with, certificates and ports left out."""

    layout: Layout
    settings: Settings
    crds: str | None
    apiserver_program: Path
    """kube-apiserver, for the guest clusters."""


def plane_config(order: PlaneOrder, pki: Pki, ports: Mapping[str, int]) -> bytes:
    """Content of plane.json, all that the plane process is told."""
    layout = order.layout
    config = {
        "apiserver": f"https://{LOOPBACK}:{ports['apiserver']}",
        "ca": str(pki.ca),
        "ca_key": str(pki.ca_key),
        "client_cert": str(pki.client),
        "client_key": str(pki.client_key),
        "front_port": ports["front"],
        "images_port": ports["images"],
        "webhook_port": ports["webhook"],
        "serving_cert": str(pki.serving),
        "serving_key": str(pki.serving_key),
        "admin_token": pki.tokens()["admin"],
        "kubeconfig": str(layout.kubeconfig),
        "settings": order.settings.to_json(),
        "crds": order.crds,
        "apiserver_program": str(order.apiserver_program),
        "etcd_port": ports["etcd"],
        "work": str(layout.work),
        "ready": str(layout.ready),
        "bootstrap_password": BOOTSTRAP_PASSWORD,
    }
    return json.dumps(config, indent=2).encode()
