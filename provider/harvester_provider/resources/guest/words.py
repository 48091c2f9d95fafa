"""Names that the parts of a guest cluster agree on: the keys of Secrets, the files in a guest, upstream's labels."""

from typing import Literal

Distribution = Literal["rke2", "k3s"]
Role = Literal["server", "agent"]

KUBECONFIG_KEY = "kubeconfig"
"""Key of the published Secret."""
PUBLISHER = "/usr/local/sbin/harvester-publish-kubeconfig"
"""In a guest: the script that publishes its kubeconfig."""


def supervisor_port(distribution: Distribution) -> int:
    """The port at which nodes join."""
    return 9345 if distribution == "rke2" else 6443
