"""A real HTTP server on loopback with a small qcow2 image, from which clusters on this machine import."""

import hashlib
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VIRTUAL_SIZE = 64 * 2**20


def qcow2() -> bytes:
    """An empty qcow2 image (version 2) of 64 MiB: header, one-entry L1 table, padded to whole sectors."""
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, VIRTUAL_SIZE, 0, 1, 196608, 65536, 1, 0, 0)
    return header.ljust(4 * 65536, b"\0")


class Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        """Nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The URL of a folder with `tiny.qcow2`."""
    (folder / "tiny.qcow2").write_bytes(qcow2())
    with answering(partial(Quiet, directory=str(folder))) as url:
        yield url


@contextmanager
def answering(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """The URL of a server on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def checksum() -> str:
    return hashlib.sha512(qcow2()).hexdigest()
