"""Values of settings that Harvester 1.8 refuses by themselves, with a part of our reason, and values that it takes."""

import json
from typing import Any

from pems import CERTIFICATE, CUT_OFF, DAMAGED, EC, LOCKED, PKCS8


def ssl(certificate: str = CERTIFICATE, private_key: str = PKCS8, ca: str = "") -> str:
    return json.dumps({"ca": ca, "publicCertificate": certificate, "privateKey": private_key})


def ntp(*servers: Any) -> str:
    return json.dumps({"ntpServers": servers})


def pool(*parts: str) -> str:
    return json.dumps({"default": ",".join(parts)})


def network(**more: Any) -> str:
    return json.dumps({"vlan": 5, "clusterNetwork": "mgmt", "range": "10.99.0.0/24", **more})


def upgrade(strategy: Any = "skip", **more: Any) -> str:
    return json.dumps({"imagePreloadOption": {"strategy": {"type": strategy}}, **more})


def reserved(v1: Any, v2: Any = "12") -> str:
    return json.dumps({"cpu": {"v1": v1, "v2": v2}})


REFUSED = [
    ("vip-pools", "[]", "another sort of JSON: give a JSON object"),
    ("vip-pools", '{"default":5}', "*: give a text"),
    ("vip-pools", '{"default":null}', "pool default: part 1 is no subnet"),
    ("vip-pools", pool(""), "part 1 is no subnet: write 10.1.0.0/24 or"),
    ("vip-pools", pool("10.1.0.0/24", " 10.2.0.0/24"), "pool default: part 2 is no subnet"),
    ("vip-pools", pool("10.1.0.7"), "no subnet"),
    ("vip-pools", pool("10.1.0.0/24", ""), "part 2 is no subnet"),
    ("vip-pools", pool("10.1.0.0/33"), "no subnet"),
    ("vip-pools", pool("10.0.0.0/255.0.0.0"), "no subnet"),
    ("vip-pools", pool("10.0.0.0/+4"), "no subnet"),
    ("vip-pools", pool("fe80::%eth0/64"), "no subnet"),
    ("vip-pools", pool("10.1.0.1-10.1.0.2", "10.2.0.0/24"), "both subnets and ranges: give one sort"),
    ("vip-pools", pool("10.1.0.1-"), "no range of IPv4 addresses: write for example"),
    ("vip-pools", pool("-10.1.0.1"), "no range"),
    ("vip-pools", pool("10.1.0.1-10.1.0.2-10.1.0.3"), "no range"),
    ("vip-pools", pool("fd00::1-fd00::2"), "no range"),
    ("vip-pools", pool("10.1.0.1 - 10.1.0.2"), "without spaces"),
    ("ntp-servers", "x", "no JSON from line 1, column 1 on: write it with json.dumps"),
    ("ntp-servers", "{}", "ntpServers: give a list"),
    ("ntp-servers", "null", "ntpServers: give a list"),
    ("ntp-servers", '{"ntpServers":null}', "ntpServers: give a list"),
    ("ntp-servers", '{"ntpServers":"a"}', "ntpServers: give a list"),
    ("ntp-servers", ntp("a", 5), "ntpServers[1]: give a text"),
    ("ntp-servers", ntp("a", "b", "a"), "server 3 is there twice: give each one once"),
    ("ntp-servers", ntp("", None), "server 2 is there twice"),
    ("ntp-servers", ntp("a", "http://b"), "server 2: give a name or an address alone, without https:// and port"),
    ("ntp-servers", ntp("10.0.0.1:123"), "server 1: give"),
    ("ntp-servers", ntp("a..b"), "server 1: give"),
    ("ntp-servers", ntp("."), "server 1: give"),
    ("ntp-servers", ntp("fe80::1%eth0"), "server 1: give"),
    ("ntp-servers", ntp("a\n"), "server 1: give"),
    ("auto-rotate-rke2-certs", "{}", "expiringInHours: must be from 1 to 8759 hours"),
    ("auto-rotate-rke2-certs", '{"enable":false,"expiringInHours":0}', "from 1 to 8759"),
    ("auto-rotate-rke2-certs", '{"enable":true,"expiringInHours":8760}', "from 1 to 8759"),
    ("auto-rotate-rke2-certs", '{"enable":true,"expiringInHours":"5"}', "without quotes"),
    ("auto-rotate-rke2-certs", '{"enable":"yes","expiringInHours":5}', "enable: give true or false"),
    ("containerd-registry", "x", "no JSON"),
    ("containerd-registry", "[]", "give a JSON object"),
    ("containerd-registry", '{"mirrors":[]}', "Mirrors: give a JSON object"),
    ("containerd-registry", '{"mirrors":{"docker.io":{"endpoints":"https://x"}}}', "Mirrors.*.Endpoints: give a list"),
    ("containerd-registry", '{"Configs":{"a":{"auth":{"username":5}}}}', "Configs.*.Auth.Username: give a text"),
    ("containerd-registry", '{"Configs":{"a":{"TLS":{"InsecureSkipVerify":"x"}}}}', "Configs.*.TLS.InsecureSkipVerify: give true or false"),
    ("containerd-registry", '{"Auths":{"a":"x"}}', "Auths.*: give a JSON object"),
    ("default-vm-termination-grace-period-seconds", "-1", "write a whole number from 0 on"),
    ("kubeconfig-default-token-ttl-minutes", "-1", "from 0 to 52560000"),
    ("kubeconfig-default-token-ttl-minutes", "52560001", "from 0 to 52560000"),
    ("support-bundle-timeout", "-1", "write a whole number from 0 on"),
    ("support-bundle-timeout", "05", "without leading zeros"),
    ("support-bundle-timeout", "+5", "in digits alone"),
    ("support-bundle-timeout", " 5", "in digits alone"),
    ("support-bundle-timeout", "9" * 20, "whole number"),
    ("support-bundle-expiration", "-1", "whole number"),
    ("support-bundle-node-collection-timeout", "-0", "whole number"),
    ("support-bundle-file-name", "Ab", "no valid name: use at most 63 lower-case letters"),
    ("support-bundle-file-name", "a" * 64, "at most 63"),
    ("support-bundle-file-name", "-a", "no valid name"),
    ("support-bundle-image", "x", "no JSON"),
    ("support-bundle-image", "{}", "repository: missing"),
    ("support-bundle-image", '{"repository":"a","tag":"b"}', "imagePullPolicy: missing: give repository, tag and imagePullPolicy"),
    ("vm-force-reset-policy", "{}", "period: give a whole number, without quotes, from 1 on"),
    ("vm-force-reset-policy", '{"enable":true,"period":-1}', "period: give"),
    ("vm-force-reset-policy", '{"period":5.0}', "period: give"),
    ("vm-force-reset-policy", '{"period":5,"vmMigrationTimeout":-1}', "vmMigrationTimeout: give a whole number, without quotes, from 0 on"),
    ("max-hotplug-ratio", "0", "from 1 to 20"),
    ("max-hotplug-ratio", "21", "from 1 to 20"),
    ("max-hotplug-ratio", "+4", "whole number"),
    ("max-hotplug-ratio", "4.0", "whole number"),
    ("overcommit-config", "{}", "cpu: give a whole number, without quotes, from 100 on"),
    ("overcommit-config", '{"cpu":100,"memory":99,"storage":100}', "memory: give"),
    ("overcommit-config", '{"cpu":100.0,"memory":100,"storage":100}', "cpu: give"),
    ("overcommit-config", '{"cpu":NaN,"memory":100,"storage":100}', "NaN and Infinity are no JSON"),
    ("overcommit-config", '{"cpu":9223372036854775808,"memory":100,"storage":100}', "cpu: give"),
    ("overcommit-config", '{"cpu":' + "9" * 5000 + ',"memory":100,"storage":100}', "cpu: give"),
    ("http-proxy", "x", "no JSON"),
    ("http-proxy", '{"noProxy":["10.0.0.0/8"]}', "noProxy: give a text"),
    ("ssl-certificates", ssl("x", "y"), "publicCertificate: no certificate in PEM: give it with its lines BEGIN and END"),
    ("ssl-certificates", ssl(""), "publicCertificate: no certificate in PEM"),
    ("ssl-certificates", ssl(CUT_OFF), "publicCertificate: block 1 is cut off or damaged"),
    ("ssl-certificates", ssl(DAMAGED), "publicCertificate: the certificate in block 1 is damaged"),
    ("ssl-certificates", ssl(CERTIFICATE + PKCS8), "publicCertificate: block 2 is no certificate"),
    ("ssl-certificates", ssl(private_key=""), "privateKey: no private key in PEM"),
    ("ssl-certificates", ssl(private_key=CERTIFICATE), "privateKey: block 1 is no private key"),
    ("ssl-certificates", ssl(private_key=LOCKED), "not encrypted"),
    ("ssl-certificates", ssl(private_key=EC + EC), "there must be one private key"),
    ("ssl-certificates", ssl(private_key=EC.replace("MH", "AA", 1)), "privateKey: the key in block 1 is damaged"),
    ("ssl-certificates", ssl(ca="x"), "ca: no certificate in PEM"),
    ("ssl-certificates", ssl(ca=PKCS8), "ca: block 1 is no certificate"),
    ("ssl-parameters", '{"protocols":"TLSv1.2 TLSv1.4"}', "protocols: give some of SSLv2"),
    ("ssl-parameters", '{"protocols":["TLSv1.2"]}', "protocols: give a text"),
    ("upgrade-config", "x", "no JSON"),
    ("upgrade-config", "{}", "imagePreloadOption: give a JSON object"),
    ("upgrade-config", upgrade("fast"), "imagePreloadOption.strategy.type: give one of skip, sequential, parallel"),
    ("upgrade-config", upgrade(None), "imagePreloadOption.strategy.type: give one of"),
    ("upgrade-config", '{"imagePreloadOption":{"strategy":{"type":"parallel","concurrency":-1}}}', "concurrency: give a whole number"),
    ("upgrade-config", upgrade(logReadyTimeout="0"), "logReadyTimeout: write the minutes as a text, from 1 to 20"),
    ("upgrade-config", upgrade(logReadyTimeout="21"), "from 1 to 20"),
    ("upgrade-config", upgrade(logReadyTimeout=5), "logReadyTimeout: give a text"),
    ("upgrade-config", upgrade(restoreVM="true"), "restoreVM: give true or false"),
    ("upgrade-config", upgrade(nodeUpgradeOption={"strategy": {"mode": "x"}}), "nodeUpgradeOption.strategy.mode: give one of auto, manual"),
    (
        "upgrade-config",
        upgrade(nodeUpgradeOption={"strategy": {"mode": "auto", "pauseNodes": ["a", "a"]}}),
        "pauseNodes: a node is there twice",
    ),
    ("rancher-cluster", "x", "no JSON"),
    ("rancher-cluster", '{"removeUpstreamClusterWhenNamespaceIsDeleted":"x"}', "give true or false"),
    ("kubevirt-migration", '{"network":"a"}', "network: the setting vm-migration-network says that"),
    ("kubevirt-migration", '{"nodeDrainTaintKey":"a"}', "nodeDrainTaintKey: Harvester keeps that"),
    ("kubevirt-migration", '{"parallelMigrationsPerCluster":-1}', "parallelMigrationsPerCluster: give a whole number"),
    ("kubevirt-migration", '{"completionTimeoutPerGiB":1.5}', "completionTimeoutPerGiB: give a whole number, without quotes"),
    ("additional-guest-memory-overhead-ratio", "0.5", "write a number from 1 to 10 such as 1.5, or 0"),
    ("additional-guest-memory-overhead-ratio", "10.1", "from 1 to 10"),
    ("additional-guest-memory-overhead-ratio", "1e999", "from 1 to 10"),
    ("additional-guest-memory-overhead-ratio", " 1.5", "from 1 to 10"),
    ("additional-guest-memory-overhead-ratio", "inf", "from 1 to 10"),
    ("instance-manager-resources", "{}", "cpu: missing: give v1 and v2"),
    ("instance-manager-resources", '{"cpu":{"v1":"12"}}', "cpu.v2: give percents"),
    ("instance-manager-resources", reserved(12), "cpu.*: give a text"),
    ("instance-manager-resources", reserved(None), "cpu.v1: give percents"),
    ("instance-manager-resources", reserved("41"), "from 0 to 40"),
    ("instance-manager-resources", reserved("12", "-1"), "cpu.v2: give percents"),
    ("storage-network", "x", "no JSON"),
    ("storage-network", "{}", "range: no subnet: write for example 10.5.0.0/24"),
    ("storage-network", network(vlan=1), "vlan: the VLANs 0 and 1 of mgmt are taken: give one from 2 to 4094"),
    ("storage-network", network(vlan=4095), "vlan: give a whole number, without quotes, from 0 to 4094"),
    ("storage-network", network(vlan="5"), "vlan: give"),
    ("storage-network", network(range="10.99.0.1/24"), "range: no subnet"),
    ("storage-network", network(range="10.99.0.1"), "range: no subnet"),
    ("storage-network", network(range="10.0.0.0/15"), "range: too large: give a /16"),
    ("vm-migration-network", network(exclude=["x"]), "exclude[0]: no subnet"),
    ("vm-migration-network", network(exclude=["10.98.0.0/28"]), "exclude[0]: not in range"),
    ("vm-migration-network", network(exclude=["10.99.0.0/24"]), "exclude[0]: leaves no address of range"),
    ("vm-migration-network", network(exclude=["10.99.0.0/28", "10.99.0.0/30"]), "exclude[1]: has addresses of the one before it"),
    ("backup-target", "x", "no JSON"),
    ("backup-target", '{"type":"ftp"}', "type: give nfs or s3"),
    ("backup-target", '{"endpoint":"nfs://a:/b"}', "type: give nfs or s3"),
    ("backup-target", '{"type":"nfs"}', "endpoint: missing"),
    ("backup-target", '{"type":"nfs","endpoint":"nfs://a:/b","bucketName":"c"}', "belong to s3"),
    ("backup-target", '{"type":"s3","accessKeyId":"a","secretAccessKey":"b"}', "s3 needs both"),
    ("backup-target", '{"type":"nfs","endpoint":"nfs://a:/b","refreshIntervalInSeconds":-1}', "refreshIntervalInSeconds: give"),
]
"""Name of the setting, its value, and a part of the reason."""

NEWER_REFUSED = [
    ("rwx-network", '{"share-storage-network":"x"}', "share-storage-network: give true or false"),
    ("rwx-network", '{"share-storage-network":false,"network":' + network(range="x") + "}", "network.range: no subnet"),
    ("longhorn-v2-data-engine-memory-size", "3", "from 2 on that is even"),
    ("longhorn-v2-data-engine-memory-size", "0", "from 2 on that is even"),
    ("traefik-default-tls-options", '{"sniStrict":"x"}', "sniStrict: give true or false"),
]
"""As REFUSED: of releases after 1.8, or where 1.8 refuses every change at times."""

TAKEN = [
    *((("vip-pools", pool(*parts))) for parts in (
        ("10.1.0.5-10.1.0.9",), ("10.1.0.0/24", "10.2.0.0/24"), ("10.1.0.7/24",), ("fd00::/64",), ("10.1.0.9-10.1.0.5", "10.2.0.1-10.2.0.2"),
        ("10.1.0.0/024",), ("::ffff:10.0.0.1-10.0.0.2",), ("::ffff:10.0.0.0/120",),
    )),
    *(("vip-pools", text) for text in ("{}", "null", '{"Bad Name":"10.1.0.0/24"}', '{"a":"10.1.0.0/24","b":"10.1.0.0/25"}')),
    *(("ntp-servers", ntp(server)) for server in ("10.0.0.1", "fe80::1", "a_b", "0", "-a", "host.example.org.", "Host", "x" * 64, "", None, "010.0.0.1")),
    *(("ntp-servers", text) for text in (ntp(), '{"ntpservers":["a"]}', '{"ntpServers":["a"],"more":[1]}')),
    *(("auto-rotate-rke2-certs", f'{{"expiringInHours":{hours}}}') for hours in (1, 240, 8759)),
    *(("containerd-registry", text) for text in (
        "null", "{}", '{"a":1}', '{"a":' + "1" * 5000 + "}", '{"Configs":null}', '{"Configs":{"a":null}}', '{"mirrors":{"a":{"endpoint":"x"}}}',
        '{"Mirrors":{"docker.io":{"Endpoints":["https://x"],"Rewrites":{"a":"b"}}}}', '{"configs":{"a":{"tls":{"insecure_skip_verify":"x"}}}}',
    )),
    *(("additional-ca", text) for text in ("x", CERTIFICATE)),
    *(("default-vm-termination-grace-period-seconds", text) for text in ("0", "99999999999")),
    *(("kubeconfig-default-token-ttl-minutes", text) for text in ("0", "52560000")),
    *(("support-bundle-timeout", text) for text in ("0", "5", "9223372036854775807")),
    ("support-bundle-file-name", "a-b"),
    *(("support-bundle-image", text) for text in (
        '{"repository":"a","tag":"b","imagePullPolicy":"c"}', '{"Repository":"a","TAG":"b","imagepullpolicy":"c"}',
    )),
    ("vm-force-reset-policy", '{"enable":true,"period":5}'),
    *(("max-hotplug-ratio", text) for text in ("1", "20", "04", "0" * 20 + "4")),
    *(("overcommit-config", text) for text in (
        '{"cpu":100,"memory":100,"storage":100}', '{"CPU":100,"Memory":100,"STORAGE":1099511627776}',
    )),
    *(("http-proxy", text) for text in ("{}", "null", '{"httpProxy":"","noProxy":""}')),
    *(("ssl-certificates", text) for text in (
        "{}", ssl("", ""), ssl(), ssl(private_key=EC), ssl(CERTIFICATE * 2, ca=CERTIFICATE), ssl("text before\n" + CERTIFICATE.replace("\n", "\r\n")),
        ssl(CUT_OFF + "\n" + CERTIFICATE), ssl(CERTIFICATE + "text behind"),
    )),
    *(("ssl-parameters", text) for text in ("{}", "null", '{"protocols":"TLSv1.2  TLSv1.3"}', '{"ciphers":"x"}')),
    *(("upgrade-config", text) for text in (
        upgrade(), upgrade(logReadyTimeout="20"), upgrade(logReadyTimeout="+05"), upgrade(nodeUpgradeOption={"strategy": {"pauseNodes": ["a", "a"]}}),
        upgrade(nodeUpgradeOption={"strategy": {"mode": "manual"}}), upgrade("parallel", restoreVM=True),
    )),
    *(("rancher-cluster", text) for text in ("{}", "null")),
    *(("kubevirt-migration", text) for text in (
        "{}", '{"network":""}', '{"bandwidthPerMigration":"64Mi"}', '{"completionTimeoutPerGiB":-5,"parallelMigrationsPerCluster":0}',
    )),
    *(("additional-guest-memory-overhead-ratio", text) for text in ("0", "0.0", "1", "10", "1e1", ".5e1", "-0", "1.")),
    *(("instance-manager-resources", text) for text in ('{"cpu":{}}', '{"cpu":null}')),
    *(("vm-migration-network", text) for text in (
        network(), network(exclude=["10.99.0.5/28"]), network(exclude=["10.99.0.0/28", "10.99.0.32/28", "10.99.0.0/30"]),
    )),
    *(("backup-target", text) for text in ("{}", "null")),
    *(("log-level", text) for text in ("info", "x")),
    *(("cluster-registration-url", text) for text in ("x", "https://x")),
    *((name, "x") for name in ("ui-index", "longhorn-v2-data-engine-enabled")),
    ("csi-driver-config", '{"a":{}}'),
]  # fmt: skip
"""Name of the setting, and a value that it has taken."""

DEPENDS = [
    *(("instance-manager-resources", reserved(text)) for text in ("0", "12", "12.5", "40")),
    *(("storage-network", text) for text in (network(), network(clusterNetwork="fast", vlan=0), network(exclude=["10.99.0.5/28"]))),
    ("rancher-cluster", '{"removeUpstreamClusterWhenNamespaceIsDeleted":true}'),
    ("backup-target", '{"type":"s3","bucketName":"b","bucketRegion":"r"}'),
    ("rwx-network", '{"share-storage-network":false,"network":' + network() + "}"),
    ("http-proxy", '{"httpProxy":"http://x"}'),
    ("volume-snapshot-class", "none"),
    ("longhorn-v2-data-engine-memory-size", "2048"),
    ("traefik-default-tls-options", '{"minVersion":"VersionTLS12"}'),
]
"""As TAKEN, where it depends on the cluster."""
