"""One answer of the API, one error of the tree."""

import json

import pytest
from api_server import status

from harvester_provider.core import errors
from harvester_provider.kube.errors import translate

DENIED = 'admission webhook "validator.harvesterhci.io" denied the request: '

CASES = [
    (401, status(401, "Unauthorized", "Unauthorized"), errors.Unauthorized),
    (403, status(403, "Forbidden", "pods is forbidden"), errors.Forbidden),
    (403, status(403, "", DENIED + "the vlan is used"), errors.Refused),
    (404, status(404, "NotFound", 'keypairs "a" not found', name="a", kind="keypairs"), errors.NotFound),
    (404, status(404, "NotFound", "the server could not find the requested resource"), errors.NotHarvester),
    (404, "404 page not found\n", errors.NotHarvester),
    (404, "<html>nginx</html>", errors.Unreachable),
    (409, status(409, "AlreadyExists", 'vms "a" already exists', name="a"), errors.AlreadyExists),
    (409, status(409, "Conflict", "the object has been modified; please apply your changes to the latest version"), errors.Conflict),
    (409, status(409, "Conflict", DENIED + "A resource with the same name exists"), errors.Refused),
    (422, status(422, "Invalid", "spec.size: must be positive"), errors.Refused),
    (422, status(422, "Invalid", "the server rejected our request due to an error in our request"), errors.Changed),
    (400, status(400, "BadRequest", "cannot decode"), errors.Refused),
    (429, status(429, "TooManyRequests", "slow down"), errors.Overloaded),
    (500, status(500, "InternalError", 'failed calling webhook "validator.harvesterhci.io": connect: refused'), errors.Overloaded),
    (500, status(500, "InternalError", "etcdserver: leader changed"), errors.Overloaded),
    (503, "no backend", errors.Overloaded),
    (502, "bad gateway", errors.Unreachable),
    (504, "gateway time-out", errors.Unreachable),
    (302, "", errors.BadConnection),
]


def body_of(answer: object) -> bytes:
    return answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()


@pytest.mark.parametrize(("code", "answer", "kind"), CASES)
def test_every_answer_has_its_error(code: int, answer: object, kind: type[Exception]) -> None:
    assert type(translate(code, {}, body_of(answer), "read vm a")) is kind


def test_only_the_api_servers_own_word_means_gone() -> None:
    for answer in ("", "not found", "{}", '{"kind":"List"}', "<html>404</html>"):
        assert not isinstance(translate(404, {}, answer.encode(), "read"), errors.NotFound)


@pytest.mark.parametrize(
    "message",
    [
        "Cannot delete image default/a: being used by volume default/b",
        "can not delete the volume a which is currently attached to VM: default/b",
        "it's still used by VM(s) default/b, which must be stopped at first",
        "cannot perform operation, as an existing operation is in progress",
        'it refers to a none-existing cluster network a or error clusternetworks.network.harvesterhci.io "a" not found',
        'virtualmachinetemplates.harvesterhci.io "a" not found',
        'network-attachment-definitions.k8s.cni.cncf.io "a" not found',
        "storage class a does not exist",
        "source image a (Ubuntu) is not ready",
        "VMBackup default/a is not ready",
        "targetVolume PVC default/a not found",
        "secret default/a not found",
    ],
)
def test_refusals_that_end_by_themselves_are_marked(message: str) -> None:
    error = translate(409, {}, body_of(status(409, "Conflict", DENIED + message)), "delete")
    assert isinstance(error, errors.Refused)
    assert error.transient


def test_the_message_says_what_was_asked_and_the_reason_without_the_webhooks_name() -> None:
    error = translate(
        422, {}, body_of(status(422, "Invalid", DENIED + "PVC requests storage can't be less than previous value")), "change vm default/a"
    )
    assert str(error) == "change vm default/a: PVC requests storage can't be less than previous value"


def test_retry_after_is_taken_from_the_answer() -> None:
    error = translate(429, {"Retry-After": "7"}, b"{}", "read")
    assert isinstance(error, errors.Overloaded)
    assert error.retry_after == 7
