"""`pulumi-harvester images` as a user runs it, against an API server on loopback."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from api_server import serving
from test_client import kubeconfig

MIB = 2**20
IMAGES = [
    {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"displayName": name},
        "status": {"size": MIB, "storageClassName": f"lh-{name}"},
    }
    for name in ("used", "idle")
]
CLAIM = {"metadata": {"name": "disk", "namespace": "lab"}, "spec": {"storageClassName": "lh-used"}}
STORED = {
    "metadata": {"name": "vmi-1", "namespace": "longhorn-system", "annotations": {"harvesterhci.io/imageId": "default/idle"}},
    "status": {"size": MIB, "realSize": MIB, "diskFileStatusMap": {"u1": {"state": "ready"}, "u2": {"state": "ready"}}},
}
LISTS = {"virtualmachineimages": IMAGES, "persistentvolumeclaims": [CLAIM], "backingimages": [STORED]}


def answer(request: web.Request) -> tuple[int, Any]:
    """The lists, and for a kind that is not served what an API server says of it."""
    plural = request.path.rsplit("/", 1)[-1]
    return (200, {"items": LISTS[plural], "metadata": {}}) if plural in LISTS else (404, b"404 page not found\n")


async def run(folder: Path, *options: str) -> tuple[int, str, str]:
    async with serving() as server:
        server.handler = answer
        config = folder / "kubeconfig"
        await asyncio.to_thread(config.write_text, kubeconfig(server.url))
        command = [sys.executable, "-c", "from harvester_provider.cli import main; main()", "images", "--kubeconfig", str(config), *options]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        out, error = await process.communicate()
        return process.returncode or 0, out.decode(), error.decode()


async def test_unused_images_are_listed_with_what_they_cost(tmp_path: Path) -> None:
    code, out, _ = await run(tmp_path)
    assert code == 0
    assert "default/idle" in out
    assert "default/used" not in out
    assert "1 of 2 images are not used. They take 2.0 MiB on the nodes' disks." in out


async def test_machines_read_it_as_json_with_the_users(tmp_path: Path) -> None:
    _, out, _ = await run(tmp_path, "--json", "--all")
    found = {entry["image"]: entry for entry in json.loads(out)}
    assert found["default/used"]["users"] == ["volume lab/disk"]
    assert (found["default/idle"]["users"], found["default/idle"]["copies"], found["default/idle"]["cost"]) == ([], 2, 2 * MIB)


async def test_an_api_without_images_is_no_harvester(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(LISTS, "virtualmachineimages")
    code, _, error = await run(tmp_path)
    assert code == 1
    assert "is it a Harvester" in error
    assert "Traceback" not in error
