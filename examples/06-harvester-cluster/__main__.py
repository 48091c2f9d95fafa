"""A Harvester cluster as a whole: logged in to, waited for, set up, and upgraded when `release` says another one.

With `endpoint` and `password` a fresh installation gets its password here; its kubeconfig is an output.
"""

import pulumi

import pulumi_harvester as harvester

config = pulumi.Config()
prefix = pulumi.get_stack()  # several stacks can share a cluster
iso = config.get("isoUrl")

cluster = harvester.Cluster(
    "hci",
    endpoint=config.get("endpoint") or None,
    password=config.get_secret("password") if config.get("password") else None,
    ca=config.get("ca") or None,
    version=config.get("release") or None,
    upgrade=harvester.UpgradeArgs(iso_url=iso, iso_checksum="0" * 128) if iso else None,
    settings=harvester.ClusterSettingsArgs(
        overcommit=harvester.OvercommitArgs(memory=config.require_int("memoryOvercommit")),
        ntp_servers=["0.opensuse.pool.ntp.org", "1.opensuse.pool.ntp.org"],
        log_level="info",
    ),
)

# What follows is made on a cluster that is whole.
after = pulumi.ResourceOptions(depends_on=[cluster])
node = harvester.Node("first", after, name=config.require("node"), labels={"example.org/rack": "r1"})
team = harvester.Namespace(
    "team",
    after,
    name=f"{prefix}-team",
    quota=harvester.NamespaceQuotaArgs(limits_cpu="32", limits_memory="64Gi", requests_storage="1Ti"),
)

pulumi.export("name", team.name)
pulumi.export("version", cluster.current_version)
pulumi.export("nodes", cluster.node_names)
pulumi.export("report", cluster.report)
pulumi.export("nics", {found.name: found.nics for found in harvester.get_nodes().nodes})
pulumi.export("kubeconfig", cluster.kubeconfig)
