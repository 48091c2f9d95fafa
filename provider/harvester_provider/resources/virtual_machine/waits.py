"""The waits of a machine's plans: what each one watches, for how long, and what follows where the time is over."""

from dataclasses import replace

from harvester_provider.core.duration import seconds as parse_seconds
from harvester_provider.core.json import dig_str, dig_strings
from harvester_provider.core.plan import Await, Call
from harvester_provider.core.ref import Ref
from harvester_provider.resources.apis import IMAGE, IMAGE_ID
from harvester_provider.resources.virtual_machine.guest import AGENT_ADVICE, PROBE_ADVICE, AgentConnected, CloudInitDone
from harvester_provider.resources.virtual_machine.live import Live, instance_of
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.status import Addressed, Claim, Grown, Running, Stopped

START_SECONDS = 600.0
"""Default for volumes that are made from an image, a boot, and an address."""
_STOP_MARGIN = 60.0
_MORE_TIME = "`stop.deadline` gives the guest more time to shut down, and `stop.then` says what follows (`force` switches it off)"
_GROW_SECONDS = 300.0


def ready(inputs: VirtualMachineInputs, live: Live, seconds: float) -> tuple[Await, ...]:
    """Wait until the machine `live` (as it will be) is as far as `wait_for` says."""
    running = Running(live.ref, tuple(_claim(live, ref) for ref in live.claims()))
    match inputs.wait_for:
        case "nothing":
            return ()
        case "running":
            return (Await(live.ref, "running", running.wants, running, seconds),)
        case "agent":
            agent = AgentConnected(running)
            return (Await(live.ref, "running with its guest agent", running.wants, agent, seconds, advice=AGENT_ADVICE),)
        case "address":
            return (Await(live.ref, "running with an address", running.wants, _addressed(inputs, running), seconds),)
        case "cloud-init":
            done = CloudInitDone(running, _addressed(inputs, running))
            return (Await(live.ref, "done with cloud-init", running.wants, done, seconds, advice=PROBE_ADVICE),)


def _addressed(inputs: VirtualMachineInputs, running: Running) -> Addressed:
    must = tuple(nic.name for nic in inputs.network_interfaces if nic.wait_for_address is True)
    skip = tuple(nic.name for nic in inputs.network_interfaces if nic.wait_for_address is False)
    return Addressed(running, must, skip)


def _claim(live: Live, ref: Ref) -> Claim:
    template = live.claim_template(ref.name)
    image = dig_strings(template, "metadata", "annotations").get(IMAGE_ID, "")
    known = Ref.of_id(IMAGE, image) if image.count("/") == 1 and all(image.split("/")) else None
    return Claim(ref, made=bool(template), image=known)


def running_again(live: Live, seconds: float) -> Await:
    """Wait until a machine that is started as it was runs again."""
    running = Running(live.ref, tuple(_claim(live, ref) for ref in live.claims()))
    return Await(live.ref, "running", running.wants, running, seconds)


def stopped(inputs: VirtualMachineInputs, live: Live) -> Await:
    """Wait until the guest is off, for as long as the stop policy says, and do what it says then."""
    deadline = _deadline(inputs, live)
    match inputs.stop.then:
        case "wait":
            return until_off(live, max(deadline, inputs.seconds("update", START_SECONDS)))
        case "force":
            return until_off(live, deadline, otherwise=(switch_off(live.ref), until_off(live, _STOP_MARGIN)))
        case _:
            return replace(until_off(live, deadline), advice=_MORE_TIME)


def stop_terms(inputs: VirtualMachineInputs, live: Live) -> str:
    """How long the guest has to shut down and what follows then, for the preview."""
    if not live.guest_runs:
        return ""
    then = {
        "give-up": "the update is given up and the machine started again as it was",
        "force": "it is switched off",
        "wait": "it is waited for",
    }[inputs.stop.then]
    return f" (the guest has {_deadline(inputs, live):g} s to shut down; after that {then})"


def _deadline(inputs: VirtualMachineInputs, live: Live) -> float:
    given = inputs.stop.deadline
    return parse_seconds(given) if given is not None else live.grace_seconds + _STOP_MARGIN


def until_off(live: Live, seconds: float, otherwise: tuple[Call | Await, ...] = ()) -> Await:
    """Wait until the guest is off."""
    return Await(live.ref, "off", (live.ref, instance_of(live.ref)), Stopped(live.ref), seconds, otherwise=otherwise)


def switch_off(ref: Ref) -> Call:
    """Switch a guest off that is shutting down. Only the subresource can shorten its grace period (virt-api lifecycle.go, stop)."""
    return Call("kubernetes", "PUT", subresource(ref, "stop"), {"gracePeriod": 0}, says=f"switch {ref} off: it did not shut down in time")


def power_on(ref: Ref) -> Call:
    """Start a machine with the run strategy Manual, which nothing but the subresource can start."""
    return Call("kubernetes", "PUT", subresource(ref, "start"), {}, says=f"start {ref}")


def subresource(ref: Ref, verb: str) -> str:
    """The path of a verb of KubeVirt, of a machine or of its running instance."""
    return f"/apis/subresources.kubevirt.io/v1/namespaces/{ref.namespace}/{ref.api.plural}/{ref.name}/{verb}"


def until_grown(claim: Ref, size: str) -> Await:
    """Wait until a volume has its new size."""
    return Await(claim, f"{size} in size", (claim,), Grown(claim, size), _GROW_SECONDS)


def requested(live: Live, claim: str) -> str:
    """The size that the machine asks for a volume."""
    return dig_str(live.claim_template(claim), "spec", "resources", "requests", "storage")
