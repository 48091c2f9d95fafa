"""What Harvester refuses of a setting whatever the cluster looks like, by the value alone. Pure; told at the first preview.

What it refuses because of the cluster as it is, is in `setting_rules`. Upstream: pkg/webhook/resources/setting/validator.go; the rules are
the same from 1.6 on, and a field that an older release does not know does nothing there.
"""

import re
from collections.abc import Callable, Mapping

from harvester_provider.core.json import Json, dig_int, dig_list, dig_map, dig_str
from harvester_provider.core.wording import first_of
from harvester_provider.resources.model import is_name
from harvester_provider.resources.setting_values import networks
from harvester_provider.resources.setting_values.pem import certificates_fault, private_key_fault
from harvester_provider.resources.setting_values.shapes import FLAG, INT64, TEXT, TEXTS, Choice, Each, Fields, Misfit, Shape, Whole, read

Rule = Callable[[str], str]

_PROTOCOLS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MOST_RESERVED_CPU = 40.0
_MOST_HOURS = 8759
"""An hour less than a year, which is how long the certificates live."""
_HUNDRED_YEARS = 52_560_000
"""In minutes."""


def fault(name: str, value: str) -> str:
    """Why no cluster takes the value for the setting of that name, with the way out; empty where nothing is known against it.

    The value itself is never in it. An empty one means the default.
    """
    rule = _RULES.get(name)
    return rule(value) if value and rule else ""


def _json(shape: Shape, judge: Callable[[Json], str] = lambda _: "") -> Rule:
    def rule(text: str) -> str:
        try:
            return judge(read(text, shape))
        except Misfit as error:
            return str(error)

    return rule


def _number(least: int = 0, most: int = INT64 - 1, step: int = 1, *, zeros: bool = False) -> Rule:
    """Digits alone. `zeros` where leading ones are allowed."""
    bounds = f"from {least} to {most}" if most < INT64 - 1 else f"from {least} on"
    even = " that is even" if step == 2 else ""

    def rule(text: str) -> str:
        digits = text.lstrip("0") or "0" if zeros else text
        fits = re.fullmatch(r"0|[1-9][0-9]{0,18}", digits) is not None and int(digits) in range(least, most + 1, step)
        return "" if fits else f"write a whole number {bounds}{even}, in digits alone and without leading zeros"

    return rule


def _ratio(text: str) -> str:
    ratio = float(text) if _DECIMAL.fullmatch(text) else -1.0
    return "" if ratio == 0 or 1 <= ratio <= 10 else "write a number from 1 to 10 such as 1.5, or 0 to switch it off"


def _label(text: str) -> str:
    return "" if is_name(text) else "no valid name: use at most 63 lower-case letters, digits and inner dashes"


def _rotation(value: Json) -> str:
    fits = 1 <= dig_int(value, "expiringInHours") <= _MOST_HOURS
    return "" if fits else f"expiringInHours: must be from 1 to {_MOST_HOURS} hours, for example 240 hours, which are 10 days"


def _image(value: Json) -> str:
    empty = [field for field in ("repository", "tag", "imagePullPolicy") if not dig_str(value, field)]
    return f"{empty[0]}: missing: give repository, tag and imagePullPolicy, for example IfNotPresent" if empty else ""


def _certificates(value: Json) -> str:
    ca, certificate, key = (dig_str(value, field) for field in ("ca", "publicCertificate", "privateKey"))
    if not (ca or certificate or key):
        return ""
    whys = {
        "ca": certificates_fault(ca, read=False) if ca else "",
        "publicCertificate": certificates_fault(certificate, read=True),
        "privateKey": private_key_fault(key),
    }
    return next((f"{field}: {why}" for field, why in whys.items() if why), "")


def _protocols(value: Json) -> str:
    fits = all(name in _PROTOCOLS for name in dig_str(value, "protocols").split(" ") if name)
    return "" if fits else f"protocols: give some of {first_of(_PROTOCOLS, shown=len(_PROTOCOLS))}, with spaces between them"


def _upgrade(value: Json) -> str:
    strategy = dig_map(value, "nodeUpgradeOption", "strategy")
    nodes = dig_list(strategy, "pauseNodes") if dig_str(strategy, "mode") else ()
    if len(set(nodes)) < len(nodes):
        return "nodeUpgradeOption.strategy.pauseNodes: a node is there twice: give each one once"
    minutes = dig_str(value, "logReadyTimeout")
    fits = re.fullmatch(r"\+?0*([1-9]|1[0-9]|20)", minutes)
    return "logReadyTimeout: write the minutes as a text, from 1 to 20" if minutes and not fits else ""


def _migration(value: Json) -> str:
    if dig_str(value, "nodeDrainTaintKey"):
        return "nodeDrainTaintKey: Harvester keeps that to itself: leave it out"
    return "network: the setting vm-migration-network says that: leave it out here" if dig_str(value, "network") else ""


def _reserved_cpu(value: Json) -> str:
    given = dig_map(value, "cpu")
    if "cpu" not in dig_map(value):
        return 'cpu: missing: give v1 and v2, in percent of a node, for example {"cpu": {"v1": "12", "v2": "12"}}'
    for engine in ("v1", "v2") if given else ():
        percent = dig_str(given, engine)
        if not _DECIMAL.fullmatch(percent) or not 0 <= float(percent) <= _MOST_RESERVED_CPU:
            return f"cpu.{engine}: give percents of a node as a text, from 0 to {_MOST_RESERVED_CPU:.0f}"
    return ""


def _backup_target(value: Json) -> str:
    kind, given = dig_str(value, "type"), dig_map(value)
    keys, bucket = (
        any(given.get(field) for field in pair) for pair in (("secretAccessKey", "accessKeyId"), ("bucketName", "bucketRegion"))
    )
    if kind not in {"nfs", "s3"}:
        return "type: give nfs or s3" if any(given.values()) else ""
    if kind == "nfs" and not dig_str(value, "endpoint"):
        return "endpoint: missing: give for example nfs://10.1.0.5:/backups"
    if kind == "nfs" and (keys or bucket):
        return "keys and a bucket belong to s3: leave them out, or give the type s3"
    if kind == "s3" and not (dig_str(value, "bucketName") and dig_str(value, "bucketRegion")):
        return "bucketName and bucketRegion: one is missing: s3 needs both"
    return ""


_MIRRORS = Fields({"Endpoints": TEXTS, "Rewrites": Each(TEXT)})
_AUTH = Fields(dict.fromkeys(("Username", "Password", "Auth", "IdentityToken"), TEXT))
_TLS = Fields({**dict.fromkeys(("CAFile", "CertFile", "KeyFile"), TEXT), "InsecureSkipVerify": FLAG})
_REGISTRY = Fields({"Mirrors": Each(_MIRRORS), "Configs": Each(Fields({"Auth": _AUTH, "TLS": _TLS})), "Auths": Each(_AUTH)})
_STRATEGY = Fields({"type": Choice(("skip", "sequential", "parallel")), "concurrency": Whole(0)}, needed=("type",))
_NODES = Fields({"strategy": Fields({"mode": Choice(("auto", "manual")), "pauseNodes": TEXTS})})
_UPGRADE = Fields(
    {
        "imagePreloadOption": Fields({"strategy": _STRATEGY}, needed=("strategy",)), "nodeUpgradeOption": _NODES, "restoreVM": FLAG,
        "logReadyTimeout": TEXT,
    },
    needed=("imagePreloadOption",),
)  # fmt: skip
_COUNT = Whole(0, 2**32 - 1)
_MIGRATION = Fields({
    **dict.fromkeys(("nodeDrainTaintKey", "network"), TEXT),
    **dict.fromkeys(("parallelOutboundMigrationsPerNode", "parallelMigrationsPerCluster"), _COUNT),
    **dict.fromkeys(("completionTimeoutPerGiB", "progressTimeout"), Whole()),
    **dict.fromkeys(("allowAutoConverge", "unsafeMigrationOverride", "allowPostCopy", "allowWorkloadDisruption", "disableTLS"), FLAG),
})  # fmt: skip
_TARGET = Fields({
    **dict.fromkeys(("type", "endpoint", "accessKeyId", "secretAccessKey", "bucketName", "bucketRegion", "cert"), TEXT),
    "virtualHostedStyle": FLAG, "refreshIntervalInSeconds": Whole(0),
})  # fmt: skip
_TLS_OPTIONS = Fields({
    **dict.fromkeys(("minVersion", "maxVersion"), TEXT),
    **dict.fromkeys(("cipherSuites", "curvePreferences", "alpnProtocols"), TEXTS),
    **dict.fromkeys(("sniStrict", "disableSessionTickets"), FLAG),
    "clientAuth": Fields({"secretNames": TEXTS, "clientAuthType": TEXT}),
})  # fmt: skip
_PERCENT = Whole(100)

_RULES: Mapping[str, Rule] = {
    "additional-guest-memory-overhead-ratio": _ratio,
    "auto-rotate-rke2-certs": _json(Fields({"enable": FLAG, "expiringInHours": Whole()}), _rotation),
    "backup-target": _json(_TARGET, _backup_target),
    "containerd-registry": _json(_REGISTRY),
    "default-vm-termination-grace-period-seconds": _number(),
    "http-proxy": _json(Fields(dict.fromkeys(("httpProxy", "httpsProxy", "noProxy"), TEXT))),
    "instance-manager-resources": _json(Fields({"cpu": Each(TEXT)}), _reserved_cpu),
    "kubeconfig-default-token-ttl-minutes": _number(0, _HUNDRED_YEARS),
    "kubevirt-migration": _json(_MIGRATION, _migration),
    "longhorn-v2-data-engine-memory-size": _number(2, step=2),
    "max-hotplug-ratio": _number(1, 20, zeros=True),
    "ntp-servers": _json(networks.SERVERS, networks.servers_fault),
    "overcommit-config": _json(Fields(dict.fromkeys(("cpu", "memory", "storage"), _PERCENT), needed=("cpu", "memory", "storage"))),
    "rancher-cluster": _json(Fields({"removeUpstreamClusterWhenNamespaceIsDeleted": FLAG})),
    "rwx-network": _json(networks.SHARED_NETWORK, networks.shared_network_fault),
    "ssl-certificates": _json(Fields(dict.fromkeys(("ca", "publicCertificate", "privateKey"), TEXT)), _certificates),
    "ssl-parameters": _json(Fields({"protocols": TEXT, "ciphers": TEXT}), _protocols),
    "storage-network": _json(networks.NETWORK, networks.network_fault),
    "support-bundle-expiration": _number(),
    "support-bundle-file-name": _label,
    "support-bundle-image": _json(Fields(dict.fromkeys(("repository", "tag", "imagePullPolicy"), TEXT)), _image),
    "support-bundle-node-collection-timeout": _number(),
    "support-bundle-timeout": _number(),
    "traefik-default-tls-options": _json(_TLS_OPTIONS),
    "upgrade-config": _json(_UPGRADE, _upgrade),
    "vip-pools": _json(networks.POOLS, networks.pools_fault),
    "vm-force-reset-policy": _json(Fields({"enable": FLAG, "period": Whole(1), "vmMigrationTimeout": Whole(0)}, needed=("period",))),
    "vm-migration-network": _json(networks.NETWORK, networks.network_fault),
}
"""The settings whose values Harvester judges by themselves."""
