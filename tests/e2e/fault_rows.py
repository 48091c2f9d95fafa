"""The faults that the matrix runs every kind through: what each does to which calls, and whether the provider waits it out by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from harvester_provider.kube.client import Patience

WRITES, READS, STREAMS = "POST|PUT|PATCH|DELETE", "GET", "WATCH"
ALL = f"{WRITES}|{READS}|{STREAMS}"
WEBHOOK_DOWN = 'Internal error occurred: failed calling webhook "validator.harvesterhci.io": connect: connection refused'
STEPS = ("create", "read", "update", "delete")
BUSINESS = 'admission webhook "validator.harvesterhci.io" denied the request: not today'


class Place(Enum):
    """Where a fault is."""

    FRONT_DOOR = "the front door, as an answer"
    LINE = "the line to it"
    TOKEN = "the kubeconfig file and the token in it"
    PROCESS = "a program of the control plane, which is killed and comes back"
    CONTROLLERS = "the controllers"


@dataclass(frozen=True)
class Fault:
    """A fault. Every method and path that a step calls is struck once, so that each call of each step fails."""

    does: str
    answer: int | str = 0
    """What the front door answers, what is wrong with the line, or which program it is."""
    method: str = ALL
    more: Mapping[str, Any] | None = None
    told: bool = False
    """It is an error that the user gets, and the next `pulumi up` goes on; otherwise the provider waits it out."""
    short: bool = False
    """It is part of the short form in `make test`."""
    patience: Patience | None = None
    place: Place = Place.FRONT_DOOR
    steps: tuple[str, ...] = STEPS

    @property
    def asked(self) -> dict[str, Any]:
        """What the front door is asked for."""
        return {"path": "^/(k8s|v1|v3)", "answer": self.answer, "method": self.method, "each": True, **(self.more or {})}


HASTY = Patience(read=1.0, first_read=1.0)
FAULTS: Mapping[str, Fault] = {
    "connection refused": Fault("nobody listens when a step begins; half a second later there is somebody", place=Place.LINE),
    "certificate expired": Fault("the first connection of a step meets an expired certificate", "expired", told=True, place=Place.LINE),
    "clock skew": Fault(
        "the first connection of a step meets a certificate that is not valid yet, as for a clock that is slow",
        "not yet valid",
        told=True,
        place=Place.LINE,
    ),
    "reset": Fault("the connection is reset, and nothing has happened", "reset"),
    "reset in mid-body": Fault("the connection is reset when half of the request has come", "cut", WRITES),
    "answer lost": Fault("it has happened, and the connection is cut without an answer", "lost", short=True),
    "answer truncated": Fault("it has happened, and the answer breaks off half-way", "truncate"),
    "hung": Fault("no answer ever", "hang", patience=HASTY),
    "silent": Fault("it has happened, and no answer ever comes", "silent", WRITES, patience=HASTY),
    "slow": Fault("answers trickle", "slow"),
    "garbage": Fault("the answer is no JSON", "garbage"),
    "token rotated": Fault("401 with the token of before; the new one is in the kubeconfig file meanwhile", 401, place=Place.TOKEN),
    "401 once": Fault("401, and the same credentials are valid again", 401),
    "403": Fault("the permission is missing for a moment", 403, told=True),
    "404 between list and get": Fault(
        "a read says that there is no such object, which is there again at the next one",
        "unknown",
        READS,
        told=True,
        steps=("create", "read", "update"),
    ),
    "409 lock": Fault("the object has been modified", 409, WRITES),
    "409 refused": Fault("a webhook refuses for a business reason", 409, WRITES, {"message": BUSINESS}, told=True, short=True),
    "410 in a watch": Fault("a watch says that its version is too old", "expired", STREAMS, short=True),
    "410": Fault("410 instead of a watch", 410, STREAMS),
    "429": Fault("too many requests, with Retry-After", 429),
    "500": Fault("an error on the server", 500),
    "503": Fault("unavailable, with Retry-After", 503),
    "504": Fault("a time-out of the gateway", 504),
    "webhook down": Fault("a webhook cannot be called", 500, WRITES, {"message": WEBHOOK_DOWN}),
    "etcd restarted": Fault("etcd is killed when a step begins, and started again", "etcd", place=Place.PROCESS),
    "API server restarted": Fault(
        "the API server is killed when a step begins, and started again", "kube-apiserver", told=True, place=Place.PROCESS
    ),
    "controllers stopped": Fault("for the first minute of a step no controller does anything", told=True, place=Place.CONTROLLERS),
}
