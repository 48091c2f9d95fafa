"""Messages to the user through the Pulumi engine; on stderr where there is no engine to tell."""

import contextlib
import sys
from typing import Any

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


class EngineLog:
    """A reporter of the verbs that tells the engine, whose address the host process gets as its first argument."""

    def __init__(self, address: str | None = None) -> None:
        self._stub: Any = None
        found = address or (sys.argv[1] if len(sys.argv) > 1 and ":" in sys.argv[1] else "")
        if found:
            self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(found))

    def info(self, text: str) -> None:
        """Shown under Diagnostics."""
        self._tell(engine_pb2.INFO, text)

    def warn(self, text: str) -> None:
        """Shown as a warning."""
        self._tell(engine_pb2.WARNING, text)

    def progress(self, text: str) -> None:
        """Shown while it happens, on an interactive display."""
        self._tell(engine_pb2.INFO, text, ephemeral=True)

    def _tell(self, severity: Any, text: str, *, ephemeral: bool = False) -> None:
        if self._stub is not None:
            with contextlib.suppress(grpc.RpcError):
                self._stub.Log(engine_pb2.LogRequest(severity=severity, message=text, ephemeral=ephemeral), timeout=5)
                return
        if not ephemeral:
            print(text, file=sys.stderr, flush=True)  # noqa: T201  the host shows its stderr to the user
