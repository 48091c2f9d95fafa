"""Small pieces of Python source: types, docstrings, fields. Layout is left to the formatter, meaning is not."""

import re
import textwrap
from collections.abc import Iterable

from harvester_provider.schema.package import Anything, EnumRef, ListOf, MapOf, ObjectRef, Primitive, Property, Type

WIDTH = 128
"""Of documentation, before indentation and quotes."""

_PRIMITIVES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}


def snake(name: str) -> str:
    """`VirtualMachine` -> `virtual_machine`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def input_type(kind: Type) -> str:
    """The type of an argument: a value, or an output that will have it, at every level."""
    return f"pulumi.Input[{_plain(kind, inputs=True)}]"


def output_type(kind: Type) -> str:
    """The type of a value that was read."""
    return _plain(kind, inputs=False)


def _plain(kind: Type, *, inputs: bool) -> str:
    def inner(below: Type) -> str:
        return input_type(below) if inputs else output_type(below)

    match kind:
        case Primitive(name):
            return _PRIMITIVES[name]
        case Anything():
            return "Any"
        case ListOf(items):
            return f"Sequence[{inner(items)}]"
        case MapOf(values):
            return f"Mapping[str, {inner(values)}]"
        case ObjectRef(name):
            return f"{name}Like" if inputs else name
        case EnumRef(name):
            return name


def description(item: Property) -> str:
    """What is said of a property: its own words, its default, and whether a change of it replaces the resource."""
    parts = [item.description]
    if item.default is not None and "default" not in item.description.lower():
        parts.append(f"Default: {_literal(item.default)}.")
    if item.replaces:
        parts.append("A change replaces the resource.")
    return " ".join(part for part in parts if part)


def _literal(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else f"`{value!r}`"


def docstring(text: str, indent: str = "", parameters: Iterable[str] = ()) -> str:
    """A docstring, wrapped, with what would end or alter it escaped. `parameters` are lines of `parameter`, in a block of their own."""
    block = [line for entry in parameters for line in _escaped(entry).splitlines()]
    lines = _wrap(_escaped(text)) + (["", *block] if block else [])
    if len(lines) == 1 and not lines[0].endswith('"'):
        return f'{indent}"""{lines[0]}"""'
    return textwrap.indent('"""' + "\n".join(lines) + '\n"""', indent, lambda line: bool(line.strip()))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', r"\"\"\"")


def _wrap(text: str) -> list[str]:
    """Wrapped paragraph by paragraph; blocks that are indented or fenced keep their lines."""
    out: list[str] = []
    for block in re.split(r"\n\s*\n", text):
        keep = "```" in block or any(line.startswith((" ", "- ", "* ")) for line in block.splitlines())
        lines = block.splitlines() if keep else textwrap.wrap(block, WIDTH, break_long_words=False, break_on_hyphens=False)
        out += ["", *lines] if out else lines
    return out or [""]


def parameter(name: str, text: str) -> str:
    """A line (or several) of a constructor's docstring."""
    flat = " ".join(text.split())
    return textwrap.fill(f":param {name}: {flat}", WIDTH - 8, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def field(item: Property) -> str:
    """A field of an argument class, with its documentation."""
    kind = input_type(item.type)
    if item.required:
        line = f'    {item.python_name}: {kind} = prop(name="{item.name}")'
    else:
        line = f'    {item.python_name}: {kind} | None = prop(name="{item.name}", default=None)'
    return f"{line}\n{docstring(description(item), '    ')}"


def argument(item: Property) -> str:
    """A parameter of a resource's constructor."""
    return f"{item.python_name}: {input_type(item.type)}" + ("" if item.required else " | None = None")


def key(item: Property) -> str:
    """A key of the dictionary that can stand for an argument class."""
    kind = input_type(item.type)
    return f"    {item.python_name}: {kind}" if item.required else f"    {item.python_name}: NotRequired[{kind} | None]"


def attribute(item: Property) -> str:
    """A field of an output class."""
    optional = "" if item.always_there else " | None"
    clash = "  # type: ignore[assignment]  # dictionaries have a method of that name" if item.python_name in dir(dict) else ""
    line = f'    {item.python_name}: {output_type(item.type)}{optional} = prop(name="{item.name}")'
    return f"{line}{clash}\n{docstring(item.description, '    ')}"


def getter(item: Property) -> str:
    """A property of a resource class: an output."""
    optional = "" if item.always_there else " | None"
    return (
        f'    @property\n    @pulumi.getter(name="{item.name}")\n'
        f"    def {item.python_name}(self) -> pulumi.Output[{output_type(item.type)}{optional}]:\n"
        f"{docstring(item.description, '        ')}\n"
        f'        return pulumi.get(self, "{item.python_name}")\n'
    )
