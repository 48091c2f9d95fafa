"""Certificates, keys, tokens and kubeconfigs of one local Harvester.

Made once per folder and kept, so that a kubeconfig stays valid across restarts. Elliptic keys are used throughout:
they are made in milliseconds, and kube-apiserver can sign service account tokens with them as well.
Nothing here starts a process or knows which program reads which file.
"""

import csv
import io
import ipaddress
import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harvester_local.files import write_private

LIFETIME = timedelta(days=3650)
RENEW_BEFORE = timedelta(days=30)
SERVING_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
ADMINISTRATORS = "system:masters"
"""The group whose members kube-apiserver never refuses."""


@dataclass(frozen=True)
class Pki:
    """The files of one folder: certificates and keys in PEM form, and the bearer tokens."""

    folder: Path

    @property
    def ca(self) -> Path:
        """Certificate of the authority that signed all others."""
        return self.folder / "ca.crt"

    @property
    def ca_key(self) -> Path:
        """Key of the authority."""
        return self.folder / "ca.key"

    @property
    def serving(self) -> Path:
        """Server certificate for 127.0.0.1 and localhost."""
        return self.folder / "serving.crt"

    @property
    def serving_key(self) -> Path:
        """Key of the server certificate."""
        return self.folder / "serving.key"

    @property
    def client(self) -> Path:
        """Client certificate of a cluster administrator, for the programs of the control plane."""
        return self.folder / "client.crt"

    @property
    def client_key(self) -> Path:
        """Key of the client certificate."""
        return self.folder / "client.key"

    @property
    def accounts_key(self) -> Path:
        """Key that signs service account tokens."""
        return self.folder / "accounts.key"

    @property
    def tokens_file(self) -> Path:
        """Token file in kube-apiserver's CSV form: token, user, uid, groups."""
        return self.folder / "tokens.csv"

    def tokens(self) -> dict[str, str]:
        """Bearer tokens by user name: `admin` may do everything, `rancher` what a user of Rancher may, `guest` nothing."""
        with self.tokens_file.open(newline="") as file:
            return {user: token for token, user, *_ in csv.reader(file)}

    def token_kubeconfig(self, server: str, user: str) -> bytes:
        """Kubeconfig (YAML) for `server`, a URL, with the token of `user`."""
        return self._kubeconfig(server, {"token": self.tokens()[user]})

    def certificate_kubeconfig(self, server: str) -> bytes:
        """Kubeconfig (YAML) for `server`, a URL, with the administrator's client certificate."""
        return self._kubeconfig(server, {"client-certificate-data": _base64(self.client), "client-key-data": _base64(self.client_key)})

    def _kubeconfig(self, server: str, user: dict[str, str]) -> bytes:
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "local", "cluster": {"server": server, "certificate-authority-data": _base64(self.ca)}}],
            "users": [{"name": "local", "user": user}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": "local"}}],
            "current-context": "local",
        }
        return yaml.safe_dump(document, sort_keys=False).encode()


def make_pki(folder: Path) -> Pki:
    """Return the folder's certificates, keys and tokens, making what is missing.

    The certificates are made anew, all of them, when one is missing or runs out within 30 days.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    pki = Pki(folder)
    if not all(_lasts(path) for path in (pki.ca, pki.serving, pki.client)):
        _write_certificates(pki)
    if not pki.accounts_key.exists():
        write_private(pki.accounts_key, _key_pem(ec.generate_private_key(ec.SECP256R1())))
    if not pki.tokens_file.exists():
        write_private(pki.tokens_file, _new_tokens().encode())
    return pki


def _base64(path: Path) -> str:
    return b64encode(path.read_bytes()).decode()


def _lasts(path: Path) -> bool:
    if not path.exists() or not path.with_suffix(".key").exists():
        return False
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc > datetime.now(UTC) + RENEW_BEFORE


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PEM in SEC 1 form, the only one of elliptic keys that kube-apiserver takes for service accounts."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())


def _new_tokens() -> str:
    """Rows of the token file. The administrator's token has the form of those that Rancher hands out in a kubeconfig."""
    sheet = io.StringIO()
    rows = csv.writer(sheet, lineterminator="\n")
    rows.writerow([f"kubeconfig-user-{secrets.token_hex(3)[:5]}:{secrets.token_hex(27)}", "admin", "admin", ADMINISTRATORS])
    rows.writerow([f"token-{secrets.token_hex(3)[:5]}:{secrets.token_hex(27)}", "guest", "guest", ""])
    rows.writerow([f"token-{secrets.token_hex(3)[:5]}:{secrets.token_hex(27)}", "rancher", "rancher", ""])
    return sheet.getvalue()


def _write_certificates(pki: Pki) -> None:
    for path in (pki.serving, pki.client):
        path.unlink(missing_ok=True)  # interrupted half-way, the next run must not take them for the new authority's
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("pulumi-harvester local")
    authority = (
        _builder(name, name, key.public_key(), key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_private(pki.ca_key, _key_pem(key))
    write_private(pki.ca, authority.public_bytes(serialization.Encoding.PEM))
    addresses: list[x509.GeneralName] = [x509.DNSName(host) for host in SERVING_NAMES]
    addresses.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    _write_leaf(pki.serving, name, key, _name("harvester"), ExtendedKeyUsageOID.SERVER_AUTH, x509.SubjectAlternativeName(addresses))
    _write_leaf(pki.client, name, key, _name("control-plane", ADMINISTRATORS), ExtendedKeyUsageOID.CLIENT_AUTH, None)


def _write_leaf(
    path: Path,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    subject: x509.Name,
    purpose: x509.ObjectIdentifier,
    names: x509.SubjectAlternativeName | None,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(issuer, subject, issuer_key.public_key(), key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    )
    if names:
        builder = builder.add_extension(names, critical=False)
    write_private(path.with_suffix(".key"), _key_pem(key))
    write_private(path, builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _name(common: str, organization: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _builder(
    issuer: x509.Name, subject: x509.Name, issuer_key: ec.EllipticCurvePublicKey, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # a clock that lags behind a little
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
