"""What Kubernetes says about names and labels that are none.

Upstream: k8s.io/apimachinery pkg/util/validation/validation.go. `..._problems` answer with all problems of a text, in upstream's words, and
with none for a good one.
"""

import re
from collections.abc import Sequence

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_NAME = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = rf"({_NAME})?"
_LONGEST_LABEL, _LONGEST_SUBDOMAIN = 63, 253
_ENDS = "and must start and end with an alphanumeric character"
_EMPTY = "must be non-empty"


def label_problems(text: str) -> list[str]:
    """Of an RFC 1123 label, such as a namespace or a host name."""
    found = _too_long(text, _LONGEST_LABEL)
    if re.fullmatch(_LABEL, text):
        return found
    if re.fullmatch(_SUBDOMAIN, text):
        return [*found, "must not contain dots"]
    rule = f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', {_ENDS}"
    return [*found, _unlike(rule, _LABEL, "my-name", "123-abc")]


def key_problems(text: str) -> list[str]:
    """Of a label's key: a name, or a DNS subdomain, a slash and a name."""
    rule = _unlike(f"must consist of alphanumeric characters, '-', '_' or '.', {_ENDS}", _NAME, "MyName", "my.name", "123-abc")
    *prefixes, name = text.split("/")
    if len(prefixes) > 1:
        return [f"a qualified name {rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    found = [f"prefix part {problem}" for prefix in prefixes for problem in _prefix_problems(prefix)]
    about_name = _too_long(name, _LONGEST_LABEL) if name else [_EMPTY]
    if not re.fullmatch(_NAME, name):
        about_name.append(rule)
    return [*found, *(f"name part {problem}" for problem in about_name)]


def value_problems(text: str) -> list[str]:
    """Of a label's value."""
    found = _too_long(text, _LONGEST_LABEL)
    if not re.fullmatch(_VALUE, text):
        rule = f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', {_ENDS}"
        found.append(_unlike(rule, _VALUE, "MyValue", "my_value", "12345"))
    return found


def repeated(names: Sequence[str]) -> list[str]:
    """Those that are there more than once, each once."""
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]


def _prefix_problems(text: str) -> list[str]:
    if not text:
        return [_EMPTY]
    found = _too_long(text, _LONGEST_SUBDOMAIN)
    if not re.fullmatch(_SUBDOMAIN, text):
        rule = f"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', {_ENDS}"
        found.append(_unlike(rule, _SUBDOMAIN, "example.com"))
    return found


def _too_long(text: str, longest: int) -> list[str]:
    return [f"must be no more than {longest} characters"] if len(text.encode()) > longest else []


def _unlike(rule: str, pattern: str, *examples: str) -> str:
    shown = ",  or ".join(f"'{example}'" for example in examples)
    return f"{rule} (e.g. {shown}, regex used for validation is '{pattern}')"
