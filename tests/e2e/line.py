"""The line between a provider and the front door: it can be dead, or end at somebody with a certificate of another time."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harvester_local.pki import Pki
from harvester_local.ports import LOOPBACK, PortLease

DAY = dt.timedelta(days=1)


class Line:
    """Passes bytes on to `there`, on a port of its own."""

    def __init__(self, there: str, port: int) -> None:
        parts = urlsplit(there)
        self._there = (parts.hostname or "", parts.port or 443)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._impostor: ssl.SSLContext | None = None
        self.port = port
        self.met = 0
        """How many connections met the wrong certificate."""

    @classmethod
    @asynccontextmanager
    async def to(cls, there: str) -> AsyncIterator["Line"]:
        with PortLease() as lease:  # nobody else gets the port while the line is cut
            line = cls(there, lease.take())
            await line.mend()
            try:
                yield line
            finally:
                await line.cut()

    async def mend(self) -> None:
        """Listen again, on the same port."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)

    async def cut(self) -> None:
        """Nobody listens any more, and what is open is reset."""
        if self._server:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        if self._server:
            await self._server.wait_closed()

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def show(self, impostor: ssl.SSLContext) -> None:
        """The next connection meets this certificate."""
        self._impostor = impostor

    def through(self, kubeconfig: str) -> str:
        """The kubeconfig, with this line in place of its server's address."""
        document: dict[str, Any] = yaml.safe_load(kubeconfig)
        for entry in document["clusters"]:
            entry["cluster"]["server"] = f"{self.address}{urlsplit(entry['cluster']['server']).path}"
        return yaml.safe_dump(document)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        impostor, self._impostor = self._impostor, None
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                if impostor:
                    self.met += 1
                    await writer.start_tls(impostor)
                    return
                upward, downward = await asyncio.open_connection(*self._there)
                self._open.add(downward)
                await asyncio.gather(_pump(reader, downward), _pump(upward, writer))
                self._open.discard(downward)
        finally:
            self._open.discard(writer)
            writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await source.read(65536):
            sink.write(part)
            await sink.drain()
    sink.close()


def certificate(pki: Pki, folder: Path, begins: dt.timedelta) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 of the cluster's own authority that is valid for a day, from that time from now on."""
    authority = x509.load_pem_x509_certificate(pki.ca.read_bytes())
    signer: Any = serialization.load_pem_private_key(pki.ca_key.read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    begin = dt.datetime.now(dt.UTC) + begins
    found = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another time")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem, private = folder / "impostor.pem", folder / "impostor.key"
    pem.write_bytes(found.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, private)
    return context
