"""The provider's own settings: which cluster, and how it is reached. `kube.connection` turns them into a client.

They live in the Pulumi configuration (`harvester:kubeconfig` ...) or in an explicit provider, never in a resource.
"""

from pydantic import ConfigDict, Field

from harvester_provider.resources.model import SECRET, DurationText, Model
from harvester_provider.resources.policies import AfterDeadline, UpdatePolicy


class Connection(Model):
    """How one cluster is reached. With nothing set: `KUBECONFIG`, then `~/.kube/config`."""

    model_config = ConfigDict(hide_input_in_errors=True)  # errors of settings are printed, and settings hold credentials

    kubeconfig: str | None = Field(default=None, json_schema_extra=SECRET)
    """A kubeconfig: its text, a path to it, or its text in base64."""
    context: str | None = None
    """Context of the kubeconfig. Default: its current context."""
    host: str | None = None
    """URL of the Kubernetes API (`https://VIP:6443` or `https://VIP/k8s/clusters/local`), instead of a kubeconfig."""
    token: str | None = Field(default=None, json_schema_extra=SECRET)
    """Bearer token for `host`."""
    ca: str | None = None
    """Certificate authority of `host`: PEM text, a path to it, or the text in base64. Default: the system's."""
    endpoint: str | None = None
    """URL of Harvester's own API (`https://VIP`, without `/v1/harvester`), where it cannot be told from the API's URL."""
    endpoint_ca: str | None = None
    """Certificate authority of Harvester's own API: PEM text, a path to it, or the text in base64. Default: that of the Kubernetes API."""


class ProviderSettings(Connection):
    """The settings of the provider: its default cluster, further named ones, and limits."""

    clusters: dict[str, Connection] = {}
    """Further clusters by name, for resources with `cluster="name"`."""
    max_requests: int = Field(default=64, ge=1, le=1000)
    """How many requests may be under way at once to each cluster, watches not counted."""
    update_policy: UpdatePolicy | None = None
    """Default of `update_policy` of all virtual machines: `auto`, `live` or `defer`."""
    stop_deadline: DurationText | None = None
    """Default of `stop.deadline` of all virtual machines: how long a guest may take to shut down for a change."""
    stop_then: AfterDeadline | None = None
    """Default of `stop.then` of all virtual machines: `give-up`, `force` or `wait`."""

    def connection(self, cluster: str | None) -> Connection:
        """The connection of the named cluster, or the default one. KeyError where the name is not configured."""
        return self.clusters[cluster] if cluster else self
