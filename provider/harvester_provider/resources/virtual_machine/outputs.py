"""What the state says of a machine besides its inputs: status, addresses, MACs, volumes, and whether a restart is due."""

from harvester_provider.core.json import Object, dig_str
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import InterfaceStatus, VirtualMachineOutputs
from harvester_provider.resources.virtual_machine.pending import pending
from harvester_provider.resources.virtual_machine.policy import due_again
from harvester_provider.resources.virtual_machine.status import addresses, reason


def outputs(live: Live) -> VirtualMachineOutputs:
    """The outputs of a machine as it was seen."""
    on = live.instance if live.on else {}
    interfaces = {name: _interface(live, on, name) for name in live.interfaces}
    all_v4 = [address for each in interfaces.values() for address in each.ipv4_addresses]
    all_v6 = [address for each in interfaces.values() for address in each.ipv6_addresses]
    first = next((each.ip_addresses[0] for each in interfaces.values() if each.ip_addresses), "")
    changes = pending(live)
    restart = due_again(live, changes)
    return VirtualMachineOutputs(
        status=dig_str(live.vm, "status", "printableStatus"),
        node_name=dig_str(on, "status", "nodeName"),
        ip_address=first,
        ip_addresses=[address for each in interfaces.values() for address in each.ip_addresses],
        ipv4_address=next(iter(all_v4), ""),
        ipv6_address=next(iter(all_v6), ""),
        agent_connected=bool(on) and live.has_agent,
        interfaces=interfaces,
        volumes={name: claim for name in live.disks if (claim := live.claim(name))},
        status_reason=reason(live),
        pending_changes=changes,
        restart_required=bool(restart),
        restart_reason=restart,
    )


def _interface(live: Live, on: Object, name: str) -> InterfaceStatus:
    """One NIC, its addresses by family."""
    found = addresses(on, name)
    v4, v6 = [each for each in found if ":" not in each], [each for each in found if ":" in each]
    return InterfaceStatus(mac_address=live.mac(name), ip_addresses=found, ipv4_addresses=v4, ipv6_addresses=v6)
