"""The power of a host: asked for by an action of Harvester's API, carried out by the addon harvester-seeder through the host's BMC.

Pure. Upstream: Harvester pkg/api/node/formatter.go (powerAction, offered in maintenance mode only) and seeder's inventory_types.go.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from harvester_provider.core.json import Object, condition, dig_str, is_true
from harvester_provider.core.plan import Await, Call, Patch, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import CUSTOM_RESOURCE
from harvester_provider.resources.node.model import NodeInputs

REBOOTED_FOR = "harvester.pulumi.com/rebooted-for"
"""Our annotation of a node: the trigger that it was last rebooted for, so that an interrupted reboot is not done twice."""
DEFINITION = Ref(CUSTOM_RESOURCE, "inventories.metal.harvesterhci.io")
_INVENTORY = Api("metal.harvesterhci.io", "v1alpha1", "inventories", "Inventory")
_READY = "inventoryNodeReady"
_SECONDS = 1800.0
"""A server's firmware takes its time."""
Operation = Literal["shutdown", "poweron", "reboot"]


def inventory(node: str) -> Ref:
    """What the addon knows of a host."""
    return Ref(_INVENTORY, node, "harvester-system")


def asks(inputs: NodeInputs | None) -> bool:
    """Whether anything is asked of the host's BMC."""
    return inputs is not None and (inputs.power is not None or inputs.reboot_trigger is not None)


def reads(ref: Ref, inputs: NodeInputs | None, seen: Snapshot) -> Iterable[Want]:
    """The Inventory, once its kind is known to be there."""
    if asks(inputs):
        yield DEFINITION
        if seen.get(DEFINITION):
            yield inventory(ref.name)


def problems(inputs: NodeInputs) -> Iterator[Problem]:
    """Harvester offers these actions in maintenance mode only."""
    if not is_known(inputs.maintenance) or inputs.maintenance:
        return
    if is_known(inputs.power) and inputs.power == "off":
        yield Problem("power", "a host is switched off in maintenance only, when its machines are elsewhere: set maintenance=True")


def refusal(old: NodeInputs, new: NodeInputs, ref: Ref, seen: Snapshot) -> str:
    """Why nothing can be asked of the BMC; empty where nothing is asked, or it can."""
    acts, found = list(operations(old, new, ref, seen)), seen.get(inventory(ref.name))
    if not asks(new) or (found and not acts):
        return ""
    if not seen.get(DEFINITION):
        return "the addon harvester-seeder is not enabled, which reaches the BMCs of hosts: enable it (kind Addon)"
    if not found:
        return f"{inventory(ref.name)} does not exist: write down there how the BMC of the host is reached"
    if dig_str(found, "status", "status") != _READY:
        why = _trouble(found) or dig_str(found, "status", "status") or "the addon has not seen it yet"
        return f"{inventory(ref.name)} is not ready: {why}"
    if "reboot" in acts and not new.maintenance:
        return "a host is rebooted in maintenance only, when its machines are elsewhere: set maintenance=True"
    return ""


def state(node: str, seen: Snapshot) -> str:
    """`on`, `off`, or empty where nobody knows."""
    return dig_str(seen.get(inventory(node)), "status", "machinePowerState")


def operations(old: NodeInputs, new: NodeInputs, ref: Ref, seen: Snapshot) -> Iterator[Operation]:
    """What has to be asked of the BMC."""
    if new.power == "off" and state(ref.name, seen) != "off":
        yield "shutdown"
    elif new.power == "on" and state(ref.name, seen) == "off":
        yield "poweron"
    elif new.reboot_trigger and new.reboot_trigger not in (old.reboot_trigger, _rebooted_for(seen.get(ref))):
        yield "reboot"


def _rebooted_for(found: Object) -> str:
    return dig_str(found, "metadata", "annotations", REBOOTED_FOR)


def steps(operation: Operation, new: NodeInputs, ref: Ref, seen: Snapshot) -> Iterator[Step]:
    """Ask for it, and wait until it is done; until the node is ready again where it comes back."""
    says = {"shutdown": f"switch {ref} off", "poweron": f"switch {ref} on", "reboot": f"reboot {ref}"}[operation]
    yield Call("harvester", "POST", f"/v1/harvester/nodes/{ref.name}?action=powerAction", {"operation": operation}, says)
    judge = Acted(ref, operation, dig_str(seen.get(inventory(ref.name)), "status", "powerAction", "lastJobName"))
    wants = (ref, inventory(ref.name))
    until = {"shutdown": "off", "poweron": "on and ready", "reboot": "rebooted and ready"}[operation]
    yield Await(of=ref, until=until, wants=wants, judge=judge, seconds=new.seconds("update", _SECONDS))
    if operation == "reboot":
        yield Patch(ref, {"metadata": {"annotations": {REBOOTED_FOR: new.reboot_trigger}}})


@dataclass(frozen=True, slots=True)
class Acted:
    """Judges by the Inventory whether the action is done. `before` is the job of the last one."""

    node: Ref
    operation: Operation
    before: str = ""

    def __call__(self, seen: Snapshot) -> Verdict:
        """Failed in the words of the BMC."""
        found = seen.get(inventory(self.node.name))
        job = dig_str(found, "status", "powerAction", "lastJobName")
        done = dig_str(found, "status", "powerAction", "actionStatus")
        if not job or job == self.before or not done:
            return Waiting("its BMC is being asked")
        if done == "failed":
            return Failed(f"its BMC refuses: {_trouble(found) or 'it does not say why'}", "look at the Inventory of the host")
        there = is_true(seen.get(self.node), "Ready")
        if self.operation == "shutdown":
            return Ready() if dig_str(found, "status", "machinePowerState") == "off" else Waiting("it is shutting down")
        return Ready() if there else Waiting("it is starting")


def _trouble(found: Object) -> str:
    return dig_str(condition(found, "bmcJobError"), "message") or dig_str(condition(found, "machineNotContactable"), "message")
