"""What the API and the network answer -> the error tree of `core.errors`. The one place where that is decided.

The rules are Harvester's and Kubernetes' own: Harvester's webhooks answer 409 for business refusals too (upstream
pkg/webhook/error), so the message tells a lock conflict from a refusal; a 404 counts as "gone" only when the API
server itself says so of that object.
"""

import json
import re
from collections.abc import Mapping

from harvester_provider.core import errors
from harvester_provider.core.json import Object, dig, dig_int, dig_str

_LOCK = "the object has been modified"
_MISFIT = "the server rejected our request due to an error in our request"
"""What apiserver says, with 422 and without a word more, of a JSON patch whose `test` or path does not fit the object."""
_WEBHOOK = re.compile(r'admission webhook "([^"]+)" denied the request:?\s*')
_NO_SUCH_KIND = b"404 page not found"
"""All that an API server says of a group or version that it does not have."""
_NOT_SERVED = (
    "this kind is not served there: is it a Harvester (or a Rancher, for its kinds), new enough, and is the address that of its API?"
)
_WEBHOOK_DOWN = ("failed calling webhook", "failed to call webhook")
_PASSING = re.compile(
    "|".join((
        r"being used by (volume|VMBackup)",
        r"currently attached to",
        r"still used by VM\(s\)",
        r"it's still used by",
        r"must be stopped at first",
        r"must remove the related networks",
        r"existing operation is in progress",
        r"in (the process of )?creating or deleting",
        r"vmrestore \S+ is in progress",
        r"Please stop the VM",
        r"PVC_EXPAND: ",
        r"(vlanconfig|nad)\S* .*still exist",
        r"before releasing all the allocated IP",
        r"failed to get storage class",
        r"overlaps with other vlanconfigs",
        r"please reset it first before set",
        r"Secret is used by encrypted storage classes",
        r"is used by virtual machine images",
        r"cluster ?network \S+ (not found|isn't ready)",
        r'\S+ "[^"]+" not found',
        r"(storage class|source image|PVC|secret) \S+ (not found|does not exist)",
        r"(VMBackup|source image) .*is not ready",
    )),
    re.IGNORECASE,
)  # fmt: skip
"""Refusals that end by themselves when another object is gone or a webhook's cache has caught up (facts of upstream's validators).

That what an object names is there is looked up before the object is made (`requires`): a webhook that does not find it is behind.
"""


LONGEST_PAUSE = 30.0
"""Seconds after which a server is tried again, however long it asks to be left alone."""


def translate(status: int, headers: Mapping[str, str], body: bytes, asked: str) -> errors.HarvesterError:
    """The error for an answer that is no success. `asked` says what was asked for, for the message."""
    answer = parse_status(body)
    message = dig_str(answer, "message") or _excerpt(body) or f"HTTP {status}"
    reason = dig_str(answer, "reason")
    refusal = _WEBHOOK.search(message)
    text = f"{asked}: {_WEBHOOK.sub('', message)}"
    if 300 <= status < 400:
        where = headers.get("Location", "?")
        return errors.BadConnection(f"{asked}: redirected to {where}: redirects are not followed; set the final address")
    if status in {401, 403} and not refusal:
        return _locked_out(status, reason, asked, text)
    if refusal or status in {400, 403, 405, 422}:
        return _refused(status, reason, message, asked, text)
    if status in {404, 409}:
        return _missing(answer, body, text, asked) if status == 404 else _conflict(message, reason, text)
    return _faulty(status, headers, answer, message, text)


def _locked_out(status: int, reason: str, asked: str, text: str) -> errors.HarvesterError:
    if status == 401:
        said = f"{asked}: the credentials are not valid (401): get a new kubeconfig or token"
        return errors.Unauthorized(said, status=status, reason=reason)
    return errors.Forbidden(f"{text}: ask for the permission, or use other credentials", status=status, reason=reason)


def _refused(status: int, reason: str, message: str, asked: str, text: str) -> errors.HarvesterError:
    if status == 422 and message == _MISFIT:
        return errors.Changed(f"{asked}: it was changed by somebody else meanwhile: run `pulumi up` again", status=status, reason=reason)
    return errors.Refused(text, status=status, reason=reason, transient=_PASSING.search(message) is not None)


def _missing(answer: Object, body: bytes, text: str, asked: str) -> errors.HarvesterError:
    if body.strip() == _NO_SUCH_KIND:
        return errors.NotHarvester(f"{asked}: {_NOT_SERVED}")
    if dig(answer, "kind") != "Status":
        return errors.Unreachable(
            f"{asked}: something else than the Kubernetes API answers there (404): check the address in the kubeconfig", status=404
        )
    if not dig_str(answer, "details", "name"):
        return errors.NotHarvester(f"{asked}: {_NOT_SERVED}")
    return errors.NotFound(text, status=404, reason="NotFound")


def _conflict(message: str, reason: str, text: str) -> errors.HarvesterError:
    if reason == "AlreadyExists":
        return errors.AlreadyExists(text, status=409, reason=reason)
    if _LOCK in message or "Precondition failed" in message:
        return errors.Conflict(text, status=409, reason=reason)
    return errors.Refused(text, status=409, reason=reason, transient=_PASSING.search(message) is not None)


def _faulty(status: int, headers: Mapping[str, str], answer: Object, message: str, text: str) -> errors.HarvesterError:
    if status == 500 and _PASSING.search(message):
        return errors.Refused(text, status=status, transient=True)
    after = _seconds(headers.get("Retry-After")) or dig_int(answer, "details", "retryAfterSeconds") or None
    if status in {429, 500, 503} or any(part in message for part in _WEBHOOK_DOWN):
        return errors.Overloaded(text, status=status, reason=dig_str(answer, "reason"), retry_after=after)
    return errors.Unreachable(text, status=status)


def asked_pause(error: BaseException | None) -> float | None:
    """The seconds for which an overloaded server asks to be left alone, None where it does not say."""
    if isinstance(error, errors.Overloaded) and error.retry_after is not None:
        return min(error.retry_after, LONGEST_PAUSE)
    return None


def _seconds(value: str | None) -> float | None:
    return float(value) if value and value.isdigit() else None


def parse_status(body: bytes) -> Object:
    """The Status object of an error answer, or an empty mapping where the body is something else."""
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _excerpt(body: bytes) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", body[:2000].decode(errors="replace")).split())[:200]
