"""The storage of the present backup target, for all controllers that read and write there."""

from harvester_local.api.client import ApiError
from harvester_local.api.kinds import SECRET, SETTING
from harvester_local.api.objects import Key, part
from harvester_local.backup_store import BackupStore, StoreError, open_store
from harvester_local.controllers.runtime import Context
from harvester_local.model.backup_targets import SECRET_NAME, SECRET_NAMESPACE, SETTING_NAME, BackupTarget

TARGET_KEY = Key("", SETTING_NAME)
TARGET_SECRET = Key(SECRET_NAMESPACE, SECRET_NAME)


class Stores:
    """The storage of the present target, for all controllers that read and write backups."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def target(self) -> BackupTarget:
        """What the setting says, mostly without keys. Raises ValueError."""
        return BackupTarget.parse((self._context.store.get(SETTING, TARGET_KEY) or {}).get("value") or "")

    async def open(self) -> BackupStore:
        """The storage, with the keys from the Secret. Raises StoreError where there is no target."""
        target = self.target()
        if target.is_default:
            raise StoreError("backup target is not set")
        return open_store(await self._with_keys(target) if target.type == "s3" else target)

    async def _with_keys(self, target: BackupTarget) -> BackupTarget:
        try:
            data = part(await self._context.api.get(SECRET, TARGET_SECRET), "data")
        except ApiError as error:
            raise StoreError(f"failed to get the secret of the backup target: {error.message}") from error
        return target.with_keys(data)
