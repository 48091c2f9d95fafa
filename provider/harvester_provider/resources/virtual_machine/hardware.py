"""Hardware as inputs: room for CPUs and memory that are plugged in, passed-through devices, clock, Hyper-V and answers for Windows.

Only shapes, units and defaults, as in `model`. What is written for them is in `sizing` and `parts`, the rules in `check_hardware`.
"""

from typing import Literal

from pydantic import Field

from harvester_provider.resources.model import INT32, SECRET, Model, QuantityText


class HotPlug(Model):
    """Room for CPUs and memory that are plugged in while the guest runs (Harvester 1.6 and later, x86-64 only).

    Within it `cpu` can grow, and `memory` can grow and go back to what the guest started with; the guest moves to another node for it.
    Quotas and requests are computed from the most, not from what the guest has now. Source: Harvester's cpuAndMemoryHotplug action.
    """

    max_cpu: int = Field(ge=1, le=INT32)
    """The most CPUs the guest can get without a restart; at least `cpu`."""
    max_memory: QuantityText
    """The most memory the guest can get without a restart, a multiple of `2Mi`; at least `memory`, which is `1Gi` or more here."""


class HostDevice(Model):
    """A device of a node that the guest gets for itself: a PCI device, a vGPU or a USB device. It must be claimed for passthrough."""

    name: str = Field(min_length=1)
    """Name of the claimed device, which is that of its PCIDevice, VGPUDevice or USBDevice, such as `node1-000004100`."""
    device_name: str = Field(min_length=1)
    """The resource name that the device's status shows, such as `nvidia.com/GP102GL`."""


class Timers(Model):
    """Timers of the guest's clock. What is left out is QEMU's choice."""

    hpet: bool | None = None
    """Whether there is a high precision event timer; Windows guests run better without."""
    pit: Literal["delay", "catchup", "discard"] | None = None
    """What happens to missed ticks of the interval timer."""
    rtc: Literal["delay", "catchup"] | None = None
    """What happens to missed ticks of the real-time clock."""
    kvm: bool | None = None
    """Whether there is a KVM clock."""
    hyperv: bool | None = None
    """Whether there is a Hyper-V reference time counter, for Windows guests."""


class Clock(Model):
    """The guest's clock: UTC unless `timezone` is given."""

    timezone: str | None = None
    """Time zone in which the hardware clock runs, such as `Europe/Berlin`. Windows guests expect local time there."""
    utc_offset_seconds: int | None = None
    """Seconds that the hardware clock is ahead of UTC."""
    timers: Timers = Timers()
    """The timers."""


HyperV = Literal[
    "relaxed", "vapic", "spinlocks", "vpindex", "runtime", "synic", "synictimer", "reset", "frequencies", "reenlightenment", "tlbflush",
    "ipi", "evmcs",
]  # fmt: skip
"""A Hyper-V feature, by KubeVirt's name for it."""


class Sysprep(Model):
    """Answer files for an unattended installation of Windows, as a CD-ROM: the texts themselves, or the name of an object with them."""

    autounattend: str | None = Field(default=None, json_schema_extra=SECRET)
    """Text of `Autounattend.xml`, which the installation reads. Kept in a Secret that belongs to the machine."""
    unattend: str | None = Field(default=None, json_schema_extra=SECRET)
    """Text of `Unattend.xml`, which sysprep reads when a generalized image is started. Kept in the same Secret."""
    secret_name: str | None = None
    """Secret in the machine's namespace with the keys `autounattend.xml`, `unattend.xml` or both."""
    config_map_name: str | None = None
    """ConfigMap with such keys in the machine's namespace; for answers without a password."""
