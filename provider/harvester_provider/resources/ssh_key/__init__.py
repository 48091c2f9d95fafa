"""SshKey: a public key that machines can name. Harvester's own KeyPair.

Harvester computes the fingerprint once and never again (upstream pkg/controller/master/keypair), so that another key is
another object. Nothing puts the key into a machine but its cloud-init. One module from inputs to verdict.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from harvester_provider.core.json import Json, condition, dig_str, is_true
from harvester_provider.core.plan import Await, Patch, Plan, Put, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import KEY_PAIR
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.model import REPLACE, NamespacedInputs, Outputs

_TYPES = (
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-dss",
)  # fmt: skip
_SHAPE = "write one line as in ~/.ssh/id_ed25519.pub: type, key and perhaps a comment"
_READY_SECONDS = 60.0


class SshKeyInputs(NamespacedInputs):
    """A public key. Machines of the same namespace can name it."""

    public_key: Annotated[str, AfterValidator(str.strip)] = Field(json_schema_extra=REPLACE)
    """The public key in OpenSSH's format, for example `ssh-ed25519 AAAA... me@example`. Space around it does not count."""


class SshKeyOutputs(Outputs):
    """What is known of a key."""

    fingerprint: str = ""
    """MD5 fingerprint, as Harvester's UI shows it."""


@dataclass(frozen=True, slots=True)
class Validated:
    """Judges by the condition `validated` and the fingerprint."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where Harvester has read the key."""
        found = seen.get(self.ref)
        said = condition(found, "validated")
        if said.get("status") == "False":
            return Failed(dig_str(said, "message") or dig_str(said, "reason") or "Harvester cannot read the key", "check publicKey")
        if is_true(found, "validated") and dig_str(found, "status", "fingerPrint"):
            return Ready()
        return Waiting("Harvester has not read the key yet")


class SshKey(BaseKind[SshKeyInputs]):
    """The kind `SshKey`."""

    name: ClassVar[str] = "SshKey"
    api: ClassVar[Api] = KEY_PAIR
    inputs: ClassVar[type[SshKeyInputs]] = SshKeyInputs
    outputs_model: ClassVar[type[SshKeyOutputs]] = SshKeyOutputs

    def check(self, inputs: SshKeyInputs) -> Sequence[Problem]:
        """The key's format. The key itself is never repeated: it might be the private one."""
        reason = _trouble(inputs.public_key) if isinstance(inputs.public_key, str) else ""
        return (Problem("publicKey", reason),) if reason else ()

    def create(self, inputs: SshKeyInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new key depends on nothing else
        """Make it."""
        ref = self.ref(inputs)
        body = manifest(KEY_PAIR, metadata(inputs), spec={"publicKey": inputs.public_key})
        return Plan(steps=(Put(ref, body, says=f"make {ref}"),))

    def settle(self, inputs: SshKeyInputs, seen: Snapshot) -> Sequence[Step]:
        """Wait for the fingerprint."""
        judge = Validated(self.ref(inputs))
        if judge(seen) == Ready():
            return ()
        return (Await(of=judge.ref, until="validated", wants=(judge.ref,), judge=judge, seconds=inputs.seconds("create", _READY_SECONDS)),)

    def update(self, old: SshKeyInputs, new: SshKeyInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  only metadata can change
        """Patch the metadata; another key replaces."""
        ref = self.ref(new)
        changes = tuple(self.changes(old, new))
        meta = metadata_patch(old, new)
        if Plan(changes=changes).replaces or not meta:
            return Plan(changes=changes)
        return Plan(steps=(Patch(ref, {"metadata": meta}, says=f"change the metadata of {ref}"),), changes=changes)

    def observe(self, ref: Ref, prior: SshKeyInputs | None, seen: Snapshot) -> SshKeyInputs:
        """The key as the cluster has it."""
        found = seen.get(ref)
        return self.observed(ref, prior, found, {"public_key": dig_str(found, "spec", "publicKey").strip()})

    def outputs(self, inputs: SshKeyInputs, seen: Snapshot) -> Mapping[str, Json]:
        """The fingerprint."""
        return SshKeyOutputs(fingerprint=dig_str(seen.get(self.ref(inputs)), "status", "fingerPrint")).wire()


def _trouble(text: str) -> str:
    """What is wrong with a public key, or an empty text."""
    if "PRIVATE KEY" in text:
        return "this is a private key, which must not leave its machine: give the public one (the file that ends with .pub)"
    if not text or "\n" in text:
        return f"{'more than one line' if text else 'missing'}: {_SHAPE}"
    words, at = _found(text)
    if at < 0 or at + 1 == len(words):
        return f"not a public key of a known type ({', '.join(_TYPES[:3])} ...): {_SHAPE}"
    fields = _fields(encoded_key(text))
    return "" if len(fields) > 1 and fields[0] == words[at].encode() else f"the key is no {words[at]} key, or it is cut off: {_SHAPE}"


def encoded_key(text: str) -> bytes:
    """The key itself, without type and comment; nothing where the text is no public key."""
    words, at = _found(text)
    try:
        return base64.b64decode(words[at + 1], validate=True) if 0 <= at < len(words) - 1 else b""
    except binascii.Error:
        return b""


def _found(text: str) -> tuple[list[str], int]:
    """The words of a public key, and which one is its type; -1 where none is."""
    words = text.split()
    return words, next((number for number, word in enumerate(words) if word in _TYPES), -1)


def _fields(blob: bytes) -> list[bytes]:
    """The fields of a key, each with its length before it, the type first (RFC 4253, section 6.6). Empty where they do not add up."""
    fields = []
    while blob:
        end = 4 + int.from_bytes(blob[:4], "big")
        if len(blob) < max(end, 4):
            return []
        fields.append(blob[4:end])
        blob = blob[end:]
    return fields


KIND = SshKey()
