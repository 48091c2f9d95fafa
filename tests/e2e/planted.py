"""The rows of all kinds with every secret that they can have, and the check that none is forgotten."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kind_rows import ROWS, Inputs, Row

SCHEMA: dict[str, Any] = json.loads((Path(__file__).resolve().parents[2] / "schema.json").read_text())
PREFIX = "harvester:index:"
USER_DATA = "#cloud-config\npassword: planted-in-user-data\n"
NETWORK_DATA = "version: 2\nethernets: {planted-in-network-data: {dhcp4: true}}\n"
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIHJMH2gAwIBAgIBATAFBgMrZXAwDjEMMAoGA1UEAwwDaGNpMCAXDTI2MDEwMTAw
MDAwMFoYDzIxMjUxMjA4MDAwMDAwWjAOMQwwCgYDVQQDDANoY2kwKjAFBgMrZXAD
IQCUNIE+MGFhgEPeEqY4fy0GFWnYUxsakYx+9qo/PBKAHjAFBgMrZXADQQAGL/P8
w9s9xTljQKaAGTck+mGf+1XaUgARzHLq9PH/BobDK1tIfMNlivPk+SHLJTGUVhue
xB8dEVQB1/z1G/0A
-----END CERTIFICATE-----
"""
PRIVATE_KEY = "planted-as-the-private-key\n-----BEGIN PRIVATE KEY-----\neA==\n-----END PRIVATE KEY-----\n"
"""Harvester passes over what is before the block, and does not ask whether its content is a key."""
DRIVE = {"userData": USER_DATA, "networkData": NETWORK_DATA}
_POOL: Mapping[str, Any] = ROWS["ranch"].inputs["pools"][0]
_PROXY = {name: f"http://ada:planted-in-{name}@proxy.example.org:3128" for name in ("http", "https")}
_MORE: Mapping[str, Inputs] = {
    "addon": {"valuesContent": "password: planted-in-the-addon\n"},
    "data": DRIVE,
    "vm": {"cloudInit": DRIVE},
    "class": {"encryption": {"passphrase": "planted-in-the-storage-class"}},
    "setting": {"value": "planted-in-a-setting"},
    "ranch": {"cloudConfig": "planted-in-the-cloud-config", "pools": [{**_POOL, **DRIVE}]},
    "cluster": {
        "password": "planted-as-the-password",
        "initialPassword": "planted-as-the-first-password",
        "rancher": {"url": "https://rancher.example.org/v3/import/planted-in-the-url.yaml", "version": "2.14.1"},
        "settings": {
            "httpProxy": {**_PROXY, "exceptions": ["0.0.0.0/0"]},
            "sslCertificates": {"certificate": CERTIFICATE, "privateKey": PRIVATE_KEY},
            "containerdRegistry": '{"Configs": {"r": {"Auth": {"Password": "planted-in-the-registry"}}}}',
        },
    },
}
_EDITS: Mapping[str, Inputs] = {
    "addon": {"valuesContent": "password: planted-in-the-addon-later\n"},
    "setting": {"value": "planted-in-a-setting-later"},
    "cluster": {"labels": {"example.org/team": "a"}},
}
_ANSWERS = {name: f"<password>planted-in-{name}</password>" for name in ("autounattend", "unattend")}
_WINDOWS = {
    "memory": "256Mi", "disks": [{"name": "root", "size": "1Gi", "onDelete": "delete"}], "networkInterfaces": [{"name": "default"}],
    "sysprep": _ANSWERS,
}  # fmt: skip
PLANTED: Mapping[str, Row] = {
    **{
        name: replace(row, inputs={**row.inputs, **_MORE.get(name, {})}, edit=_EDITS.get(name, row.edit))
        for name, row in ROWS.items()
        if name != "setting"
    },
    "setting": replace(ROWS["setting"], inputs=_MORE["setting"], edit=_EDITS["setting"], name="support-bundle-namespaces"),
    "windows": Row("VirtualMachine", _WINDOWS),
}
"""Every kind, with every secret that it takes."""
REFUSED: Mapping[str, Inputs] = {
    "VirtualMachineTemplateVersion": {"template": "t", "machine": {"cpu": 1, "memory": "1Gi", "cloudInit": DRIVE, "sysprep": _ANSWERS}},
}
"""Kinds that refuse texts where whoever reads the object would read them."""


def marked() -> set[str]:
    """The paths of all inputs that the schema marks as secret: `StorageClass.encryption.passphrase`."""
    found = SCHEMA["resources"]
    return {path for name, spec in found.items() for path in _marked(spec["inputProperties"], name.removeprefix(PREFIX))}


def _marked(properties: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, spec in properties.items():
        where = f"{path}.{name}"
        if spec.get("secret"):
            yield where
            continue
        for inner in (spec, spec.get("items", {}), spec.get("additionalProperties", {})):
            if "$ref" in inner:
                yield from _marked(SCHEMA["types"].get(inner["$ref"].removeprefix("#/types/"), {}).get("properties", {}), where)


def given(kind: str, inputs: Inputs) -> set[str]:
    """The paths of all values in some inputs."""
    return {kind, *_given(inputs, kind)}


def _given(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield f"{path}.{name}"
            yield from _given(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _given(item, path)
