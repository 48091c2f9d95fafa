"""Certificates and keys in PEM, as far as can be told without reading what they certify. Upstream: pkg/util/tls/tls.go.

Whether a first certificate names somebody, and whether a key belongs to it, is left to the cluster.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Sequence

_BEGIN, _END, _DASHES = "-----BEGIN ", "-----END ", "-----"
_SEQUENCE = 0x30
_LONG_FORM = 0x80

Block = tuple[str, bytes | None]
"""What a block says it is, and its content; None where it is cut off or no base64."""


def certificates_fault(text: str, *, read: bool) -> str:
    """What is wrong with one or more certificates; `read` where Harvester looks into them."""
    found = list(_blocks(text))
    if why := _fault(found, "certificate"):
        return why
    for number, (kind, content) in enumerate(found, start=1):
        if content is not None and kind != "CERTIFICATE":
            return f"block {number} is no certificate: give blocks of BEGIN CERTIFICATE alone"
        if content is not None and read and not _is_der(content):
            return f"the certificate in block {number} is damaged: copy it again, with all of its lines"
    return ""


def private_key_fault(text: str) -> str:
    """What is wrong with a private key. Harvester takes the first RSA or PKCS #8 key and looks no further."""
    found = list(_blocks(text))
    if why := _fault(found, "private key"):
        return why
    keys = 0
    for number, (kind, content) in enumerate(found, start=1):
        if content is None or kind == "EC PARAMETERS":
            continue
        if kind in {"PRIVATE KEY", "RSA PRIVATE KEY"}:
            return ""
        if kind != "EC PRIVATE KEY":
            return f"block {number} is no private key: give one of PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY, not encrypted"
        if not _is_der(content):
            return f"the key in block {number} is damaged: copy it again, with all of its lines"
        keys += 1
    return "" if keys == 1 else "there must be one private key: give the one of the certificate"


def _fault(found: Sequence[Block], what: str) -> str:
    if not found:
        return f"no {what} in PEM: give it with its lines BEGIN and END, and the line breaks between them"
    return f"block {len(found)} is cut off or damaged: give all lines from BEGIN to END" if found[-1][1] is None else ""


def _blocks(text: str) -> Iterator[Block]:
    kind: str | None = None
    lines: list[str] = []
    for line in (line.rstrip(" \t\r") for line in text.split("\n")):
        if line.startswith(_BEGIN) and line.endswith(_DASHES) and len(line) >= len(_BEGIN + _DASHES):
            kind, lines = line[len(_BEGIN) : -len(_DASHES)], []
        elif kind is not None and line == f"{_END}{kind}{_DASHES}":
            yield kind, _content(lines)
            kind = None
        elif kind is not None and ":" not in line:
            lines.append(line)
    if kind is not None:
        yield kind, None


def _content(lines: Sequence[str]) -> bytes | None:
    try:
        return b64decode("".join("".join(lines).split()).encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None


def _is_der(content: bytes) -> bool:
    """Whether it is one sequence in DER that ends where it says."""
    if len(content) < 2 or content[0] != _SEQUENCE:
        return False
    head, length = 2, content[1]
    if length & _LONG_FORM:
        head += length - _LONG_FORM
        length = int.from_bytes(content[2:head])
    return len(content) == head + length
