"""The rules of a CloudInit. Cloud-init itself says nothing of a document it cannot read: the machine just comes up without it.

The texts are secret, so that messages name lines and never quote them.
"""

import re
from collections.abc import Iterable, Mapping

import yaml

from harvester_provider.core.problem import Problem
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.cloud_init.model import CloudInitInputs
from harvester_provider.resources.cloud_init.user_data import HEADER

_NEARLY = re.compile(r"#+\s*cloud[-_ ]?config\s*:?", re.IGNORECASE)
_SIZE = 1024 * 1024


def problems(inputs: CloudInitInputs) -> Iterable[Problem]:
    """Everything that is wrong with the inputs."""
    texts = {"userData": inputs.user_data, "networkData": inputs.network_data}
    if is_known(*texts.values()) and not any(texts.values()):
        yield Problem("userData", "missing: give userData, networkData or both")
    troubles = {"userData": _user_trouble, "networkData": _network_trouble}
    for name, text in texts.items():
        if text and (reason := troubles[name](text)):
            yield Problem(name, reason)
    if sum(len(text.encode()) for text in texts.values() if text) > _SIZE:
        yield Problem("userData", "more than 1 MiB with networkData, which no Secret can hold: let the machine download what is large")


def _user_trouble(text: str) -> str:
    first = text.lstrip().split("\n", 1)[0].rstrip()
    if first != HEADER:
        return f"the first line must be exactly {HEADER}: cloud-init ignores the text otherwise" if _NEARLY.fullmatch(first) else ""
    return _parse(text, "write settings below the first line, as `key: value`")[1]


def _network_trouble(text: str) -> str:
    found, reason = _parse(text, "write `version: 1` or `version: 2` and the NICs")
    if reason:
        return reason
    inner = found.get("network", found)
    if isinstance(inner, Mapping) and (inner.get("config") == "disabled" or inner.get("version") in (1, 2)):
        return ""
    return "its version must be 1 or 2: write `version: 2` beside `ethernets`, or `version: 1` beside `config`"


def _parse(text: str, hint: str) -> tuple[Mapping[str, object], str]:
    """The mapping in the text, and what is wrong with it."""
    try:
        found = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        return {}, f"no valid YAML{f' at line {mark.line + 1}, column {mark.column + 1}' if mark else ''}: check quotes and indentation"
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}, "no valid YAML: it holds characters or values that YAML does not know"
    if found is None:
        return {}, f"it is empty: {hint}"
    return (found, "") if isinstance(found, dict) else ({}, f"no mapping: {hint}")
