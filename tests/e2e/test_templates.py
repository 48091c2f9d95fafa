"""Templates, their versions, and a machine from one, on a cluster and through the real CLI."""

from declared import Entry, Estate, StackOf, declared, disk, estate
from target import VMI, Target, eventually

TEMPLATE = ("harvesterhci.io", "v1beta1", "virtualmachinetemplates")
VERSION = ("harvesterhci.io", "v1beta1", "virtualmachinetemplateversions")


def version(number: int, memory: str, **more: object) -> Entry:
    machine = {"cpu": 1, "memory": memory, "disks": [disk("root", on_delete="delete")], "network_interfaces": [{"name": "default"}]}
    return declared("VirtualMachineTemplateVersion", f"base-{number}", template={"$of": "base.id"}, machine=machine, **more)


def machine(name: str) -> Entry:
    return declared("VirtualMachine", name, template={"$of": "base-1.id"}, cpu=2)


def test_a_machine_is_made_from_a_version_and_keeps_what_it_was_made_with(target: Target, stack_of: StackOf) -> None:
    here: Estate = estate(target, stack_of)
    base = declared("VirtualMachineTemplate", "base", description="small machines")
    here.declare(base, version(1, "256Mi"), machine("vm")).stack.up()
    limits = here.object()["spec"]["template"]["spec"]["domain"]["resources"]["limits"]
    assert (str(limits["cpu"]), limits["memory"]) == ("2", "256Mi")
    assert set(here.claims()) == {"root"}
    boot = here.boot()
    assert here.target.get(TEMPLATE, "base")["spec"]["defaultVersionId"] == f"{here.target.namespace}/base-1"
    here.declare(base, version(1, "256Mi"), version(2, "512Mi", default=True), machine("vm")).stack.up()
    assert here.boot() == boot
    assert here.target.get(VERSION, "base-2")["status"]["version"] == 2
    assert here.target.get(TEMPLATE, "base")["spec"]["defaultVersionId"] == f"{here.target.namespace}/base-2"
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()
    here.stack.destroy()
    eventually(lambda: here.target.names(VERSION) == [])
    assert here.target.names(TEMPLATE) == here.target.names(VMI) == []
