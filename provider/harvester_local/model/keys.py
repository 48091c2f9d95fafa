"""OpenSSH public keys: their fingerprints."""

import base64
import hashlib


def fingerprint(public_key: str) -> str:
    """MD5 of the key's blob as colon-separated hex, the old OpenSSH form. Raises ValueError for anything but a public key."""
    words = public_key.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, ValueError) as error:
        raise ValueError("not an OpenSSH public key") from error
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length].decode(errors="replace") != words[0]:
        raise ValueError("not an OpenSSH public key: its type and its blob differ")
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":")
