"""What is known of the content of a local file, as a value. Reading it is the engine's."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Content:
    """`sha512` in hexadecimal, `size` in bytes. `stamp` is how the file looked when it was read; empty where that says nothing yet."""

    sha512: str = ""
    size: int = 0
    stamp: str = ""
