"""The base of all resource classes: what the user declares becomes a registration with the Pulumi engine.

The resources run in Pulumi's dynamic provider, or in the plugin where the stack says `harvester:frontend: plugin`; a stack
moves from one to the other by that setting alone. The base class of dynamic resources takes a plain dictionary and leaves
names as they are; this one hands over typed arguments, so that names are translated both ways (`mac_address` here,
`macAddress` on the wire) at every level, and keys of the user's own maps (labels) are not. No decision about a resource is
made here.
"""

import asyncio
import copy
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from inspect import Parameter, isawaitable, signature
from typing import Any, ClassVar, Self

import pulumi
import pulumi.dynamic
from pulumi.dynamic.dynamic import PROVIDER_KEY, serialize_provider
from pulumi.runtime.settings import SETTINGS

from harvester_provider.frontends.dynamic import DynamicProvider

Path = tuple[str, ...]


class HarvesterResource(pulumi.dynamic.Resource):
    """A resource of the Harvester provider. Subclasses name their kind, the class of their inputs, and where secrets are."""

    _kind: ClassVar[str]
    _inputs: ClassVar[type[Any]]
    _secrets: ClassVar[tuple[Path, ...]]
    _required: ClassVar[Mapping[str, bool]]
    """Every input's name, and whether it is required."""
    _outputs: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls, kind: str = "", inputs: type[Any] | None = None, secrets: tuple[Path, ...] = (), **others: Any) -> None:
        if inputs is not None:  # a kind; a user's subclass of one stays what it is
            cls._kind, cls._inputs, cls._secrets = kind, inputs, secrets
            cls._required = {name: found.default is Parameter.empty for name, found in signature(inputs).parameters.items()}
            cls._outputs = tuple(name for name, item in vars(cls).items() if isinstance(item, property))
        super().__init_subclass__(module="harvester", name=cls._kind, **others)

    @classmethod
    def get(
        cls,
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002  the name that every Pulumi SDK uses
        opts: pulumi.ResourceOptions | None = None,
        *,
        cluster: pulumi.Input[str] | None = None,
    ) -> Self:
        """Read an object that exists, without managing it.

        :param resource_name: Name of the resource in the program.
        :param id: `namespace/name`, or `name` for kinds without a namespace.
        :param cluster: Which of the clusters in `harvester:clusters` it is in.
        """
        found = cls.__new__(cls)
        values: dict[str, Any] = dict.fromkeys(cls._required)
        if "cluster" in values:
            values["cluster"] = cluster
        found._register(  # noqa: SLF001  an instance of this very class
            resource_name, values, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        )
        return found

    def _declare(self, resource_name: str, args: object = None, opts: pulumi.ResourceOptions | None = None, **inputs: Any) -> None:
        """The body of every constructor: `(name, args, opts)` or `(name, opts, **inputs)`."""
        if isinstance(args, pulumi.ResourceOptions):
            args, opts = None, args
        values = self._values(resource_name, args, inputs)
        if not in_plugin():  # a plugin gets all this from the engine
            if values.get("name") is None:
                values["name"] = resource_name
            if values.get("timeouts") is None and opts is not None and opts.custom_timeouts is not None:
                values["timeouts"] = {key: value for key, value in vars(opts.custom_timeouts).items() if value is not None}
            values["owner"] = f"{pulumi.get_project()}/{pulumi.get_stack()}/{resource_name}"
        self._register(resource_name, values, opts)

    def _values(self, resource_name: str, args: object, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs as given, checked for what Python could not check: names that do not exist or are missing. Raises TypeError."""
        who, cls = f"{self._kind} {resource_name}", self._inputs
        if args is not None:
            if not isinstance(args, cls):
                raise TypeError(f"{who}: the arguments are {type(args).__name__}: pass {cls.__name__}(...) or the inputs by keyword")
            if inputs:
                raise TypeError(f"{who}: {', '.join(inputs)} beside {cls.__name__}(...): pass all inputs in one way or the other")
            return dict(vars(args))
        for name in (name for name in inputs if name not in self._required):
            close = get_close_matches(name, self._required, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(self._required)}"
            raise TypeError(f"{who}: there is no input {name!r}, {hint}")
        missing = [name for name, required in self._required.items() if required and inputs.get(name) is None]
        if missing:
            raise TypeError(f"{who}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
        return dict(inputs)

    def _register(self, resource_name: str, values: dict[str, Any], opts: pulumi.ResourceOptions | None) -> None:
        for path in self._secrets:
            values[path[0]] = conceal(values.get(path[0]), path[1:])
        props = object.__new__(self._inputs)
        # The engine's answer only reaches properties that are there at registration: outputs start without a value.
        vars(props).update(dict.fromkeys(self._outputs) | values)
        if not in_plugin():
            vars(props)[PROVIDER_KEY] = _serialized(self._kind)
            hidden = pulumi.ResourceOptions(additional_secret_outputs=sorted({path[0] for path in self._secrets}))
            opts = pulumi.ResourceOptions.merge(opts, hidden)
        kinds = [f"pulumi-python:{self._resource_type_name}", f"harvester:index:{self._kind}"]
        mine, other = reversed(kinds) if in_plugin() else kinds
        if opts is None or opts.id is None:
            opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(aliases=[pulumi.Alias(type_=other)]))
        # Not the dynamic resource's own constructor: that one takes a dictionary and translates no names.
        pulumi.CustomResource.__init__(self, mine, resource_name, props, opts)
        _wait_for_registrations_first()


def _wait_for_registrations_first() -> None:
    """Have Pulumi wait for the registrations of a program, and then for their outputs, as it means to.

    At the end of a program none has begun yet, and it goes on to the outputs: it looks through all of them each time that one of them has a
    value (pulumi/pulumi#22411), so that the time grows with the square of their number. One that has begun is enough to keep it there.
    """
    begun = getattr(
        getattr(SETTINGS, "rpc_manager", None), "rpcs", None
    )  # beside Pulumi's documented API: anything unexpected stays as it is
    if begun == []:
        begun.append(asyncio.ensure_future(asyncio.sleep(0)))


def in_plugin() -> bool:
    """Whether the stack's resources run in the plugin. ValueError for a setting that names no front end."""
    chosen = pulumi.Config("harvester").get("frontend") or "dynamic"
    if chosen not in {"dynamic", "plugin"}:
        raise ValueError(f"harvester:frontend is {chosen!r}: set it to `dynamic` (the default) or `plugin`")
    return chosen == "plugin"


@cache
def _serialized(kind: str) -> str:
    return str(serialize_provider(DynamicProvider(kind)))


def conceal(value: Any, path: Path) -> Any:
    """Mark as secret what is at `path` in `value`, and nothing beside it. `*` stands for all entries of a list or a map.

    Where the way there leads through an output, all of that output becomes secret.
    """
    if value is None:
        return None
    if not path or isinstance(value, pulumi.Output) or isawaitable(value):
        return pulumi.Output.secret(value)
    step, below = path[0], path[1:]
    if step == "*":
        if isinstance(value, Mapping):
            return {key: conceal(item, below) for key, item in value.items()}
        return [conceal(item, below) for item in value] if isinstance(value, Sequence) else pulumi.Output.secret(value)
    if isinstance(value, Mapping):
        return {key: conceal(item, below) if _same(key, step) else item for key, item in value.items()}
    changed = copy.copy(value)
    vars(changed)[step] = conceal(vars(value).get(step), below)
    return changed


def _same(key: str, step: str) -> bool:
    """Whether a dictionary's key names the property: `user_data`, or as it is on the wire `userData`."""
    return key.replace("_", "").lower() == step.replace("_", "").lower()
