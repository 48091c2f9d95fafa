"""What a running guest says of itself: its agent, and the end of its cloud-init. Verdicts on it, and the probe that cloud-init takes.

No API tells when cloud-init is done. KubeVirt runs a readiness probe in the guest, by its agent, and shows the answer as the
condition Ready of the instance; cloud-init writes /run/cloud-init/result.json when its last stage is over, on each boot
(docs.cloud-init.io, "cloud-init status"). So the machine gets a probe that looks for that file. Nothing here makes steps.
"""

from dataclasses import dataclass

from harvester_provider.core.json import Json, Object, condition, dig_map, dig_str, is_true
from harvester_provider.core.plan import Judge
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.status import Running

RESULT = "/run/cloud-init/result.json"
"""What cloud-init writes when it is done, also where it ended with errors."""
AGENT_ADVICE = "the guest needs qemu-guest-agent: install and start it, for example with cloud-init; `timeouts` gives it more time"
PROBE_ADVICE = (
    "the guest needs cloud-init and qemu-guest-agent, and the agent must be allowed to run commands (some distributions block guest-exec); "
    "`timeouts` gives it more time"
)


def probe(inputs: VirtualMachineInputs) -> dict[str, Json] | None:
    """The readiness probe that the machine needs, None for none. Once passed it takes a minute of failures to be unready again."""
    if inputs.wait_for != "cloud-init":
        return None
    return {"exec": {"command": ["test", "-f", RESULT]}, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 12}


def is_ours(found: Object) -> bool:
    """Whether a readiness probe is that of `probe`, and not somebody else's."""
    command = dig_map(found, "exec").get("command")
    return isinstance(command, list) and list(command) == ["test", "-f", RESULT]


@dataclass(frozen=True, slots=True)
class AgentConnected:
    """Judges whether the guest runs and its agent is connected."""

    running: Running

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where KubeVirt says so."""
        verdict = self.running(seen)
        if not isinstance(verdict, Ready):
            return verdict
        live = Live.of(self.running.ref, seen)
        return Ready() if live.has_agent else Waiting("running, its guest agent is not connected yet")


@dataclass(frozen=True, slots=True)
class CloudInitDone:
    """Judges whether cloud-init is done in a guest that meets `before` as well."""

    running: Running
    before: Judge

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the probe has passed."""
        verdict = self.before(seen)
        if not isinstance(verdict, Ready):
            return verdict
        live = Live.of(self.running.ref, seen)
        if not dig_map(live.instance, "spec", "readinessProbe"):
            return Ready()  # started before it was asked for: nothing tells
        if is_true(live.instance, "Ready"):
            return Ready()
        agent = "" if live.has_agent else ", its guest agent is not connected yet"
        return Waiting(f"running, cloud-init is not done yet{agent}{_why(live)}")


def _why(live: Live) -> str:
    text = dig_str(condition(live.instance, "Ready"), "message")
    return f" ({text})" if text else ""
