"""SupportBundle: collected after a moment. There is no file behind it. Upstream: pkg/controller/master/supportbundle."""

from collections.abc import Mapping

from harvester_local.api.kinds import SUPPORT_BUNDLE, Kind
from harvester_local.api.objects import Key, deleting, part
from harvester_local.controllers.runtime import Context, Deadlines, Mapper, own_key


class SupportBundles:
    """The controller."""

    def __init__(self, context: Context) -> None:
        self._context, self._deadlines = context, Deadlines()

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Bundles themselves."""
        return {SUPPORT_BUNDLE: own_key}

    async def reconcile(self, key: Key) -> float | None:
        """Say that it is being collected, and later that it is there."""
        bundle = self._context.store.get(SUPPORT_BUNDLE, key)
        if bundle is None or deleting(bundle) or part(bundle, "status").get("state") == "ready":
            return None
        if not part(bundle, "status").get("state"):
            await self._context.api.patch_status(SUPPORT_BUNDLE, key, {"state": "generating", "progress": 10})
        if wait := self._deadlines.remaining(bundle["metadata"]["uid"], "bundle", self._context.settings.upgrade_seconds):
            return wait
        status = {"state": "ready", "progress": 100, "filename": f"supportbundle_{key.name}.zip", "filesize": 1}
        await self._context.api.patch_status(SUPPORT_BUNDLE, key, status)
        return None
