"""Devices of nodes: GPUs that are divided, their parts, and claims; what is set up by a create, and put back by a delete."""

import json
from typing import Any

from small_kinds import OWNER, merged

from harvester_provider.core.json import Object, dig
from harvester_provider.core.plan import Await, Patch, Plan, Put
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready, Waiting
from harvester_provider.resources import sriov_gpu_device, usb_device_claim, vgpu_device
from harvester_provider.resources.apis import USB_DEVICE
from harvester_provider.resources.previous import PREVIOUS

PROFILES = {"NVIDIA A2-2Q": "745", "NVIDIA A2-4Q": "746"}


def vgpu(profile: str = "NVIDIA A2-4Q") -> vgpu_device.VGpuDeviceInputs:
    return vgpu_device.VGpuDeviceInputs(name="node1-000008004", profile=profile, owner=OWNER)


def device(profile: str = "", **status: Any) -> Object:
    return {"spec": {"enabled": bool(profile), "vGPUTypeName": profile}, "status": {"availableTypes": PROFILES, **status}}


def at(ref: Ref, found: Object | None) -> Snapshot:
    return Snapshot({ref: found})


def after(found: Any, plan: Plan) -> Any:
    for step in plan.steps:
        if isinstance(step, Patch):
            found = merged(found, step.body)  # type: ignore[arg-type]  # a merge patch
    return found


def test_a_virtual_gpu_is_switched_on_with_its_profile_and_switched_off_again() -> None:
    kind, new = vgpu_device.KIND, vgpu()
    ref, found = kind.ref(new), device()
    plan = kind.update(kind.observe(ref, new, at(ref, found)), new, at(ref, found))
    on = after(found, plan)
    assert on["spec"] == {"enabled": True, "vGPUTypeName": "NVIDIA A2-4Q"}
    assert json.loads(on["metadata"]["annotations"][PREVIOUS]) == {"enabled": False, "vGPUTypeName": ""}
    (wait,) = (step for step in plan.steps if isinstance(step, Await))
    assert isinstance(wait.judge(at(ref, on)), Waiting)
    assert wait.judge(at(ref, device("NVIDIA A2-4Q", configureVGPUTypeName="NVIDIA A2-4Q"))) == Ready()
    assert after(on, kind.delete(new, at(ref, on)))["spec"] == found["spec"]


def test_another_profile_switches_it_off_and_on_again() -> None:
    kind, old, new = vgpu_device.KIND, vgpu(), vgpu("NVIDIA A2-2Q")
    ref, found = kind.ref(new), device("NVIDIA A2-4Q", configureVGPUTypeName="NVIDIA A2-4Q")
    steps = kind.update(old, new, at(ref, found)).steps
    switched = [dig(step.body, "spec", "enabled") if isinstance(step, Patch) else "wait" for step in steps]  # type: ignore[arg-type]
    assert switched == [False, "wait", True, "wait"]


def test_a_profile_that_is_not_left_is_refused() -> None:
    kind, new = vgpu_device.KIND, vgpu("NVIDIA L40S-1B")
    plan = kind.update(new.updated(profile=""), new, at(kind.ref(new), device()))
    assert [change.why for change in plan.refused] == ["NVIDIA L40S-1B is not left for it: there are NVIDIA A2-2Q, NVIDIA A2-4Q"]
    assert not plan.steps


def test_a_gpu_is_divided_when_each_of_its_parts_is_there() -> None:
    kind = sriov_gpu_device.KIND
    new = sriov_gpu_device.SriovGpuDeviceInputs(name="node1-000008000", owner=OWNER)
    ref = kind.ref(new)
    (wait,) = kind.settle(new, Snapshot())
    assert isinstance(wait, Await)
    named = {"status": {"vGPUDevices": ["a", "b"]}}
    parts = [{"metadata": {"name": name}} for name in ("a", "b")]
    for found, there, ready in (({}, parts, False), (named, parts[:1], False), (named, parts, True)):
        seen = Snapshot({ref: found}, {sriov_gpu_device.PARTS: tuple(there)})
        assert (wait.judge(seen) == Ready()) is ready
    assert not kind.settle(new.updated(enabled=False), Snapshot())


def test_only_what_somebody_set_up_becomes_part_of_a_program() -> None:
    found = [sriov_gpu_device.KIND.recognises({"spec": spec}) for spec in ({"enabled": False}, {}, {"enabled": True})]
    assert found == [False, False, True]


def test_a_claim_on_a_usb_device_belongs_to_it_and_is_ready_when_its_node_has_answered() -> None:
    kind = usb_device_claim.KIND
    new = usb_device_claim.UsbDeviceClaimInputs(name="node1-0951-1666-001002", owner=OWNER)
    stick = {"metadata": {"uid": "u"}, "status": {"nodeName": "node1", "pciAddress": "0000:00:14.0", "resourceName": "kubevirt.io/stick"}}
    seen = Snapshot({kind.ref(new): None, Ref(USB_DEVICE, new.name): stick})
    (put,) = kind.create(new, seen).steps
    assert isinstance(put, Put)
    assert put.body["spec"] == {"userName": "admin"}
    assert dig(put.body, "metadata", "ownerReferences", 0, "uid") == "u"
    (wait,) = kind.settle(new, seen)
    assert isinstance(wait, Await)
    assert isinstance(wait.judge(Snapshot({kind.ref(new): {}})), Waiting)
    assert wait.judge(Snapshot({kind.ref(new): {"status": {"nodeName": "node1"}}})) == Ready()
    assert kind.outputs(new, seen) == {"node": "node1", "address": "0000:00:14.0", "deviceName": "kubevirt.io/stick"}
