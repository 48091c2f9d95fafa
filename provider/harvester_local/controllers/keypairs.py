"""KeyPair: fingerprint and validation, once, as upstream's keypair controller does it."""

from collections.abc import Mapping

from harvester_local.api.kinds import KEY_PAIR, Kind
from harvester_local.api.objects import Key, deleting, part
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.runtime import Context, Mapper, own_key
from harvester_local.model.keys import fingerprint


class KeyPairs:
    """The controller."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Key pairs themselves."""
        return {KEY_PAIR: own_key}

    async def reconcile(self, key: Key) -> float | None:
        """Fill in the status of a key pair that has none; a later change of the key changes nothing."""
        pair = self._context.store.get(KEY_PAIR, key)
        if pair is None or deleting(pair) or part(pair, "status").get("fingerPrint"):
            return None
        try:
            status = {"fingerPrint": fingerprint(pair["spec"]["publicKey"]), "conditions": rancher(pair, "validated", "True")}
        except ValueError as error:
            status = {"conditions": rancher(pair, "validated", "False", reason="Error", message=str(error))}
            if pair.get("status") == status:
                return None
        await self._context.api.patch_status(KEY_PAIR, key, status)
        return None
