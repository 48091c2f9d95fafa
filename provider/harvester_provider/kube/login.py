"""The first login to a Harvester: password, token, kubeconfig. Over TLS that is verified, or pinned by a fingerprint.

Rancher's API in front of Harvester: `/v3-public/localProviders/local?action=login`, `/v3/users?action=changepassword`,
`/v1/management.cattle.io.clusters/local?action=generateKubeconfig`. No password and no token is ever in a message.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from harvester_provider.core.errors import BadConnection, Unauthorized, Unreachable
from harvester_provider.core.json import Json, dig_str

_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=5)
_LOGIN = "/v3-public/localProviders/local?action=login"
_PASSWORD = "/v3/users?action=changepassword"  # noqa: S105  a path
_KUBECONFIG = "/v1/management.cattle.io.clusters/local?action=generateKubeconfig"


@dataclass(frozen=True, slots=True)
class Login:
    """How a cluster is logged in to. `former` are passwords it may still have, the newest first."""

    endpoint: str
    password: str
    former: tuple[str, ...] = ()
    ca: str = ""
    fingerprint: str = ""

    def __repr__(self) -> str:
        return f"Login({self.endpoint})"


async def log_in(login: Login, *, change: bool) -> str:
    """The kubeconfig. With `change`, a cluster that still has a former password gets the declared one; without, it is only used.

    Raises BadConnection for a certificate that is not trusted, Unauthorized for wrong passwords, Unreachable otherwise.
    """
    connector = aiohttp.TCPConnector(ssl=_trust(login))
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
        door = _Door(session, login.endpoint.rstrip("/"))
        token, used = await _token(door, login)
        if change and used != login.password:
            await door.post(_PASSWORD, {"currentPassword": used, "newPassword": login.password}, token)
            token = await door.token(login.password) or token
        return dig_str(await door.post(_KUBECONFIG, {}, token), "config")


async def _token(door: "_Door", login: Login) -> tuple[str, str]:
    """A token, and the password that gave it."""
    for password in dict.fromkeys((login.password, *login.former)):
        if token := await door.token(password):
            return token, password
    raise Unauthorized(
        f"log in to {login.endpoint}: wrong password: neither `password` nor `initialPassword` is that of admin: "
        "write the one the cluster has; after too many attempts wait a while",
        status=401,
    )


def _trust(login: Login) -> ssl.SSLContext | aiohttp.Fingerprint:
    if login.fingerprint:
        return aiohttp.Fingerprint(bytes.fromhex(login.fingerprint.replace(":", "")))
    try:
        return ssl.create_default_context(cadata=login.ca or None)
    except ssl.SSLError as error:
        raise BadConnection(f"ca: no certificate in it ({error}): write the PEM text of the authority") from error


class _Door:
    """Requests to the front door."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    async def token(self, password: str) -> str:
        """A token for the password of admin, empty where it is another one."""
        body = {"username": "admin", "password": password, "responseType": "token"}
        status, answer = await self._send(_LOGIN, body, "")
        if status == 401:
            return ""
        self._expect(status, answer, "log in")
        return dig_str(answer, "token")

    async def post(self, path: str, body: Mapping[str, Json], token: str) -> Json:
        """An action that must succeed."""
        status, answer = await self._send(path, body, token)
        self._expect(status, answer, path.rpartition("=")[2])
        return answer

    def _expect(self, status: int, answer: Json, what: str) -> None:
        if not 200 <= status < 300:
            said = dig_str(answer, "message") or f"HTTP {status}"
            raise Unreachable(f"{what} at {self._url}: {said}: is that the address of a Harvester?", status=status)

    async def _send(self, path: str, body: Mapping[str, Json], token: str) -> tuple[int, Json]:
        headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "pulumi-harvester"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with self._session.post(self._url + path, data=json.dumps(body), headers=headers, allow_redirects=False) as response:
                text = await response.text()
                return response.status, _parsed(text)
        except aiohttp.ServerFingerprintMismatch as error:
            raise BadConnection(
                f"{self._url}: the certificate has the fingerprint {error.got.hex()}, not the declared one: "
                "is that the right address? If the certificate was renewed, write the new fingerprint"
            ) from error
        except (ssl.SSLCertVerificationError, aiohttp.ClientConnectorCertificateError) as error:
            raise BadConnection(
                f"{self._url}: the certificate is not trusted ({error}): give its authority in `ca`, or its SHA-256 in `fingerprint`"
            ) from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Unreachable(
                f"{self._url}: no answer: {error or type(error).__name__}: is the address right, and the cluster up?"
            ) from error


def _parsed(text: str) -> Json:
    try:
        answer: Json = json.loads(text) if text.strip() else None
    except ValueError:
        return None
    return answer
