"""The plugin's process: it listens on loopback, prints its port, and ends with the engine that started it.

Nothing else may be written to stdout: the engine reads the port there.
"""

import asyncio
import os
import signal
import sys
from importlib import import_module

import grpc.aio
from pulumi.runtime.proto import provider_pb2_grpc

from harvester_provider.frontends.native.messages import Messages
from harvester_provider.frontends.native.servicer import Servicer
from harvester_provider.frontends.start import look_seldom

_MESSAGE_BYTES = 400 * 2**20
"""What the engine itself allows (upstream sdk/go/common/util/rpcutil)."""
_ORPHAN_SECONDS = 1.0
_GRACE_SECONDS = 2.0
_GOODBYES = (signal.SIGINT, signal.SIGTERM)
"""What ends the plugin: the engine sends SIGINT when it needs it no more, and waits five seconds for its end (upstream
sdk/go/common/util/cmdutil/term.go). A user's Ctrl-C is for the engine alone, which cancels calls in its own way: plugins are in a
process group of their own.
"""


def main() -> None:
    """The console script `pulumi-resource-harvester`. Its only argument is the engine's address; without one it waits to be attached."""
    look_seldom()
    address = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    asyncio.run(_serve(address))


async def _serve(address: str) -> None:
    ended = asyncio.Event()
    for number in _GOODBYES:
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    limits = [(f"grpc.max_{way}_message_length", _MESSAGE_BYTES) for way in ("send", "receive")]
    server = grpc.aio.server(options=limits)
    servicer = Servicer(Messages(address))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    warm = asyncio.create_task(asyncio.to_thread(import_module, "harvester_provider.frontends.native.resources"))
    orphan = asyncio.create_task(_end_with(os.getppid(), ended))
    await ended.wait()
    orphan.cancel()
    await warm
    await server.stop(_GRACE_SECONDS)
    await servicer.close()
    await servicer.messages.close()


async def _end_with(parent: int, ended: asyncio.Event) -> None:
    """Nobody answers for the calls of an engine that was killed: without this, waits would go on for half an hour."""
    while os.getppid() == parent:  # noqa: ASYNC110  no event tells of it on all systems
        await asyncio.sleep(_ORPHAN_SECONDS)
    ended.set()
