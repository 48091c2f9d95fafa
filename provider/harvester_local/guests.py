"""The API of a guest cluster: one more real kube-apiserver, in the same etcd under a prefix of its own.

Started and stopped by the plane when machines of a guest cluster come and go. It has an authority, certificates and
tokens of its own, so that nothing of Harvester is valid there. Nothing here knows what a guest cluster is made of.
"""

import asyncio
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from harvester_local import programs
from harvester_local.api.client import Api, client_tls
from harvester_local.pki import Pki, make_pki
from harvester_local.ports import LOOPBACK, PortLease
from harvester_local.readiness import answers_ok

READY_SECONDS = 120.0
_PAUSE_SECONDS = 0.2
_END_SECONDS = 4.0


@dataclass(frozen=True)
class GuestHost:
    """What guest APIs are made of: a program, a database, a folder."""

    program: Path
    etcd_port: int
    folder: Path


@dataclass
class GuestApi:
    """One running API server of a guest cluster."""

    name: str
    port: int
    pki: Pki
    process: asyncio.subprocess.Process
    api: Api
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @classmethod
    async def start(cls, host: GuestHost, name: str) -> "GuestApi":
        """Start it and wait until it serves. Raises TimeoutError, after stopping it."""
        folder = host.folder / name
        pki = await asyncio.to_thread(make_pki, folder / "pki")
        with PortLease() as lease:
            port = lease.take()
            command = [*programs.apiserver(host.program, pki, {"etcd": host.etcd_port, "apiserver": port}), f"--etcd-prefix=/guest/{name}"]
            with (folder / "kube-apiserver.log").open("wb") as log:
                process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
            guest = cls(name, port, pki, process, Api(f"https://{LOOPBACK}:{port}", client_tls(pki.ca, pki.client, pki.client_key)))
            try:
                async with asyncio.timeout(READY_SECONDS):
                    while not await asyncio.to_thread(answers_ok, port, "/readyz", pki):  # noqa: ASYNC110  another program has no event
                        await asyncio.sleep(_PAUSE_SECONDS)
            except BaseException:
                await guest.stop()
                raise
        await guest._stack.enter_async_context(guest.api)
        return guest

    @property
    def server(self) -> str:
        """URL of the API."""
        return f"https://{LOOPBACK}:{self.port}"

    def kubeconfig(self) -> str:
        """Kubeconfig of its administrator."""
        return self.pki.certificate_kubeconfig(self.server).decode()

    async def stop(self) -> None:
        """End it."""
        await self._stack.aclose()
        if self.process.returncode is None:
            self.process.terminate()
            try:
                async with asyncio.timeout(_END_SECONDS):
                    await self.process.wait()
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        shutil.rmtree(self.pki.folder.parent, ignore_errors=True)
