"""What becomes of a machine's volumes on a cluster without Harvester, where nobody but the provider removes them."""

from collections.abc import Sequence
from typing import Any

import pytest
from test_plain_dialects import VM, machine, made, seen

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Object, dig
from harvester_provider.core.plan import Patch, Plan, Put, Remove
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import DATA_VOLUME
from harvester_provider.resources.virtual_machine.plain import PlainVirtualMachine

GOES_WITH = "harvester.pulumi.com/goes-with"
LISTING = Listing(DATA_VOLUME, "default")


def kept() -> Any:
    root, data = (disk.wire() for disk in machine().disks)
    return machine(disks=[root, {**data, "onDelete": "keep"}])


def there(body: Object | None, volumes: Sequence[Object]) -> Snapshot:
    """The cluster with the machine, or without, and these volumes."""
    objects = {Ref(DATA_VOLUME, str(dig(volume, "metadata", "name")), "default"): volume for volume in volumes}
    return seen({VM: body, **objects}).plus(Snapshot({}, {LISTING: tuple(volumes)}))


def marked(put: Put, steps: Sequence[object]) -> Object:
    """The volume with the marks that the steps make."""
    notes = [dig(step.body, "metadata", "annotations") for step in steps if isinstance(step, Patch) and step.ref == put.ref]
    return {**put.body, "metadata": {"name": put.ref.name, "annotations": {} | (notes[-1] if notes else {})}}  # type: ignore[dict-item]


def removed(plan: Plan) -> list[Ref]:
    return [step.ref for step in plan.steps if isinstance(step, Remove) and step.ref.api == DATA_VOLUME]


@pytest.fixture
def machines() -> PlainVirtualMachine:
    return PlainVirtualMachine(lambda: "1a2b3")


@pytest.fixture
def volumes(machines: PlainVirtualMachine) -> tuple[Object, Put, Put]:
    """The machine, its volume that stays and the one that goes."""
    body, (root, data) = made(machines, machine())
    return body, root, data


def test_a_deletion_that_was_cut_off_once_the_machine_was_gone_removes_its_volume(
    machines: PlainVirtualMachine, volumes: tuple[Object, Put, Put]
) -> None:
    body, root, data = volumes
    first = machines.delete(machine(), there(body, [root.body, data.body]))
    refs = [step.ref for step in first.steps if isinstance(step, Patch | Remove)]
    assert refs[:2] == [data.ref, VM], "it is marked before anything is done to the machine"
    left = [marked(root, first.steps), marked(data, first.steps)]
    assert removed(machines.delete(machine(), there(None, left))) == [data.ref]
    assert removed(machines.delete(kept(), there(None, left))) == []
    assert removed(machines.delete(machine(name="vm2"), there(None, left))) == []


def test_a_volume_that_is_to_be_kept_by_now_loses_its_mark(machines: PlainVirtualMachine, volumes: tuple[Object, Put, Put]) -> None:
    body, root, data = volumes
    left = [root.body, marked(data, machines.delete(machine(), there(body, [root.body, data.body])).steps)]
    steps = machines.delete(kept(), there(body, left)).steps
    assert [step.body for step in steps if isinstance(step, Patch) and step.ref == data.ref] == [
        {"metadata": {"annotations": {GOES_WITH: None}}}
    ]


def test_who_may_not_look_for_volumes_is_told_before_the_machine_is_forgotten(machines: PlainVirtualMachine) -> None:
    (change,) = machines.delete(machine(), seen({VM: None})).changes
    assert (change.effect, "datavolumes.cdi.kubevirt.io" in change.why) == (Effect.REFUSED, True)
