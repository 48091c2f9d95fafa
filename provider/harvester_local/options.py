"""Command line options made from `Settings`: one per field, its docstring as the help text.

So a new field is a new option, and the two cannot disagree.
"""

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any, TypeVar

import typer

from harvester_local.settings import VARIABLE, Settings

Returned = TypeVar("Returned")
Choice = str | int | float | None
"""Value of one option; None when it was not given."""


def help_texts(kind: type) -> dict[str, str]:
    """The text under each annotated field of a class, by field name."""
    [body] = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    texts = {}
    if isinstance(body, ast.ClassDef):
        for field, text in zip(body.body, body.body[1:], strict=False):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    texts[name] = inspect.cleandoc(words)
    return texts


def with_settings_options(command: Callable[..., Returned]) -> Callable[..., Returned]:
    """Add an option per field of `Settings` to a typer command that takes them as keyword arguments, None if not given."""
    texts = help_texts(Settings)

    @functools.wraps(command)
    def wrapped(*args: object, **options: object) -> Returned:
        return command(*args, **options)

    signature = inspect.signature(command)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    added = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                field.type | None,  # type: ignore[operator]  # the module's annotations are types, not texts
                typer.Option(
                    help=f"{texts[field.name].replace('`VERSIONS`', 'the known ones')} Default: {_default(field)}.",
                    show_default=False,
                    envvar=field.metadata.get(VARIABLE),
                ),
            ],
        )
        for field in fields(Settings)
    ]
    wrapped.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]  # what inspect looks for
    return wrapped


def _default(field: Field[Any]) -> object:
    return 0 if field.default is MISSING else field.default
