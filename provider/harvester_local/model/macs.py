"""MAC addresses: making one and telling whether a text is one."""

import re
import secrets

_FORM = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")


def generate_mac() -> str:
    """A random, locally administered unicast address."""
    first, *rest = secrets.token_bytes(6)
    return ":".join(f"{byte:02x}" for byte in [first & 0xFC | 0x02, *rest])


def is_mac(text: str) -> bool:
    """Whether the text is a MAC address of six bytes."""
    return bool(_FORM.fullmatch(text))
