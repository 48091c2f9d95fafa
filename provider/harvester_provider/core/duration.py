"""Durations as people write them: `90`, `30s`, `10m`, `1h30m`."""

import re

_SHAPE = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)


def seconds(text: str | float) -> float:
    """Seconds of a duration. A bare number is seconds. Raises ValueError with the accepted forms."""
    if isinstance(text, int | float) and not isinstance(text, bool) and text >= 0:
        return float(text)
    value = str(text).strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", value, re.ASCII):
        return float(value)
    match = _SHAPE.fullmatch(value)
    if not value or match is None:
        raise ValueError(f"{text!r} is not a duration: write 30s, 10m, 1h30m or a number of seconds")
    hours, minutes, rest = match.groups()
    return float(hours or 0) * 3600 + float(minutes or 0) * 60 + float(rest or 0)
