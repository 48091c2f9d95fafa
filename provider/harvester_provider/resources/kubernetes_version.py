"""From which version of Kubernetes a cluster may go to which. Pure. Source: kubernetes.io/releases/version-skew-policy."""

import re

VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
"""Major, minor and patch of a version such as `v1.34.2+rke2r1`."""


def refused_step(old: str | None, new: str | None) -> str:
    """Why a cluster cannot go from one version to another, or an empty text."""
    before, after = (VERSION.match(text or "") for text in (old, new))
    if before is None or after is None:
        return ""
    if old is not None and new is not None and old.partition("+")[2][:3] != new.partition("+")[2][:3]:
        return f"a cluster of {old} cannot become one of {new}: make another cluster"
    minors = int(after[2]) - int(before[2])
    if int(after[1]) != int(before[1]) or minors > 1:
        return f"Kubernetes is upgraded one minor at a time: from {old} go to a v{before[1]}.{int(before[2]) + 1} first"
    if minors < 0 or (minors == 0 and int(after[3]) < int(before[3])):
        return f"Kubernetes does not go back from {old} to {new}: make another cluster of that version"
    return ""
