"""What a kind is to the engine: pure functions from inputs and snapshots to problems, plans, verdicts and outputs.

One kind keeps one name in every layer. `resources` implements this Protocol once per kind; nothing here does I/O.

The life of an object, in call order:
  check -> (preview: update | replaces) -> create -> outputs -> ... -> observe (refresh) -> update -> delete
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from harvester_provider.core.content import Content
from harvester_provider.core.json import Json, Object
from harvester_provider.core.plan import Plan, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot

I = TypeVar("I")  # noqa: E741  the inputs model of a kind; one letter is the custom for type variables


@dataclass(frozen=True, slots=True)
class Requirement:
    """An object that must exist before anything is changed. `property` is the input that names it, `hint` the way out."""

    property: str
    ref: Ref
    hint: str = ""


class Kind(Protocol[I]):
    """One kind of resource."""

    name: ClassVar[str]
    """The token in Pulumi, for example `VirtualMachine`."""
    api: ClassVar[Api]
    """The API of its main object, whose reference is the resource's ID."""
    inputs: ClassVar[type[Any]]
    """The pydantic model of the inputs (`resources.model.ResourceInputs`)."""
    outputs_model: ClassVar[type[Any]]
    """The pydantic model of what is added to the inputs in the state."""
    foresees: ClassVar[bool]
    """Whether `objections` has something to say, so that the cluster is looked at before a create is planned."""

    adopts: ClassVar[bool]
    """Whether its objects are there without us (settings, nodes, built-in addons): a create takes over one that bears nobody's
    mark, and a delete puts back what was there before."""

    logs_in: ClassVar[bool]
    """Whether its inputs say how the cluster is reached (`endpoint`, `password` ...), in place of the provider's settings."""

    def recognises(self, found: Object) -> bool:
        """Whether an object of its API, made by whomever, is one of this kind: where a program is written from what a cluster has.

        Kinds that share an API divide its objects among them.
        """
        ...

    def ref(self, inputs: I) -> Ref:
        """The main object."""
        ...

    def local_file(self, inputs: I) -> str | None:
        """Path of a local file whose content is one of the inputs, None for none. The engine reads it when the inputs are checked."""
        ...

    def content(self, inputs: I) -> Content:
        """What is known of that file."""
        ...

    def with_content(self, inputs: I, content: Content) -> I:
        """The inputs with what is known of that file."""
        ...

    def check(self, inputs: I) -> Sequence[Problem]:
        """Every rule across fields that is broken. Inputs may hold UNKNOWN at any place; rules on unknown values stay silent.

        The same on every cluster: the host asks this before each create and update, and no cluster is asked for it.
        """
        ...

    def lacks(self, inputs: I) -> Sequence[Problem]:
        """What of the inputs means nothing on the cluster whose dialect this is. UNKNOWN as with `check`."""
        ...

    def sources(self, news: Mapping[str, Any], olds: Mapping[str, Any], seen: Snapshot) -> Iterable[Want]:
        """What must be seen for `inherited`, asked again with what was seen.

        `news` and `olds` are values of the wire, not validated; `olds` is empty for a create.
        """
        ...

    def inherited(self, news: Mapping[str, Any], olds: Mapping[str, Any], seen: Snapshot) -> Mapping[str, Any]:
        """`news` with what it takes over from other objects, such as a template. Raises InvalidInputs."""
        ...

    def requires(self, inputs: I) -> Sequence[Requirement]:
        """What must exist in the cluster before a create or an update starts."""
        ...

    def objections(self, inputs: I, seen: Snapshot) -> Sequence[Problem]:
        """What the cluster, as it is, would refuse of a create, and no other resource of the program can mend. Asked at preview and before
        the create, where the main object does not exist."""
        ...

    def reads(self, ref: Ref, inputs: I | None, seen: Snapshot) -> Iterable[Want]:
        """What must be seen for the functions below. Asked again with what was seen, until nothing new is wanted.

        `inputs` is None on import. The main object (`ref`) is always read.
        """
        ...

    def bystanders(self, inputs: I) -> Iterable[Listing]:
        """What a removal may take along besides, in namespaces that the program may not be allowed to look into.

        Looked for before a delete, and before a replacement is planned. What may not be read is not in the snapshot.
        """
        ...

    def create(self, inputs: I, seen: Snapshot) -> Plan:
        """How to make it where the main object does not exist, without the steps of `settle`, which the engine runs next."""
        ...

    def settle(self, inputs: I, seen: Snapshot) -> Sequence[Step]:
        """What finishes a create once the main object exists (as in `seen`): links between objects, and the wait for readiness.

        Runs after `create`, and after a create that was interrupted and is resumed; so every step can be repeated.
        """
        ...

    def update(self, old: I, new: I, seen: Snapshot) -> Plan:
        """How to come from `old` (the last state, or what `observe` saw) to `new`, and what each change does.

        Properties that can only be changed by a replacement are Changes with Effect.REPLACE. The plan ends with an Await
        where the change takes time. Only asked where the main object exists.
        """
        ...

    def delete(self, old: I, seen: Snapshot) -> Plan:
        """How to remove it, in an order the cluster accepts."""
        ...

    def observe(self, ref: Ref, prior: I | None, seen: Snapshot) -> I:
        """The inputs as the cluster has them now: what is declared and differs is drift, what controllers write back is not.

        `prior` (the last known inputs) is None on import: then every field is read from the objects.
        """
        ...

    def outputs(self, inputs: I, seen: Snapshot) -> Mapping[str, Json]:
        """What the state holds besides the inputs, with the property names of the wire (camelCase)."""
        ...

    def belongs(self, inputs: I, seen: Snapshot) -> str:
        """Whose part the object is, where that keeps it as it is, so that no program can declare it; empty where nobody does."""
        ...

    def foretell(self, ref: Ref) -> Mapping[str, Json]:
        """The outputs that the object's name tells alone: known at preview, before the object exists."""
        ...
