"""Free loopback ports that nobody else can take between choosing them and listening on them."""

import socket
import sys
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"


class PortLease:
    """Ports held by bound sockets that do not listen, until the lease is released.

    On Linux a server that sets SO_REUSEADDR, as Go and asyncio do, may listen on such a port, and the kernel gives it
    to nobody else. Other systems refuse that server too, so there each port is let go at once.
    """

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def take(self, preferred: int | None = None) -> int:
        """Return `preferred` if it is free, else any free port."""
        if preferred:
            try:
                return self._bind(preferred)
            except OSError:
                pass
        return self._bind(0)

    def _bind(self, port: int) -> int:
        holder = socket.socket()
        try:
            if port:
                # An earlier server's connections may still be in TIME_WAIT on a port that is asked for again.
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
