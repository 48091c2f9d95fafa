"""A certificate and its key in PEM, whole and broken."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_KEY = ec.generate_private_key(ec.SECP256R1())
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "harvester.example.org")])
_NOW = datetime.now(UTC)
_SIGNED = x509.CertificateBuilder().subject_name(_NAME).issuer_name(_NAME).public_key(_KEY.public_key()).serial_number(1)
CERTIFICATE = (
    _SIGNED.not_valid_before(_NOW).not_valid_after(_NOW + timedelta(1)).sign(_KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
).decode()


def key(form: serialization.PrivateFormat, password: bytes = b"") -> str:
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return _KEY.private_bytes(serialization.Encoding.PEM, form, locked).decode()


PKCS8, EC = key(serialization.PrivateFormat.PKCS8), key(serialization.PrivateFormat.TraditionalOpenSSL)
LOCKED = key(serialization.PrivateFormat.PKCS8, b"a password")
CUT_OFF = CERTIFICATE[: len(CERTIFICATE) // 2]
DAMAGED = "".join(CERTIFICATE.splitlines(keepends=True)[:2] + CERTIFICATE.splitlines(keepends=True)[-1:])
