"""The cloud-init drive: user data with the SSH keys in it, the Secret that holds it, and the volume that shows it to the guest.

User data is text of its owner: it is changed only where SSH keys have to be added, and then as YAML, never by guesswork.
Values of user data never appear in messages.
"""

from collections.abc import Mapping, Sequence

import yaml

from harvester_provider.core.json import Json, Object, dig_str, dig_strings
from harvester_provider.resources.apis import CREATOR
from harvester_provider.resources.secret import texts_in
from harvester_provider.resources.virtual_machine.devices import CloudInitDrive
from harvester_provider.resources.virtual_machine.words import CLOUD_INIT_DISK, CREATOR_NAME, NETWORK_DATA, USER_DATA

_HEADER = "#cloud-config"
_KEYS = "ssh_authorized_keys"
_SOURCES = {"noCloud": "cloudInitNoCloud", "configDrive": "cloudInitConfigDrive"}


def trouble(user_data: str) -> str:
    """Why SSH keys cannot be added to the user data; empty where they can."""
    if not user_data.strip():
        return ""
    if not user_data.startswith(_HEADER):
        return f"SSH keys can only be added to user data that begins with {_HEADER}: put them into your own user data instead"
    try:
        found = yaml.safe_load(user_data)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return f"it begins with {_HEADER} and is no YAML" + (f": see line {mark.line + 1}" if mark else "")
    if found is None:
        return ""
    if not isinstance(found, dict):
        return f"it begins with {_HEADER} and is no mapping"
    return "" if isinstance(found.get(_KEYS) or [], list) else f"{_KEYS} is no list"


def with_keys(user_data: str, keys: Sequence[str]) -> str:
    """The user data with the public keys among its `ssh_authorized_keys`. Unchanged where all of them are there already.

    Comments and layout stay as they are where the text can simply be continued.
    """
    text = user_data if user_data.strip() else f"{_HEADER}\n"
    found = yaml.safe_load(text) or {}
    have = list(found.get(_KEYS) or [])
    missing = [key for key in dict.fromkeys(keys) if key not in have]
    if not missing:
        return user_data
    wanted = {**found, _KEYS: have + missing}
    continued = text.rstrip("\n") + "\n" + yaml.safe_dump({_KEYS: missing}, width=1_000_000)
    if _KEYS not in found and _reads_as(continued, wanted):
        return continued
    return f"{_HEADER}\n" + yaml.safe_dump(wanted, sort_keys=False, width=1_000_000)


def _reads_as(text: str, wanted: Mapping[str, object]) -> bool:
    try:
        return bool(yaml.safe_load(text) == wanted)
    except yaml.YAMLError:
        return False


def texts(drive: CloudInitDrive | None, keys: Sequence[str]) -> dict[str, str]:
    """What the machine's own Secret holds, by key; nothing where the machine needs no Secret of its own."""
    drive = drive or CloudInitDrive()
    if drive.secret_name:
        return {}
    user = with_keys(drive.user_data or "", keys) if keys else drive.user_data or ""
    out = {USER_DATA: user, NETWORK_DATA: drive.network_data or ""}
    return {key: text for key, text in out.items() if text}


def volume(drive: CloudInitDrive | None, own: Mapping[str, str], secret: str, named: Object) -> dict[str, Json] | None:
    """The entry of `volumes`, or None without cloud-init.

    `own` are the texts of the machine's own Secret, whose name is `secret`; `named` is the Secret that the drive names.
    """
    drive = drive or CloudInitDrive()
    refs: dict[str, Json] = {}
    if drive.secret_name:
        refs["secretRef"] = {"name": drive.secret_name.split("/")[-1]}
        if NETWORK_DATA in dig_strings(named, "data"):
            refs["networkDataSecretRef"] = refs["secretRef"]
    elif own:
        refs = {key: {"name": secret} for key, part in _REFS.items() if part in own}
    if drive.network_data_secret_name:
        refs["networkDataSecretRef"] = {"name": drive.network_data_secret_name.split("/")[-1]}
    return {"name": CLOUD_INIT_DISK, _SOURCES[drive.type]: refs} if refs else None


_REFS = {"secretRef": USER_DATA, "networkDataSecretRef": NETWORK_DATA}


def source_of(entry: Object) -> tuple[str, Object]:
    """Kind and content of a cloud-init volume; an empty kind for any other volume."""
    for kind, key in _SOURCES.items():
        found = entry.get(key)
        if isinstance(found, Mapping):
            return kind, found
    return "", {}


def device(drive: CloudInitDrive | None) -> dict[str, Json]:
    """The entry of `devices.disks`."""
    cd_rom = drive is not None and drive.device == "cd-rom"
    return {"name": CLOUD_INIT_DISK, **({"cdrom": {"bus": "sata"}} if cd_rom else {"disk": {"bus": "virtio"}})}


def inline_texts(source: Object) -> dict[str, str]:
    """The texts on the drive itself, by the keys of a Secret; other tools write them so, plain or in base64."""
    out = {}
    for key, name in (("userData", USER_DATA), ("networkData", NETWORK_DATA)):
        plain = dig_str(source, key)
        coded = texts_in({"data": {name: dig_str(source, f"{key}Base64")}}).get(name, "")
        if plain or coded:
            out[name] = plain or coded
    return out


def is_own(secret: Object) -> bool:
    """Whether the Secret is of our making, and not only of that name."""
    return dig_strings(secret, "metadata", "labels").get(CREATOR) == CREATOR_NAME


def name_in(volumes: Mapping[str, Object]) -> str:
    """The name of the machine's drive; of the one it would get where it has none."""
    return next((name for name, entry in volumes.items() if source_of(entry)[0]), CLOUD_INIT_DISK)
