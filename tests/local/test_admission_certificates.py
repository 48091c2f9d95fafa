"""The setting `ssl-certificates` at admission. Refusals were seen on a real control plane of Harvester 1.8."""

import datetime as dt
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from plane_objects import obj, updating, world

from harvester_local.admission.review import DeniedError, Request
from harvester_local.admission.setting_values import validate_value
from harvester_local.api import kinds

_KEY = ec.generate_private_key(ec.SECP256R1())
KEY, EC_KEY = (
    _KEY.private_bytes(Encoding.PEM, kind, NoEncryption()).decode() for kind in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
)


def certificate(common_name: str = "", *hosts: str) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)] if common_name else [])
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = x509.CertificateBuilder(name, name, _KEY.public_key(), 7, begin, begin + dt.timedelta(days=1))
    if hosts:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
    return made.sign(_KEY, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def block(kind: str, content: str = "eA==") -> str:
    return f"-----BEGIN {kind}-----\n{content}\n-----END {kind}-----\n"


HCI = certificate("hci")


def change(ca: str = "", public: str = "", key: str = "") -> Request:
    value = json.dumps({"ca": ca, "publicCertificate": public, "privateKey": key})
    old, new = ({**obj(kinds.SETTING, "ssl-certificates"), "value": each} for each in ("", value))
    return updating(old, new)


@pytest.mark.parametrize(
    ("request_", "words", "member"),
    [
        (change(public="x", key=KEY), "failed to locate certificate", "publicCertificate"),
        (change(key=KEY), "failed to locate certificate", "publicCertificate"),
        (change("x", HCI, KEY), "failed to locate certificate", "ca"),
        (change(block("PUBLIC KEY"), HCI, KEY), "unexpected block type 'PUBLIC KEY'", "ca"),
        (change(public=KEY, key=KEY), "unexpected block type 'PRIVATE KEY'", "publicCertificate"),
        (change(public="-----BEGIN CERTIFICATE-----\neA==\n", key=KEY), "failed to parse PEM block", "publicCertificate"),
        (change(public=block("CERTIFICATE", "no-base64"), key=KEY), "failed to parse PEM block", "publicCertificate"),
        (change(public=certificate(), key=KEY), "certificate has no common name or subject alt name", "publicCertificate"),
        (change(public=HCI, key="x"), "failed to locate private key", "privateKey"),
        (change(public=HCI, key=HCI), "unexpected block type 'CERTIFICATE'", "privateKey"),
        (change(public=HCI, key=EC_KEY + EC_KEY), "multiple private keys", "privateKey"),
        (change(public=HCI, key=block("EC PRIVATE KEY")), "failed to parse EC private key", "privateKey"),
    ],
)
def test_certificates_that_are_none_are_refused(request_: Request, words: str, member: str) -> None:
    with pytest.raises(DeniedError) as refusal:
        validate_value(request_, world())
    assert refusal.value.code == 422
    assert words in refusal.value.message
    assert [cause["field"] for cause in refusal.value.causes] == [member]


def test_a_served_certificate_that_does_not_parse_is_refused() -> None:
    with pytest.raises(DeniedError) as refusal:
        validate_value(change(public=block("CERTIFICATE"), key=KEY), world())
    assert refusal.value.code == 422


@pytest.mark.parametrize(
    "request_",
    [
        change(),
        change(public=HCI, key=KEY),
        change(HCI + certificate("other"), HCI + certificate(), "of the VIP\n" + EC_KEY),
        change(public=certificate("", "hci.example.org"), key=block("EC PARAMETERS") + EC_KEY),
        change(block("CERTIFICATE"), HCI, block("PRIVATE KEY")),
        change(public=HCI, key=KEY + KEY),
    ],
)
def test_certificates_that_upstream_takes_are_taken(request_: Request) -> None:
    validate_value(request_, world())
