"""Templates, their versions, and machines that are made from them."""

import json
from typing import Any

import pytest
from fake_cluster import Heard
from foreign_machines import from_terraform, from_the_ui
from machine_room import MachineRoom

from harvester_provider.core.errors import InvalidInputs, PlanRefused
from harvester_provider.core.ref import Ref
from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.engine import verbs
from harvester_provider.resources import virtual_machine_template
from harvester_provider.resources.apis import SECRET, TEMPLATE, TEMPLATE_VERSION
from harvester_provider.resources.virtual_machine import KIND as MACHINE
from harvester_provider.resources.virtual_machine import template_version

TEMPLATES, VERSIONS = virtual_machine_template.KIND, template_version.KIND
BASE, V1, V2 = Ref(TEMPLATE, "base", "default"), Ref(TEMPLATE_VERSION, "base-1", "default"), Ref(TEMPLATE_VERSION, "base-2", "default")
OWNER = {"owner": "shop/dev/x"}
SPECS: dict[str, Any] = {
    "cpu": 4,
    "memory": "8Gi",
    "tpm": True,
    "disks": [{"name": "root", "image": "default/leap", "size": "20Gi", "bootOrder": 1}],
    "networkInterfaces": [{"name": "lan", "network": "default/vlan100"}],
    "cloudInit": {"secretName": "first-boot"},
}


class Library(MachineRoom):
    """The cluster, with Harvester's controller of templates: numbers, and the first version as default."""

    def __init__(self) -> None:
        super().__init__()
        self.place(Ref(SECRET, "first-boot", "default"), {"data": {"userdata": "I2Nsb3VkLWNvbmZpZwo="}})

    def _write(self, ref: Ref, body: dict[str, Any]) -> Any:
        return super()._write(ref, body) if ref.api not in {TEMPLATE, TEMPLATE_VERSION} else self._keep(ref, body)

    def _keep(self, ref: Ref, body: dict[str, Any]) -> Any:
        self.place(ref, body)
        template = self.objects.get(BASE)
        if ref.api == TEMPLATE_VERSION and template and "status" not in body:
            number = 1 + sum(each.api == TEMPLATE_VERSION and "status" in found for each, found in self.objects.items())
            self.place(ref, {**body, "status": {"version": number, "conditions": [{"type": "assigned", "status": "True"}]}})
            if not template["spec"].get("defaultVersionId"):
                self.place(BASE, {**template, "spec": {**template["spec"], "defaultVersionId": ref.id}})
        return self.objects[ref]


@pytest.fixture
def room() -> Library:
    return Library()


async def template(room: Library, **inputs: Any) -> verbs.Found:
    return await verbs.create(TEMPLATES, room, {"name": "base", **OWNER, **inputs}, Heard())


async def version(room: Library, name: str = "base-1", *, machine: Any = None, **inputs: Any) -> verbs.Found:
    news = {"name": name, "template": "base", "machine": machine or SPECS, **OWNER, **inputs}
    return await verbs.create(VERSIONS, room, news, Heard())


async def resolved(room: Library, olds: Any = None, **inputs: Any) -> Any:
    """The inputs of a machine after `check`."""

    async def connect() -> tuple[Any, Library]:
        return MACHINE, room

    news = await verbs.inherit(MACHINE, connect, olds or {}, {"name": "vm1", **OWNER, **inputs})
    found = verbs.check(MACHINE, news)
    assert not found.problems
    return json.loads(json.dumps(found.inputs))


class TestTemplate:
    async def test_it_is_made_changed_and_read(self, room: Library) -> None:
        made = await template(room, description="the base")
        assert room.objects[BASE]["spec"] == {"defaultVersionId": "", "description": "the base"}
        now = await verbs.update(
            TEMPLATES, room, BASE.id, made.state, {"name": "base", **OWNER, "description": "x", "labels": {"a": "b"}}, Heard()
        )
        assert room.objects[BASE]["spec"]["description"] == "x"
        seen = await verbs.read(TEMPLATES, room, BASE.id, now.state)
        assert seen is not None
        assert seen.inputs == now.inputs


class TestVersion:
    async def test_it_describes_a_machine_and_nothing_of_its_own_name(self, room: Library) -> None:
        await template(room)
        made = await version(room, machine={**SPECS, "sshKeys": []}, description="first")
        spec = room.objects[V1]["spec"]
        assert (spec["templateId"], spec["imageId"], spec["description"]) == ("default/base", "default/leap", "first")
        machine = spec["vm"]["spec"]["template"]
        assert machine["spec"]["domain"]["resources"]["limits"] == {"cpu": "4", "memory": "8Gi"}
        assert "hostname" not in machine["spec"]
        assert "harvesterhci.io/vmName" not in machine["metadata"]["labels"]
        assert made.state["version"] == 1
        again = await verbs.read(VERSIONS, room, V1.id, made.state)
        assert again is not None
        assert again.inputs == made.inputs

    async def test_it_cannot_be_changed_and_preview_says_what_to_do(self, room: Library) -> None:
        await template(room)
        made = await version(room)
        other = {"name": "base-1", "template": "base", "machine": {**SPECS, "cpu": 8}, **OWNER}
        (line,) = (await verbs.diff(VERSIONS, room, V1.id, made.state, other)).lines
        assert line.startswith("machine: refused (a version never changes: write another VirtualMachineTemplateVersion")
        with pytest.raises(PlanRefused):
            await verbs.update(VERSIONS, room, V1.id, made.state, other, Heard())

    async def test_another_version_can_be_made_the_default_so_that_the_first_one_can_go(self, room: Library) -> None:
        await template(room)
        first = await version(room)
        second = await version(room, "base-2", default=True)
        assert room.objects[BASE]["spec"]["defaultVersionId"] == V2.id
        assert second.state["version"] == 2
        await verbs.delete(VERSIONS, room, V1.id, first.state, Heard())
        assert V1 not in room.objects

    async def test_the_default_version_goes_with_its_template(self, room: Library) -> None:
        await template(room)
        made = await version(room)
        heard = Heard()
        await verbs.delete(VERSIONS, room, V1.id, made.state, heard)
        assert V1 in room.objects
        assert "stays until that is deleted" in heard.infos[0]

    @pytest.mark.parametrize(
        ("inputs", "where"),
        [
            ({"template": "other/base"}, "template"),
            ({"machine": {**SPECS, "cloudInit": {"userData": "#cloud-config\n"}}}, "machine.cloudInit"),
            ({"machine": {**SPECS, "memory": "1Mi"}}, "machine.memory"),
        ],
    )
    def test_what_cannot_be_is_said_before_anything_is_made(self, inputs: Any, where: str) -> None:
        news = {"name": "base-1", "template": "base", "machine": SPECS, **inputs}
        assert where in [problem.property for problem in verbs.check(VERSIONS, news).problems]

    async def test_without_its_template_it_is_refused(self, room: Library) -> None:
        with pytest.raises(InvalidInputs, match="VirtualMachineTemplate default/base does not exist"):
            await version(room)


class TestMachineFromTemplate:
    @pytest.mark.parametrize("named", ["base", "default/base", "base-1", "default/base-1"])
    async def test_what_the_program_leaves_out_comes_from_the_version(self, room: Library, named: str) -> None:
        await template(room)
        await version(room)
        inputs = await resolved(room, template=named, memory="16Gi")
        assert (inputs["cpu"], inputs["memory"], inputs["tpm"]) == (4, "16Gi", True)
        assert inputs["cloudInit"]["secretName"] == "first-boot"
        made = await verbs.create(MACHINE, room, inputs, Heard())
        assert made.state["status"] == "Running"
        assert made.state["volumes"]["root"].startswith("vm1-root-")
        assert room.spec["domain"]["resources"]["limits"] == {"cpu": "4", "memory": "16Gi"}
        assert room.spec["hostname"] == "vm1"

    async def test_the_machine_keeps_what_it_was_made_with_whatever_becomes_of_the_template(self, room: Library) -> None:
        await template(room)
        await version(room)
        inputs = await resolved(room, template="base")
        made = await verbs.create(MACHINE, room, inputs, Heard())
        await version(room, "base-2", machine={**SPECS, "cpu": 1}, default=True)
        later = await resolved(room, olds=inputs, template="base")
        assert not (await verbs.diff(MACHINE, room, made.id, made.state, later)).changed
        another = await resolved(room, olds=inputs, template="base-2")
        assert not (await verbs.diff(MACHINE, room, made.id, made.state, another)).plan.steps

    async def test_a_template_of_the_ui_lends_all_but_macs_and_volumes(self, room: Library) -> None:
        ui = from_the_ui()
        room.place(BASE, {"spec": {"defaultVersionId": V1.id}})
        room.place(V1, {"spec": {"templateId": BASE.id, "vm": {"metadata": ui["metadata"], "spec": ui["spec"]}}, "status": {"version": 1}})
        inputs = await resolved(room, template="base", sshKeys=[])
        assert [disk["name"] for disk in inputs["disks"]] == ["disk-0", "disk-1"]
        assert not any("macAddress" in nic for nic in inputs["networkInterfaces"])
        assert not any("existingVolume" in disk for disk in inputs["disks"])

    async def test_cloud_init_data_inside_of_a_template_never_becomes_a_plain_input(self, room: Library) -> None:
        theirs = from_terraform()
        room.place(V1, {"spec": {"templateId": BASE.id, "vm": {"metadata": theirs["metadata"], "spec": theirs["spec"]}}})
        with pytest.raises(InvalidInputs, match="give cloudInit in the program"):
            await resolved(room, template="base-1")
        inputs = await resolved(room, template="base-1", cloudInit={"secretName": "first-boot"})
        assert inputs["cloudInit"] == {"type": "noCloud", "secretName": "first-boot"}

    async def test_a_template_that_is_not_there_or_has_no_version_is_an_error_before_anything_is_made(self, room: Library) -> None:
        with pytest.raises(InvalidInputs, match="neither a template nor a version default/base exists"):
            await resolved(room, template="base")
        await template(room)
        with pytest.raises(InvalidInputs, match="has no version yet"):
            await resolved(room, template="base")

    async def test_a_template_that_is_not_known_yet_is_waited_for(self, room: Library) -> None:
        found = await verbs.inherit(MACHINE, lambda: pytest.fail("nothing to read"), {}, {"name": "vm1", "template": UNKNOWN})
        assert found["template"] is UNKNOWN
        assert room.requests == []
