"""Kubernetes quantities (`4Gi`, `500m`, `1.5`), compared as numbers and written as they were given.

Rules: apimachinery's resource.Quantity - a signed decimal number with an optional binary (Ki..Ei) or decimal
(n, u, m, k, M, G, T, P, E) suffix, or an exponent.
"""

import re
from fractions import Fraction
from functools import lru_cache, total_ordering

_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1),
    "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12), "P": Fraction(10**15), "E": Fraction(10**18),
}  # fmt: skip
_SHAPE = re.compile(r"([+-]?(?:\d{1,19}\.?\d{0,9}|\.\d{1,9}))([KMGTPE]i|[numkMGTPE]?|[eE][+-]?\d{1,2})", re.ASCII)


@total_ordering
class Quantity:
    """A quantity. Equal values are equal however they are written: `Quantity("4096Mi") == Quantity("4Gi")`.

    Raises ValueError, with the accepted forms, for anything that Kubernetes would not parse.
    """

    __slots__ = ("text", "value")
    text: str
    value: Fraction

    def __init__(self, text: "str | int | float | Quantity") -> None:
        self.text = text.text if isinstance(text, Quantity) else _plain(text)
        self.value = _value(self.text)

    def __int__(self) -> int:
        """Rounded up, as Kubernetes does: bytes are never fewer than asked for."""
        return -(-self.value.numerator // self.value.denominator)

    def __eq__(self, other: object) -> bool:
        return self.value == other.value if isinstance(other, Quantity) else NotImplemented

    def __lt__(self, other: "Quantity") -> bool:
        return self.value < other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Quantity({self.text!r})"


@lru_cache(maxsize=1024)
def _value(text: str) -> Fraction:
    """The number that a text stands for. A program says the same few texts all the time."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a quantity: write a number with a unit such as 512Mi, 10Gi, 2 or 500m")
    number, unit = match.groups()
    if unit in _BINARY:
        factor = Fraction(_BINARY[unit])
    elif unit in _DECIMAL:
        factor = _DECIMAL[unit]
    else:
        factor = Fraction(10) ** int(unit[1:])
    return Fraction(number) * factor


def _plain(text: str | float) -> str:
    if isinstance(text, float):
        return str(int(text)) if text.is_integer() else str(text)
    return str(text).strip()
