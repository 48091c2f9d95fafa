"""A guest cluster as `cluster.json` describes it: pools by name, each with its quantity and its machines' annotations."""

import json
from pathlib import Path
from typing import Any

import pulumi

import pulumi_harvester as harvester

config = pulumi.Config()
wanted: dict[str, Any] = json.loads(Path("cluster.json").read_text())
image = harvester.Image("image", namespace=wanted["namespace"], url=config.require("imageUrl"))


def pool(entry: dict[str, Any]) -> harvester.NodePool:
    """Small machines."""
    return harvester.NodePool(cpu=1, memory="256Mi", disk_size="1Gi", image=image.id, **entry)


cluster = harvester.NestedCluster(
    "guest",
    harvester.NestedClusterArgs(
        namespace=wanted["namespace"],
        kubernetes_version=wanted["version"],
        address="192.168.100.50",
        servers=pool({"quantity": wanted["servers"]}),
        pools={name: pool(entry) for name, entry in wanted["pools"].items()},
        join_timeout=wanted.get("joinTimeout", "60s"),
    ),
)
pulumi.export("kubeconfig", cluster.kubeconfig)
