"""Waiting for a program to be ready: asked at short, growing intervals, and given up the moment the program ends."""

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from harvester_local.errors import LocalError
from harvester_local.files import tail
from harvester_local.pki import Pki
from harvester_local.ports import LOOPBACK
from harvester_local.processes import Handle

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.2


def until(ready: Callable[[], bool], *, name: str, handle: Handle, log: Path, seconds: float) -> None:
    """Return when `ready()` holds. Raises LocalError with the log's tail when the program ends or `seconds` are over."""
    end = time.monotonic() + seconds
    pause = FIRST_PAUSE
    while not ready():
        if handle.process() is None:
            code = handle.exit_code()
            raise LocalError(_failure(f"{name}: ended while starting" + (f" with exit code {code}" if code is not None else ""), log))
        if time.monotonic() > end:
            raise LocalError(_failure(f"{name}: not ready within {seconds:.0f} s", log))
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def listens(port: int) -> bool:
    """Whether somebody accepts connections on the loopback port."""
    with socket.socket() as connection:
        connection.settimeout(1)
        return connection.connect_ex((LOOPBACK, port)) == 0


def answers_ok(port: int, path: str, pki: Pki) -> bool:
    """Whether an HTTPS server on the loopback port answers 200 to the control plane's client certificate."""
    context = ssl.create_default_context(cafile=str(pki.ca))
    context.load_cert_chain(pki.client, pki.client_key)
    connection = http.client.HTTPSConnection(LOOPBACK, port, timeout=2, context=context)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _failure(what: str, log: Path) -> str:
    last = tail(log)
    lines = f"; its last words:\n{last}\n" if last else "; it said nothing. "
    return f"{what}{lines}Next: read {log}; `pulumi-harvester local reset` starts over if the data is at fault."
