"""NestedCluster through Rancher: what its program registers, and what it refuses."""

from pathlib import Path

import pytest
from mocked_engine import SECRET_SIGNATURE, SIGNATURE_KEY, run

CLUSTER = """
pool = lambda n: harvester.NodePool(quantity=n, image="default/leap", networks=["default/red"], labels={{"tier": "work"}})
harvester.NestedCluster("guest", harvester.NestedClusterArgs(
    kubernetes_version="{version}", provisioner="rancher", servers=pool(1), namespace="lab", pools={pools}, tls_sans=["api.example.com"],
    rancher=harvester.RancherProvisioner(cluster="lab-rancher", cloud_credential="cattle-global-data:cc-a", ssh_user="opensuse"),
))
"""
ACCESS = {"guest": {"cloudConfig": "kubeconfig of the cloud provider"}}


def test_pools_become_pools_of_rancher_and_the_cloud_provider_gets_its_account(tmp_path: Path) -> None:
    found = run(tmp_path, CLUSTER.format(version="v1.34.2+rke2r1", pools="{'work': pool(2)}"), ACCESS)
    assert found.types["guest"].endswith(":RancherCluster")
    inputs = found.inputs["guest"]
    assert (inputs["cluster"], inputs["machineNamespace"], inputs["namespace"]) == ("lab-rancher", "lab", "fleet-default")
    assert inputs["config"] == {"tls-san": ["api.example.com"]}
    assert inputs["cloudConfig"] == {SIGNATURE_KEY: SECRET_SIGNATURE, "value": "kubeconfig of the cloud provider"}
    pools = {pool["name"]: pool for pool in inputs["pools"]["value"]}  # user data in it is a secret
    assert (pools["server"]["roles"], pools["work"]["roles"]) == (["control-plane", "etcd"], ["worker"])
    assert (pools["work"]["quantity"], pools["work"]["disks"]) == (2, [{"image": "default/leap", "size": "40Gi"}])


def test_what_rancher_alone_does_with_a_pool_is_handed_on(tmp_path: Path) -> None:
    care = """harvester.RancherPool(autoscaling_min=1, autoscaling_max=5, affinity={"nodeAffinity": {}}, drain_before_delete=True,
        rolling_update=harvester.RancherRollingUpdateArgs(max_surge="25%"))"""
    work = f'{{"work": harvester.NodePool(quantity=2, image="default/leap", networks=["default/red"], rancher={care})}}'
    found = run(tmp_path, CLUSTER.format(version="v1.34.2+rke2r1", pools=work), ACCESS).inputs["guest"]["pools"]["value"][1]
    assert (found["autoscalingMin"], found["autoscalingMax"], found["drainBeforeDelete"]) == (1, 5, True)
    assert (found["affinity"], found["rollingUpdate"]) == ({"nodeAffinity": {}}, {"maxSurge": "25%"})
    assert "unhealthyNodeTimeout" not in found


def test_servers_that_are_alone_are_workers_too_and_k3s_has_the_cloud_provider_as_well(tmp_path: Path) -> None:
    inputs = run(tmp_path, CLUSTER.format(version="v1.34.2+k3s1", pools="{}"), ACCESS).inputs["guest"]
    assert inputs["pools"]["value"][0]["roles"] == ["control-plane", "etcd", "worker"]
    assert inputs["cloudConfig"]["value"] == "kubeconfig of the cloud provider"


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ('provisioner="rancher"', "say which Rancher"),
        ('provisioner="cloud-init"', "address: missing"),
        ('provisioner="kubeadm"', "is not known"),
        (
            'address="10.0.0.1", pools={"a": harvester.NodePool(quantity=1, image="b", rancher=harvester.RancherPool())}',
            "pool a: rancher: nobody",
        ),
        (
            'provisioner="rancher", rancher=RANCHER, pools={"a": harvester.NodePool(quantity=1, image="b", machine_annotations={"x": "y"})}',
            "pool a: machine_annotations",
        ),
    ],
)
def test_what_is_missing_is_said_before_anything_is_made(tmp_path: Path, argument: str, words: str) -> None:
    program = f"""
RANCHER = harvester.RancherProvisioner(cluster="lab-rancher", cloud_credential="cattle-global-data:cc-a", ssh_user="opensuse")
harvester.NestedCluster("guest", harvester.NestedClusterArgs(
    kubernetes_version="v1.34.2+rke2r1", servers=harvester.NodePool(quantity=1, image="default/leap"), {argument},
))
"""
    with pytest.raises(RuntimeError, match=words):
        run(tmp_path, program)
