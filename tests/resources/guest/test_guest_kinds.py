"""The kinds around a guest cluster: its access, its kubeconfig, and nodes that join and leave in order."""

import base64
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object
from harvester_provider.core.kind import Kind
from harvester_provider.core.plan import Await, Call, Patch, Plan, Put, Remove
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Waiting
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import LOAD_BALANCER, NODE, PERSISTENT_VOLUME_CLAIM, POD, SECRET, VIP, VIRTUAL_MACHINE
from harvester_provider.resources.guest import access, kubeconfig, leftovers, node

OWNER = "demo/dev/guest"
ACCESS = access.GuestAccessInputs.model_validate({"name": "dev", "namespace": "guests", "join_token": "x" * 20, "owner": OWNER})


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def access_snapshot(*missing: str) -> Snapshot:
    """All objects of the access but those whose kinds are named."""
    ref = access.KIND.ref(ACCESS)
    puts = [step for step in access.KIND.create(ACCESS, Snapshot()).steps if isinstance(step, Put)]
    found: dict[Ref, Object | None] = {put.ref: None if put.ref.api.kind in missing else put.body for put in puts}
    token = Ref(SECRET, "dev-token", "guests")
    if found[token]:
        found[token] = {"data": {"token": encoded("bearer"), "ca.crt": encoded("CA")}}
    around: dict[Listing, tuple[Object, ...]] = {want: () for want in leftovers.wants(ref) if isinstance(want, Listing)}
    return Snapshot({**found, VIP: {"data": {"ip": "10.0.0.1"}}, ref: found[ref]}, around)


@pytest.mark.parametrize(("kind", "lacks"), [(node.KIND, ["cluster", "machineUid"]), (kubeconfig.KIND, ["machine"])])
def test_what_an_import_cannot_read_is_missing_at_the_next_preview(kind: Kind[Any], lacks: list[str]) -> None:
    ref = Ref(kind.api, "one", "guests" if kind.api.namespaced else "")
    found = kind.observe(ref, None, Snapshot({ref: {"metadata": {"name": ref.name, "namespace": ref.namespace}}}))
    problems = verbs.check(kind, found.wire()).problems
    assert [(problem.property, problem.reason) for problem in problems] == [(name, "missing: this input is required") for name in lacks]


def test_every_object_of_an_access_carries_its_owner_and_the_account_comes_first() -> None:
    puts = [step for step in access.KIND.create(ACCESS, Snapshot()).steps if isinstance(step, Put)]
    assert puts[0].ref == access.KIND.ref(ACCESS)
    for put in puts:
        assert put.body["metadata"]["annotations"]["harvester.pulumi.com/owner"] == OWNER  # type: ignore[index,call-overload]


def test_the_account_may_write_one_secret_and_what_the_cloud_provider_needs() -> None:
    puts = {
        step.ref.api.kind + "/" + step.ref.name: step.body for step in access.KIND.create(ACCESS, Snapshot()).steps if isinstance(step, Put)
    }
    assert puts["Role/dev-publish"]["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["dev-kubeconfig"], "verbs": ["get", "patch"]}
    ]
    assert puts["RoleBinding/dev"]["roleRef"]["name"] == "harvesterhci.io:cloudprovider"  # type: ignore[index,call-overload]
    assert puts["ClusterRoleBinding/guests-dev"]["roleRef"]["name"] == "harvesterhci.io:csi-driver"  # type: ignore[index,call-overload]


def test_an_access_that_was_cut_off_is_completed() -> None:
    plan = access.KIND.update(ACCESS, ACCESS, access_snapshot("Role", "RoleBinding"))
    assert [step.ref.api.kind for step in plan.steps if isinstance(step, Put)] == ["Role", "RoleBinding", "RoleBinding"]
    assert not access.KIND.update(ACCESS, ACCESS, access_snapshot()).steps


def test_the_cloud_config_leads_to_the_virtual_address_with_the_accounts_token() -> None:
    outputs = access.KIND.outputs(ACCESS, access_snapshot())
    found = yaml.safe_load(str(outputs["cloudConfig"]))
    assert (found["clusters"][0]["cluster"]["server"], found["users"][0]["user"]["token"]) == ("https://10.0.0.1:6443", "bearer")
    assert outputs["publishedIn"] == "dev-kubeconfig"


def test_the_rights_go_before_the_account() -> None:
    removed = [step.ref.api.kind for step in access.KIND.delete(ACCESS, access_snapshot()).steps if isinstance(step, Remove)]
    assert removed[-1] == "ServiceAccount"
    assert len(removed) == 7


def test_an_access_without_a_join_token_publishes_nothing() -> None:
    plain = ACCESS.updated(join_token=None)
    made = [step.ref.api.kind for step in access.KIND.create(plain, Snapshot()).steps if isinstance(step, Put)]
    assert made == ["ServiceAccount", "Secret", "RoleBinding", "ClusterRoleBinding"]
    assert "publishedIn" not in access.KIND.outputs(plain, access_snapshot())


def test_the_account_stays_until_the_last_machine_of_its_cluster_has_gone() -> None:
    wait = access.KIND.delete(ACCESS, access_snapshot()).steps[0]
    assert isinstance(wait, Await)
    machines = wait.wants[0]
    assert isinstance(machines, Listing)
    assert (machines.namespace, machines.labels) == ("guests", (("guestcluster.harvesterhci.io/name", "dev"),))
    left = wait.judge(Snapshot({}, {machines: ({"metadata": {"name": "dev-w1"}},)}))
    assert isinstance(left, Waiting)
    assert "dev-w1" in left.why
    assert wait.judge(Snapshot({}, {machines: ()})) == Ready()


def test_what_the_cloud_provider_left_is_said() -> None:
    def named(name: str, **annotations: str) -> Object:
        return {"metadata": {"name": name, "annotations": annotations}}

    seen = access_snapshot()
    balancers = (named("lb-dev", **{"loadbalancer.harvesterhci.io/cluster": "dev"}), named("other"))
    claims = (named("pvc-1234"), named("my-data"))
    around = {**seen.listings, Listing(LOAD_BALANCER, "guests"): balancers, Listing(PERSISTENT_VOLUME_CLAIM, "guests"): claims}
    notes = " ".join(access.KIND.delete(ACCESS, Snapshot(seen.objects, around)).notes)
    assert "lb-dev" in notes
    assert "pvc-1234" in notes
    assert "other:" not in notes
    assert "my-data" not in notes


@given(st.text(max_size=40))
def test_a_token_that_nodes_could_not_use_is_refused_without_being_repeated(token: str) -> None:
    problems = access.KIND.check(ACCESS.updated(join_token=token))
    sound = len(token) >= 16 and ":" not in token and not any(letter.isspace() for letter in token)
    assert bool(problems) != sound
    assert all(token not in problem.reason for problem in problems if len(token) > 16)


STEPS = [
    ("v1.34.2+rke2r1", "v1.34.9+rke2r1", ""),
    ("v1.34.2+rke2r1", "v1.35.0+rke2r3", ""),
    ("v1.34.2+rke2r1", "v1.36.0+rke2r1", "go to a v1.35 first"),
    ("v1.34.2+rke2r1", "v1.33.9+rke2r1", "does not go back"),
    ("v1.34.2+rke2r1", "v1.34.1+rke2r1", "does not go back"),
    ("v1.34.2+rke2r1", "v1.34.2+k3s1", "make another cluster"),
]


@pytest.mark.parametrize(("old", "new", "why"), STEPS)
def test_a_version_that_cannot_follow_is_refused_at_preview(old: str, new: str, why: str) -> None:
    plan = access.KIND.update(ACCESS.updated(kubernetes_version=old), ACCESS.updated(kubernetes_version=new), access_snapshot())
    assert [why in change.why for change in plan.refused] == ([True] if why else [])


# The kubeconfig -----------------------------------------------------------------------------------------------------

KUBE = kubeconfig.GuestKubeconfigInputs.model_validate({"name": "dev-kubeconfig", "namespace": "guests", "machine": "dev-server-1"})
SECRET_REF, MACHINE = Ref(SECRET, "dev-kubeconfig", "guests"), Ref(VIRTUAL_MACHINE, "dev-server-1", "guests")
TEXT = yaml.safe_dump({"clusters": [{"cluster": {"server": "https://10.0.0.50:6443"}}]})


def published(text: str, machine: Object | None) -> Any:
    secret: Object = {"data": {"kubeconfig": encoded(text)}} if text else {}
    return kubeconfig.Published(SECRET_REF, MACHINE)(Snapshot({SECRET_REF: secret, MACHINE: machine}))


def test_the_kubeconfig_is_there_when_the_guest_has_published_it() -> None:
    assert published(TEXT, {}) == Ready()
    assert published("", {"status": {"printableStatus": "ErrorUnschedulable"}}) == Waiting(
        "VirtualMachine guests/dev-server-1 is ErrorUnschedulable and has not published it yet"
    )
    assert isinstance(published("", None), Failed)
    seen = Snapshot({SECRET_REF: {"data": {"kubeconfig": encoded(TEXT)}}})
    assert kubeconfig.KIND.outputs(KUBE, seen) == {"kubeconfig": TEXT, "server": "https://10.0.0.50:6443"}


def test_an_import_lacks_what_the_secret_does_not_tell() -> None:
    read = kubeconfig.KIND.observe(SECRET_REF, None, Snapshot({SECRET_REF: {}}))
    assert "machine" not in read.wire()


def test_the_published_secret_is_never_deleted_by_who_reads_it() -> None:
    assert kubeconfig.KIND.delete(KUBE, Snapshot({SECRET_REF: {}})) == Plan()


# Nodes --------------------------------------------------------------------------------------------------------------

VERSION = "v1.34.2+rke2r1"


def server(name: str = "s1", **values: Any) -> node.GuestNodeInputs:
    plain = {
        "name": name,
        "cluster": "kind: Config\n",
        "machine_uid": "u1",
        "role": "server",
        "kubernetes_version": VERSION,
        "owner": OWNER,
    }
    return node.GuestNodeInputs.model_validate({**plain, **values})


def node_object(name: str, *, ready: bool = True, version: str = VERSION, etcd: bool = True, **annotations: str) -> Object:
    labels = {"node-role.kubernetes.io/etcd": "true"} if etcd else {}
    status = {"conditions": [{"type": "Ready", "status": str(ready)}], "nodeInfo": {"kubeletVersion": version}}
    return {"metadata": {"name": name, "labels": labels, "annotations": annotations}, "status": status}


def seen_nodes(*nodes: Object, pods: tuple[Object, ...] = ()) -> Snapshot:
    objects: dict[Ref, Object | None] = {Ref(NODE, "s1"): None}
    objects |= {Ref(NODE, found["metadata"]["name"]): found for found in nodes}  # type: ignore[index,call-overload]
    return Snapshot(objects, {Listing(NODE): nodes, Listing(POD, fields=(("spec.nodeName", "s1"),)): pods})


def pod(name: str, owner: str = "ReplicaSet", phase: str = "Running") -> Object:
    return {"metadata": {"name": name, "namespace": "a", "ownerReferences": [{"kind": owner}]}, "status": {"phase": phase}}


def test_a_node_is_waited_for_until_it_is_ready_in_its_version() -> None:
    joined = node.Joined(Ref(NODE, "s1"), VERSION)
    assert "has not joined" in joined(seen_nodes()).why  # type: ignore[union-attr]
    assert isinstance(joined(seen_nodes(node_object("s1", ready=False))), Waiting)
    assert joined(seen_nodes(node_object("s1", version="v1.33.0+rke2r1"))) == Waiting(f"it runs v1.33.0+rke2r1 and not {VERSION}")
    assert joined(seen_nodes(node_object("s1"))) == Ready()


def test_a_server_is_emptied_and_out_of_etcd_before_its_node_is_removed() -> None:
    pods = (pod("web"), pod("agent", "DaemonSet"), pod("done", phase="Succeeded"))
    steps = node.KIND.delete(server(), seen_nodes(node_object("s1"), node_object("s2"), node_object("s3"), pods=pods)).steps
    assert [type(step) for step in steps] == [Patch, Call, Await, Patch, Await, Remove]
    evict, out = steps[1], steps[4]
    assert isinstance(evict, Call)
    assert evict.path == "/api/v1/namespaces/a/pods/web/eviction"
    assert isinstance(out, Await)
    assert isinstance(out.judge(seen_nodes(node_object("s1"))), Waiting)
    assert out.judge(seen_nodes(node_object("s1", **{"etcd.rke2.cattle.io/removed-node-name": "s1-x"}))) == Ready()
    assert out.judge(seen_nodes()) == Ready()


def test_an_agent_leaves_without_etcd() -> None:
    steps = node.KIND.delete(server(role="agent"), seen_nodes(node_object("s1", etcd=False), node_object("s2"))).steps
    assert [type(step) for step in steps] == [Patch, Remove]


@given(st.lists(st.booleans(), max_size=4))
def test_a_member_leaves_only_where_the_others_hold_a_majority(others: list[bool]) -> None:
    nodes = [node_object("s1"), *(node_object(f"s{number + 2}", ready=ready) for number, ready in enumerate(others))]
    plan = node.KIND.delete(server(), seen_nodes(*nodes))
    allowed = bool(others) and sum(others) > len(others) // 2
    assert bool(plan.refused) != allowed
    assert bool(plan.steps) == allowed


def test_a_node_that_is_gone_needs_nothing() -> None:
    assert node.KIND.delete(server(), seen_nodes(node_object("s2"))) == Plan()


def test_another_machine_is_another_node_and_other_labels_are_not() -> None:
    seen = seen_nodes(node_object("s1"), node_object("s2"))
    assert node.KIND.update(server(), server(machine_uid="u2"), seen).replaces == ("machineUid",)
    plan = node.KIND.update(server(), server(labels={"tier": "work"}), seen)
    assert [step.body for step in plan.steps if isinstance(step, Patch)] == [{"metadata": {"labels": {"tier": "work"}}}]
    assert plan.effect is Effect.METADATA


def test_a_node_of_another_version_is_drift() -> None:
    seen = seen_nodes(node_object("s1", version="v1.35.1+rke2r1"))
    assert node.KIND.observe(Ref(NODE, "s1"), server(), seen).kubernetes_version == "v1.35.1+rke2r1"
    assert node.KIND.observe(Ref(NODE, "s1"), server(kubernetes_version=None), seen).kubernetes_version is None


@pytest.mark.parametrize("broken", [{}, {"status": [], "metadata": 1}, {"status": {"conditions": 3}}])
def test_objects_of_unknown_shape_break_nothing(broken: dict[str, Json]) -> None:
    ref = Ref(NODE, "s1")
    node.KIND.observe(ref, None, Snapshot({ref: broken}))
    assert isinstance(node.Joined(ref, "")(Snapshot({ref: broken})), Waiting)
    assert kubeconfig.KIND.outputs(KUBE, Snapshot({SECRET_REF: broken})) == {}
