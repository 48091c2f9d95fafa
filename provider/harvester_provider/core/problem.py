"""A rule that an input breaks, with the property it is about and the way out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """`property` is the path Pulumi shows (`disks[0].size`, camelCase), `reason` says what is wrong and what to write instead.

    Both may quote what the program passed: what a terminal would not show, or would obey, is escaped; long texts are cut in the middle.
    """

    property: str
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "property", shown(self.property))
        object.__setattr__(self, "reason", shown(self.reason))

    def __str__(self) -> str:
        return f"{self.property}: {self.reason}" if self.property else self.reason


_LONGEST = 1000


def shown(text: str) -> str:
    """`text` with control characters and the like escaped, lines kept, and the middle left out where it is very long."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 4 :]}"
    return text if text.isprintable() else "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
