"""Guest clusters of the simulated control plane: what is read from a machine's cloud-init data."""

import base64
import zlib
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st
from plane_objects import instance_of, machine

from harvester_local.api.objects import Obj
from harvester_local.model.guest_services import CloudAccess, balancer_name, balancer_of, cloud_access
from harvester_local.model.guests import decoded, node_object, node_plan, user_data_secret


def document(**files: str) -> str:
    written = [{"path": path, "content": content} for path, content in files.items()]
    run = [["/bin/true"], "curl -sfL https://get.k3s.io | INSTALL_K3S_VERSION=v1.34.2+k3s1 INSTALL_K3S_EXEC=server sh -"]
    return "#cloud-config\n" + yaml.safe_dump({"write_files": written, "runcmd": run})


def test_a_machine_that_installs_k3s_is_a_node_with_the_labels_of_its_configuration() -> None:
    config = yaml.safe_dump({"node-label": ["tier=work"], "node-taint": ["dedicated=db:NoSchedule"]})
    plan = node_plan(document(**{"/etc/rancher/k3s/config.yaml": config}))
    assert plan is not None
    assert (plan.distribution, plan.version, plan.role, plan.first) == ("k3s", "v1.34.2+k3s1", "server", False)
    found = node_object("a", plan)
    assert found["metadata"]["labels"]["tier"] == "work"
    assert "node-role.kubernetes.io/etcd" in found["metadata"]["labels"]
    assert found["spec"]["taints"] == [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]


def test_where_a_first_server_publishes_is_read_as_a_path_of_the_api() -> None:
    plan = node_plan(document(**{
        "/usr/local/sbin/harvester-publish-kubeconfig": "#!/bin/sh\n",
        "/etc/rancher/harvester/secret-url": "https://10.0.0.1:6443/api/v1/namespaces/a/secrets/b\n",
        "/etc/rancher/harvester/authorization": "Authorization: Bearer abc\n",
    }))  # fmt: skip
    assert plan is not None
    assert (plan.first, plan.publish_to, plan.authorization) == (True, "/api/v1/namespaces/a/secrets/b", "Bearer abc")


@given(st.text(max_size=80))
def test_other_machines_are_no_nodes(text: str) -> None:
    assert node_plan(text) is None


def test_the_secret_of_an_instance_is_found() -> None:
    drive = {"name": "cloud", "cloudInitNoCloud": {"secretRef": {"name": "data"}}}
    assert user_data_secret(instance_of(machine(volumes=[drive]))) == "data"
    assert user_data_secret(instance_of(machine())) == ""
    assert decoded({"data": {"userdata": base64.b64encode(b"x").decode()}}, "userdata") == "x"


HARVESTER = yaml.safe_dump({
    "clusters": [{"name": "h", "cluster": {"server": "https://10.0.0.1:6443"}}],
    "users": [{"name": "u", "user": {"token": "abc"}}],
    "contexts": [{"name": "c", "context": {"cluster": "h", "user": "u", "namespace": "lab"}}],
})  # fmt: skip


def chart(kind: str, **values: Any) -> Obj:
    return {"kind": kind, "metadata": {"name": "harvester-cloud-provider"}, "spec": {"valuesContent": yaml.safe_dump(values)}}


def test_a_cloud_provider_runs_where_its_kubeconfig_is_at_the_place_it_is_told() -> None:
    told = chart("HelmChart", cloudConfigPath="/etc/a", **{"global": {"cattle": {"clusterName": "dev"}}})
    assert cloud_access([told], {"/etc/a": HARVESTER}) == CloudAccess("abc", "lab", "dev")
    assert cloud_access([told], {"/etc/b": HARVESTER}) is None
    assert cloud_access([], {"/etc/a": HARVESTER}) is None
    assert cloud_access([told, chart("HelmChartConfig", cloudConfigPath="/etc/b")], {"/etc/b": HARVESTER}) == CloudAccess(
        "abc", "lab", "dev"
    )


def test_a_load_balancer_is_called_as_upstream_calls_it_and_says_whose_it_is() -> None:
    service = {"metadata": {"name": "web", "namespace": "shop", "uid": "1", "annotations": {"cloudprovider.harvesterhci.io/ipam": "dhcp"}}}
    made = balancer_of(CloudAccess("abc", "lab", "dev"), service)
    assert made["metadata"]["name"] == f"dev-shop-web-{zlib.crc32(b'dev-shop-web-1'):08x}"
    assert (made["metadata"]["namespace"], made["spec"]) == ("lab", {"ipam": "dhcp", "workloadType": "cluster"})
    assert made["metadata"]["annotations"]["loadbalancer.harvesterhci.io/cluster"] == "dev"
    assert made["metadata"]["labels"]["cloudprovider.harvesterhci.io/serviceName"] == "web"
    assert balancer_name("1dev", service).startswith("a1dev-shop-web-")
    assert len(balancer_name("d" * 80, service)) == 63
