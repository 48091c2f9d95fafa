"""A cluster with KubeVirt and without Harvester, simulated, for the cases of such clusters."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from target import Target, connect, given_cluster

from harvester_local.cluster import LocalHarvester
from harvester_local.settings import Settings
from harvester_provider.resources.apis import DATA_VOLUME

DV = (DATA_VOLUME.group, DATA_VOLUME.version, DATA_VOLUME.plural)
LOCAL_PATH: dict[str, Any] = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "local-path"},
    "provisioner": "rancher.io/local-path",
    "volumeBindingMode": "WaitForFirstConsumer",
    "reclaimPolicy": "Delete",
}
"""The class that the Local Path Provisioner's manifest brings: no default one, and its volumes do not grow."""


@contextmanager
def plain_cluster(config: pytest.Config, folder: Path, image_url: str = "") -> Iterator[Target]:
    """A Kubernetes without Harvester's kinds. Its settings name no endpoint: there is nothing but the Kubernetes API."""
    if config.getoption("--kubeconfig"):
        pytest.skip("a plain Kubernetes is simulated; the cluster of the run is a Harvester")
    with LocalHarvester(Settings(flavor="kubevirt"), folder=folder) as local, connect(local.kubeconfig_text) as api:
        yield Target(local.kubeconfig_text, "", image_url, "default", api, local)


@contextmanager
def kubevirt_cluster(config: pytest.Config, folder: Path, image_url: str) -> Iterator[Target]:
    """A cluster with KubeVirt, CDI and a default storage class: that of the run where it is one (`--plain`), else a simulated one."""
    given = (
        given_cluster(Path(config.getoption("--kubeconfig")), image_url, endpoint="", endpoint_ca="")
        if config.getoption("--plain")
        else None
    )
    with given or plain_cluster(config, folder, image_url) as found:
        if not found.storage.list_storage_class().items:
            default = {"storageclass.kubernetes.io/is-default-class": "true"}
            found.storage.create_storage_class({**LOCAL_PATH, "metadata": {**LOCAL_PATH["metadata"], "annotations": default}})
        yield found
