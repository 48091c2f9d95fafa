"""The cloud-init drive of a live machine -> its input: texts of the machine's own Secret or on the drive, names of other Secrets.

A part of `observe`, with the same rules: what others made is read as it is, and never taken for ours.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from harvester_provider.core.errors import HarvesterError
from harvester_provider.core.json import Object, dig_str
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import SECRET
from harvester_provider.resources.secret import texts_in
from harvester_provider.resources.virtual_machine import cloud_init, disks, manifest, words
from harvester_provider.resources.virtual_machine.devices import CloudInitDrive
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs


def observe_drive(live: Live, prior: VirtualMachineInputs | None, seen: Snapshot) -> CloudInitDrive | None:
    """The drive as it is. One that is not declared is somebody else's, or holds nothing but the SSH keys."""
    before = prior.cloud_init if prior else None
    if prior is not None and before is None:
        return None
    kind, source = _drive(live)
    if not kind:
        return None
    named = {
        "secret_name": dig_str(source, "secretRef", "name") or None,
        "network_data_secret_name": dig_str(source, "networkDataSecretRef", "name") or None,
    }
    device = disks.kind_of(live.disks.get(cloud_init.name_in(live.volumes), {}))
    if before is None or prior is None:
        return _imported_drive(live, kind, source, named, seen).updated(device="cd-rom" if device == "cd-rom" else None)
    if before.device is not None:
        before = before.updated(device=device)
    if before.secret_name:
        network = before.network_data_secret_name and named["network_data_secret_name"]
        return before.updated(
            type=kind,
            secret_name=_same_name(before.secret_name, named["secret_name"]),
            network_data_secret_name=_same_name(before.network_data_secret_name, network),
        )
    return before.updated(type=kind, **_own_texts(live, prior, before, source, seen))


def _drive(live: Live) -> tuple[str, Object]:
    return next((found for entry in live.volumes.values() if (found := cloud_init.source_of(entry))[0]), ("", {}))


def _same_name(prior: str | None, found: str | None) -> str | None:
    return prior if prior and prior.split("/")[-1] == found else found


def _own_texts(live: Live, prior: VirtualMachineInputs, before: CloudInitDrive, source: Object, seen: Snapshot) -> dict[str, object]:
    """User and network data in the machine's own Secret or on the drive. Equal to what we would write: the prior text."""
    own = manifest.own_secret(live.ref)
    refers = own.name in (dig_str(source, "secretRef", "name"), dig_str(source, "networkDataSecretRef", "name"))
    have = texts_in(seen.get(own)) if refers else cloud_init.inline_texts(source)
    try:
        want = manifest.cloud_init_texts(prior, seen)
    except HarvesterError:
        want = have
    pairs = {"user_data": (words.USER_DATA, before.user_data), "network_data": (words.NETWORK_DATA, before.network_data)}
    out: dict[str, object] = {
        name: text if have.get(key) == want.get(key) else have.get(key) for name, (key, text) in pairs.items() if text is not None
    }
    if before.network_data_secret_name:
        found = dig_str(source, "networkDataSecretRef", "name") or None
        out["network_data_secret_name"] = _same_name(before.network_data_secret_name, found)
    return out


def _imported_drive(live: Live, kind: str, source: Object, named: Mapping[str, str | None], seen: Snapshot) -> CloudInitDrive:
    """On import: the texts where they are the machine's own, the Secrets' names otherwise."""
    own = manifest.own_secret(live.ref)
    texts = cloud_init.inline_texts(source)
    if named["secret_name"] == own.name and cloud_init.is_own(seen.get(own)):
        texts, named = texts_in(seen.get(own)), {}
    elif named.get("network_data_secret_name") == named.get("secret_name"):
        named = {"secret_name": named.get("secret_name")}
    inline = {"user_data": texts.get(words.USER_DATA), "network_data": texts.get(words.NETWORK_DATA)}
    values: dict[str, Any] = {"type": kind, **{key: value for key, value in (inline | dict(named)).items() if value}}
    return CloudInitDrive.model_construct(**values)


def secrets_of(live: Live) -> Sequence[Ref]:
    """The Secrets that the machine's cloud-init drive names."""
    _, source = _drive(live)
    names = [dig_str(source, key, "name") for key in ("secretRef", "networkDataSecretRef")]
    return [Ref(SECRET, name, live.ref.namespace) for name in dict.fromkeys(names) if name]
