"""Free loopback ports that nobody else can take between choosing them and listening on them."""

import secrets
import socket
import sys
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
LISTENING = range(20000, 32768)
"""Where ports are chosen from. Outgoing connections get higher ones from their systems, and never that of a server that is away."""
TRIES = 1000


class PortLease:
    """Ports held by bound sockets that do not listen, until the lease is released.

    On Linux a server that sets SO_REUSEADDR, as Go and asyncio do, may listen on such a port, and the kernel gives it
    to nobody else. Other systems refuse that server too, so there each port is let go at once.
    """

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def take(self, preferred: int | None = None) -> int:
        """Return `preferred` if nobody listens there, else any free port. Raises OSError when there is none."""
        if preferred:
            try:
                return self.hold(preferred)
            except OSError:
                pass
        for _ in range(TRIES):
            try:
                return self._hold(secrets.choice(LISTENING))
            except OSError:
                continue
        return self._hold(0)

    def hold(self, port: int) -> int:
        """Return this very port, also where connections of its former server linger. Raises OSError while somebody listens there."""
        return self._hold(port, lingering=True)

    def _hold(self, port: int, *, lingering: bool = False) -> int:
        holder = socket.socket()
        try:
            if lingering:  # this also takes a port that somebody else holds
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind((LOOPBACK, port))
        except OSError:
            holder.close()
            raise
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        number = int(holder.getsockname()[1])
        if sys.platform == "linux":
            self._sockets.append(holder)
        else:
            holder.close()
        return number

    def release(self) -> None:
        """Let all ports go."""
        while self._sockets:
            self._sockets.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()
