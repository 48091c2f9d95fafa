"""NestedCluster without Rancher: what its program registers."""

import base64
from pathlib import Path

import yaml
from mocked_engine import run

CLUSTER = """
harvester.NestedCluster("guest", harvester.NestedClusterArgs(
    kubernetes_version="v1.34.2+k3s1", address="10.0.0.50", namespace="lab", config={"disable": ["traefik"]},
    servers=harvester.NodePool(quantity=3, image="default/leap", networks=["default/red"]),
    pools={"work": harvester.NodePool(quantity=1, image="default/leap")},
))
"""
CLOUD_CONFIG = yaml.safe_dump({
    "clusters": [{"cluster": {"server": "https://10.0.0.1:6443", "certificate-authority-data": base64.b64encode(b"CA").decode()}}],
    "users": [{"user": {"token": "bearer"}}],
})  # fmt: skip
ACCESS = {"guest": {"cloudConfig": CLOUD_CONFIG, "publishedIn": "guest-kubeconfig"}}


def test_machines_of_a_pool_would_rather_be_apart_and_say_whose_they_are(tmp_path: Path) -> None:
    machines = run(tmp_path, CLUSTER, ACCESS).machines
    assert sorted(machines) == ["guest-server-1", "guest-server-2", "guest-server-3", "guest-work-1"]
    for name, inputs in machines.items():
        marks = {"guestcluster.harvesterhci.io/name": "guest", "nodepool.harvesterhci.io/name": name.split("-")[1]}
        assert inputs["labels"] == marks
        assert inputs["vmAntiAffinity"] == [{"matchLabels": marks, "weight": 100}]


def test_entries_of_the_configuration_continue_those_that_keep_the_cloud_provider_running(tmp_path: Path) -> None:
    inputs = run(tmp_path, CLUSTER, ACCESS).machines["guest-server-2"]
    document = yaml.safe_load(inputs["cloudInit"]["value"]["userData"])
    (config,) = [yaml.safe_load(file["content"]) for file in document["write_files"] if file["path"] == "/etc/rancher/k3s/config.yaml"]
    assert config["disable"] == ["servicelb", "traefik"]
    assert config["tls-san"] == ["10.0.0.50"]
