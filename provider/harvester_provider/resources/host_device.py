"""What is known of every device of a node that machines can have as their host device."""

from harvester_provider.resources.model import Outputs


class HostDeviceOutputs(Outputs):
    """Where a device is, and how machines name it."""

    node: str = ""
    """The node it is in. A machine with it runs there and nowhere else."""
    address: str = ""
    """Its address on the PCI bus, for example `0000:04:00.0`; of a USB device that of its controller."""
    device_name: str = ""
    """What machines name it by as their host device."""
