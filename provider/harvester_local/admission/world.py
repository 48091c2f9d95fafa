"""The cluster as admission sees it: the store, with the indexes that its rules need.

Like upstream's webhooks it reads caches, which may lag behind the API server by a moment.
"""

import json
from collections.abc import Iterable

from harvester_local.api.kinds import BACKUP, IMAGE, INSTANCE, MACHINE, NETWORK, SETTING, STORAGE_CLASS, VOLUME_CLAIM
from harvester_local.api.objects import Key, Obj, annotations, items, labels, part
from harvester_local.api.store import Store
from harvester_local.api.versions import Rules
from harvester_local.model.images import DISPLAY_NAME_LABEL
from harvester_local.model.machines import claim_words, device_words, interfaces, network_names, template_spec

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


class World:
    """What rules may ask."""

    def __init__(self, store: Store, rules: Rules) -> None:
        self.store, self.rules = store, rules
        self._by_claim = store.index(MACHINE, claim_words)
        self._by_network = store.index(MACHINE, _machine_networks)
        self._by_mac = store.index(MACHINE, _macs)
        self._instances_by_network = store.index(INSTANCE, _instance_networks)
        self._by_device = store.index(MACHINE, device_words)
        self._by_class = store.index(VOLUME_CLAIM, _class_of)
        self._backups_by_class = store.index(BACKUP, _classes_saved)
        self._images_by_name = store.index(IMAGE, _display_names)

    def machines_with_claim(self, claim: Key) -> list[Obj]:
        """Machines whose template uses the claim."""
        return self.store.find(self._by_claim, str(claim))

    def machines_on_network(self, network: Key) -> list[Obj]:
        """Machines whose template refers to the network, running or not."""
        return self.store.find(self._by_network, str(network))

    def instances_on_network(self, network: Key) -> list[Obj]:
        """Instances that refer to the network."""
        return self.store.find(self._instances_by_network, str(network))

    def machines_with_mac(self, mac: str) -> list[Obj]:
        """Machines that have this MAC address in their template."""
        return self.store.find(self._by_mac, mac)

    def machines_with_device(self, name: str) -> list[Obj]:
        """Machines that have a device of that name passed through."""
        return self.store.find(self._by_device, name)

    def claims_of_class(self, name: str) -> list[Obj]:
        """Claims with the storage class."""
        return self.store.find(self._by_class, name)

    def backups_of_class(self, name: str) -> list[Obj]:
        """Backups of volumes with the storage class."""
        return self.store.find(self._backups_by_class, name)

    def images_named(self, namespace: str, display_name: str) -> list[Obj]:
        """Images with the label of that display name."""
        return self.store.find(self._images_by_name, f"{namespace}/{display_name}")

    def network(self, key: Key) -> Obj | None:
        """A NetworkAttachmentDefinition."""
        return self.store.get(NETWORK, key)

    def storage_class(self, name: str) -> Obj | None:
        """A storage class."""
        return self.store.get(STORAGE_CLASS, Key("", name))

    def default_class(self) -> Obj | None:
        """The default storage class."""
        return next((c for c in self.store.all(STORAGE_CLASS) if annotations(c).get(DEFAULT_CLASS) == "true"), None)

    def setting(self, name: str) -> str:
        """Value of a setting, or its default; empty for an unknown one."""
        setting = self.store.get(SETTING, Key("", name)) or {}
        return str(setting.get("value") or setting.get("default") or "")

    def setting_json(self, name: str) -> Obj:
        """A setting's value as JSON object, empty when it is none."""
        return _json_object(self.setting(name))

    def merged_setting(self, name: str) -> Obj:
        """A setting's default as JSON object, with the members of its value over it."""
        setting = self.store.get(SETTING, Key("", name)) or {}
        return {**_json_object(setting.get("default")), **_json_object(setting.get("value"))}


def _json_object(text: str | None) -> Obj:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _machine_networks(machine: Obj) -> Iterable[str]:
    return set(network_names(template_spec(machine), machine["metadata"].get("namespace", "")))


def _instance_networks(instance: Obj) -> Iterable[str]:
    return set(network_names(part(instance, "spec"), instance["metadata"].get("namespace", "")))


def _macs(machine: Obj) -> Iterable[str]:
    return {nic["macAddress"] for nic in interfaces(template_spec(machine)) if nic.get("macAddress")}


def _class_of(claim: Obj) -> Iterable[str]:
    name = part(claim, "spec").get("storageClassName")
    return (name,) if name else ()


def _classes_saved(backup: Obj) -> Iterable[str]:
    names = (part(entry, "persistentVolumeClaim", "spec").get("storageClassName") for entry in items(backup, "status", "volumeBackups"))
    return {name for name in names if name}


def _display_names(image: Obj) -> Iterable[str]:
    name = labels(image).get(DISPLAY_NAME_LABEL)
    return (f"{image['metadata']['namespace']}/{name}",) if name else ()
