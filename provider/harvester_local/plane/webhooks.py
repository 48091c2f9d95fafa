"""Registering the webhooks with the API server, under upstream's names and policies.

The plane's own writes, and those of kube-controller-manager with the same certificate, are not asked about: upstream's
controllers pass their webhooks, and asking oneself takes time. Writes in somebody else's name are.
"""

import asyncio
import base64
import json

from harvester_local.admission.registry import WEBHOOKS, Rule, Webhook
from harvester_local.api.client import Api, ApiError
from harvester_local.api.kinds import MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS, Kind
from harvester_local.api.objects import Key, Obj
from harvester_local.plane.config import LOOPBACK, PlaneConfig

_TIMEOUT_SECONDS = 10


async def register_webhooks(api: Api, config: PlaneConfig) -> None:
    """Create the configurations, or bring those of an earlier run up to date."""
    bundle = base64.b64encode(config.ca.read_bytes()).decode()
    configurations: dict[tuple[Kind, str], list[Obj]] = {}
    for webhook in (each for each in WEBHOOKS if config.settings.flavor in each.flavors):
        kind = MUTATING_WEBHOOKS if webhook.mutating else VALIDATING_WEBHOOKS
        configurations.setdefault((kind, webhook.configuration), []).append(_entry(webhook, config, bundle))
    await asyncio.gather(*(_put(api, kind, name, entries) for (kind, name), entries in configurations.items()))


def _entry(webhook: Webhook, config: PlaneConfig, bundle: str) -> Obj:
    return {
        "name": webhook.name,
        "clientConfig": {"url": f"https://{LOOPBACK}:{config.webhook_port}{webhook.path}", "caBundle": bundle},
        "rules": [_rule(rule) for rule in webhook.rules],
        "failurePolicy": webhook.failure_policy,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": _TIMEOUT_SECONDS,
        "matchConditions": [{"name": "not-the-control-plane", "expression": f"request.userInfo.username != {json.dumps(config.user)}"}],
    }


def _rule(rule: Rule) -> Obj:
    kind = rule.kind
    scope = "Namespaced" if kind.namespaced else "Cluster"
    return {
        "apiGroups": [kind.group],
        "apiVersions": [kind.version],
        "resources": [kind.plural],
        "operations": list(rule.operations),
        "scope": scope,
    }


async def _put(api: Api, kind: Kind, name: str, webhooks: list[Obj]) -> None:
    try:
        await api.create(kind, {"metadata": {"name": name}, "webhooks": webhooks})
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
        await api.patch(kind, Key("", name), {"webhooks": webhooks})
