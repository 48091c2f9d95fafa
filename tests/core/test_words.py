"""References, durations, plans and snapshots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester_provider.core.duration import seconds
from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import InvalidId
from harvester_provider.core.plan import Change, Patch, Plan
from harvester_provider.core.ref import Api, Listing, Ref
from harvester_provider.core.snapshot import Snapshot

VM = Api("kubevirt.io", "v1", "virtualmachines", "VirtualMachine")
NODE = Api("", "v1", "nodes", "Node", namespaced=False)


def test_paths_are_those_of_the_kubernetes_api() -> None:
    assert Ref(VM, "a", "default").path == "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/a"
    assert Ref(NODE, "n1").path == "/api/v1/nodes/n1"
    assert VM.path("") == "/apis/kubevirt.io/v1/virtualmachines"


@given(st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True), st.from_regex(r"[a-z0-9]{1,10}", fullmatch=True))
def test_an_id_leads_back_to_its_object(name: str, namespace: str) -> None:
    for ref in (Ref(VM, name, namespace), Ref(NODE, name)):
        assert Ref.of_id(ref.api, ref.id) == ref


@pytest.mark.parametrize("text", ["", "a", "a/b/c", "/a", "a/"])
def test_an_id_of_another_shape_says_which_shape_is_meant(text: str) -> None:
    with pytest.raises(InvalidId, match="write namespace/name"):
        Ref.of_id(VM, text)


@pytest.mark.parametrize(("text", "value"), [("90", 90), ("30s", 30), ("10m", 600), ("1h30m", 5400), (15, 15), ("1.5s", 1.5), ("0", 0)])
def test_durations(text: str | float, value: float) -> None:
    assert seconds(text) == value


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, rest: int) -> None:
    assert seconds(f"{hours}h{minutes}m{rest}s") == hours * 3600 + minutes * 60 + rest


@pytest.mark.parametrize("text", ["", "soon", "5 minutes", "-3s", "1m1h"])
def test_no_duration_is_a_clear_error(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write 30s"):
        seconds(text)


def test_the_effect_of_a_plan_is_its_greatest() -> None:
    ref = Ref(VM, "a", "default")
    plan = Plan((Patch(ref, {}, "x", Effect.LIVE),), (Change("cpu", Effect.RESTART), Change("tags", Effect.METADATA)))
    assert plan.effect is Effect.RESTART
    assert plan.effect.stops_guest
    assert Plan().effect is Effect.NONE


def test_preview_prints_what_the_guest_notices_and_each_step() -> None:
    ref = Ref(VM, "a", "default")
    changes = (Change("cpu", Effect.STOP_MODIFY_START, "cores are fixed at boot"), Change("tags", Effect.METADATA))
    plan = Plan((Patch(ref, {}, "stop it"), Patch(ref, {}), Patch(ref, {}, "start it")), changes, notes=("the disk is kept",))
    assert plan.lines() == ["cpu: stop-modify-start (cores are fixed at boot)", "1. stop it", "2. start it", "the disk is kept"]


def test_what_nobody_looked_at_cannot_be_taken_for_missing() -> None:
    ref, listing = Ref(VM, "a", "default"), Listing(VM)
    seen = Snapshot({ref: None})
    assert seen[ref] is None
    assert seen.missing([ref, listing, listing]) == [listing]
    with pytest.raises(KeyError):
        seen[Ref(VM, "b", "default")]
