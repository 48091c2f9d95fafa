"""Clusters of Rancher: what is refused, what Rancher is told and told again, and when a cluster is what was asked for."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, dig, dig_map, dig_str, dig_strings
from harvester_provider.core.plan import Await, Patch, Put, Remove
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Waiting
from harvester_provider.resources.rancher import pools
from harvester_provider.resources.rancher.cluster import KIND
from harvester_provider.resources.rancher.model import RancherClusterInputs, RancherMachinePool
from harvester_provider.resources.rancher.spec import operations, spec_of
from harvester_provider.resources.rancher.status import Settled, machines_of
from harvester_provider.resources.rancher.words import DEPLOYMENT, RELEASES, TEMPLATE

VERSION, NEXT = "v1.34.2+rke2r1", "v1.35.1+rke2r1"


def pool(name: str = "server", **more: Any) -> dict[str, Any]:
    return {
        "name": name, "disks": [{"image": "default/leap"}], "networks": ["default/red"], "sshUser": "opensuse", **more,
    }  # fmt: skip


def inputs(*workers: dict[str, Any], **more: Any) -> RancherClusterInputs:
    values = {"name": "dev", "owner": "shop/dev/dev", "kubernetesVersion": VERSION, "cloudCredential": "cattle-global-data:cc-a"}
    return RancherClusterInputs.model_validate({**values, "pools": [pool(), *workers], **more})


REF = KIND.ref(inputs())


def configs(given: RancherClusterInputs) -> dict[Ref, Object | None]:
    return {pools.config_ref(given, each): pools.configuration(given, each) for each in given.pools}


def cluster(given: RancherClusterInputs, **status: Json) -> Object:
    spec = spec_of(given)
    ready: list[Json] = [{"type": kind, "status": "True"} for kind in ("Updated", "Ready")]
    return {
        "metadata": {"name": "dev", "generation": 3},
        "spec": spec,
        "status": {"observedGeneration": 3, "clusterName": "c-m-1", "conditions": ready, **status},
    }


def machine(name: str, version: str = VERSION, phase: str = "Running", **status: Json) -> Object:
    return {"metadata": {"name": name}, "status": {"phase": phase, "nodeInfo": {"kubeletVersion": version}, **status}}


def settled(given: RancherClusterInputs, *machines: Object, **status: Json) -> Snapshot:
    """What Rancher shows once all is done, with these machines."""
    deployments, templates = [], []
    for each in given.pools:
        count = {"replicas": each.quantity, "updatedReplicas": each.quantity, "readyReplicas": each.quantity, "observedGeneration": 1}
        made_of: Object = {
            "metadata": {"labels": {"rke.cattle.io/rke-machine-pool-name": each.name}},
            "spec": {"infrastructureRef": {"name": f"t-{each.name}"}},
        }
        reference: Object = {"clusterName": "dev", "template": made_of, "replicas": each.quantity}
        deployments.append({"metadata": {"name": f"dev-{each.name}", "generation": 1}, "spec": reference, "status": count})
        made_from = {"rke.cattle.io/cloned-from-name": pools.config_ref(given, each).name}
        templates.append({"metadata": {"name": f"t-{each.name}", "annotations": made_from}})
    listings = {
        machines_of(REF): tuple(machines),
        Listing(DEPLOYMENT, REF.namespace): tuple(deployments),
        Listing(TEMPLATE, REF.namespace): tuple(templates),
    }
    return Snapshot({REF: cluster(given, **status)}, listings)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kubernetesVersion": "1.34"}, "none of RKE2 or K3s"),
        ({"cloudCredential": "cc-a"}, "no cloud credential"),
        ({"name": "c-ab1de"}, "takes no cluster called"),
        ({"name": "x"}, "2 to 63 characters"),
        ({"pools": [pool(roles=["etcd", "control-plane"])]}, "no machine is worker"),
        ({"pools": [pool(quantity=2)]}, "2 machines are etcd"),
        ({"pools": [pool(), pool(quantity=2)]}, "names must differ"),
        ({"pools": [pool(memory="1500Mi")]}, "no whole number of GiB"),
        ({"pools": [pool(networks=[])]}, "needs a network"),
        ({"pools": [pool(disks=[{"size": "10Gi"}])]}, "give `image`"),
        ({"pools": [pool(secureBoot=True)]}, "needs `efi`"),
        ({"pools": [pool(taints=["dedicated"])]}, "no taint"),
        ({"pools": [pool(quantity=5, autoscalingMax=3)]}, "not between"),
        ({"pools": [pool(autoscalingMin=1)]}, "needs both limits"),
    ],
)
def test_what_rancher_would_not_take_is_refused_before_it_is_asked(change: dict[str, Any], words: str) -> None:
    assert words in " ".join(str(problem) for problem in KIND.check(inputs(**change)))


def test_a_sound_cluster_is_not_refused() -> None:
    assert not KIND.check(inputs(pool("work", roles=["worker"], quantity=3, autoscalingMin=1, autoscalingMax=5)))


def test_the_cluster_names_its_configurations_and_its_cloud_provider() -> None:
    given = inputs(cloudConfig="secret", chartValues={"harvester-cloud-provider": {"replicaCount": 2}})
    seen = Snapshot(dict.fromkeys(configs(given)))
    puts = {step.ref.api.kind: step for step in KIND.create(given, seen).steps if isinstance(step, Put)}
    assert list(puts) == ["Secret", "HarvesterConfig", "Cluster"]
    rke = dig(puts["Cluster"].body, "spec", "rkeConfig")
    assert dig_str(rke, "machinePools", 0, "machineConfigRef", "name") == puts["HarvesterConfig"].ref.name
    assert dig(rke, "machineSelectorConfig", 0, "config", "cloud-provider-config") == "secret://fleet-default:dev-cloud-config"
    values = dig(rke, "chartValues", "harvester-cloud-provider")
    assert (dig(values, "clusterName"), dig(values, "replicaCount")) == ("dev", 2)
    fields = puts["HarvesterConfig"].body
    assert (fields["cpuCount"], fields["memorySize"]) == ("2", "4")
    assert json.loads(dig_str(fields, "diskInfo"))["disks"][0]["imageName"] == "default/leap"


def test_k3s_is_given_the_kubeconfig_as_a_file_and_the_charts_as_manifests() -> None:
    given = inputs(kubernetesVersion="v1.34.2+k3s1", cloudConfig="secret", config={"disable": ["traefik"], "cluster-cidr": "10.1.0.0/16"})
    rke = dig_map(spec_of(given), "rkeConfig")
    selected = dig_map(rke, "machineSelectorConfig", 0, "config")
    assert selected["disable"] == ["servicelb", "traefik"]
    assert (selected["disable-cloud-controller"], selected["kubelet-arg"]) == (True, ["cloud-provider=external"])
    source = dig_map(rke, "machineSelectorFiles", 0, "fileSources", 0, "secret")
    charts = {each["metadata"]["name"]: each["spec"] for each in yaml.safe_load_all(dig_str(rke, "additionalManifest"))}
    values = yaml.safe_load(charts["harvester-cloud-provider"]["valuesContent"])
    assert (values["cloudConfigPath"], values["global"]["cattle"]["clusterName"]) == (dig_str(source, "items", 0, "path"), "dev")
    secret = next(step for step in KIND.create(given, Snapshot({})).steps if isinstance(step, Put) and step.ref.api.kind == "Secret")
    assert (source["name"], dig_str(source, "items", 0, "key") in dig_map(secret.body, "data")) == (secret.ref.name, True)
    assert dig_strings(secret.body, "metadata", "annotations")["rke.cattle.io/object-authorized-for-clusters"] == "dev"
    assert "machineSelectorFiles" not in dig_map(spec_of(inputs(cloudConfig="secret")), "rkeConfig")


def test_another_shape_is_another_configuration_and_the_former_goes_when_the_machines_are_exchanged() -> None:
    old, new = inputs(), inputs(pools=[pool(memory="8Gi")])
    seen = Snapshot({REF: cluster(old), **configs(old), **dict.fromkeys(configs(new))})
    plan = KIND.update(old, new, seen)
    assert [type(step) for step in plan.steps] == [Put, Patch, Await, Remove]
    assert plan.steps[0].ref == next(iter(configs(new)))  # type: ignore[union-attr]
    assert plan.steps[3].ref == next(iter(configs(old)))  # type: ignore[union-attr]
    assert "the machines of pool server are exchanged" in plan.changes[0].why


@pytest.mark.parametrize(("version", "words"), [("v1.36.0+rke2r1", "one minor at a time"), ("v1.33.7+rke2r1", "does not go back")])
def test_a_version_that_is_no_next_step_is_refused(version: str, words: str) -> None:
    plan = KIND.update(inputs(), inputs(kubernetesVersion=version), Snapshot({REF: cluster(inputs()), **configs(inputs())}))
    assert [words in change.why for change in plan.refused] == [True]


def test_a_version_that_this_rancher_does_not_offer_is_refused_with_those_that_it_does() -> None:
    releases = {RELEASES["rke2"]: {"data": [{"version": VERSION}]}}
    assert VERSION in str(KIND.objections(inputs(kubernetesVersion=NEXT), Snapshot(releases))[0])
    plan = KIND.update(inputs(), inputs(kubernetesVersion=NEXT), Snapshot({REF: cluster(inputs()), **configs(inputs()), **releases}))
    assert plan.changes[0].effect is Effect.REFUSED


def test_what_others_write_into_the_spec_stays() -> None:
    old, new = inputs(pool("work", quantity=1)), inputs(pool("work", quantity=4))
    found = json.loads(json.dumps(cluster(old)))
    found["spec"]["rkeConfig"]["machinePools"][1]["dynamicSchemaSpec"] = "{}"
    found["spec"]["rkeConfig"]["etcd"] = {"snapshotRetention": 5}
    test, edit = operations(old, new, found)
    assert (test["path"], test["value"]) == ("/metadata/generation", 3)
    assert edit["path"] == "/spec/rkeConfig/machinePools"
    assert (dig(edit, "value", 1, "quantity"), dig(edit, "value", 1, "dynamicSchemaSpec")) == (4, "{}")


def test_files_that_ranchers_webhook_adds_stay() -> None:
    k3s = {"kubernetesVersion": "v1.34.2+k3s1", "cloudConfig": "secret"}
    old, new = inputs(**k3s), inputs(**k3s, config={"debug": True})
    found = json.loads(json.dumps(cluster(old)))
    theirs = {"fileSources": [{"secret": {"name": "dev-admission-configuration-psact"}}]}
    found["spec"]["rkeConfig"]["machineSelectorFiles"].append(theirs)
    paths = [edit["path"] for edit in operations(old, new, found)[1:]]
    assert "/spec/rkeConfig/machineSelectorFiles" not in paths
    assert "/spec/rkeConfig/machineGlobalConfig" in paths


def test_what_was_declared_and_is_no_more_goes() -> None:
    old, new = inputs(config={"cni": "calico", "debug": True}), inputs(config={"cni": "calico"})
    patch = operations(old, new, cluster(old))
    assert patch[1:] == [{"op": "add", "path": "/spec/rkeConfig/machineGlobalConfig", "value": {"cni": "calico"}}]


def test_the_number_that_the_autoscaler_chose_stays() -> None:
    scaled = {"autoscalingMin": 1, "autoscalingMax": 5}
    old, new = inputs(pool("work", quantity=1, **scaled)), inputs(pool("work", quantity=1, labels={"a": "b"}, **scaled))
    found = json.loads(json.dumps(cluster(old)))
    found["spec"]["rkeConfig"]["machinePools"][1]["quantity"] = 4
    assert dig(operations(old, new, found)[1], "value", 1, "quantity") == 4
    observed = KIND.observe(REF, old, Snapshot({REF: found, **configs(old)}))
    assert observed.pools[1].quantity == 1


SHAPES = st.fixed_dictionaries({
    "cpu": st.integers(1, 8),
    "memory": st.integers(1, 64).map(lambda size: f"{size}Gi"),
    "roles": st.lists(st.sampled_from(["worker", "etcd", "control-plane"]), min_size=1, unique=True),
    "efi": st.booleans(),
    "labels": st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")),
    "taints": st.lists(st.sampled_from(["a=b:NoSchedule", "c=:NoExecute"]), unique=True),
    "userData": st.none() | st.just("#cloud-config\n{}\n"),
    "affinity": st.just({}) | st.just({"nodeAffinity": {"x": [1]}}),
    "unhealthyNodeTimeout": st.none() | st.sampled_from(["5m", "300s", "90"]),
    "rollingUpdate": st.fixed_dictionaries({"maxSurge": st.sampled_from(["1", "25%"]), "maxUnavailable": st.sampled_from(["0", "1"])}),
})  # fmt: skip


@given(SHAPES)
def test_a_pool_is_read_as_it_was_written(shape: dict[str, Any]) -> None:
    given = inputs(pool("work", **shape))
    declared: RancherMachinePool = given.pools[1]
    assert pools.seen_pool(pools.entry_of(given, declared), pools.configuration(given, declared), declared) == declared


def test_a_cluster_shows_no_drift_of_what_it_was_told() -> None:
    given = inputs(pool("work"), config={"cni": "calico"}, upgradeStrategy={"workerConcurrency": "25%", "workerDrain": {"force": True}})
    assert KIND.observe(REF, given, Snapshot({REF: cluster(given), **configs(given)})) == given


def test_a_cluster_is_settled_when_its_machines_are_nodes_of_its_version_and_shape() -> None:
    given = inputs(pool("work", quantity=2))
    nodes = [machine(name) for name in "abc"]
    judge = Settled(REF)
    assert judge(settled(given, *nodes)) == Ready()
    waiting = {
        "c is Provisioned (waiting for agent)": settled(
            given, *nodes[:2], machine("c", "", "Provisioned", conditions=[{"type": "Ready", "message": "waiting for agent"}])
        ),
        "c is Running (draining worker node(s) c: draining node)": settled(
            given,
            *nodes[:2],
            machine(
                "c",
                "v1.33.7+rke2r1",
                v1beta2={
                    "conditions": [{"type": "Reconciled", "status": "Unknown", "message": "draining worker node(s) c:\n draining node"}],
                },
            ),
        ),
        "runs v1.33.7+rke2r1 and not": settled(given, *nodes[:2], machine("c", "v1.33.7+rke2r1")),
        "has not looked at the change yet": settled(given, *nodes, observedGeneration=2),
        "machines are being removed": settled(given, *nodes, machine("d")),
        "no peace": settled(given, *nodes, conditions=[{"type": "Updated", "status": "Unknown", "message": "no peace"}]),
    }
    for words, seen in waiting.items():
        verdict = judge(seen)
        assert isinstance(verdict, Waiting), words
        assert words in verdict.why


def test_of_many_machines_the_line_counts_and_each_unfinished_one_is_named_apart() -> None:
    given = inputs(pool("work", quantity=19))
    said: list[Json] = [{"type": "Ready", "status": "False", "message": "waiting for agent"}]
    busy = [machine(f"new{number:02}", "", "Provisioned", conditions=said) for number in range(5)]
    leaving = {"metadata": {"name": "old", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    verdict = Settled(REF)(settled(given, *(machine(f"m{number}") for number in range(14)), *busy, machine("z", "", ""), leaving))
    assert isinstance(verdict, Waiting)
    assert verdict.why == "14 of 20 machines are ready, 1 Pending, 5 Provisioned: new00 is Provisioned (waiting for agent)"
    assert verdict.parts == {
        **{f"new{number:02}": "Provisioned (waiting for agent)" for number in range(5)},
        "z": "Pending",
        "old": "Deleting",
    }


def test_a_pool_of_a_former_shape_is_not_settled_though_all_conditions_are_true() -> None:
    given, reshaped = inputs(), inputs(pools=[pool(memory="8Gi")])
    seen = settled(given, machine("a"))
    verdict = Settled(REF)(Snapshot({REF: cluster(reshaped)}, seen.listings))
    assert isinstance(verdict, Waiting)
    assert "not of its present shape" in verdict.why


def test_a_pool_that_scales_itself_is_settled_with_the_autoscalers_number() -> None:
    declared = inputs(pool("work", quantity=1, autoscalingMin=1, autoscalingMax=5))
    seen = settled(inputs(pool("work", quantity=3)), *(machine(name) for name in "abcd"))
    templates = seen.listings[Listing(TEMPLATE, REF.namespace)]
    assert templates
    assert Settled(REF)(Snapshot({REF: cluster(declared)}, seen.listings)) == Ready()


def test_another_kubeconfig_of_the_cloud_provider_is_written_in_place() -> None:
    old, new = inputs(cloudConfig="one"), inputs(cloudConfig="two")
    plan = KIND.update(old, new, Snapshot({REF: cluster(old), **configs(old)}))
    assert [(type(step), step.ref.api.kind) for step in plan.steps if isinstance(step, Put | Patch)] == [(Put, "Secret")]


def test_a_delete_says_which_machines_are_left() -> None:
    (remove, *_) = KIND.delete(inputs(), Snapshot({REF: cluster(inputs())})).steps
    assert isinstance(remove, Remove)
    assert remove.judge is not None
    said: list[Json] = [{"type": "Ready", "status": "False", "message": "Unauthorized"}]
    left = remove.judge(Snapshot({REF: cluster(inputs())}, {machines_of(REF): (machine("a", conditions=said),)}))
    assert isinstance(left, Waiting)
    assert (left.why, left.parts) == ("1 machines are left, 1 Deleting: a is Deleting (Unauthorized)", {"a": "Deleting (Unauthorized)"})
    assert remove.judge(Snapshot({REF: None}, {machines_of(REF): ()})) == Ready()


def test_a_machine_that_cannot_be_made_ends_the_wait_with_the_drivers_words() -> None:
    why = "Downloading driver\nError in driver during machine creation: exceeded quota: small"
    verdict = Settled(REF)(settled(inputs(), machine("a", "", "Failed", failureMessage=why)))
    assert isinstance(verdict, Failed)
    assert verdict.why == "machine a: Error in driver during machine creation: exceeded quota: small"
    assert "raise the quota" in verdict.next_step
