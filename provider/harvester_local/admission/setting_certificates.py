"""The certificates of the VIP, in the setting `ssl-certificates`.

Upstream: validateSSLCertificates in pkg/webhook/resources/setting/validator.go, and pkg/util/tls/tls.go in Harvester v1.8. Nothing is asked
about whether the certificate belongs to the key, and text around the blocks of PEM is passed over.
"""

import base64
import re
from collections.abc import Iterator

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key

from harvester_local.admission.review import invalid
from harvester_local.admission.unmarshal import unmarshal

_HEADER = re.compile("-----BEGIN[^\n]*-----")
_BLOCK = re.compile(r"^-----BEGIN ([^\n]*)-----[ \t\r]*\n(.*?)^-----END \1-----", re.DOTALL | re.MULTILINE)
_CERTIFICATE = "CERTIFICATE"


def check_certificates(value: str) -> None:
    """Raise ValueError, or DeniedError that names the member, for what upstream refuses."""
    given = unmarshal(value, {"ca": str, "publicCertificate": str, "privateKey": str})
    if not any(given.values()):
        return
    checks = {"ca": _check_authorities, "publicCertificate": _check_served, "privateKey": _check_key}
    for name, check in checks.items():
        try:
            check(given.get(name, ""))
        except ValueError as error:
            raise invalid(str(error), name) from error


def _check_authorities(text: str) -> None:
    if text and not list(_certificates(text)):
        raise ValueError("failed to locate certificate")


def _check_served(text: str) -> None:
    chain = [x509.load_der_x509_certificate(content) for content in _certificates(text)]
    if not chain:
        raise ValueError("failed to locate certificate")
    if not _names(chain[0]):
        raise ValueError("certificate has no common name or subject alt name")


def _check_key(text: str) -> None:
    """Like upstream: the first block that is a key will do, and so will a single one that only says so."""
    count = 0
    for kind, content in _blocks(text):
        if kind not in ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "EC PARAMETERS"):
            raise ValueError(f"unexpected block type '{kind}'")
        if kind in ("PRIVATE KEY", "RSA PRIVATE KEY") and _is_key(content):
            return
        if kind == "EC PRIVATE KEY" and not _is_key(content):
            raise ValueError("x509: failed to parse EC private key")
        count += kind != "EC PARAMETERS"
    if count != 1:
        raise ValueError("multiple private keys" if count else "failed to locate private key")


def _certificates(text: str) -> Iterator[bytes]:
    for kind, content in _blocks(text):
        if kind != _CERTIFICATE:
            raise ValueError(f"unexpected block type '{kind}'")
        yield content


def _blocks(text: str) -> Iterator[tuple[str, bytes]]:
    """Type and content of each block of PEM. Raises ValueError for one that begins and is none."""
    while _HEADER.search(text):
        block = _BLOCK.search(text)
        if block is None:
            raise ValueError("failed to parse PEM block")
        lines = [line for line in block[2].splitlines() if ":" not in line]
        try:
            content = base64.b64decode("".join(lines), validate=True)
        except ValueError as error:
            raise ValueError("failed to parse PEM block") from error
        yield block[1], content
        text = text[block.end() :]


def _names(certificate: x509.Certificate) -> list[str]:
    """What the certificate calls its owner."""
    common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    found = [str(each.value) for each in common if str(each.value).strip()]
    try:
        others = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return found
    return [*found, *others.get_values_for_type(x509.DNSName), *map(str, others.get_values_for_type(x509.IPAddress))]


def _is_key(content: bytes) -> bool:
    try:
        load_der_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True
