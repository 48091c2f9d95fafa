"""What the state says of a machine besides its inputs: status, addresses, MACs, volumes, and whether a restart is due."""

from harvester_provider.core.json import dig_str
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import InterfaceStatus, VirtualMachineOutputs
from harvester_provider.resources.virtual_machine.policy import due
from harvester_provider.resources.virtual_machine.status import addresses


def outputs(live: Live) -> VirtualMachineOutputs:
    """The outputs of a machine as it was seen."""
    on = live.instance if live.on else {}
    interfaces = {name: InterfaceStatus(mac_address=live.mac(name), ip_addresses=addresses(on, name)) for name in live.interfaces}
    first = next((each.ip_addresses[0] for each in interfaces.values() if each.ip_addresses), "")
    restart = due(live)
    return VirtualMachineOutputs(
        status=dig_str(live.vm, "status", "printableStatus"),
        node_name=dig_str(on, "status", "nodeName"),
        ip_address=first,
        ip_addresses=[address for each in interfaces.values() for address in each.ip_addresses],
        interfaces=interfaces,
        volumes={name: claim for name in live.disks if (claim := live.claim(name))},
        restart_required=bool(restart),
        restart_reason=restart,
    )
