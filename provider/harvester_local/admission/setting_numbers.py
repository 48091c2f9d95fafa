"""Settings whose value is a number, and what is in range. Each rule raises ValueError, or DeniedError where upstream answers with 500.

Upstream: pkg/webhook/resources/setting/validator.go and pkg/webhook/util/string.go in Harvester v1.8; the size of memory: v1.9.
"""

import re
from collections.abc import Callable

from harvester_local.admission.review import failed

_INT64, _UINT32 = 2**63, 2**32
_CENTURY = 100 * 365 * 24 * 60
"""In minutes."""


def not_negative(said: str) -> Callable[[str], None]:
    """The rule of a whole number; `said` is what upstream says about one below zero."""

    def rule(value: str) -> None:
        if whole(value) < 0:
            raise ValueError(said)

    return rule


def whole(value: str) -> int:
    """A whole number in the one notation that upstream takes."""
    if re.match("0.|-0", value):
        raise ValueError(f"leading zero in input: {value}")
    if re.match(r"\+.", value):
        raise ValueError(f"no allowed symbol in input: {value}")
    if not re.fullmatch("-?[0-9]+", value):
        raise ValueError(f'strconv.Atoi: parsing "{value}": invalid syntax')
    if not -_INT64 <= int(value) < _INT64:
        raise ValueError(f'strconv.Atoi: parsing "{value}": value out of range')
    return int(value)


def decimal(value: str) -> float:
    """A number that need not be whole."""
    try:
        return float(re.sub(r"\s", "?", value))
    except ValueError:
        raise ValueError(f'strconv.ParseFloat: parsing "{value}": invalid syntax') from None


def check_token_minutes(value: str) -> None:
    """How long a kubeconfig is good for; 0 is for ever."""
    not_negative("kubeconfig-default-token-ttl-minutes can't be negative")(value)
    if whole(value) > _CENTURY:
        raise ValueError("kubeconfig-default-token-ttl-minutes exceeds 100 years")


def check_hotplug_ratio(value: str) -> None:
    """How much memory a machine may grow to."""
    fault = "" if re.fullmatch("[0-9]+", value) else "invalid syntax"
    if fault or int(value) >= _UINT32:
        raise failed(f'failed to parse value: {value} strconv.ParseUint: parsing "{value}": {fault or "value out of range"}')
    if not 1 <= int(value) <= 20:
        raise failed(f"value: {value} must be in range [1 .. 20]")


def check_overhead_ratio(value: str) -> None:
    """The factor on the overhead that KubeVirt computes; 0 is none."""
    try:
        ratio = decimal(value)
    except ValueError as error:
        raise ValueError(f"value {value} can't be converted to float64, error:{error}") from error
    if ratio < 1 and ratio != 0:
        raise ValueError(f"value {value} can't be less than 1")
    if ratio > 10:
        raise ValueError(f"value {value} can't be greater than 10")


def check_engine_memory(value: str) -> None:
    """Mebibytes of huge pages, which come in twos."""
    name = "longhorn-v2-data-engine-memory-size"
    try:
        size = whole(value)
    except ValueError as error:
        raise failed(str(error)) from error
    if size <= 0:
        raise ValueError(f"{name} must be greater than zero")
    if size % 2:
        raise ValueError(f"{name} must be evenly divisible by two")
