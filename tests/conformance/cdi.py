"""CDI and a provisioner of local volumes on the plain control plane: those of the local Harvester, because there is no program of either there.

They make claims of DataVolumes, bind them once somebody uses them, and report phases; what that means for a machine is KubeVirt's own
business. CDI's admission and its upload proxy are not there.
"""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from harvester_local.api.client import Api, client_tls
from harvester_local.api.kinds import DATA_VOLUME, INSTANCE, STORAGE_CLASS, VOLUME, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Obj
from harvester_local.api.store import Store
from harvester_local.api.versions import rules_for
from harvester_local.controllers.data_volumes import DataVolumes
from harvester_local.controllers.events import Recorder
from harvester_local.controllers.runtime import Context, Runner
from harvester_local.controllers.uploads import Uploads
from harvester_local.controllers.volumes import Volumes
from harvester_local.settings import Settings
from tests.conformance.beside import beside

_KINDS = (STORAGE_CLASS, INSTANCE, VOLUME, VOLUME_CLAIM, DATA_VOLUME)
_PAUSE = 0.3
_SETTINGS = Settings(flavor="kubevirt")


class _TokenApi(Api):
    """The plane's own client, with a bearer token in place of a certificate."""

    def __init__(self, server: str, tls: ssl.SSLContext, token: str, store: Store) -> None:
        super().__init__(server, tls, store.observe)
        self._bearer = {"Authorization": f"Bearer {token}"}

    async def call(
        self, method: str, path: str, body: object = None, *, content_type: str = "application/json", headers: dict[str, str] | None = None
    ) -> Obj:
        return await super().call(method, path, body, content_type=content_type, headers={**self._bearer, **(headers or {})})


@contextmanager
def storing(server: str, ca: Path, token: str, work: Path) -> Iterator[None]:
    """Until the end of the block, DataVolumes are filled and claims bound on the API server `server`."""
    with beside("cdi", lambda stop: asyncio.run(_control(server, ca, token, work, stop))):
        yield


async def _control(server: str, ca: Path, token: str, work: Path, stop: threading.Event) -> None:
    store = Store()
    async with _TokenApi(server, client_tls(ca), token, store) as api, aiohttp.ClientSession() as outside:
        context = Context(api, store, _SETTINGS, rules_for(_SETTINGS.minor))
        volumes = DataVolumes(context, outside, Uploads(work / "uploads"))
        runner = Runner([Volumes(context, Recorder(api)), volumes])
        store.listen(runner.listen)
        while not stop.is_set():
            await asyncio.gather(*(_look(api, store, kind) for kind in _KINDS))
            await asyncio.sleep(_PAUSE)
        await runner.stop()
        await volumes.close()


async def _look(api: Api, store: Store, kind: Kind) -> None:
    store.settle(kind, await api.list_all(kind))
