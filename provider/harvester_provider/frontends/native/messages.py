"""Messages to the user on the line of the resource they are about, in order, without holding up the event loop.

A call's messages are all sent before the call is answered: `flush` waits for that.
"""

import asyncio
import contextlib
import sys
from typing import Any

import grpc
import grpc.aio
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

_SECONDS = 5.0


class Messages:
    """The engine's log. Without an engine (its address is empty), messages that are kept go to stderr."""

    def __init__(self, address: str) -> None:
        self._address = ""
        self._stub: Any = None
        self._channel: grpc.aio.Channel | None = None
        self._queue: asyncio.Queue[engine_pb2.LogRequest] = asyncio.Queue()
        self._sender: asyncio.Task[None] | None = None
        self.connect(address)

    def connect(self, address: str) -> None:
        """Tell the engine at this address from now on."""
        if address and address != self._address:
            self._address = address
            self._channel = grpc.aio.insecure_channel(address)
            self._stub = engine_pb2_grpc.EngineStub(self._channel)

    async def close(self) -> None:
        """Close the connection to the engine."""
        if self._channel is not None:
            await self._channel.close()

    def on(self, urn: str) -> "Line":
        """The line of one resource."""
        return Line(self, urn)

    def tell(self, severity: Any, text: str, urn: str, *, ephemeral: bool = False) -> None:
        """Put a message in the queue."""
        if self._stub is None:
            if not ephemeral:
                print(text, file=sys.stderr, flush=True)  # noqa: T201  there is nobody else to tell
            return
        self._queue.put_nowait(engine_pb2.LogRequest(severity=severity, message=text, urn=urn, ephemeral=ephemeral))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while not self._queue.empty():
            request = self._queue.get_nowait()
            with contextlib.suppress(grpc.RpcError):  # an engine that is gone needs no messages
                await self._stub.Log(request, timeout=_SECONDS)

    async def flush(self) -> None:
        """Wait until all messages are with the engine."""
        if self._sender is not None:
            await asyncio.shield(self._sender)


class Line:
    """A reporter of the verbs, for one resource."""

    def __init__(self, messages: Messages, urn: str) -> None:
        self._messages = messages
        self._urn = urn

    def info(self, text: str) -> None:
        """Shown under Diagnostics."""
        self._messages.tell(engine_pb2.INFO, text, self._urn)

    def warn(self, text: str) -> None:
        """Shown as a warning."""
        self._messages.tell(engine_pb2.WARNING, text, self._urn)

    def progress(self, text: str) -> None:
        """Shown on the resource's own line while it happens."""
        self._messages.tell(engine_pb2.INFO, text, self._urn, ephemeral=True)
