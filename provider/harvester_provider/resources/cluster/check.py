"""The rules of a Cluster, before the cluster is asked."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from harvester_provider.core.problem import Problem
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.cluster.model import ClusterInputs, ClusterSettings, TrafficNetwork
from harvester_provider.resources.cluster.report import rancher_problem, release
from harvester_provider.resources.cluster.settings import FIELDS, typed_values
from harvester_provider.resources.model import Model
from harvester_provider.resources.setting_values import fault

SHORTEST_PASSWORD = 12
"""Rancher's least length."""


def problems(inputs: ClusterInputs) -> Iterable[Problem]:
    """Everything that is wrong with the inputs."""
    yield from _check_login(inputs)
    yield from _check_release(inputs)
    if is_known(inputs.settings):
        yield from _check_settings(inputs.settings)


def _check_login(inputs: ClusterInputs) -> Iterable[Problem]:
    endpoint, password = inputs.endpoint, inputs.password
    if is_known(endpoint) and endpoint is not None:
        parts = urlsplit(endpoint)
        if parts.scheme != "https" or not parts.hostname or parts.path not in {"", "/"}:
            yield Problem("endpoint", f"{endpoint!r}: write https://VIP, without a path; http is not offered, since a password is sent")
        if is_known(password) and not password:
            yield Problem("password", "missing: endpoint needs the password of admin")
    if is_known(password) and password is not None and len(password) < SHORTEST_PASSWORD:
        yield Problem("password", f"too short: Harvester wants at least {SHORTEST_PASSWORD} characters")
    given = inputs.fingerprint
    if is_known(given) and given is not None and re.fullmatch(r"([0-9a-fA-F]{2}:?){32}", given) is None:
        yield Problem("fingerprint", "no SHA-256: write its 64 hexadecimal digits, colons between them do not count")
    if inputs.ca and given:
        yield Problem(
            "fingerprint", "ca and fingerprint exclude each other: with ca the certificate is verified, with fingerprint it is pinned"
        )


def _check_release(inputs: ClusterInputs) -> Iterable[Problem]:
    version = inputs.version
    if not is_known(version) or version is None:
        return
    if len(release(version)) != 3:
        yield Problem("version", f"{version!r} is no release: write for example 1.8.2")
    elif is_known(inputs.rancher) and inputs.rancher is not None and is_known(inputs.rancher.version):
        yield from (Problem("rancher.version", why) for why in rancher_problem(version, inputs.rancher.version))


def _check_settings(given: ClusterSettings) -> Iterable[Problem]:
    known = given.updated(**{field: _known_part(getattr(given, field)) for field in FIELDS.values()})
    for name, value in typed_values(known).items():
        if why := fault(name, value):
            yield Problem(f"settings.{ClusterSettings.wire_names()[FIELDS[name]]}", why)


def _known_part(value: object) -> object:
    """What of a setting can be judged already; None where that is nothing. Of a network, its range is judged by itself."""
    if isinstance(value, TrafficNetwork) and is_known(value.range):
        place = {} if is_known(value.cluster_network, value.vlan_id) else {"cluster_network": "", "vlan_id": 0}
        return value.updated(**place, **({} if is_known(value.exclude) else {"exclude": []}))
    parts = [getattr(value, field) for field in type(value).model_fields] if isinstance(value, Model) else ()
    return value if is_known(value, *parts) else None
