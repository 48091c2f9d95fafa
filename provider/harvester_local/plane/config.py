"""What the plane process is told: the content of plane.json, written by the life-cycle code.

Reading only; every other module takes its values from `PlaneConfig`.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.x509.oid import NameOID

from harvester_local.settings import Settings

LOOPBACK = "127.0.0.1"
_PATHS = {"ca", "client_cert", "client_key", "serving_cert", "serving_key", "kubeconfig", "work", "ready", "apiserver_program"}


@dataclass(frozen=True, kw_only=True)
class PlaneConfig:
    """Addresses, files and figures of one plane. Ports are on 127.0.0.1."""

    apiserver: str
    """URL of kube-apiserver."""
    ca: Path
    """Certificate of the authority behind all others."""
    client_cert: Path
    client_key: Path
    serving_cert: Path
    serving_key: Path
    front_port: int
    images_port: int
    webhook_port: int
    admin_token: str
    """Bearer token of an administrator: what a login hands out, and what guards `/local`."""
    kubeconfig: Path
    """The users' kubeconfig, as `generateKubeconfig` returns it."""
    settings: Settings
    crds: Path | None
    """Folder of CustomResourceDefinitions in place of the built-in ones."""
    work: Path
    """Folder for uploads."""
    ready: Path
    """File to write when everything is served."""
    apiserver_program: Path
    """kube-apiserver, for the guest clusters."""
    etcd_port: int
    bootstrap_password: str = "admin"  # noqa: S105  Harvester's own first password, public on purpose

    @classmethod
    def read(cls, path: Path) -> Self:
        """From the JSON file. Raises OSError, ValueError or TypeError when it is missing or not of this shape."""
        data: dict[str, Any] = json.loads(path.read_text())
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {name: Path(value) if name in _PATHS else value for name, value in data.items() if name in known}
        values["settings"] = Settings.from_json(data["settings"])
        values["crds"] = Path(data["crds"]) if data.get("crds") else None
        return cls(**values)

    @property
    def user(self) -> str:
        """User name that the API server sees behind the client certificate."""
        certificate = x509.load_pem_x509_certificate(self.client_cert.read_bytes())
        name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        return name if isinstance(name, str) else name.decode()
