"""The spec of a provisioning Cluster: what the inputs say, and how it is brought to other inputs. Pure.

Others write in it too: Rancher notes the driver's schema in each pool, its autoscaler the number of machines. So a change
is laid over what is there, pools by their names, and it is made only where the spec is still the one that was seen.
"""

from collections.abc import Mapping

import yaml

from harvester_provider.core.duration import seconds
from harvester_provider.core.json import Json, Object, by_name, dig_int, dig_map, dig_objects, merged
from harvester_provider.resources import guest_charts
from harvester_provider.resources.guest_charts import CLOUD_PROVIDER
from harvester_provider.resources.rancher.model import RancherClusterInputs, RancherDrain
from harvester_provider.resources.rancher.pools import entry_of
from harvester_provider.resources.rancher.words import CREDENTIAL, distribution

_CLOUD_CONFIG_PATH = "/var/lib/rancher/rke2/etc/config-files/cloud-provider-config"
"""Where Rancher writes the cloud provider's kubeconfig on nodes of RKE2 (pkg/capr/planner/config.go, configFile)."""
_POOLS = "machinePools"
_FILES = "machineSelectorFiles"
"""Files of nodes, where Rancher's webhook adds those of its own."""


def secret_name(cluster: str) -> str:
    """Name of the Secret with the kubeconfig of the cloud provider."""
    return f"{cluster}-cloud-config"


def spec_of(inputs: RancherClusterInputs) -> dict[str, Json]:
    """The whole spec."""
    strategy = inputs.upgrade_strategy
    rke: dict[str, Json] = {
        _POOLS: [entry_of(inputs, pool) for pool in inputs.pools],
        "upgradeStrategy": {
            "controlPlaneConcurrency": strategy.control_plane_concurrency,
            "workerConcurrency": strategy.worker_concurrency,
            "controlPlaneDrainOptions": _drain(strategy.control_plane_drain),
            "workerDrainOptions": _drain(strategy.worker_drain),
        },
    }
    if inputs.cloud_config:
        rke |= _for_k3s(inputs) if distribution(inputs.kubernetes_version) == "k3s" else _for_rke2(inputs)
    charts = {**dig_map(rke, "chartValues"), **inputs.chart_values}
    charts |= {name: merged(value, inputs.chart_values.get(name, {})) for name, value in dig_map(rke, "chartValues").items()}
    optional: dict[str, Mapping[str, Json]] = {"machineGlobalConfig": inputs.config, "registries": inputs.registries, "chartValues": charts}
    rke |= {name: value for name, value in optional.items() if value}
    return {
        "kubernetesVersion": inputs.kubernetes_version,
        "cloudCredentialSecretName": inputs.cloud_credential,
        "enableNetworkPolicy": inputs.network_policy,
        "localClusterAuthEndpoint": {"enabled": inputs.authorized_endpoint},
        "rkeConfig": rke,
    }


def _for_rke2(inputs: RancherClusterInputs) -> Mapping[str, Json]:
    """Rancher has a field for the kubeconfig, and RKE2 the charts."""
    source = f"secret://{inputs.namespace}:{secret_name(inputs.name)}"
    config: Json = {"cloud-provider-name": "harvester", "protect-kernel-defaults": False, "cloud-provider-config": source}
    values = {"clusterName": inputs.name, **guest_charts.values(inputs.name)[CLOUD_PROVIDER], "cloudConfigPath": _CLOUD_CONFIG_PATH}
    return {"machineSelectorConfig": [{"config": config}], "chartValues": {CLOUD_PROVIDER: values}}


def _for_k3s(inputs: RancherClusterInputs) -> Mapping[str, Json]:
    """The kubeconfig is a file of the nodes as any other, and the charts are manifests of the cluster.

    Entries that a selector gives take the place of the global ones, so that lists of these are continued here.
    """
    file: Json = {"key": CREDENTIAL, "path": guest_charts.CLOUD_CONFIG, "permissions": "0600"}
    given = {name: value for name, value in inputs.config.items() if name in guest_charts.K3S_CONFIG}
    return {
        "machineSelectorConfig": [{"config": merged(guest_charts.K3S_CONFIG, given)}],
        _FILES: [{"fileSources": [{"secret": {"name": secret_name(inputs.name), "items": [file]}}]}],
        "additionalManifest": yaml.safe_dump_all(guest_charts.for_k3s(inputs.name), sort_keys=False),
    }


def _drain(drain: RancherDrain | None) -> dict[str, Json]:
    found = drain or RancherDrain(enabled=False)
    return {
        "enabled": found.enabled,
        "deleteEmptyDirData": found.delete_empty_dir_data,
        "ignoreDaemonSets": found.ignore_daemon_sets,
        "force": found.force,
        "timeout": int(seconds(found.timeout)) if found.timeout else 0,
    }


def seen_drain(found: Object) -> RancherDrain | None:
    """How nodes are emptied, as the spec has it."""
    if found.get("enabled") is not True:
        return None
    timeout = dig_int(found, "timeout")
    return RancherDrain(
        delete_empty_dir_data=found.get("deleteEmptyDirData") is True,
        ignore_daemon_sets=found.get("ignoreDaemonSets") is not False,
        force=found.get("force") is True,
        timeout=f"{timeout}s" if timeout else None,
    )


def operations(old: RancherClusterInputs, new: RancherClusterInputs, found: Object) -> list[Object]:
    """The JSON patch from the spec that was seen to the wanted one, empty where nothing differs.

    It fits that very generation alone. A spec that somebody else changes meanwhile is looked at again.
    """
    have = dig_map(found, "spec")
    wanted = _laid_over(have, spec_of(old), spec_of(new))
    out: list[Object] = []
    for path, before, after in (("/spec", have, wanted), ("/spec/rkeConfig", dig_map(have, "rkeConfig"), dig_map(wanted, "rkeConfig"))):
        for name in dict.fromkeys((*before, *after)):
            if (path, name) == ("/spec", "rkeConfig") or before.get(name) == after.get(name):
                continue
            value: dict[str, Json] = {"op": "add", "value": after[name]} if name in after else {"op": "remove"}
            out.append({**value, "path": f"{path}/{name}"})
    test: Object = {"op": "test", "path": "/metadata/generation", "value": dig_int(found, "metadata", "generation")}
    return [test, *out] if out else []


def _laid_over(have: Object, old: Object, new: Object) -> dict[str, Json]:
    """`have` with all that `new` says, and without what only `old` says."""
    out = {name: value for name, value in have.items() if name in new or name not in old}
    for name, value in new.items():
        known = have.get(name)
        if name == _POOLS:
            out[name] = _pools(have, old, new)
        elif name == _FILES:
            ours = dig_objects(new, name)
            out[name] = [*ours, *(each for each in dig_objects(have, name) if each not in (*ours, *dig_objects(old, name)))]
        elif isinstance(value, Mapping) and isinstance(known, Mapping):
            out[name] = _laid_over(known, dig_map(old, name), value)
        else:
            out[name] = value
    return out


def _pools(have: Object, old: Object, new: Object) -> list[Json]:
    seen, before = by_name(dig_objects(have, _POOLS)), by_name(dig_objects(old, _POOLS))
    out: list[Json] = []
    for name, entry in by_name(dig_objects(new, _POOLS)).items():
        known = seen.get(name, {})
        laid = _laid_over(known, before.get(name, {}), entry)
        least, most, number = (dig_int(laid, key, default=-1) for key in ("autoscalingMinSize", "autoscalingMaxSize", "quantity"))
        if known and most >= 0:
            laid["quantity"] = min(max(dig_int(known, "quantity", default=number), least), most)
        out.append(laid)
    return out
