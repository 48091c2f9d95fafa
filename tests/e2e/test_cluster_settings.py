"""Settings that must fit the cluster as it is: what its webhook refuses, a preview refuses with the reason."""

import json
import uuid
from collections.abc import AsyncIterator

import pytest
from kubernetes.client.rest import ApiException
from target import Target
from workshop import Workshop

from harvester_provider.engine.reporter import Silent
from harvester_provider.frontends.calls import Calls
from harvester_provider.resources.provider import ProviderSettings

NETWORK = {"vlan": 9, "clusterNetwork": "mgmt", "range": "10.9.0.0/24"}
CASES = {
    "storage-network": (NETWORK, "all machines are off: stop", "Please stop all VMs"),
    "vm-migration-network": (
        {**NETWORK, "range": "10.9.0.0/30"},
        "has 2 addresses, and this cluster needs",
        "allocatable IP address range",
    ),
    "http-proxy": ({"httpProxy": "http://10.0.0.1:3128", "noProxy": "localhost"}, "are missing", "are not covered"),
    "volume-snapshot-class": ("none-such", "there is no VolumeSnapshotClass none-such", "not found"),
}


@pytest.fixture
async def shop(target: Target) -> AsyncIterator[Workshop]:
    """With a machine that runs."""
    async with Workshop.on(target, f"{target.namespace}-{uuid.uuid4().hex[:4]}") as found:
        vm = await found.make("VirtualMachine", "vm", memory="256Mi", disks=[{"name": "root", "size": "1Gi", "onDelete": "delete"}])
        yield found
        await vm.destroy()


@pytest.mark.usefixtures("shop")
async def test_what_the_cluster_refuses_of_a_setting_is_refused_by_the_first_preview(target: Target) -> None:
    calls = Calls(ProviderSettings(kubeconfig=target.kubeconfig, endpoint=target.endpoint or None))
    try:
        for name, (value, said, upstream) in CASES.items():
            text = value if isinstance(value, str) else json.dumps(value)
            with pytest.raises(ApiException) as refusal:
                target.custom.patch_cluster_custom_object("harvesterhci.io", "v1beta1", "settings", name, {"value": text})
            assert upstream in str(refusal.value.body)
            found = await calls.check("Setting", {}, {"name": name, "owner": "shop/dev/setting", "value": text}, Silent())
            assert said in str(found.problems)
    finally:
        await calls.close()
