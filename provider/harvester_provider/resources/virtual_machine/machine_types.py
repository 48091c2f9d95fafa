"""Which machine types KubeVirt takes, so that no guest is stopped for one that it refuses.

Upstream: pkg/virt-config (GetEmulatedMachines and its defaults), vmi-create-admitter.go.
"""

from fnmatch import fnmatchcase

from harvester_provider.core.json import dig, dig_list, dig_map
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.virtual_machine.abilities import configuration

_DEFAULTS = {"amd64": ("q35*", "pc-q35*"), "arm64": ("virt*",), "s390x": ("s390-ccw-virtio*",)}


def refusal(wanted: str | None, seen: Snapshot) -> str:
    """Why the cluster refuses a machine type, with the way out; empty where nothing is known against it."""
    settings = configuration(seen)
    if not wanted or settings is None:
        return ""
    by_architecture = dig_map(settings, "architectureConfiguration")
    patterns: list[str] = []
    for architecture, default in _DEFAULTS.items():
        given = dig(settings, "emulatedMachines") or dig_list(by_architecture, architecture, "emulatedMachines") or default
        patterns += [each for each in dig_list(given) if isinstance(each, str)]
    if any(fnmatchcase(wanted, pattern) for pattern in patterns):
        return ""
    return f"KubeVirt refuses {wanted!r} here: use one of {', '.join(dict.fromkeys(patterns))}, or leave it out"
