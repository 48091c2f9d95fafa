"""The docstrings below the fields of models, which Python does not keep: read from their source.

Pydantic would keep them (`use_attribute_docstrings`), by reading the source at each import: a quarter of what it takes a provider to start.
"""

import ast
from functools import cache
from inspect import cleandoc, getsource
from itertools import pairwise
from textwrap import dedent

from pydantic import BaseModel


def field_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The docstring of each field that has one, inherited fields too, by Python name."""
    out: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if issubclass(owner, BaseModel) and owner is not BaseModel:
            out |= _own(owner)
    return out


@cache
def _own(model: type[BaseModel]) -> dict[str, str]:
    """The docstrings of the fields that the model itself declares, empty for those without."""
    try:
        source = getsource(model)
    except OSError:  # a model that was made without one (`create_model`)
        return {}
    (declared,) = ast.parse(dedent(source)).body
    out: dict[str, str] = {}
    for field, below in pairwise([*getattr(declared, "body", ()), None]):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                out[name] = cleandoc(text)
            case ast.AnnAssign(target=ast.Name(id=name)), _:
                out[name] = ""
    return out
