"""Settings with addresses in them: pools of virtual IPs, and servers of time. Each rule raises ValueError.

Upstream: pkg/webhook/resources/setting/validator.go and pkg/controller/master/setting/vip_pools_config.go in Harvester v1.8.
"""

import re
from ipaddress import IPv4Address, ip_address, ip_interface

from harvester_local.admission.names import repeated
from harvester_local.admission.unmarshal import unmarshal

_HOST = re.compile(r"[-a-zA-Z0-9_]+(\.[-a-zA-Z0-9_]+)*\.?")


def check_pools(value: str) -> None:
    """CIDRs or ranges of IPv4 addresses by namespace, with commas between."""
    for name, pool in unmarshal(value, {"*": str}).items():
        if "-" in pool and "/" in pool:
            raise ValueError(f"invalid Pool value {pool} of {name}, error: IP Range and CIDR cannot be used together")
        for entry in pool.split(","):
            _check_entry(entry, f"value {pool} of {name}")


def _check_entry(entry: str, where: str) -> None:
    match entry.split("-"):
        case [_]:
            if not _is_cidr(entry):
                raise ValueError(f"invalid CIDR {where}, error: invalid CIDR address: {entry}")
        case [first, last] if first and last:
            if not (_is_address(first, IPv4Address) and _is_address(last, IPv4Address)):
                raise ValueError(f"invalid IP {where}")
        case _:
            raise ValueError(f"invalid IP Range {where}")


def _is_cidr(text: str) -> bool:
    _, _, length = text.partition("/")
    try:
        ip_interface(text)
    except ValueError:
        return False
    return length.isdecimal() and "%" not in text


def _is_address(text: str, kind: type = object) -> bool:
    try:
        return isinstance(ip_address(text), kind) and "%" not in text
    except ValueError:
        return False


def check_time_servers(value: str) -> None:
    """Names or addresses of NTP servers, each once. Upstream takes an empty one."""
    try:
        servers = unmarshal(value, {"ntpServers": [str]}).get("ntpServers")
    except ValueError as error:
        raise ValueError(f"failed to parse NTP settings: {error}") from error
    if servers is None:
        raise ValueError("NTP servers can't be nil")
    for server in servers:
        if re.match("https?://", server):
            raise ValueError(f"ntp server {server} should not start with http:// or https://")
        if server and not _is_address(server) and not _HOST.fullmatch(server):
            raise ValueError(f"invalid NTP server: {server}")
    if twice := repeated(servers):
        raise ValueError(f"duplicate NTP server: [{' '.join(twice)}]")
