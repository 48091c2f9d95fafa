"""The inputs and outputs of a Cluster. Rules across them are in `check`, what its settings become in `settings`."""

from typing import Literal

from pydantic import Field

from harvester_provider.resources.model import SECRET, DurationText, Model, Outputs, ResourceInputs


class Overcommit(Model):
    """How much more is given away than there is, in percent. Each at least 100."""

    cpu: int = Field(default=1000, ge=100)
    """CPUs."""
    memory: int = Field(default=150, ge=100)
    """Memory."""
    storage: int = Field(default=100, ge=100)
    """Storage."""


class HttpProxy(Model):
    """The proxy by which the cluster reaches the internet. User and password in the address are kept secret."""

    http: str = Field(default="", json_schema_extra=SECRET)
    """Address for http."""
    https: str = Field(default="", json_schema_extra=SECRET)
    """Address for https."""
    exceptions: list[str] = []
    """Addresses, subnets and domains that are reached directly. The nodes' subnet must be among them."""


class TrafficNetwork(Model):
    """A network of its own for one sort of traffic of the nodes, such as storage."""

    cluster_network: str
    """The cluster network it is on."""
    vlan_id: int = Field(ge=0, le=4094)
    """Its VLAN; 0 is untagged. On the cluster network `mgmt` from 2 on."""
    range: str
    """Subnet in CIDR notation that the nodes take addresses from, for example `10.5.0.0/24`; a /16 at most."""
    exclude: list[str] = []
    """Parts of it that are left out, in CIDR notation; each smaller than it."""


class SslCertificates(Model):
    """The certificate of the front door, in place of the self-signed one."""

    certificate: str
    """Certificate, PEM, with intermediate ones after it."""
    private_key: str = Field(json_schema_extra=SECRET)
    """Its private key, PEM, not encrypted."""
    ca: str = ""
    """Certificate of the authority, PEM."""


class RancherRegistration(Model):
    """The Rancher that manages this cluster."""

    url: str = Field(json_schema_extra=SECRET)
    """Registration URL: Rancher's UI shows it under Virtualization Management > Import Existing. It holds a token."""
    insecure_skip_tls_verify: bool = False
    """Trust whatever certificate that Rancher has. Better give its authority in `additionalCa`."""
    version: str | None = None
    """Release of that Rancher, for example `2.14.2`: checked against what this Harvester needs."""


class ClusterSettings(Model):
    """Harvester's settings with typed values. What is not given is left as it is; what is no longer given goes back to what it was.

    The kind Setting is for all others.
    """

    overcommit: Overcommit | None = None
    """How much more CPU, memory and storage is given away than there is."""
    ntp_servers: list[str] | None = None
    """Time servers of the nodes: names or addresses, each once, without `https://` and port."""
    http_proxy: HttpProxy | None = None
    """Proxy for the internet."""
    vip_pools: dict[str, str] | None = None
    """Addresses for load balancers: namespace (or `global`) -> subnets such as `10.1.0.0/24`, or ranges such as `10.1.0.5-10.1.0.9`;
    several ones of the same sort with commas, without spaces.
    """
    storage_network: TrafficNetwork | None = None
    """Network for the replicas of volumes. Harvester takes it only while all machines are off."""
    vm_migration_network: TrafficNetwork | None = None
    """Network for live migration (Harvester 1.6 and later)."""
    ssl_certificates: SslCertificates | None = None
    """Certificate of the front door."""
    additional_ca: str | None = None
    """Authorities that the cluster trusts in addition, PEM."""
    containerd_registry: str | None = Field(default=None, json_schema_extra=SECRET)
    """Registries and mirrors, as the text of a JSON object. Harvester takes the passwords out of it once it has read them."""
    log_level: Literal["info", "debug", "trace"] | None = None
    """How much Harvester writes to its logs."""
    auto_rotate_certificates: DurationText | None = None
    """Renew RKE2's certificates that long before they expire, for example `240h`; from `1h` to `8759h`, in whole hours."""
    default_grace_period: int | None = Field(default=None, ge=0)
    """Seconds a guest may take to shut down, where its machine says nothing."""
    max_hotplug_ratio: int | None = Field(default=None, ge=1, le=20)
    """How many times its CPUs and memory a machine can grow while it runs (Harvester 1.6 and later)."""


class Upgrade(Model):
    """Where a release comes from, for a cluster that does not know it yet."""

    iso_url: str
    """Address of its ISO file; the nodes must reach it."""
    iso_checksum: str
    """SHA-512 of the ISO file."""


class ClusterInputs(ResourceInputs):
    """A Harvester cluster: its first login, that it is whole, its settings and its release. A delete puts the settings back and removes
    nothing.
    """

    endpoint: str | None = None
    """`https://VIP`. With it the provider logs in with `password` and makes a kubeconfig; without it the provider's own settings lead to
    the cluster.
    """
    password: str | None = Field(default=None, json_schema_extra=SECRET)
    """Password of `admin`, at least 12 characters. Where the cluster still has its first one, it is changed to this."""
    initial_password: str = Field(default="admin", json_schema_extra=SECRET)
    """Password that a fresh installation has."""
    ca: str | None = None
    """Authority that signed the front door's certificate, PEM. Default: the system's."""
    fingerprint: str | None = None
    """SHA-256 of the front door's certificate, 64 hexadecimal digits: for a self-signed one. `openssl s_client` shows it."""
    nodes: int | None = Field(default=None, ge=1)
    """How many nodes are waited for. Default: those that have joined."""
    version: str | None = None
    """Release that the cluster has, for example `1.8.2`. Another one than it has is an upgrade, which is waited for."""
    upgrade: Upgrade | None = None
    """Where that release comes from, where the cluster does not know it (air-gapped sites)."""
    settings: ClusterSettings = ClusterSettings()
    """Settings."""
    rancher: RancherRegistration | None = None
    """The Rancher that manages this cluster. Without it the registration is left as it is."""
    support_bundle: str | None = None
    """Make a support bundle with this description. Another text makes another one."""


class ClusterOutputs(Outputs):
    """What is known of a cluster."""

    kubeconfig: str = Field(default="", json_schema_extra=SECRET)
    """Kubeconfig of the login, for `harvester:kubeconfig` of other programs and for explicit providers. Empty without `endpoint`."""
    current_version: str = ""
    """Release it has, for example `v1.8.0`."""
    kubernetes_version: str = ""
    """Version of Kubernetes on its nodes."""
    vip: str = ""
    """The address it is reached by."""
    node_names: list[str] = []
    """Its nodes."""
    report: list[str] = []
    """What is below Harvester's requirements or no longer supported, a sentence each."""
    support_bundle_file: str = ""
    """Where the support bundle can be downloaded, a path below the endpoint."""
