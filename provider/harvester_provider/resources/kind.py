"""What the kinds' classes share: typed access to the models, metadata of objects, and diffs of what is declared.

`BaseKind` gives the common half of `core.kind.Kind`; a kind adds its own rules. Only declared labels and annotations
are ever compared or written, so that what other controllers and people add stays theirs.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from harvester_provider.core.content import Content
from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, dig_objects, dig_str, dig_strings
from harvester_provider.core.kind import Requirement
from harvester_provider.core.ownership import mark
from harvester_provider.core.plan import Change, Plan, Remove, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.model import NamespacedInputs, Outputs, ResourceInputs

I = TypeVar("I", bound=ResourceInputs)  # noqa: E741  the inputs model of a kind; one letter is the custom for type variables

LOCAL_ONLY = frozenset({"adopt", "cluster", "timeouts", "owner", "file_stamp"})
"""Inputs that steer the provider and are not part of the object. A change of them alone touches nothing in the cluster."""

DESCRIPTION = "field.cattle.io/description"
"""Annotation with the description of an object whose spec has none."""
TAG = "tag.harvesterhci.io/"
"""What the labels of tags begin with."""


class BaseKind(Generic[I]):
    """The half of a kind that is the same for all. Subclasses set the class variables and add create, update, observe, outputs."""

    name: ClassVar[str]
    api: ClassVar[Api]
    inputs: ClassVar[type[Any]]
    outputs_model: ClassVar[type[Any]] = Outputs
    adopts: ClassVar[bool] = False
    logs_in: ClassVar[bool] = False
    foresees: ClassVar[bool] = False

    def recognises(self, found: Object) -> bool:  # noqa: ARG002  most kinds have an API of their own
        """Every object of the API."""
        return True

    def ref(self, inputs: I) -> Ref:
        """The main object, from name and namespace."""
        return Ref(self.api, inputs.name, inputs.namespace if isinstance(inputs, NamespacedInputs) else "")

    def local_file(self, inputs: I) -> str | None:  # noqa: ARG002  a kind that needs no file
        """None."""
        return None

    def content(self, inputs: I) -> Content:  # noqa: ARG002  a kind that needs no file
        """Nothing."""
        return Content()

    def with_content(self, inputs: I, content: Content) -> I:  # noqa: ARG002  a kind that needs no file
        """The inputs as they are."""
        return inputs

    def check(self, inputs: I) -> Sequence[Problem]:  # noqa: ARG002  a kind without rules across fields
        """No rules across fields."""
        return ()

    def lacks(self, inputs: I) -> Sequence[Problem]:  # noqa: ARG002  with Harvester there is everything
        """Nothing."""
        return ()

    def sources(self, news: Mapping[str, Any], olds: Mapping[str, Any], seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  most kinds stand alone
        """Nothing."""
        return ()

    def inherited(self, news: Mapping[str, Any], olds: Mapping[str, Any], seen: Snapshot) -> Mapping[str, Any]:  # noqa: ARG002  see above
        """The inputs as they are."""
        return news

    def requires(self, inputs: I) -> Sequence[Requirement]:  # noqa: ARG002  a kind that stands alone
        """Nothing."""
        return ()

    def objections(self, inputs: I, seen: Snapshot) -> Sequence[Problem]:  # noqa: ARG002  most refusals are the cluster's to say
        """None."""
        return ()

    def reads(self, ref: Ref, inputs: I | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  the main object is enough
        """The main object."""
        return (ref,)

    def bystanders(self, inputs: I) -> Iterable[Listing]:  # noqa: ARG002  most removals touch nothing of others
        """Nothing."""
        return ()

    def settle(self, inputs: I, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  a kind that is ready once it exists
        """Nothing to finish."""
        return ()

    def delete(self, old: I, seen: Snapshot) -> Plan:  # noqa: ARG002  the main object is all there is
        """Remove the main object."""
        return Plan(steps=(Remove(self.ref(old), says=f"delete {self.ref(old)}", seconds=old.seconds("delete", 300)),))

    def outputs(self, inputs: I, seen: Snapshot) -> Mapping[str, Json]:  # noqa: ARG002  a kind without outputs
        """Nothing besides the inputs."""
        return {}

    def makers(self, inputs: I) -> Iterable[Ref]:
        """Owners of the object that its inputs stand for themselves: a version names its template."""
        return (need.ref for need in self.requires(inputs))

    def belongs(self, inputs: I, seen: Snapshot) -> str:
        """An owner other than these."""
        ours = {(maker.api.kind, maker.name) for maker in self.makers(inputs)}
        owners = dig_objects(seen.get(self.ref(inputs)), "metadata", "ownerReferences")
        named = [(dig_str(owner, "kind"), dig_str(owner, "name")) for owner in owners]
        return next((f"it belongs to {kind} {name}" for kind, name in named if (kind, name) not in ours), "")

    def foretell(self, ref: Ref) -> Mapping[str, Json]:  # noqa: ARG002  a kind whose outputs only the cluster knows
        """Nothing."""
        return {}

    def changed(self, old: I, new: I) -> list[str]:
        """The fields (Python names) in which the declared values differ, in the model's order, those of the provider itself left out."""
        return [name for name in type(new).model_fields if name not in LOCAL_ONLY and getattr(old, name) != getattr(new, name)]

    def replacements(self, old: I, new: I) -> list[Change]:
        """Changes of the fields that the model marks as replace-on-change."""
        out = []
        for name, field in type(new).model_fields.items():
            extra = field.json_schema_extra
            if isinstance(extra, dict) and extra.get("replaceOnChanges") and getattr(old, name) != getattr(new, name):
                out.append(Change(field.alias or name, Effect.REPLACE, "cannot be changed in place"))
        return out

    def changes(self, old: I, new: I, effects: Mapping[str, tuple[Effect, str]] | None = None) -> list[Change]:
        """A change for each changed field: replacements first, then the rest with the effect and reason `effects` gives for the field.

        A field that `effects` does not name is metadata to the machines: nothing notices it.
        """
        replaced = self.replacements(old, new)
        done = {change.property for change in replaced}
        known = effects or {}
        names = [(name, type(new).model_fields[name].alias or name) for name in self.changed(old, new)]
        return replaced + [Change(alias, *known.get(name, (Effect.METADATA, ""))) for name, alias in names if alias not in done]

    def observed(self, ref: Ref, prior: I | None, found: Object, values: Mapping[str, object], *, described: bool = True) -> I:
        """`prior` with what the cluster has now: its metadata, and `values` for the kind's own fields.

        Without `prior` (import) the inputs are new and not validated: an object that was made elsewhere may break our rules.
        """
        where = {"name": ref.name} | ({"namespace": ref.namespace} if ref.api.namespaced else {})
        base: I = prior if prior is not None else self.inputs.model_construct(**where)
        return base.updated(**observed_metadata(prior, found, described=described), **values)


def manifest(api: Api, meta: Object, **parts: Json) -> Object:
    """A new object of `api` with its metadata and its other parts (`spec`, `data` ...)."""
    return {"apiVersion": api.api_version, "kind": api.kind, "metadata": meta, **parts}


def metadata(
    inputs: ResourceInputs, *, labels: Mapping[str, str] | None = None, annotations: Mapping[str, str] | None = None, described: bool = True
) -> Object:
    """`metadata` of a new object: name, namespace, what is declared, what the kind adds, and the ownership mark.

    `described` is False for a kind whose spec has the description.
    """
    out: dict[str, Json] = {"name": inputs.name}
    if isinstance(inputs, NamespacedInputs):
        out["namespace"] = inputs.namespace
    if every := {**(labels or {}), **declared_labels(inputs)}:
        out["labels"] = every
    if every := {**(annotations or {}), **declared_annotations(inputs, described=described), **mark(inputs.owner)}:
        out["annotations"] = every
    return out


def declared_labels(inputs: ResourceInputs) -> dict[str, str]:
    """The labels of the object that are declared: tags and labels."""
    return {**{TAG + key: value for key, value in inputs.tags.items()}, **inputs.labels}


def declared_annotations(inputs: ResourceInputs, *, described: bool) -> dict[str, str]:
    """The annotations of the object that are declared, the description among them where the spec has none."""
    shown = {DESCRIPTION: inputs.description} if described and inputs.description else {}
    return {**shown, **inputs.annotations}


def entries_patch(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, Json]:
    """The merge patch of labels or annotations: declared ones set, those no longer declared removed, others untouched."""
    gone: dict[str, Json] = dict.fromkeys(old.keys() - new.keys())
    return gone | {key: value for key, value in new.items() if old.get(key) != value}


def declared(prior: Mapping[str, str] | None, found: Object, where: str) -> dict[str, str]:
    """Of the object's `labels` or `annotations`, those that were declared: with the values the cluster has now."""
    have = dig_strings(found, "metadata", where)
    return {key: have[key] for key in prior if key in have} if prior is not None else {}


def metadata_patch(old: ResourceInputs, new: ResourceInputs, *, described: bool = True) -> dict[str, Json]:
    """The merge patch of `metadata` for changed labels, tags, annotations and description; empty where nothing changed."""
    parts = {
        "labels": entries_patch(declared_labels(old), declared_labels(new)),
        "annotations": entries_patch(declared_annotations(old, described=described), declared_annotations(new, described=described)),
    }
    return {name: part for name, part in parts.items() if part}


def observed_metadata(prior: ResourceInputs | None, found: Object, *, described: bool = True) -> dict[str, object]:
    """Labels, annotations, tags and description as the cluster has them, as far as they are declared. For `inputs.updated(...)`.

    On import labels and annotations cannot be told from those of controllers, so that only tags and the description are read.
    """
    have = dig_strings(found, "metadata", "labels")
    tags = {key.removeprefix(TAG): value for key, value in have.items() if key.startswith(TAG)}
    out: dict[str, object] = {
        "labels": declared(prior.labels if prior else None, found, "labels"),
        "annotations": declared(prior.annotations if prior else None, found, "annotations"),
        "tags": {key: tags[key] for key in prior.tags if key in tags} if prior else tags,
    }
    if described and (prior is None or prior.description):
        out["description"] = dig_strings(found, "metadata", "annotations").get(DESCRIPTION, "")
    return out
