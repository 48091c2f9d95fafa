"""From the provider's settings to a configured client. No request is sent here, except what a credential plugin needs.

Order: `kubeconfig`, then `host`, then the environment's `KUBECONFIG`, then `~/.kube/config`. Whatever is wrong becomes
a BadConnection that names the setting and the way out.
"""

import base64
import binascii
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from harvester_provider.core.errors import BadConnection
from harvester_provider.kube.library import ConfigException, Configuration, KubeConfigLoader, KubeConfigMerger
from harvester_provider.resources.provider import Connection

_DEFAULT = "~/.kube/config"
_PROXIED = "/k8s/clusters/"
_PEM = "-----BEGIN"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Door:
    """One of a cluster's APIs: where it is, and how its server proves who it is."""

    url: str
    authority: str
    """The setting whose certificates vouch for it, for messages."""
    trust: ssl.SSLContext | bool = True
    """Whom to trust there; True: whom the configured client trusts."""
    server_name: str | None = None
    """The name in its certificate, where that is not the host's."""


@dataclass(frozen=True, slots=True)
class Target:
    """A configured client's settings, and where Harvester's own API is (empty where it cannot be told)."""

    configuration: Any
    endpoint: str
    endpoint_trust: ssl.SSLContext | bool = True
    """Whom to trust at the endpoint; True: whom the configured client trusts."""

    @property
    def host(self) -> str:
        """URL of the Kubernetes API."""
        return str(self.configuration.host).rstrip("/")

    @property
    def kubernetes(self) -> Door:
        """The Kubernetes API."""
        return Door(self.host, "the kubeconfig's `certificate-authority-data` (or harvester:ca)", server_name=self._server_name)

    @property
    def harvester(self) -> Door:
        """Harvester's own API. Raises BadConnection where its address is not known."""
        if not self.endpoint:
            raise BadConnection(
                "harvester:endpoint: missing: the address of Harvester's own API cannot be told from "
                f"{self.host}; set it to https://VIP (pulumi config set harvester:endpoint https://VIP)"
            )
        same = urlsplit(self.endpoint).netloc == urlsplit(self.host).netloc
        return Door(self.endpoint, "harvester:endpointCa", self.endpoint_trust, self._server_name if same else None)

    @property
    def _server_name(self) -> str | None:
        name: str | None = self.configuration.tls_server_name
        return name


async def connect(connection: Connection) -> Target:
    """The client's settings for a connection. Raises BadConnection."""
    configuration = type.__call__(Configuration)  # the class hands out a shared default otherwise
    if connection.kubeconfig is None and connection.host is not None:
        await _load(_of_host(connection, connection.host), configuration, "harvester:host")
    else:
        await _from_kubeconfig(connection, configuration)
    configuration.connection_pool_maxsize = 0  # watches stay open; requests are limited in `client`
    configuration.retries = False
    return Target(configuration, _endpoint(connection.endpoint, configuration.host), _endpoint_trust(connection.endpoint_ca))


def _endpoint(given: str | None, host: str) -> str:
    """Behind a Harvester VIP the API server is at `https://VIP/k8s/clusters/...`, and Harvester's API beside it."""
    if given:
        return _url(given, "harvester:endpoint", "https://VIP", "harvester:endpointCa")
    head, found, _ = host.partition(_PROXIED)
    return head if found else ""


def _endpoint_trust(ca: str | None) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cadata=_authority(ca, "harvester:endpointCa")) if ca else True


def _of_host(connection: Connection, host: str) -> dict[str, Any]:
    """What a kubeconfig would say of an address, a token and an authority."""
    server = _url(host, "harvester:host", "https://ADDRESS:6443 or https://ADDRESS/k8s/clusters/local", "harvester:ca")
    if not connection.token:
        raise BadConnection(
            "harvester:token: missing: harvester:host needs a bearer token (pulumi config set --secret harvester:token ...)"
        )
    cluster = {"server": server}
    if connection.ca:
        cluster["certificate-authority-data"] = base64.b64encode(_authority(connection.ca, "harvester:ca").encode()).decode()
    return {
        "current-context": "host",
        "contexts": [{"name": "host", "context": {"cluster": "host", "user": "host"}}],
        "clusters": [{"name": "host", "cluster": cluster}],
        "users": [{"name": "host", "user": {"token": connection.token}}],
    }


def _url(value: str, setting: str, shape: str, authority: str) -> str:
    """An address that a token may be sent to."""
    parts = urlsplit(value)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise BadConnection(f"{setting}: {value!r} is no URL: write {shape}")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise BadConnection(f"{setting}: {value!r} would send the token unencrypted: write https://, with {authority} for its certificate")
    return value.rstrip("/")


def _authority(ca: str, setting: str) -> str:
    """The PEM text of a certificate authority that is given as that, as its base64, or as a path to it."""
    text = ca if _PEM in ca else _decoded(ca, _PEM)
    if text is None:
        path = Path(ca).expanduser()
        if not path.is_file():
            raise BadConnection(f"{setting}: {ca!r} is neither PEM text, nor its base64, nor an existing file")
        text = _read(path)
    try:
        ssl.create_default_context(cadata=text)
    except ssl.SSLError as error:
        raise BadConnection(f"{setting}: there is no certificate in it ({error}): write the PEM text of the authority") from error
    return text


async def _from_kubeconfig(connection: Connection, configuration: Any) -> None:
    content, base, where = _kubeconfig(connection.kubeconfig)
    if not isinstance(content, dict) or not content.get("clusters"):
        raise BadConnection(
            f"{where}: this is no kubeconfig: it has no `clusters`. Download it again (in Harvester: Support > Download KubeConfig)"
        )
    contexts = [entry.get("name") for entry in content.get("contexts") or [] if isinstance(entry, dict)]
    wanted = connection.context or content.get("current-context")
    if wanted not in contexts:
        named = "harvester:context" if connection.context else f"{where}: current-context"
        raise BadConnection(
            f"{named}: {wanted!r} is no context of the kubeconfig: choose one of {', '.join(map(str, contexts)) or '(it has none)'}"
        )
    await _load(content, configuration, where, base, connection.context)


async def _load(content: dict[str, Any], configuration: Any, where: str, base: str | None = None, context: str | None = None) -> None:
    try:
        loader = KubeConfigLoader(config_dict=content, config_base_path=base, active_context=context)
        await loader.load_and_set(configuration)
    except (ConfigException, OSError, ValueError, KeyError, TypeError, binascii.Error) as error:
        raise BadConnection(f"{where}: {error}") from error


def _kubeconfig(value: str | None) -> tuple[Any, str | None, str]:
    """The parsed kubeconfig, the folder its relative paths start from, and its name for messages."""
    if value is None:
        paths = [Path(part).expanduser() for part in os.environ.get("KUBECONFIG", _DEFAULT).split(os.pathsep) if part]
        found = [path for path in paths if path.is_file()]
        if not found:
            looked = ", ".join(map(str, paths))
            raise BadConnection(f"no kubeconfig: {looked} does not exist: set harvester:kubeconfig (text, path or base64) or KUBECONFIG")
        return _merged(found), str(found[0].parent), str(found[0])
    text = value.strip()
    if is_kubeconfig(text):
        return _parsed(text, "harvester:kubeconfig"), None, "harvester:kubeconfig"
    decoded = _decoded(text, "clusters")
    if decoded is not None:
        return _parsed(decoded, "harvester:kubeconfig"), None, "harvester:kubeconfig"
    path = Path(text).expanduser()
    if not path.is_file():
        shown = repr(text) if text.startswith(("/", "~", ".")) else "the value"  # what is no path may be somebody's secret
        raise BadConnection(f"harvester:kubeconfig: {shown} is neither a kubeconfig's text, nor its base64, nor an existing file")
    return _parsed(_read(path), str(path)), str(path.parent), str(path)


def is_kubeconfig(text: str) -> bool:
    """Whether a text is a kubeconfig itself, and no name or path."""
    return "\n" in text.strip() or text.lstrip().startswith("{")


def _merged(paths: list[Path]) -> Any:
    if len(paths) == 1:
        return _parsed(_read(paths[0]), str(paths[0]))
    try:
        return KubeConfigMerger(os.pathsep.join(map(str, paths))).config.value
    except (ConfigException, OSError) as error:
        raise BadConnection(f"KUBECONFIG: {error}") from error
    except yaml.YAMLError:
        for path in paths:
            _parsed(_read(path), str(path))
        raise


def _decoded(text: str, mark: str) -> str | None:
    """What a text is the base64 of, where that has `mark` in it."""
    try:
        decoded = base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return decoded if mark in decoded else None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConnection(f"{path}: cannot be read: {error}") from error


def _parsed(text: str, where: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)  # not the error's own text: it quotes the line, and the line may hold a token
        line = f"line {mark.line + 1}: " if mark else ""
        raise BadConnection(f"{where}: this is no YAML: {line}{getattr(error, 'problem', None) or 'it cannot be parsed'}") from None
