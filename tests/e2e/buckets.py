"""A real S3 server on loopback (moto) with buckets that clusters on this machine keep their backups in.

Every request is signed, and one with a wrong key is refused, as on AWS: the server checks them once its users are made.
"""

import socket
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import boto3
import requests
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from harvester_local.pki import Pki

REGION = "us-east-1"
_ALLOWED = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'


@dataclass
class Keys:
    """What a user of the server signs with."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass
class Bucket:
    """A bucket on a server, with the keys of a user who may do everything."""

    endpoint: str
    name: str
    keys: Keys
    ca: str = ""
    """Path of the certificate of the authority behind the endpoint, where that is no public one."""

    @property
    def target(self) -> dict[str, Any]:
        """The inputs of a BackupTarget here."""
        return {"type": "s3", "endpoint": self.endpoint, "bucket_name": self.name, "bucket_region": REGION, **vars(self.keys)}

    @property
    def wire(self) -> dict[str, Any]:
        """The same by the names of the wire, which are those of Harvester's setting, too."""
        keys = {"accessKeyId": self.keys.access_key_id, "secretAccessKey": self.keys.secret_access_key}
        return {"type": "s3", "endpoint": self.endpoint, "bucketName": self.name, "bucketRegion": REGION, **keys}

    @property
    def objects(self) -> Any:
        """A client, for looking at the objects behind the cluster's back."""
        return _client("s3", self.endpoint, self.keys, self.ca)

    def paths(self, prefix: str = "") -> list[str]:
        found = self.objects.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", [])
        return [entry["Key"] for entry in found]


Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Door:
    """What stands before the server's application. When it is shut, every connection is cut, as if there were no server."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.lets_in: int | None = None
        """How many objects may be written before it shuts; None for any number."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if self.lets_in is None:
            return self._application(environ, start_response)
        if environ["REQUEST_METHOD"] == "PUT":
            self.lets_in -= 1
        if self.lets_in < 0 or (self.lets_in == 0 and environ["REQUEST_METHOD"] != "PUT"):
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return ()
        return self._application(environ, start_response)


class S3:
    """The server."""

    def __init__(self, endpoint: str, door: Door, ca: str) -> None:
        self.endpoint, self.ca, self._door = endpoint, ca, door
        self._admin = Keys("root", "root")

    @contextmanager
    def closing_after(self, writes: int) -> Iterator[None]:
        """Within the block the server is gone once so many objects were written."""
        self._door.lets_in = writes
        try:
            yield
        finally:
            self._door.lets_in = None

    def _guard(self, calls: str) -> None:
        """Have the server check who asks, after so many calls that it lets through."""
        requests.post(f"{self.endpoint}/moto-api/reset-auth", data=calls, timeout=10, verify=self.ca or True).raise_for_status()

    def user(self) -> Keys:
        """A new user who may do everything."""
        self._guard("1000")
        iam, name = _client("iam", self.endpoint, self._admin, self.ca), f"u{uuid.uuid4().hex[:8]}"
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=_ALLOWED)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        self._guard("0")
        return Keys(made["AccessKeyId"], made["SecretAccessKey"])

    def bucket(self) -> Bucket:
        """A new, empty bucket."""
        found = Bucket(self.endpoint, f"backups-{uuid.uuid4().hex[:8]}", self.user(), self.ca)
        found.objects.create_bucket(Bucket=found.name)
        return found


def _client(service: str, endpoint: str, keys: Keys, ca: str) -> Any:
    session = boto3.session.Session(keys.access_key_id, keys.secret_access_key, region_name=REGION)
    return session.client(service, endpoint_url=endpoint, verify=ca or None, config=Config(proxies={}, s3={"addressing_style": "path"}))


@contextmanager
def s3_server(pki: Pki | None = None) -> Iterator[S3]:
    """The server, on a free port; with certificates it speaks TLS."""
    door = Door(DomainDispatcherApplication(create_backend_app))
    tls = (str(pki.serving), str(pki.serving_key)) if pki else None
    server = make_server("127.0.0.1", 0, door, threaded=True, request_handler=MotoRequestHandler, ssl_context=tls)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield S3(f"http{'s' if pki else ''}://127.0.0.1:{server.server_port}", door, str(pki.ca) if pki else "")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
