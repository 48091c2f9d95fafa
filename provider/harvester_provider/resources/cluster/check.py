"""The rules of a Cluster, before the cluster is asked."""

import re
from collections.abc import Iterable
from ipaddress import ip_network
from urllib.parse import urlsplit

from harvester_provider.core.problem import Problem
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.cluster.model import ClusterInputs
from harvester_provider.resources.cluster.report import rancher_problem, release

SHORTEST_PASSWORD = 12
"""Rancher's least length."""


def problems(inputs: ClusterInputs) -> Iterable[Problem]:
    """Everything that is wrong with the inputs."""
    yield from _check_login(inputs)
    yield from _check_release(inputs)
    if is_known(inputs.settings):
        for field in ("storage_network", "vm_migration_network"):
            network = getattr(inputs.settings, field)
            if is_known(network) and network is not None and is_known(network.range):
                alias = "storageNetwork" if field == "storage_network" else "vmMigrationNetwork"
                yield from _check_range(f"settings.{alias}.range", network.range)


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


def _check_range(name: str, value: str) -> Iterable[Problem]:
    try:
        ip_network(value)
    except ValueError:
        yield Problem(name, f"{value!r} is no subnet: write for example 10.5.0.0/24")
