"""A rule that an input breaks, with the property it is about and the way out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """`property` is the path Pulumi shows (`disks[0].size`, camelCase), `reason` says what is wrong and what to write instead."""

    property: str
    reason: str

    def __str__(self) -> str:
        return f"{self.property}: {self.reason}" if self.property else self.reason
