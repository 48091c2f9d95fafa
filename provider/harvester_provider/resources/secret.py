"""Texts in the `data` of a Secret, which the API keeps in base64."""

import base64
from collections.abc import Mapping

from harvester_provider.core.json import Json, Object, dig_str, dig_strings


def encoded(texts: Mapping[str, str]) -> dict[str, Json]:
    """The texts as the `data` of a Secret."""
    return {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}


def text_in(secret: Object, key: str) -> str:
    """The text under `key`, empty where there is none. Bytes that are no text stay visible as U+FFFD."""
    try:
        return base64.b64decode(dig_str(secret, "data", key)).decode(errors="replace")
    except ValueError:
        return ""


def texts_in(secret: Object) -> dict[str, str]:
    """All texts; what is no text is left out."""
    out = {}
    for key, value in dig_strings(secret, "data").items():
        try:
            out[key] = base64.b64decode(value, validate=True).decode()
        except ValueError:
            continue
    return out
