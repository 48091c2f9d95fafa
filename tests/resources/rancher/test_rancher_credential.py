"""Cloud credentials of Rancher: a token once, and no delete under a cluster."""

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Object
from harvester_provider.core.plan import Patch, Put
from harvester_provider.core.ref import Listing
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import SECRET
from harvester_provider.resources.kubeconfig import with_token
from harvester_provider.resources.rancher.credential import KIND, RancherCloudCredentialInputs
from harvester_provider.resources.rancher.words import CLUSTER, CREDENTIALS
from harvester_provider.resources.secret import encoded, text_in


def inputs(token: str = "kubeconfig-user-a:1", name: str = "lab") -> RancherCloudCredentialInputs:
    return RancherCloudCredentialInputs.model_validate(
        {"name": name, "owner": "shop/dev/lab", "kubeconfig": with_token("https://h", token)}
    )


def stored(given: RancherCloudCredentialInputs) -> Object:
    step = KIND.create(given, Snapshot()).steps[0]
    assert isinstance(step, Put)
    return step.body


def seen(*others: Object, clusters: tuple[Object, ...] = ()) -> Snapshot:
    own = stored(inputs())
    return Snapshot({KIND.ref(inputs()): own}, {Listing(SECRET, CREDENTIALS): (own, *others), Listing(CLUSTER): clusters})


def test_it_is_the_secret_that_rancher_looks_for() -> None:
    body = stored(inputs())
    assert KIND.ref(inputs()).id == "cattle-global-data/cc-lab"
    assert text_in(body, "harvestercredentialConfig-kubeconfigContent") == inputs().kubeconfig
    assert KIND.outputs(inputs(), seen()) == {"credential": "cattle-global-data:cc-lab"}
    assert KIND.observe(KIND.ref(inputs()), inputs(), seen()) == inputs()


def test_a_kubeconfig_without_a_token_is_refused_without_being_repeated() -> None:
    problems = KIND.check(inputs().updated(kubeconfig="clusters: [{hidden: 1}]\n"))
    assert "no bearer token" in str(problems[0])
    assert "hidden" not in str(problems[0])


def test_a_token_that_another_credential_uses_is_refused_at_create_and_at_rotation() -> None:
    other = stored(inputs("kubeconfig-user-b:2", "other"))
    assert KIND.objections(inputs(), seen(other)) == ()
    assert "cc-other" in str(KIND.objections(inputs("kubeconfig-user-b:3"), seen(other))[0])
    plan = KIND.update(inputs(), inputs("kubeconfig-user-b:3"), seen(other))
    assert [change.effect for change in plan.changes] == [Effect.REFUSED]


def test_a_rotation_changes_the_secret_in_place() -> None:
    plan = KIND.update(inputs(), inputs("kubeconfig-user-c:9"), seen())
    (patch,) = plan.steps
    assert isinstance(patch, Patch)
    assert isinstance(patch.body, dict)
    assert patch.body["data"] == encoded({
        "harvestercredentialConfig-kubeconfigContent": inputs("kubeconfig-user-c:9").kubeconfig,
        "harvestercredentialConfig-clusterType": "external",
        "harvestercredentialConfig-clusterId": "",
    })  # fmt: skip
    assert not plan.replaces


def test_it_is_not_deleted_while_a_cluster_or_a_pool_of_one_uses_it() -> None:
    by_cluster: Object = {"metadata": {"name": "one"}, "spec": {"cloudCredentialSecretName": "cattle-global-data:cc-lab"}}
    entry: Object = {"machinePools": [{"cloudCredentialSecretName": "cattle-global-data:cc-lab"}]}
    by_pool: Object = {"metadata": {"name": "two"}, "spec": {"rkeConfig": entry}}
    plan = KIND.delete(inputs(), seen(clusters=(by_cluster, by_pool)))
    assert "one, two" in plan.refused[0].why
    assert not plan.steps
    assert KIND.delete(inputs(), seen()).steps
