"""VirtualMachineTemplate and its versions: numbers, the default version, and who owns whom.

Upstream: pkg/controller/master/template in Harvester.
"""

import asyncio
from collections.abc import Iterable, Mapping

from harvester_local.api.kinds import IMAGE, TEMPLATE, TEMPLATE_VERSION, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, is_true, key_of, labels, owned_by, owner_reference, part
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.runtime import Context, Mapper, own_key
from harvester_local.model.machines import IMAGE_ID, TemplateError, volume_templates

TEMPLATE_LABEL = "template.harvesterhci.io/templateID"


class TemplateVersions:
    """Versions: each gets the next number of its template, once."""

    def __init__(self, context: Context) -> None:
        self._context, self._numbering = context, asyncio.Lock()

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Versions, their templates, and images they may wait for."""
        return {TEMPLATE_VERSION: own_key, TEMPLATE: self._of_template, IMAGE: lambda _: [key_of(v) for v in self._unready()]}

    async def reconcile(self, key: Key) -> float | None:
        """Number the version, hang it under its template and tell whether its images are there."""
        async with self._numbering:
            version = self._context.store.get(TEMPLATE_VERSION, key)
            if version is None or deleting(version):
                return None
            template = self._context.store.get(TEMPLATE, Key.parse(version["spec"]["templateId"], key.namespace))
            if template is None and version["metadata"].get("ownerReferences"):
                await self._context.api.delete(TEMPLATE_VERSION, key)  # as the garbage collector does
                return None
            if template is not None and (body := self._missing(version, template)):
                await self._context.api.patch(TEMPLATE_VERSION, key, body)
        return None

    def _missing(self, version: Obj, template: Obj) -> Obj:
        body: Obj = {}
        meta: Obj = {}
        owners = version["metadata"].get("ownerReferences") or []
        if not owned_by(version, template):
            meta["ownerReferences"] = [*owners, owner_reference(template)]
        if labels(version).get(TEMPLATE_LABEL) != template["metadata"]["name"]:
            meta["labels"] = {TEMPLATE_LABEL: template["metadata"]["name"]}
        conditions = rancher(version, "ready", "True" if self._images_are_ready(version) else "False")
        status: Obj = {}
        if not is_true(version, "assigned"):
            conditions = rancher({"status": {"conditions": conditions}}, "assigned", "True")
            status["version"] = 1 + latest_version(self._context, key_of(template))
        if conditions != part(version, "status").get("conditions"):
            status["conditions"] = conditions
        if meta:
            body["metadata"] = meta
        if status:
            body["status"] = status
        return body

    def _images_are_ready(self, version: Obj) -> bool:
        try:
            entries = volume_templates(part(version, "spec", "vm"))
        except TemplateError:
            return False
        wanted = [annotations(entry).get(IMAGE_ID) for entry in entries]
        images = [self._context.store.get(IMAGE, Key.parse(image)) for image in wanted if image]
        return all(image is not None and is_true(image, "Imported") for image in images)

    def _unready(self) -> list[Obj]:
        return [v for v in self._context.store.all(TEMPLATE_VERSION) if not is_true(v, "ready")]

    def _of_template(self, template: Obj) -> Iterable[Key]:
        return [key_of(v) for v in versions_of(self._context, key_of(template))]


class Templates:
    """Templates: the first version becomes the default; the status tells both numbers."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Templates and their versions."""
        return {TEMPLATE: own_key, TEMPLATE_VERSION: lambda v: (Key.parse(v["spec"]["templateId"], v["metadata"]["namespace"]),)}

    async def reconcile(self, key: Key) -> float | None:
        """Bring the default and the status up to date."""
        template = self._context.store.get(TEMPLATE, key)
        numbered = [v for v in versions_of(self._context, key) if is_true(v, "assigned")]
        if template is None or deleting(template) or not numbered:
            return None
        default = part(template, "spec").get("defaultVersionId")
        if not default and len(numbered) == 1:
            default = str(key_of(numbered[0]))
            await self._context.api.patch(TEMPLATE, key, {"spec": {"defaultVersionId": default}})
        numbers = {str(key_of(v)): v["status"]["version"] for v in numbered}
        status = {"latestVersion": max(numbers.values()), "defaultVersion": numbers.get(default or "", 0)}
        if {k: part(template, "status").get(k) for k in status} != status:
            await self._context.api.patch_status(TEMPLATE, key, status)
        return None


def versions_of(context: Context, template: Key) -> list[Obj]:
    """All versions of a template."""
    found = context.store.all(TEMPLATE_VERSION, template.namespace)
    return [v for v in found if Key.parse(v["spec"]["templateId"], template.namespace) == template]


def latest_version(context: Context, template: Key) -> int:
    """The highest number given to a version of the template, 0 for none."""
    return max((v["status"]["version"] for v in versions_of(context, template) if is_true(v, "assigned")), default=0)
