"""Where an object lives in the Kubernetes API, as values.

`Api` names a kind's endpoint, `Ref` one object, `Listing` a set of objects. They are the only way in which the
resources and the engine speak of the cluster; turning them into URLs is done here, sending requests in `kube`.
"""

from dataclasses import dataclass
from typing import Literal, Self

from harvester_provider.core.errors import InvalidId


@dataclass(frozen=True, slots=True)
class Api:
    """One kind's endpoint, for example `Api("kubevirt.io", "v1", "virtualmachines", "VirtualMachine")`."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    surface: Literal["kubernetes", "harvester"] = "kubernetes"
    """Whether it is in the Kubernetes API, or in the API beside it that Harvester and Rancher have of their own (`/v1-...`)."""

    @property
    def api_version(self) -> str:
        """The `apiVersion` of its objects: `group/version`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "") -> str:
        """The URL path below the API server: of one object, or of the collection where `name` is empty."""
        if self.surface == "harvester":
            return f"/{self.version}/{self.plural}" + (f"/{name}" if name else "")
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


@dataclass(frozen=True, slots=True)
class Ref:
    """One object. `namespace` is empty for cluster-scoped kinds. Its `id` is the Pulumi ID and the import ID."""

    api: Api
    name: str
    namespace: str = ""

    @property
    def id(self) -> str:
        """`namespace/name`, or `name` for cluster-scoped kinds."""
        return f"{self.namespace}/{self.name}" if self.api.namespaced else self.name

    @property
    def path(self) -> str:
        """The URL path of the object below the API server."""
        return self.api.path(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.api.kind} {self.id}".rstrip()

    @classmethod
    def of_id(cls, api: Api, value: str) -> Self:
        """The reference an ID stands for. Raises InvalidId where the ID has another shape."""
        parts = value.split("/")
        if len(parts) != (2 if api.namespaced else 1) or not all(parts):
            shape = "namespace/name" if api.namespaced else "name"
            raise InvalidId(f"{api.kind}: {value!r} is no ID of this kind: write {shape}")
        return cls(api, parts[-1], parts[0] if api.namespaced else "")

    @classmethod
    def named(cls, api: Api, identity: str, namespace: str) -> Self:
        """The object that an input names: `namespace/name`, or a bare name in `namespace`. Raises InvalidId for another shape."""
        return cls.of_id(api, identity if "/" in identity else f"{namespace}/{identity}")


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a kind in a namespace (everywhere where it is empty), narrowed by equal labels and fields."""

    api: Api
    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    """Field selector, such as `(("involvedObject.name", "vm1"),)`; only fields the API server can select by."""

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        narrowed = ",".join(self.query.values())
        return f"{self.api.plural}{where}" + (f" with {narrowed}" if narrowed else "")

    @property
    def query(self) -> dict[str, str]:
        """The selectors as the API takes them."""
        parts = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {name: ",".join(f"{key}={value}" for key, value in pairs) for name, pairs in parts.items() if pairs}


Want = Ref | Listing
"""What somebody wants to see of the cluster."""
