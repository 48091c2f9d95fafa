"""The dialect of SshKey for a cluster without Harvester: a Secret that holds the public key, which machines read when they are made."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import ClassVar

from harvester_provider.core.json import Json, Object, dig_map
from harvester_provider.core.plan import Plan, Put, Step
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources import plain
from harvester_provider.resources.apis import SECRET
from harvester_provider.resources.kind import manifest, metadata
from harvester_provider.resources.secret import encoded
from harvester_provider.resources.ssh_key import SshKey, SshKeyInputs, SshKeyOutputs, encoded_key


class PlainSshKey(SshKey):
    """The kind `SshKey` without Harvester."""

    api: ClassVar[Api] = SECRET

    def recognises(self, found: Object) -> bool:
        """Secrets that hold a public key and nothing else."""
        return dig_map(found, "data").keys() == {plain.PUBLIC_KEY}

    def create(self, inputs: SshKeyInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new key depends on nothing else
        """Make the Secret."""
        ref = self.ref(inputs)
        data = encoded({plain.PUBLIC_KEY: inputs.public_key})
        return Plan(steps=(Put(ref, manifest(SECRET, metadata(inputs), type="Opaque", data=data), says=f"make {ref} with a public key"),))

    def settle(self, inputs: SshKeyInputs, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  nobody has to read the key first
        """Nothing."""
        return ()

    def observe(self, ref: Ref, prior: SshKeyInputs | None, seen: Snapshot) -> SshKeyInputs:
        """The key as the cluster has it."""
        found = seen.get(ref)
        return self.observed(ref, prior, found, {"public_key": plain.public_key(found)})

    def outputs(self, inputs: SshKeyInputs, seen: Snapshot) -> Mapping[str, Json]:
        """The fingerprint, as Harvester computes it."""
        digest = hashlib.md5(encoded_key(plain.public_key(seen.get(self.ref(inputs)))), usedforsecurity=False)
        return SshKeyOutputs(fingerprint=":".join(f"{byte:02x}" for byte in digest.digest())).wire()


KIND = PlainSshKey()
