"""Hardware as inputs: room for CPUs and memory that are plugged in, passed-through devices, clock, Hyper-V and answers for Windows.

Only shapes, units and defaults, as in `model`. What is written for them is in `sizing` and `parts`, the rules in `check_hardware`.
"""

from pydantic import Field

from harvester_provider.resources.model import Model, QuantityText


class HotPlug(Model):
    """Room for CPUs and memory that are plugged in while the guest runs (Harvester 1.6 and later, x86-64 only).

    Within it `cpu` can grow, and `memory` can grow and go back to what the guest started with; the guest moves to another node for it.
    Quotas and requests are computed from the most, not from what the guest has now. Source: Harvester's cpuAndMemoryHotplug action.
    """

    max_cpu: int = Field(ge=1)
    """The most CPUs the guest can get without a restart; at least `cpu`."""
    max_memory: QuantityText
    """The most memory the guest can get without a restart, a multiple of `2Mi`; at least `memory`, which is `1Gi` or more here."""
