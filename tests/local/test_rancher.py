"""The simulated Rancher: the machine that its node driver makes, the plans of agents, and what a pool's template is called."""

import base64
import json
from typing import Any

import pytest
import yaml

from harvester_local.api.objects import Key, Obj
from harvester_local.model.guests import agent_plan
from harvester_local.model.node_driver import Order
from harvester_local.model.rancher import autoscaling, encoded, figure, template_of, token_of
from harvester_local.model.rancher_plans import SecretOf, drain_hash, plan

POOL = {"name": "work", "workerRole": True, "labels": {"tier": "work"}, "taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}]}
SERVER = {"name": "cp", "etcdRole": True, "controlPlaneRole": True}


def cluster(version: str = "v1.34.2+rke2r1", **rke: Any) -> Obj:
    spec = {"kubernetesVersion": version, "rkeConfig": {"machinePools": [SERVER, POOL], **rke}}
    return {"metadata": {"name": "dev", "namespace": "fleet-default"}, "spec": spec, "status": {"clusterName": "c-m-1"}}


def nothing(_: str) -> None:
    """Knows no Secret."""


def files(found: Obj, pool: str = "cp", secret_of: SecretOf = nothing) -> dict[str, str]:
    """The files that the planner gives a machine of a pool."""
    document = json.loads(plan(found, machine(pool), secret_of, init=False))
    return {file["path"]: base64.b64decode(file["content"]).decode() for file in document["files"]}


def machine(pool: str) -> Obj:
    labels = {"rke.cattle.io/rke-machine-pool-name": pool}
    return {"metadata": {"name": f"dev-{pool}-abcde-fghij", "namespace": "fleet-default", "labels": labels}}


def test_the_drivers_machine_bears_upstreams_labels_and_the_disks_of_its_configuration() -> None:
    disks = {"disks": [{"imageName": "default/leap", "size": 20, "bootOrder": 1}, {"storageClassName": "fast", "size": 5}]}
    config = {"vmNamespace": "lab", "cpuCount": "4", "memorySize": "8", "diskInfo": json.dumps(disks), "networkName": "default/red"}
    made = Order("dev-work-abcde-fghij", "dev", config).machine({Key("default", "leap"): "longhorn-leap"})
    assert made["metadata"]["labels"] == {
        "harvesterhci.io/creator": "docker-machine-driver-harvester",
        "harvesterhci.io/machineSetName": "lab-dev-work",
        "guestcluster.harvesterhci.io/name": "dev",
        "nodepool.harvesterhci.io/name": "work-abcde",
    }
    claims = json.loads(made["metadata"]["annotations"]["harvesterhci.io/volumeClaimTemplates"])
    assert [claim["spec"]["storageClassName"] for claim in claims] == ["longhorn-leap", "fast"]
    assert made["spec"]["template"]["spec"]["domain"]["resources"]["limits"] == {"cpu": "4", "memory": "8Gi"}


def test_an_agent_reads_what_rancher_planned() -> None:
    secret = {"data": {"plan": encoded(plan(cluster("v1.34.2+k3s1"), machine("work"), nothing, init=False))}}
    found = agent_plan(secret)
    assert (found.distribution, found.version, found.role, found.first) == ("k3s", "v1.34.2+k3s1", "agent", False)
    assert (found.labels, found.taints) == ({"tier": "work"}, ("a=b:NoSchedule",))
    first = agent_plan({"data": {"plan": encoded(plan(cluster(), machine("cp"), nothing, init=True))}})
    assert (first.version, first.role, first.first) == ("v1.34.2+rke2r1", "server", True)


def test_another_configuration_is_another_template() -> None:
    names = {template_of(cluster(), POOL, {"metadata": {"name": "c"}, "cpuCount": count})["metadata"]["name"] for count in ("2", "4", "2")}
    assert len(names) == 2


def test_small_things_are_read_as_upstream_reads_them() -> None:
    assert [figure(value, 3, up=True) for value in (1, "1", "34%")] == [1, 1, 2]
    assert figure("34%", 3, up=False) == 1
    assert token_of("users: [{user: {token: abc}}]") == "abc"
    assert token_of("nothing") == ""


def test_the_planner_writes_registries_chart_values_and_the_kubeconfig_of_the_cloud_provider_on_the_nodes() -> None:
    source = {"config": {"cloud-provider-config": "secret://fleet-default:dev-cloud-config", "cloud-provider-name": "harvester"}}
    mirrors = {"docker.io": {"endpoint": ["https://mirror.example.org"]}}
    found = cluster(
        chartValues={"rke2-calico": {"a": 1}}, machineSelectorConfig=[source], registries={"mirrors": mirrors},
        machineGlobalConfig={"cni": "calico"}, additionalManifest="kind: ConfigMap",
    )  # fmt: skip
    marks = {"v2prov-secret-authorized-for-cluster": "dev"}
    secret = {"metadata": {"annotations": marks}, "data": {"credential": encoded("kubeconfig")}}
    server, worker = files(found, "cp", lambda _: secret), files(found, "work", lambda _: secret)
    config = json.loads(server["/etc/rancher/rke2/config.yaml.d/50-rancher.yaml"])
    assert (config["cni"], server[config["cloud-provider-config"]]) == ("calico", "kubeconfig")
    assert json.loads(worker["/etc/rancher/rke2/registries.yaml"])["mirrors"] == mirrors
    folder = "/var/lib/rancher/rke2/server/manifests/rancher"
    values = yaml.safe_load(server[f"{folder}/managed-chart-config.yaml"])
    assert (values["kind"], values["metadata"]["name"]) == ("HelmChartConfig", "rke2-calico")
    assert json.loads(values["spec"]["valuesContent"]) == {"a": 1, "global": {"cattle": {"clusterId": "c-m-1"}}}
    assert server[f"{folder}/addons.yaml"] == "kind: ConfigMap"
    assert not any(path.startswith(folder) for path in worker)
    with pytest.raises(ValueError, match="not authorized to access secret dev-cloud-config"):
        files(found, "cp", lambda _: {"metadata": {}})


def test_nodes_are_restarted_for_their_configuration_and_not_for_manifests() -> None:
    def digest(**rke: Any) -> str:
        return drain_hash(plan(cluster(**rke), machine("cp"), nothing, init=False))

    assert digest(chartValues={"a": {}}) == digest(chartValues={"a": {"b": 1}}) == digest(additionalManifest="x")
    assert len({digest(), digest(machineGlobalConfig={"cni": "calico"}), digest(registries={"mirrors": {"a": {}}})}) == 3
    assert digest() != drain_hash(plan(cluster("v1.35.1+rke2r1"), machine("cp"), nothing, init=False))


def test_the_autoscalers_limits_are_on_the_deployment_under_upstreams_names() -> None:
    assert autoscaling({"autoscalingMinSize": 1, "autoscalingMaxSize": 5}) == {
        "cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size": "1",
        "cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size": "5",
    }
    assert autoscaling({}) == {}
