"""The simulated Rancher: the machine that its node driver makes, the plans of agents, and what a pool's template is called."""

import json

from harvester_local.api.objects import Key, Obj
from harvester_local.model.guests import agent_plan
from harvester_local.model.node_driver import Order
from harvester_local.model.rancher import encoded, figure, plan, template_of, token_of

POOL = {"name": "work", "workerRole": True, "labels": {"tier": "work"}, "taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}]}
SERVER = {"name": "cp", "etcdRole": True, "controlPlaneRole": True}


def cluster(version: str = "v1.34.2+rke2r1") -> Obj:
    spec = {"kubernetesVersion": version, "rkeConfig": {"machinePools": [SERVER, POOL]}}
    return {"metadata": {"name": "dev", "namespace": "fleet-default"}, "spec": spec}


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
    secret = {"data": {"plan": encoded(plan(cluster("v1.34.2+k3s1"), machine("work"), init=False))}}
    found = agent_plan(secret)
    assert (found.distribution, found.version, found.role, found.first) == ("k3s", "v1.34.2+k3s1", "agent", False)
    assert (found.labels, found.taints) == ({"tier": "work"}, ("a=b:NoSchedule",))
    first = agent_plan({"data": {"plan": encoded(plan(cluster(), machine("cp"), init=True))}})
    assert (first.version, first.role, first.first) == ("v1.34.2+rke2r1", "server", True)


def test_another_configuration_is_another_template() -> None:
    names = {template_of(cluster(), POOL, {"metadata": {"name": "c"}, "cpuCount": count})["metadata"]["name"] for count in ("2", "4", "2")}
    assert len(names) == 2


def test_small_things_are_read_as_upstream_reads_them() -> None:
    assert [figure(value, 3, up=True) for value in (1, "1", "34%")] == [1, 1, 2]
    assert figure("34%", 3, up=False) == 1
    assert token_of("users: [{user: {token: abc}}]") == "abc"
    assert token_of("nothing") == ""
