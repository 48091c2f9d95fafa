"""Kubeconfigs as texts: one for a bearer token, and the token in one. Pure."""

import yaml

from harvester_provider.core.json import Json, dig_str


def with_token(server: str, token: str, *, ca: str = "", name: str = "default", namespace: str = "") -> str:
    """A kubeconfig for `server` with a bearer token. `ca` is PEM in base64, empty for the system's authorities."""
    cluster: dict[str, Json] = {"server": server, **({"certificate-authority-data": ca} if ca else {})}
    context: dict[str, Json] = {"cluster": name, "user": name, **({"namespace": namespace} if namespace else {})}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": context}],
        "current-context": name,
    }
    return yaml.safe_dump(document, sort_keys=False)


def token_in(text: str) -> str:
    """The bearer token of the first user, empty where there is none."""
    try:
        return dig_str(yaml.safe_load(text), "users", 0, "user", "token")
    except yaml.YAMLError:
        return ""
